"""Brings the db from whatever it has to what this version of the code needs."""

from __future__ import annotations

import sys

from kv import Db, DbError


def fill_the_shelves(db: Db) -> None:
    for item in ("tea", "milk", "bread"):
        db.ask("SET", f"stock:{item}", "20")


def count_the_orders(db: Db) -> None:
    db.ask("SET", "orders", "0")


MIGRATIONS = [fill_the_shelves, count_the_orders]


def main() -> None:
    try:
        with Db() as db:
            done = int(db.ask("GET", "schema") or "0")
            for number, migration in enumerate(MIGRATIONS[done:], done + 1):
                migration(db)
                db.ask("SET", "schema", str(number))
                print(f"{number}: {migration.__name__.replace('_', ' ')}", flush=True)
            if done == len(MIGRATIONS):
                print("nothing to do", flush=True)
    except DbError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""Packs what was ordered. Any number of these may run beside each other."""

from __future__ import annotations

import os
import sys
import time

from kv import Db, DbError
from lifecycle import exit_on_signals

PACKING = float(os.environ.get("JOBS_PACKING", "0.2"))  # seconds for an order


def main() -> None:
    exit_on_signals()
    with Db() as db:
        db.ask("PING")  # an error, and so the end, if the db can't answer yet
        print("waiting for orders", flush=True)
        while True:
            id = db.ask("POP", "queue")  # waits for a moment
            if id is not None:
                pack(db, id)


def pack(db: Db, id: str) -> None:
    try:
        time.sleep(PACKING)  # a real one would do something here
    except SystemExit:
        db.ask("PUSH", "queue", id)
        print(f"order {id} is back in the queue", flush=True)
        raise
    db.ask("ADD", f"stock:{db.ask('GET', f'order:{id}')}", "-1")
    db.ask("SET", f"order:{id}:state", "done")
    print(f"order {id} is packed", flush=True)


if __name__ == "__main__":
    try:
        main()
    except DbError as error:
        sys.exit(str(error))

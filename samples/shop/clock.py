"""The shop's clock: places the standing order, again and again, and reports how business is."""

from __future__ import annotations

import os
import time
from contextlib import closing

import store
from lifecycle import exit_on_signals

INTERVAL = float(os.environ.get("SHOP_STANDING_ORDER", "5"))  # seconds
NAME = os.environ.get("SHOP_NAME", "The shop")


def main() -> None:
    exit_on_signals()
    with closing(store.connect()) as db:
        print(f"a standing order every {INTERVAL:g} s", flush=True)
        while True:
            time.sleep(INTERVAL)
            order = store.place(db, "milk")
            report = ", ".join(f"{count} {state}" for state, count in store.counts(db).items())
            print(f"{NAME}: order {order.id} for milk placed; {report}", flush=True)


if __name__ == "__main__":
    main()

"""The shop's back room: takes orders from the queue, oldest first, and packs them.

Any number of these may run beside each other.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing

import store
from lifecycle import exit_on_signals

PACKING = float(os.environ.get("SHOP_PACKING", "0.2"))  # seconds for an order
SHORTEST_PAUSE = 0.05  # seconds between two looks at an empty queue; doubles from one to the next
LONGEST_PAUSE = 0.5
PATIENCE = 2.0  # seconds that a customer waits without complaint


def pack(db: sqlite3.Connection, order: store.Order) -> None:
    """Do the work of one order. Stopped halfway, the order goes back into the queue."""
    if order.state == "taken":
        print(f"order {order.id} was left unfinished, starting again", file=sys.stderr, flush=True)
    try:
        time.sleep(PACKING)  # a real shop would do something here
    except SystemExit:
        store.put_back(db, order)
        print(f"order {order.id} is back in the queue", flush=True)
        raise
    store.finish(db, order)
    waited = time.time() - order.placed_at
    print(f"order {order.id} ({order.item}) is done, {waited:.2f} s after it came", flush=True)
    if waited > PATIENCE:
        print("orders wait too long: more workers?", file=sys.stderr, flush=True)


def main() -> None:
    exit_on_signals()
    pause = SHORTEST_PAUSE
    with closing(store.connect()) as db:
        print("ready to pack", flush=True)
        while True:
            if order := store.take(db):
                pack(db, order)
                pause = SHORTEST_PAUSE
            else:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)


if __name__ == "__main__":
    main()

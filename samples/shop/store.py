"""The shop's orders: one SQLite table that is the record and the queue at once.

An order is `queued`, then `taken` by a worker, then `done`. A worker that dies leaves its order
`taken`; after LEASE seconds another may take it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from typing import NamedTuple

LEASE = 30.0  # seconds

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id        INTEGER PRIMARY KEY,
    item      TEXT NOT NULL,
    state     TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'taken', 'done')),
    placed_at REAL NOT NULL,
    taken_at  REAL
);
CREATE INDEX IF NOT EXISTS orders_by_state ON orders (state, id);
"""


class Order(NamedTuple):
    """One row. `placed_at` is in seconds since the epoch; `state` is what it was when read."""

    id: int
    item: str
    state: str
    placed_at: float


def connect() -> sqlite3.Connection:
    """Open the database named by $SHOP_DB, creating what is missing.

    Statements commit by themselves; one that finds the database locked waits up to five seconds.
    """
    path = os.environ.get("SHOP_DB", "shop.db")
    # SQLite's own locks make statements wait, but not the change to write-ahead logging: of two
    # processes that start together on a new file, one would fail.
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        db = sqlite3.connect(path, timeout=5, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")  # the web reads while a worker writes
        db.executescript(SCHEMA)
    return db


def place(db: sqlite3.Connection, item: str) -> Order:
    """Queue an order for `item`."""
    now = time.time()
    added = db.execute("INSERT INTO orders (item, placed_at) VALUES (?, ?)", (item, now))
    assert added.lastrowid is not None
    return Order(added.lastrowid, item, "queued", now)


def find(db: sqlite3.Connection, number: int) -> Order | None:
    """The order with that id, or None."""
    query = "SELECT id, item, state, placed_at FROM orders WHERE id = ?"
    row = db.execute(query, (number,)).fetchone()
    return Order(*row) if row else None


def take(db: sqlite3.Connection) -> Order | None:
    """Take the oldest order that nobody is working on; None when there is none."""
    query = """
        SELECT id, item, state, placed_at FROM orders
        WHERE state = 'queued' OR (state = 'taken' AND taken_at < ?)
        ORDER BY id LIMIT 1
    """
    now = time.time()
    if db.execute(query, (now - LEASE,)).fetchone() is None:
        return None  # without a lock: an idle worker is in nobody's way
    with db:
        db.execute("BEGIN IMMEDIATE")  # from here on no other worker can take the same one
        row = db.execute(query, (now - LEASE,)).fetchone()
        if row is None:
            return None
        order = Order(*row)
        db.execute("UPDATE orders SET state = 'taken', taken_at = ? WHERE id = ?", (now, order.id))
    return order


def put_back(db: sqlite3.Connection, order: Order) -> None:
    """Queue an order again that was taken and not finished."""
    db.execute("UPDATE orders SET state = 'queued', taken_at = NULL WHERE id = ?", (order.id,))


def finish(db: sqlite3.Connection, order: Order) -> None:
    """Mark an order as done."""
    db.execute("UPDATE orders SET state = 'done' WHERE id = ?", (order.id,))


def counts(db: sqlite3.Connection) -> dict[str, int]:
    """How many orders are in each state: `{"queued": 2, "taken": 0, "done": 5}`."""
    found = db.execute("SELECT state, count(*) FROM orders GROUP BY state").fetchall()
    return {"queued": 0, "taken": 0, "done": 0} | dict(found)

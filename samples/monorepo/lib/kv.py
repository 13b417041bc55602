"""The client of the db: a line to ask, a line to answer.

`python3 kv.py ping` ends with 0 once the db can answer, as pg_isready does.
"""

from __future__ import annotations

import os
import socket
import sys

PORT = int(os.environ.get("GAFFER_PORT_INFRA_DB") or os.environ.get("PORT") or "6000")
PATIENCE = 5.0  # seconds for an answer


class DbError(Exception):
    """The db can't, and says why."""


class Db:
    """A connection. Use it in one thread."""

    def __init__(self, port: int = PORT) -> None:
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError as error:
            raise DbError(f"no db on port {port}: {error.strerror or error}") from error
        self._answers = self._socket.makefile("r", encoding="utf-8")

    def ask(self, *words: str) -> str | None:
        """`ask("GET", "stock:tea")` -> "12"; None for what isn't there."""
        try:
            self._socket.sendall(" ".join(words).encode() + b"\n")
            answer = self._answers.readline()
        except OSError as error:
            raise DbError(f"the db doesn't answer: {error}") from error
        kind, _, text = answer.rstrip("\n").partition(" ")
        if kind == "ERROR":
            raise DbError(text)
        if not kind:
            raise DbError("the db has closed the connection")
        return text if kind == "OK" else None

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

    def __enter__(self) -> Db:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


if __name__ == "__main__":
    try:
        with Db() as db:
            print(db.ask(*(sys.argv[1:] or ["ping"])))
    except DbError as error:
        sys.exit(str(error))

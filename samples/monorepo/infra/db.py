"""A database in small: keys and queues over TCP, a line to ask and a line to answer.

PING, GET key, SET key value, ADD key number, PUSH queue value, POP queue (waits for up to a second).
Like a real one it listens at once, refuses while it recovers, and keeps what it was told.
"""

from __future__ import annotations

import os
import socketserver
import threading
import time
from collections import deque
from pathlib import Path

from lifecycle import exit_on_signals

RECOVERY = float(os.environ.get("DB_RECOVERY", "1"))  # seconds that it seems to take
JOURNAL = Path(__file__).parent / "data" / "journal"
LONGEST_WAIT = 1.0  # seconds that POP waits


class Store:
    """All data, in memory, and each change of it in the journal."""

    def __init__(self) -> None:
        self.is_recovered = False
        self._values: dict[str, str] = {}
        self._queues: dict[str, deque[str]] = {}
        self._changed = threading.Condition()
        JOURNAL.parent.mkdir(exist_ok=True)
        self._journal = JOURNAL.open("a+", encoding="utf-8")

    def recover(self) -> None:
        self._journal.seek(0)
        with self._changed:
            count = 0
            for line in self._journal:
                self._change(*line.rstrip("\n").split(" ", 2))
                count += 1
        time.sleep(RECOVERY)  # a real one would have more to read
        self.is_recovered = True
        print(f"recovered {count} changes, open for all", flush=True)

    def answer(self, words: list[str]) -> str:
        if not self.is_recovered:
            return "ERROR the db is starting up"
        match [words[0].upper(), *words[1:]]:
            case ["PING"]:
                return "OK pong"
            case ["GET", key]:
                with self._changed:
                    return f"OK {self._values[key]}" if key in self._values else "NONE"
            case ["POP", queue]:
                with self._changed:
                    self._changed.wait_for(lambda: self._queues.get(queue), LONGEST_WAIT)
                    return self._log("POP", queue, "") if self._queues.get(queue) else "NONE"
            case ["SET" | "ADD" | "PUSH" as verb, key, value]:
                with self._changed:
                    return self._log(verb, key, value)
        return f"ERROR what is {' '.join(words)!r}?"

    def _log(self, verb: str, key: str, value: str) -> str:
        answer = self._change(verb, key, value)
        self._journal.write(f"{verb} {key} {value}\n")
        self._journal.flush()
        return answer

    def _change(self, verb: str, key: str, value: str) -> str:
        if verb == "POP":
            return f"OK {self._queues[key].popleft()}"
        if verb == "PUSH":
            self._queues.setdefault(key, deque()).append(value)
            self._changed.notify()
        elif verb == "ADD":
            self._values[key] = str(int(self._values.get(key, "0")) + int(value))
        else:
            self._values[key] = value
        return f"OK {self._values.get(key, '')}"


class Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            words = line.decode(errors="replace").strip().split(" ", 2)
            try:
                answer = store.answer(words)
            except ValueError as error:
                answer = f"ERROR {error}"
            try:
                self.wfile.write(f"{answer}\n".encode())
            except OSError:
                return  # the client has gone


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    exit_on_signals()
    store = Store()
    with Server(("127.0.0.1", int(os.environ.get("PORT", "6000"))), Connection) as server:
        threading.Thread(target=store.recover, daemon=True).start()
        server.serve_forever()

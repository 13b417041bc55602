"""Requests that are nearly requests, a great many of them, and what the server is like afterwards."""

from __future__ import annotations

import json
import random
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.contestants import Contestants
from bench.measure import Comparison, project, running
from bench.report import Goal, Row
from gaffer_procfile.http.routes import ROUTES

# What the server holds to be a fault of its own it logs. Only the first start fills the log of lines.
SERVER = """\
import logging
from gaffer_procfile.http import HttpHandler
from gaffer_procfile.manager import Manager
logging.basicConfig(filename="faults")
handler = HttpHandler(".")
manager = Manager()
manager.start(apps=[handler])
for name, command in (("web", "[ -e log ] || seq 5000 | tee log; exec cat"), ("worker", "exec cat")):
    manager.add_process(name, command, shell=True, os_env=True, restart="never",
                        redirect_output=["stdout"], redirect_input=True)
print(handler.socket, flush=True)
manager.run()
"""
NAMES = ("web", "worker")
SEED = 7
WARM_UP = 20_000  # requests; what is loaded or kept once doesn't count
AT_A_TIME = 100
OVERTAKEN = 50  # so many later, one was answered already: to half of a request there comes nothing
PATIENCE = 1.0  # seconds for an answer, if nobody is answered
DEADLINE = 10.0  # seconds
MOST = 4  # MB; between two looks it comes and goes by 3, however many requests there were

METHODS = (*("GET", "POST", "PUT", "PATCH", "DELETE") * 3, "HEAD", "OPTIONS", "get", "BREW", "")
SPARED = ("/shutdown", "/restart")  # what is asked has to be there for the next one
PARTS = (
    *(*NAMES, "1", "2", "99999", "nobody", "..", "%2e%2e", "%ff", "a%2Fb", "%00"),
    "x" * 300,
)
QUERIES = (
    *("", "", "", "", "?n=3", "?n=-1", "?n=1e9", "?n=5000", "?since=@0", "?since=" + "9" * 300),
    *("?process=web", "?process=%00", "?follow=1", "?since=x-1&n=0", "?&&==%", "?a=" * 120),
)
BODIES: tuple[bytes, ...] = (
    *(b"", b"", b"{}", b"[]", b"null", b'"', b"\xff\xfe{", b"[" * 3000, b'{"text": "x"}'),
    *(b'{"by": 0}', b'{"numprocesses": 1e3}', b'{"signal": "CONT"}', b'{"signal": "NONE"}'),
    *(b'{"base64": "?"}', b'{"rows": 0}', b'{"rows": 9, "columns": 9}', b'{"cmd": []}'),
    b'{"name": "other", "cmd": "sleep 1", "start": false, "restart": "never"}',
    json.dumps({"text": "x" * 5000}).encode(),
    b'{"name": "\\ud800", "cmd": "x"}',
)
KINDS = ("application/json", "application/json", "application/octet-stream", "text/plain", "", "\t")
HOSTS = ("gaffer", "gaffer", "gaffer", "[::1]", "", "a b")
ODDITIES = ("Connection: close", "Expect: 100-continue", "Upgrade: h2c", "X: " + "y" * 3000, ": ")


def rows(contestants: Contestants) -> Iterator[Row]:
    chance = random.Random(SEED)
    count = contestants.requests
    with project({}) as directory, running([sys.executable, "-c", SERVER], directory) as run:
        path = run.read().decode().strip()
        if not path:
            raise run.error("ended before it listened")
        Fuzz(path, chance).send(WARM_UP)
        process = psutil.Process(run.process.pid)
        revive(path)
        settle(process, 0)
        descriptors, memory = process.num_fds(), process.memory_info().rss
        fuzz = Fuzz(path, chance)
        began = time.perf_counter()
        fuzz.send(count)
        took = time.perf_counter() - began
        is_there = run.process.poll() is None and revive(path)
        more = settle(process, descriptors)
        grown = (process.memory_info().rss - memory) / 1e6
        errors = fuzz.errors + faults(directory) + (not is_there)
    figure = f"{count} fuzzed requests"
    yield Row(f"{figure}, each", "", "ms", Comparison(1000 * took / count))
    yield Row(f"{figure}, answered", "", "%", Comparison(100 * fuzz.answered / count))
    yield Row(f"{figure}, errors", "", "", Comparison(errors), Goal("ours", "≤", 0))
    yield Row(f"{figure}, descriptors more", "", "", Comparison(more), Goal("ours", "≤", 0))
    yield Row(f"{figure}, memory grown", "", "MB", Comparison(grown), Goal("ours", "≤", MOST))


def settle(process: psutil.Process, descriptors: int) -> int:
    """How many more descriptors it has, once it has let go of those who left."""
    end = time.monotonic() + DEADLINE
    last = -1
    while time.monotonic() < end:
        more = process.num_fds() - descriptors
        if more <= 0 or more == last:
            break
        last = more
        time.sleep(0.5)
    return more


def faults(directory: Path) -> int:
    """How many faults it has logged."""
    return (directory / "faults").read_text().count("Traceback ")


def revive(path: str) -> bool:
    """Start again what it was told to stop; whether it answers as ever."""
    statuses = []
    for name in NAMES:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(DEADLINE)
            client.connect(path)
            head = f"POST /processes/{name}/start HTTP/1.1\r\nHost: gaffer\r\nContent-Length: 0\r\n\r\n"
            client.sendall(head.encode())
            statuses.append(client.recv(12))
    return statuses == [b"HTTP/1.1 202"] * len(NAMES)


class Fuzz:
    """A client that sends what `chance` makes, on some connections at a time."""

    def __init__(self, path: str, chance: random.Random) -> None:
        self.answered = 0
        self.errors = 0
        """Answers that tell of a fault, or are none."""
        self._path = path
        self._chance = chance
        self._sent = 0
        self._newest = 0
        """The last one that was answered, by its number."""
        self._waiting: deque[tuple[int, float, socket.socket]] = deque()
        self._selector = selectors.DefaultSelector()

    def send(self, count: int) -> None:
        with self._selector:
            while count or self._selector.get_map():
                while count and len(self._selector.get_map()) < AT_A_TIME:
                    count -= 1
                    self._open(request(self._chance))
                for key, _mask in self._selector.select(PATIENCE):
                    assert isinstance(key.fileobj, socket.socket)
                    self._receive(key.fileobj, key.data)
                self._give_up()

    def _open(self, data: bytes) -> None:
        client = socket.socket(socket.AF_UNIX)
        client.connect(self._path)
        client.setblocking(False)
        client.send(data)  # none is more than a socket takes
        self._sent += 1
        self._selector.register(client, selectors.EVENT_READ, self._sent)
        self._waiting.append((self._sent, time.monotonic() + PATIENCE, client))

    def _receive(self, client: socket.socket, number: int) -> None:
        """Take what has come, and leave, whether or not more would come."""
        try:
            data = client.recv(65536)
        except ConnectionResetError:
            data = b""
        if data:
            self.answered += 1
            self._newest = max(self._newest, number)
            self.errors += not data.startswith(b"HTTP/1.1 ") or b"HTTP/1.1 500 " in data
        self._close(client)

    def _give_up(self) -> None:
        """Leave those that get no answer."""
        now = time.monotonic()
        while self._waiting:
            number, until, client = self._waiting[0]
            if client.fileno() >= 0:
                if number + OVERTAKEN > self._newest and until > now:
                    break
                self._close(client)
            self._waiting.popleft()

    def _close(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        client.close()


def request(chance: random.Random) -> bytes:
    """One, or some in a row: about half of them could be done, the others are spoilt in some way."""
    data = b"".join(plain(chance) for _ in range(chance.choice((1, 1, 1, 2))))
    if chance.random() < 0.4:
        data = spoilt(data, chance)
    if chance.random() < 0.1:
        data = data[: chance.randrange(len(data) + 1)]
    return data or b"\n"


def plain(chance: random.Random) -> bytes:
    route = chance.choice(ROUTES)
    method = route.method if chance.random() < 0.7 else chance.choice(METHODS)
    path = "/run" if route.path in SPARED else route.path
    parts = PARTS[len(NAMES) :] if method == "DELETE" else PARTS
    for name in ("{group}", "{name}", "{id}"):
        path = path.replace(name, chance.choice(parts))
    body = chance.choice(BODIES) if method not in ("GET", "HEAD") or chance.random() < 0.1 else b""
    length = len(body) if chance.random() < 0.95 else chance.randrange(-9, 1 << 40)
    headers = [
        f"{method} {path}{chance.choice(QUERIES)} HTTP/{chance.choice(('1.1',) * 9 + ('1.0', '9'))}",
        f"Host: {chance.choice(HOSTS)}",
        f"Content-Type: {chance.choice(KINDS)}",
    ]
    if chance.random() < 0.1:
        headers.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) + chance.randrange(2), body)
    else:
        headers.append(f"Content-Length: {length}")
    if chance.random() < 0.2:
        headers.insert(chance.randrange(1, len(headers)), chance.choice(ODDITIES))
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + body


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """With some of its bytes changed, left out, doubled, or others in between."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(changed) + 1)
        end = at + chance.randrange(1, 20)
        changed[at:end] = chance.choice(
            (chance.randbytes(end - at), b"", changed[at:end] * 2, b"\r\n", b"\0")
        )
    return bytes(changed)

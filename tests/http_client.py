"""A client of the HTTP API, on the loop of a driver or in a thread beside it."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import DEADLINE, LOOK_INTERVAL, ManagerDriver, loop_kinds

from gaffer_procfile.http import HttpHandler


class Reply:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"{self.status} {dict(self.headers)}\n{self.body[:2000]!r}"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("gaffer", timeout=DEADLINE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self._path)


class Served:
    """A manager with an HttpHandler, on a loop that runs while somebody waits for an answer."""

    def __init__(self, kind: str, directory: Path, **settings: Any) -> None:
        self.driver = ManagerDriver(kind)
        self.manager = self.driver.manager
        self.handler = HttpHandler(str(directory), **settings)
        self.manager.apps.append(self.handler)
        self.handler.start(self.driver.raw, self.manager)
        self.streams: list[Raw] = []

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> Reply:
        """One request on a connection of its own; a body that isn't bytes is sent as JSON."""
        replies: list[Reply] = []

        def work() -> None:
            if port is None:
                assert self.handler.socket is not None
                connection: http.client.HTTPConnection = UnixConnection(self.handler.socket)
            else:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
            sent = dict(headers or {})
            data = body
            if body is not None and not isinstance(body, bytes):
                data = json.dumps(body).encode()
                sent.setdefault("Content-Type", "application/json")
            try:
                connection.request(method, path, data, sent)
                response = connection.getresponse()
                found = {name.lower(): value for name, value in response.getheaders()}
                replies.append(Reply(response.status, found, response.read()))
            finally:
                connection.close()

        self.run_beside(work)
        assert replies, "no answer"
        return replies[0]

    def run_beside(self, work: Callable[[], object]) -> None:
        """Run the loop until `work()`, in a thread, is done."""
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.driver.run_until(lambda: not thread.is_alive(), what="a client's work")
        thread.join()

    def get(self, path: str, **settings: Any) -> Any:
        """The JSON at `path`."""
        reply = self.ask("GET", path, **settings)
        assert reply.status == 200, reply
        return reply.json

    def post(self, path: str, body: Any = None, status: int = 202) -> Any:
        reply = self.ask("POST", path, body)
        assert reply.status == status, reply
        return reply.json

    def ask_until(self, condition: Callable[[], object], deadline: float = DEADLINE) -> None:
        """Ask again and again, in `condition()`, until it is true."""
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"not within {deadline} s"
            self.driver.run_for(LOOK_INTERVAL)

    def open(self, data: bytes = b"", port: int | None = None) -> Raw:
        """A connection to write bytes into."""
        raw = Raw(self, port)
        self.streams.append(raw)
        if data:
            raw.send(data)
        return raw

    def follow(self, path: str, **headers: str) -> Raw:
        """A stream of server-sent events, begun."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        raw = self.open(f"GET {path} HTTP/1.1\r\nHost: gaffer\r\n{lines}\r\n".encode())
        raw.read_until(lambda: b"event: hello" in raw.data)
        return raw

    def instance_id(self, name: str, number: int = 1) -> int:
        """The manager's number of what runs in a slot."""
        self.driver.run_until(
            lambda: any(each.instance == number for each in self.manager.processes[name].running)
        )
        found = [each for each in self.manager.processes[name].running if each.instance == number]
        return found[0].id

    def close(self) -> None:
        for raw in self.streams:
            raw.close()
        self.driver.close()


class Raw:
    """A socket of a client's; what it got so far is in `data`."""

    def __init__(self, served: Served, port: int | None) -> None:
        self._served = served
        self.data = b""
        self.ended = False
        self.socket = socket.socket(socket.AF_UNIX if port is None else socket.AF_INET)
        # The loop doesn't run meanwhile: the backlog takes it.
        address: Any = served.handler.socket if port is None else ("127.0.0.1", port)
        self.socket.connect(address)
        self.socket.setblocking(False)

    def send(self, data: bytes) -> None:
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._served.driver.run_for(0.001)
            self.send(data[sent:])

    def receive(self) -> None:
        """Take what is there."""
        while not self.ended:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            self.ended = not data
            self.data += data

    def read_until(self, condition: Callable[[], object], deadline: float = DEADLINE) -> None:
        def look() -> object:
            self.receive()
            return condition()

        self._served.driver.run_until(
            look, deadline, f"a client's condition\n{self.data[-2000:]!r}"
        )

    def read_to_end(self) -> bytes:
        self.read_until(lambda: self.ended)
        return self.data

    @property
    def messages(self) -> list[tuple[str | None, str, Any]]:
        """The server-sent events so far: id, kind and data."""
        found = []
        for text in unchunked(self.data).split(b"\n\n")[:-1]:
            fields = dict(
                line.split(": ", 1)
                for line in text.decode().split("\n")
                if not line.startswith(":")
            )
            if "event" in fields:
                found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
        return found

    def lines(self) -> list[dict[str, Any]]:
        return [line for _id, kind, data in self.messages if kind == "lines" for line in data]

    def close(self) -> None:
        self.socket.close()


def unchunked(data: bytes) -> bytes:
    """The body of a chunked answer, as far as it has come."""
    _head, _blank, rest = data.partition(b"\r\n\r\n")
    body = b""
    while rest:
        size, end, rest = rest.partition(b"\r\n")
        length = int(size, 16) if end else 0
        if not length or len(rest) < length:
            break
        body += rest[:length]
        rest = rest[length + 2 :]
    return body


@pytest.fixture(params=loop_kinds())
def serve(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Served]]:
    """Makes a manager with an HttpHandler, on each kind of loop."""
    yield from serving(request.param, tmp_path, monkeypatch)


@pytest.fixture
def serve_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Served]]:
    """The same on one loop, for what no loop has a part in."""
    yield from serving("selectors", tmp_path, monkeypatch)


def serving(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Served]]:
    runtime = tempfile.mkdtemp(prefix="gaffer-test-")  # a short path: a socket's is bounded
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    project = tmp_path / "project"
    project.mkdir()
    made: list[Served] = []

    def make(**settings: Any) -> Served:
        served = Served(kind, settings.pop("directory", project), **settings)
        made.append(served)
        return served

    yield make
    for served in made:
        served.close()
    shutil.rmtree(runtime)

"""A connection to a run: requests, one after the other."""

from __future__ import annotations

import json

from ..control import connect
from .errors import Gone, NoAnswer, Refused
from .response import BadResponse, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

CHUNK = 64 * 1024
TIMEOUT = 20.0  # seconds without a byte of an answer


class Connection:
    """Speaks with the server at the socket `path`; connects when there is something to ask.

    Every method raises Gone if the run isn't there any more, NoAnswer if it says nothing for `timeout`
    seconds, Refused if it says no, and BadResponse. `agent` is who asks: the run tells of orders.
    """

    def __init__(self, path: str, timeout: float = TIMEOUT, agent: str = "gaffer") -> None:
        self._path = path
        self._timeout = timeout
        self._agent = agent
        self._socket: _socket.socket | None = None

    def get(self, target: str) -> Any:
        return self._ask("GET", target, None)

    def post(self, target: str, value: Any = None) -> Any:
        """POST `value` as JSON, or no body at all."""
        return self._ask("POST", target, value)

    def post_bytes(self, target: str, data: bytes) -> Any:
        return self._exchange("POST", target, data, "application/octet-stream")

    def _ask(self, method: str, target: str, value: Any) -> Any:
        body = None if value is None else json.dumps(value).encode()
        return self._exchange(method, target, body, "application/json")

    def _exchange(self, method: str, target: str, body: bytes | None, kind: str) -> Any:
        was_kept = self._socket is not None
        try:
            response = self._respond(method, target, body, kind)
        except Gone:
            # It may just have been closed, for being idle too long. Asking again is safe only where it
            # changes nothing.
            if not was_kept or method != "GET":
                raise
            response = self._respond(method, target, body, kind)
        return result(response)

    def _respond(self, method: str, target: str, body: bytes | None, kind: str) -> Response:
        self.send(method, target, body, kind)
        response = Response()
        while not response.is_complete:
            self._receive(response)
        if not response.keeps_connection:
            self.close()
        return response

    def open(self, target: str) -> Response:
        """GET what doesn't end by itself: returns when it has begun, `read` gives what follows.

        Asking for something else has to wait until it has ended.
        """
        self.send("GET", target)
        response = Response()
        while not response.status:
            self._receive(response)
        if response.status >= 300:
            while not response.is_complete:
                self._receive(response)
            result(response)
        if self._socket is not None:
            self._socket.settimeout(None)  # it may be silent for as long as it likes
        return response

    def read(self, response: Response) -> bytes:
        """Wait for what follows in the body; nothing if it has ended."""
        while not response.is_complete:
            data = response.take()
            if data:
                return data
            self._receive(response)
        return response.take()

    def receive(self, response: Response) -> bytes:
        """What has come of the body: for when there is something to read, which may be no body yet."""
        self._receive(response)
        return response.take()

    def fileno(self) -> int:
        """The descriptor to wait for; -1 while nothing was asked."""
        return self._socket.fileno() if self._socket is not None else -1

    def send(self, method: str, target: str, body: bytes | None = None, kind: str = "") -> None:
        head = f"{method} {target} HTTP/1.1\r\nHost: gaffer\r\nAccept: */*\r\n"
        head += f"User-Agent: {self._agent}\r\n"
        if body is not None:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        request = f"{head}\r\n".encode("ascii") + (body or b"")
        if self._socket is not None and _is_closed(self._socket):
            self.close()
        try:
            if self._socket is None:
                self._socket = connect(self._path)
            self._socket.settimeout(self._timeout)
            self._socket.sendall(request)
        except BrokenPipeError:
            return  # it may have answered before it left
        except TimeoutError as error:
            self.close()
            raise NoAnswer(self._timeout) from error
        except OSError as error:
            self.close()
            raise Gone() from error

    def _receive(self, response: Response) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(CHUNK)
        except TimeoutError as error:
            self.close()
            raise NoAnswer(self._timeout) from error
        except OSError as error:
            self.close()
            raise Gone() from error
        if data:
            try:
                response.feed(data)
            except BadResponse:
                self.close()  # nobody knows where the next one would begin
                raise
            return
        self.close()
        try:
            response.end()
        except BadResponse as error:
            raise Gone() from error

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _is_closed(idle: _socket.socket) -> bool:
    """Whether the server has closed a connection on which nothing was asked for a while."""
    idle.setblocking(False)
    try:
        idle.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def result(response: Response) -> Any:
    """The value of a complete response. Raises Refused for a problem."""
    body = response.take()
    try:
        value = json.loads(body) if body else None
    except ValueError as error:
        raise BadResponse(f"its body isn't JSON: {error}") from error
    if response.status < 400:
        return value
    if not isinstance(value, dict):
        value = {}
    detail = value.get("detail") or value.get("title") or f"status {response.status}"
    raise Refused(response.status, str(detail), value.get("hint"))

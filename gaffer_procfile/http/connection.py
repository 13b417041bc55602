"""Connection: one client, its requests one after the other, and the answers as it takes them."""

from __future__ import annotations

import _socket

import h11

from .answers import Answer, Problem
from .requests import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .answers import Stream
    from .listen import Listener
    from .server import Server

CHUNK = 64 * 1024
NO_SIGNAL: int = getattr(_socket, "MSG_NOSIGNAL", 0)
_AROUND_HEADER = len(b": \r\n")
SURPLUS = 64 * 1024  # bytes that a client may send while it is given a stream
FAREWELL_BYTES = 4 * 1024 * 1024  # of a refused client that are still taken


def _guarded(method: Callable[[Connection], None]) -> Callable[[Connection], None]:
    """Have a fault of ours end the connection, and not the loop."""

    def call(self: Connection) -> None:
        try:
            method(self)
        except Exception:
            import logging  # only a fault needs it

            logging.getLogger(__name__).exception("a connection failed")
            self.close()

    return call


class Connection:
    """Speaks HTTP/1.1 with one client, by h11, and waits for nothing.

    Requests are answered one after the other. It reads while it waits for one, and while it streams,
    to hear that the client has gone. What the client doesn't take at once is sent when it does.
    `deadline` is when it has waited long enough, by the loop's clock.
    """

    def __init__(self, server: Server, socket: _socket.socket, listener: Listener) -> None:
        self.listener = listener
        self._server = server
        self._limits = server.limits
        self._loop = server.loop
        self._socket = socket
        self._fd = socket.fileno()
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.header_bytes)
        self._out = bytearray()
        self._request: h11.Request | None = None
        self._body: list[bytes] = []
        self._size = 0  # of what was read of the body, or of what nobody wants to read
        self._stream: Stream | None = None
        self._has_begun = False
        self._is_reading = False
        self._is_writing = False
        self._is_leaving = False
        self._closed = False
        self._read_on()
        self._allow(self._limits.header_seconds)

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn: nothing is being answered."""
        return not self._out and self._stream is None

    @property
    def is_free(self) -> bool:
        """Whether the client has taken all that there was for it."""
        return not self._out and not self._closed

    def _allow(self, seconds: float) -> None:
        self.deadline = self._loop.time() + seconds
        self._server.expect(self.deadline)

    @_guarded
    def handle_deadline(self) -> None:
        if self._stream is not None and not self._out:
            self._send(h11.Data(data=self._stream.heartbeat))
            self._allow(self._limits.heartbeat_seconds)
            self._flush()
        elif self.is_waiting and self._has_begun and not self._is_leaving:
            self._refuse(Problem(408, "the request didn't come in time"))
        else:
            self.close()

    # ---- reading

    def _read_on(self) -> None:
        if not self._is_reading and not self._closed:
            self._is_reading = True
            self._loop.add_reader(self._fd, self._handle_readable)

    def _pause(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._fd)

    @_guarded
    def _handle_readable(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # the client has gone
        if not data:
            self.close()
        elif self._is_leaving:
            self._size += len(data)
            if self._size > FAREWELL_BYTES:
                self.close()
        else:
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        self._h11.receive_data(data)
        if self._stream is not None:
            self._size += len(data)
            if self._size > SURPLUS:
                self.close()
            return
        if not self._has_begun:
            self._has_begun = True
            self._allow(self._limits.header_seconds)
        self._advance()

    @_guarded
    def _advance(self) -> None:
        """Go through what was read, up to the end of one request."""
        if self._closed:
            return
        try:
            while True:
                event = self._h11.next_event()
                if isinstance(event, h11.Request):
                    self._handle_request(event)
                elif isinstance(event, h11.Data):
                    self._handle_data(event)
                elif isinstance(event, h11.EndOfMessage):
                    self._handle_end()
                    return
                else:
                    break
        except h11.RemoteProtocolError as error:
            self._refuse(Problem(error.error_status_hint, str(error)))
            return
        except Problem as problem:
            self._refuse(problem)
            return
        if event is h11.NEED_DATA and self._h11.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._flush()
        elif isinstance(event, h11.ConnectionClosed):
            self.close()

    def _handle_request(self, request: h11.Request) -> None:
        self._request = request
        self._body, self._size = [], 0
        self._allow(self._limits.body_seconds)
        if not request.http_version.startswith(b"1."):
            raise Problem(505, "HTTP/1.1 is spoken here")
        # h11 looks only at headers of which it has a part; these may have come at one blow.
        size = len(request.target) + sum(
            len(name) + len(value) + _AROUND_HEADER for name, value in request.headers.raw_items()
        )
        if size > self._limits.header_bytes:
            raise Problem(431, f"headers have {self._limits.header_bytes} bytes at the most")
        for name, value in request.headers:
            if name == b"content-length" and int(value) > self._limits.body_bytes:
                raise self._too_large()

    def _handle_data(self, event: h11.Data) -> None:
        self._size += len(event.data)
        if self._size > self._limits.body_bytes:
            raise self._too_large()
        self._body.append(bytes(event.data))

    def _too_large(self) -> Problem:
        return Problem(413, f"a body has {self._limits.body_bytes} bytes at the most")

    def _handle_end(self) -> None:
        assert self._request is not None
        self._size = 0
        request = Request(self._request, b"".join(self._body), self.listener)
        self._body = []
        self._answer(self._server.router.answer(request))

    # ---- answering

    def _answer(self, answer: Answer) -> None:
        assert self._request is not None
        headers = list(answer.headers)
        stream = answer.stream
        if stream is None:
            headers.append(("Content-Length", str(len(answer.body))))
        self._send(h11.Response(status_code=answer.status, headers=headers))
        if self._request.method == b"HEAD":
            if stream is not None:
                stream.close()
            self._send(h11.EndOfMessage())
        elif stream is None:
            self._send(h11.Data(data=answer.body))
            self._send(h11.EndOfMessage())
        else:
            self._stream = stream
            self._size = 0
            stream.open(self)
        if self._stream is None:
            self._pause()
        self._flush()

    def _refuse(self, problem: Problem) -> None:
        """Answer what was no request, or none that is read to its end; and part."""
        answer = Answer.of(problem)
        self._pause()
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            length = ("Content-Length", str(len(answer.body)))
            headers = [*answer.headers, length, ("Connection", "close")]
            self._send(h11.Response(status_code=answer.status, headers=headers))
            if self._request is None or self._request.method != b"HEAD":
                self._send(h11.Data(data=answer.body))
            self._send(h11.EndOfMessage())
            self._is_leaving = True
            self._size = 0
            self._flush()
        else:
            self.close()

    @_guarded
    def pump(self) -> None:
        """Send some of what the stream has, if the client has taken what it was sent."""
        stream = self._stream
        if stream is None or self._out or self._closed:
            return
        piece = stream.pull()
        if piece is None:
            self._end_stream()
        elif piece:
            self._send(h11.Data(data=piece))
        self._flush()

    def _end_stream(self) -> None:
        self._drop_stream()
        self._pause()
        self._send(h11.EndOfMessage())

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _send(self, event: h11.Event) -> None:
        self._out += self._h11.send(event) or b""

    def _flush(self) -> None:
        if self._closed:
            return
        if self._out and not self._is_writing:
            self._write()
        if not self._out and not self._closed:
            self._handle_sent()

    @_guarded
    def _handle_writable(self) -> None:
        self._write()
        self._flush()

    def _write(self) -> None:
        try:
            with memoryview(self._out) as view, view[: 4 * CHUNK] as piece:
                count = self._socket.send(piece, NO_SIGNAL)
        except BlockingIOError:
            count = 0
        except OSError:
            self.close()  # the client has gone
            return
        del self._out[:count]
        if not self._out:
            self._stop_writing()
            return
        if count or not self._is_writing:
            self._allow(self._limits.stalled_seconds)
        if not self._is_writing:
            self._is_writing = True
            self._loop.add_writer(self._fd, self._handle_writable)

    def _stop_writing(self) -> None:
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._fd)

    def _handle_sent(self) -> None:
        """The client has taken all that there is for it so far."""
        if self._stream is not None:
            self._allow(self._limits.heartbeat_seconds)
            self._stream.handle_sent()
        elif self._is_leaving or self._h11.our_state is h11.MUST_CLOSE:
            self._leave()
        elif self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            self._request = None
            self._has_begun = bool(self._h11.trailing_data[0])
            patience = self._limits.header_seconds if self._has_begun else self._limits.idle_seconds
            self._allow(patience)
            self._read_on()
            if self._has_begun:
                self._loop.call_soon(self._advance)  # others have their turn in between

    def _leave(self) -> None:
        """End our side. Closing with bytes unread would take away what the client has yet to read."""
        self._is_leaving = True
        try:
            self._socket.shutdown(_socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._allow(self._limits.farewell_seconds)
        self._read_on()

    @_guarded
    def say_goodbye(self) -> None:
        """End a stream in order, as far as the client takes it at once; and close."""
        if self._stream is not None:
            if not self._out:
                farewell = self._stream.farewell()
                if farewell:
                    self._send(h11.Data(data=farewell))
            self._end_stream()
        if self._out and not self._closed:
            self._write()
        self.close()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pause()
        self._stop_writing()
        self._socket.close()
        self._out.clear()
        self._server.forget(self)
        self._drop_stream()

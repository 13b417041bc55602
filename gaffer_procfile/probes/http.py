"""The probe `http`: whether a GET is answered with the status that is wanted."""

from __future__ import annotations

from .attempt import LONGEST_LOOK, Attempt
from .connecting import Connecting
from .port import NO_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

CHUNK = 65536  # bytes
LONGEST_BODY = 1024 * 1024
REST = 0.5  # seconds for the body; its server may complain if nobody takes it


class HttpAttempt(Attempt):
    _connecting: Connecting | None = None
    _socket: socket.socket | None = None
    _verdict: str | None = None  # once it is answered

    def start(self) -> None:
        port = self._subject.port(self._probe)
        if port is None:
            self._tell(NO_PORT)
            return
        path = self._probe.target or "/"
        self._path = path if path.startswith("/") else f"/{path}"
        self._port = port
        self._what = f"GET {self._path} on port {port}"
        patience = self._patience(LONGEST_LOOK)
        self._limit(patience, f"{self._what} isn't answered within {patience:g} s")
        self._connecting = Connecting(
            self._loop,
            port,
            self._handle_connected,
            lambda: self._tell(f"nothing listens on port {port}"),
        )
        self._connecting.start()

    def _release(self) -> None:
        if self._connecting is not None:
            self._connecting.close()
        if self._socket is not None:
            self._loop.remove_writer(self._socket.fileno())
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _handle_connected(self, connection: socket.socket) -> None:
        import h11  # only those who ask by HTTP need it

        self._socket = connection
        self._h11 = h11.Connection(h11.CLIENT)
        request = h11.Request(
            method="GET",
            target=self._path,
            headers=[
                ("Host", f"localhost:{self._port}"),
                ("User-Agent", "gaffer"),
                ("Accept", "*/*"),
                ("Connection", "close"),
            ],
        )
        self._unsent = self._h11.send(request) + self._h11.send(h11.EndOfMessage())
        self._taken = 0
        self._loop.add_writer(connection.fileno(), self._write)

    def _write(self) -> None:
        assert self._socket is not None
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._tell(f"{self._what}: {error.strerror}")
            return
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._socket.fileno())
            self._loop.add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        import h11

        assert self._socket is not None
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(f"{self._what}: {error.strerror}")
            return
        self._taken += len(data)
        if not data or self._taken > LONGEST_BODY:
            self._end(f"{self._what} isn't answered")
            return
        try:
            self._h11.receive_data(data)
            while (event := self._h11.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    self._handle_response(event.status_code)
                elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                    self._end(f"{self._what} isn't answered")
                    return
        except h11.RemoteProtocolError as error:
            self._end(f"{self._what} is answered, but not in HTTP: {error}")

    def _handle_response(self, status: int) -> None:
        wanted = self._probe.status
        is_wanted = 200 <= status < 400 if wanted is None else status == wanted
        self.is_answered = True
        self._verdict = None if is_wanted else f"{self._what} is answered with {status}"
        self._limit(REST, self._verdict)

    def _end(self, otherwise: str) -> None:
        """Nothing more comes: tell what its status said, or `otherwise` if there was none."""
        self._tell(self._verdict if self.is_answered else otherwise)

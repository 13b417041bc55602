"""The probe `port`: whether something takes connections on a port of this machine."""

from __future__ import annotations

from .attempt import LONGEST_LOOK, Attempt
from .connecting import Connecting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

NO_PORT = "it has no PORT"


class PortAttempt(Attempt):
    _connecting: Connecting | None = None

    def start(self) -> None:
        port = self._subject.port(self._probe)
        if port is None:
            self._tell(NO_PORT)
            return
        self._limit(self._patience(LONGEST_LOOK), f"port {port} takes no connection")
        self._connecting = Connecting(
            self._loop,
            port,
            self._handle_connected,
            lambda: self._tell(f"nothing listens on port {port}"),
        )
        self._connecting.start()

    def _handle_connected(self, connection: socket.socket) -> None:
        connection.close()
        self._tell(None)

    def _release(self) -> None:
        if self._connecting is not None:
            self._connecting.close()

"""A connection to a port of this machine, by whichever of its two addresses answers."""

from __future__ import annotations

import errno
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..loop import Loop

ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK)


class Connecting:
    """Tries both addresses at once, and tells `on_connected(socket)` or `on_refused()`.

    The first that answers counts. Its socket doesn't wait, and belongs to who gets it.
    """

    def __init__(
        self,
        loop: Loop,
        port: int,
        on_connected: Callable[[socket.socket], object],
        on_refused: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._port = port
        self._on_connected = on_connected
        self._on_refused = on_refused
        self._waiting: list[socket.socket] = []

    def start(self) -> None:
        for family, address in ADDRESSES:
            if self._try(family, address):
                return
        if not self._waiting:
            self._on_refused()

    def close(self) -> None:
        for candidate in list(self._waiting):
            self._forget(candidate)
            candidate.close()

    def _try(self, family: int, address: str) -> bool:
        """Begin to connect; whether that is already done."""
        try:
            candidate = socket.socket(family, socket.SOCK_STREAM | _NOT_WAITING)
        except OSError:
            return False  # a system without IPv6
        candidate.setblocking(False)
        error = candidate.connect_ex((address, self._port))
        if error == 0 and not _is_connected_to_itself(candidate):
            self._hand_over(candidate)
            return True
        if error in _UNDER_WAY:
            self._waiting.append(candidate)
            self._loop.add_writer(candidate.fileno(), self._handle_answer, candidate)
        else:
            candidate.close()
        return False

    def _handle_answer(self, candidate: socket.socket) -> None:
        self._forget(candidate)
        error = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error == 0 and not _is_connected_to_itself(candidate):
            self._hand_over(candidate)
            return
        candidate.close()
        if not self._waiting:
            self._on_refused()

    def _hand_over(self, candidate: socket.socket) -> None:
        self.close()
        self._on_connected(candidate)

    def _forget(self, candidate: socket.socket) -> None:
        self._waiting.remove(candidate)
        self._loop.remove_writer(candidate.fileno())


_NOT_WAITING = getattr(socket, "SOCK_NONBLOCK", 0)


def _is_connected_to_itself(candidate: socket.socket) -> bool:
    """Whether the system gave our end the very port that nobody listens on.

    Closed without the wait that would keep that port from the process it is meant for.
    """
    is_it: bool
    try:
        is_it = candidate.getsockname() == candidate.getpeername()
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise
        return True  # reset meanwhile: nobody that would serve it
    if is_it:
        at_once = (1).to_bytes(4, "little") + bytes(4)
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    return is_it

"""Server: who is connected, how many may be, and when one has had its time."""

from __future__ import annotations

import _socket
import resource

from ..posix.exits import is_scarce
from .connection import Connection
from .router import Router

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..loop import Cancellable
    from .handler import HttpHandler
    from .listen import Listener

ACCEPTS = 16  # in one turn of the loop
PAUSE = 0.1  # seconds without accepting, when there is no descriptor left
SHARE = 4  # a quarter of the descriptors is for clients


class Server:
    """Accepts connections and keeps their time. One timer for all, and none while nobody is there."""

    def __init__(self, handler: HttpHandler) -> None:
        self.loop = handler.loop
        self.limits = handler.limits
        self.router = Router(handler)
        self._handler = handler
        self._connections: dict[Connection, None] = {}
        self._timer: Cancellable | None = None
        self._timer_at = 0.0
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = handler.limits.connections
        if soft != resource.RLIM_INFINITY:
            self._most = max(1, min(self._most, soft // SHARE))

    def accept(self, listener: Listener) -> None:
        """Take those who wait, but not more than some at once."""
        for _ in range(ACCEPTS):
            try:
                fd, _address = listener.socket._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError:  # no descriptor, or no memory, is left
                self._handler.pause_accepting(PAUSE)
                return
            connection = _socket.socket(fileno=fd)
            if self._is_welcome(listener, connection):
                connection.setblocking(False)
                self._connections[Connection(self, connection, listener)] = None
            else:
                connection.close()

    def _is_welcome(self, listener: Listener, connection: _socket.socket) -> bool:
        if is_scarce(connection.fileno()):
            return False
        try:
            if not listener.admits(connection):
                return False
        except OSError:
            return False  # it has gone already
        return len(self._connections) < self._most or self._make_room()

    def _make_room(self) -> bool:
        """Part with who has kept us waiting for the longest; whether there was one."""
        for connection in self._connections:  # in the order in which they came
            if connection.is_waiting:
                connection.close()
                return True
        return False

    def forget(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
        if not self._connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- time

    def expect(self, deadline: float) -> None:
        """Look after the connections at `deadline` (of the loop's clock) at the latest."""
        if self._timer is not None:
            if self._timer_at <= deadline:
                return
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self.loop.call_later(max(0.0, deadline - self.loop.time()), self._look)

    def _look(self) -> None:
        self._timer = None
        now = self.loop.time()
        for connection in list(self._connections):
            if connection.deadline <= now:
                connection.handle_deadline()
        if self._connections:
            self.expect(min(each.deadline for each in self._connections))

    def close(self) -> None:
        """Say good-bye to all: what they haven't taken by now is lost."""
        self.router.close()
        for connection in list(self._connections):
            connection.say_goodbye()

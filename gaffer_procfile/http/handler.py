"""HttpHandler: the app that lets others look at a manager and control it, over HTTP.

Until somebody connects it is a socket and a list of events: everything else is imported then.
"""

from __future__ import annotations

import os
import time

from ..apps.log_ring import LogRing
from ..loop import adapt
from .limits import Limits
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from ..control import UnixListener
    from ..loop import Cancellable, Loop
    from ..manager import Manager
    from .disk_logs import DiskLogs
    from .listen import Listener
    from .names import Display
    from .server import Server


def _display(name: str, instance: int) -> str:
    return f"{name}.{instance}"


class HttpHandler:
    """Serves the manager on the unix socket of the project in `directory`, and on TCP where asked.

    `directory` None is no unix socket; `listener` is one that listens already. `tcp` is
    `[HOST:]PORT`, on loopback without a host; who connects to it has to know the token, which is in
    `url`. `token_file` has a token of one's own, and is needed where other machines can connect;
    `hosts` are names by which they may call this one.

    `logs` is a LogRing that the program starts itself; else there is one of the handler's own.
    `display` turns a template's name and an instance number into the name that a person sees;
    `names(text)` gives the full name of a template, or None. `probed` are templates that
    will be reported as ready, `blocked` those that can't be started, and why; both may be others
    later. `info()` adds to what `GET /run` says.
    `on_order(text)` is told what somebody has asked for: `gaffer restart: web`. `disk_logs` has what
    `logs` has no room for.

    It comes last of the apps. Raises ControlError or ListenError when started where it can't listen.
    """

    def __init__(
        self,
        directory: str | None = ".",
        *,
        tcp: str | None = None,
        token_file: str | None = None,
        hosts: Sequence[str] = (),
        logs: LogRing | None = None,
        display: Display = _display,
        names: Callable[[str], str | None] | None = None,
        probed: Collection[str] = (),
        blocked: Mapping[str, str] = {},
        info: Callable[[], Mapping[str, Any]] | None = None,
        disk_logs: DiskLogs | None = None,
        limits: Limits | None = None,
        listener: UnixListener | None = None,
        on_order: Callable[[str], object] = lambda order: None,
    ) -> None:
        self.directory = None if directory is None else os.path.realpath(directory)
        self.hosts = tuple(hosts)
        self.logs = logs or LogRing()
        self.display = display
        self.names = names
        self.probed = probed
        self.blocked = blocked
        self.info = info
        self.disk_logs = disk_logs
        self.limits = limits or Limits()
        self.on_order = on_order
        self.record = Record()
        self.token: str | None = None
        self.socket: str | None = None
        self.pid: int | None = None
        """The number by which the run is known, from the start on."""
        self.url: str | None = None
        self.run = os.urandom(8).hex()
        """A name that no other run has."""
        self._owns_logs = logs is None
        self._tcp = tcp
        self._token_file = token_file
        self._unix = listener
        self._listeners: list[Listener] = []
        self._server: Server | None = None
        self._pause: Cancellable | None = None

    def start(self, loop: Any, manager: Manager) -> None:
        self.loop: Loop = adapt(loop)
        self.manager = manager
        self.since = time.time()
        try:
            self._listen()
        except BaseException:
            self._close_listeners()
            self.loop.close()
            raise
        self.record.start(manager)
        if self._owns_logs:
            self.logs.start(loop, manager)
        self._watch()

    def _watch(self) -> None:
        self._pause = None
        for listener in self._listeners:
            self.loop.add_reader(listener.socket.fileno(), self._handle_connection, listener)

    def _unwatch(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            return
        for listener in self._listeners:
            self.loop.remove_reader(listener.socket.fileno())

    def _listen(self) -> None:
        if self._unix is None and self.directory is not None:
            from ..control import UnixListener

            self._unix = UnixListener(self.directory)
        self.pid = os.getpid()
        if self._unix is not None:
            self._listeners.append(self._unix)
            self.socket = self._unix.path
            self.pid = self._unix.pid
        if self._tcp is not None:
            from . import listen

            path = self._token_file
            self.token = os.urandom(24).hex() if path is None else listen.read_token(path)
            tcp = listen.TcpListener(self._tcp, has_token_file=path is not None)
            self._listeners.append(tcp)
            self.url = f"{tcp.origin}/?token={listen.in_query(self.token)}"

    def stop(self) -> None:
        self._unwatch()
        self._close_listeners()
        if self._server is not None:
            self._server.close()
        if self._owns_logs:
            self.logs.stop()
        self.record.stop(self.manager)
        self.loop.close()

    def restart(self) -> None:
        """Who is connected stays so."""

    def pause_accepting(self, seconds: float) -> None:
        """Let those who want to connect wait: there is no descriptor for them."""
        if self._pause is None:
            self._unwatch()
            self._pause = self.loop.call_later(seconds, self._watch)

    def _handle_connection(self, listener: Listener) -> None:
        try:
            if self._server is None:
                from .server import Server  # with all that only those need who are asked something

                self._server = Server(self)
            self._server.accept(listener)
        except Exception:
            import logging  # only a fault needs it

            logging.getLogger(__name__).exception("no longer listening")
            self._unwatch()  # the processes are to run on

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self._unix = None

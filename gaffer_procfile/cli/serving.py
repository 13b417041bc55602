"""The control socket of a run, over which the other verbs speak with it."""

from __future__ import annotations

import time

from ..apps.backlog import Backlog
from ..errors import GafferError
from ..loop import adapt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from ..control import UnixListener
    from ..http import HttpHandler
    from ..http.disk_logs import DiskLogs
    from ..loop import Cancellable, Loop
    from ..manager import Manager
    from ..output.redact import Redactor
    from ..planning.plan import Plan


# Seconds from the start. To have the socket takes 1 ms, in which the first line could be shown;
# nobody who was started by what runs looks for it before that. To answer takes ten times as long.
SOCKET_DELAY = 0.01
DELAY = 0.05
# Bytes of output that are kept. What is kept isn't written over: four times as much slows a flood
# down by a tenth, as it no longer fits into the processor's cache.
HISTORY = 1024 * 1024


class Serving:
    """Serves the HTTP API of a run of `plan` on a socket of its project, on TCP too where asked.

    The socket is there when the first process has just been started. Who connects then is answered
    a moment later: what that takes would delay the start, of which nothing is missed. Without a
    place for a socket the run goes on without. `secrets()` are what is kept out of its log, `probed`
    the templates that say when they are ready, `blocked` those that can't be started. `tcp` and
    `token_file` are as for HttpHandler, `pid` is as for UnixListener; an address that can't be had is a
    GafferError of `start`. `info()` is what is told of the run beside what the API tells of each,
    `log_dir` where the run has log files. `when_found()` is called when others can find the socket, or
    can't any more because there will be none.
    """

    def __init__(
        self,
        plan: Plan,
        say: Callable[..., object],
        secrets: Callable[[], Sequence[bytes]],
        probed: Collection[str],
        blocked: Mapping[str, str],
        *,
        tcp: str | None = None,
        token_file: str | None = None,
        info: Callable[[], Mapping[str, Any]] | None = None,
        log_dir: str | None = None,
        pid: int | None = None,
        when_found: Callable[[], object] = lambda: None,
    ) -> None:
        self._plan = plan
        self._say = say
        self._secrets = secrets
        self._probed = probed
        self._blocked = blocked
        self._tcp = tcp
        self._token_file = token_file
        self._info = info
        self._log_dir = log_dir
        self._pid = pid
        self._when_found = when_found
        self._listener: UnixListener | None = None
        self._handler: HttpHandler | None = None
        self._backlog: Backlog | None = None
        self._timer: Cancellable | None = None

    def start(self, loop: Any, manager: Manager) -> None:
        self._began = time.time()
        self._raw_loop = loop
        self._loop: Loop = adapt(loop)
        self._manager = manager
        if self._tcp is not None:
            self._begin()  # who can't have what was asked for is told before anything runs
        else:
            self._backlog = Backlog(manager)
            self._timer = self._loop.call_later(SOCKET_DELAY, self._listen)

    def stop(self) -> None:
        self._when_found()
        if self._timer is not None:
            self._timer.cancel()
        if self._handler is not None:
            self._handler.stop()
        elif self._listener is not None:
            self._listener.close()
        self._loop.close()

    def restart(self) -> None:
        """Who is connected stays so."""

    def _listen(self) -> None:
        """Let others connect from now on. Without a place for a socket nobody can."""
        self._timer = None
        if self._manager.stopping:
            return
        try:
            self._listener = self._make_listener()
        except GafferError as error:
            self._say(f"{error}; `gaffer ps` and the like can't reach this run")
            assert self._backlog is not None
            self._backlog.drop()
            return
        finally:
            self._when_found()
        self._timer = self._loop.call_later(DELAY - SOCKET_DELAY, self._begin)

    def _make_listener(self) -> UnixListener:
        from ..control import UnixListener

        return UnixListener(self._plan.directory, self._pid)

    def _begin(self) -> None:
        self._timer = None
        from ..apps.log_ring import LogRing
        from ..http import HttpHandler

        plan = self._plan
        logs = LogRing(redact=self._make_redactor, size=HISTORY)
        handler = HttpHandler(
            plan.directory,
            tcp=self._tcp,
            token_file=self._token_file,
            logs=logs,
            display=plan.names.display,
            names=self._find_name,
            probed=self._probed,
            blocked=self._blocked,
            info=self._info,
            disk_logs=self._find_disk_logs(),
            listener=self._listener or self._make_listener(),
            on_order=lambda order: self._say(order, "order"),
        )
        handler.start(self._raw_loop, self._manager)
        self._when_found()
        logs.start(self._raw_loop, self._manager)
        if self._backlog is not None:
            self._backlog.hand_over(handler.record, logs)
        self._handler = handler
        if handler.url is not None:
            self._say(f"open at {handler.url}")

    def _find_disk_logs(self) -> DiskLogs | None:
        if self._log_dir is None:
            return None
        from ..http.disk_logs import DiskLogs

        return DiskLogs(self._log_dir, self._began)

    def _make_redactor(self) -> Redactor | None:
        secrets = self._secrets()
        if not secrets:
            return None
        from ..output.redact import Redactor

        return Redactor(secrets)

    def _find_name(self, text: str) -> str | None:
        try:
            found = self._plan.names.find(text)
        except GafferError:
            return None
        return found[0] if len(found) == 1 else None

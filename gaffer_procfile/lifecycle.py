"""The life of a manager: its apps, and who has asked it to restart or to stop."""

from __future__ import annotations

from .lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from threading import RLock
    from typing import Any, Protocol

    from .loop import Loop
    from .manager import Manager
    from .supervisor import Supervisor

    class App(Protocol):
        """What a manager runs beside its processes: output, signals, a control socket, …"""

        def start(self, loop: Any, manager: Manager) -> object: ...
        def stop(self) -> object: ...
        def restart(self) -> object: ...

    ManagerCallback = Callable[[Manager], object]
    Call = tuple[Callable[..., object], tuple[object, ...]]


class Lifecycle:
    """Starts, restarts and stops what a manager has: the processes by its supervisor, and its apps.

    Any thread may call `stop` and `restart`, which only put a request into a queue and wake the loop:
    none is lost, none is done twice. `on_end()` is called last of all, in the loop's thread.
    """

    def __init__(
        self,
        manager: Manager,
        loop: Loop,
        lock: RLock,
        supervisor: Supervisor,
        on_end: Callable[[], object],
    ) -> None:
        self.apps: list[App] = []
        self.started = False
        self.stopping = False
        self._manager = manager
        self._loop = loop
        self._lock = lock
        self._supervisor = supervisor
        self._on_end = on_end
        self.has_ended = False
        self._requests: deque[tuple[str, ManagerCallback | None]] = deque()
        self._restart_callbacks: list[ManagerCallback] = []
        self._stop_callbacks: list[ManagerCallback] = []

    def start(self, apps: Sequence[App]) -> None:
        """Start `apps`. Raises RuntimeError the second time, and after a stop.

        If one can't be started, those before it are stopped again, and what it raised goes on.
        """
        if self.stopping:
            raise RuntimeError("a manager that was stopped can't be started again")
        if self.started:
            raise RuntimeError("the manager has been started already, with its apps")
        self.apps = list(apps)
        begun: list[App] = []
        try:
            for app in self.apps:
                app.start(self._manager.loop, self._manager)
                begun.append(app)
        except BaseException:
            self.apps = []
            _call_all((app.stop, ()) for app in begun)
            raise
        self.started = True

    # ---- requests, from any thread

    def stop(self, callback: ManagerCallback | None) -> None:
        self._request("stop", callback)

    def restart(self, callback: ManagerCallback | None) -> None:
        self._request("restart", callback)

    def _request(self, request: str, callback: ManagerCallback | None) -> None:
        with self._lock:
            if not self.has_ended:
                self._requests.append((request, callback))
                self.wakeup()
                return
        if callback is not None:
            self._call_back(callback)  # the loop is gone

    def wakeup(self) -> None:
        """Have the loop look at the requests."""
        self._loop.call_soon_threadsafe(self._handle_requests)

    # ---- what is done about them, in the loop's thread

    def _handle_requests(self) -> None:
        while self._requests:
            request, callback = self._requests.popleft()
            if request == "stop":
                self._stop(callback)
            else:
                self._restart(callback)

    def _stop(self, callback: ManagerCallback | None) -> None:
        with self._lock:
            if callback is not None:
                self._stop_callbacks.append(callback)
            if self.stopping:
                return
            self.stopping = True
            self._supervisor.stop_all(list(self._manager.processes.values()), self._finish)

    def _finish(self) -> None:
        try:
            _call_all(self._last_calls())
        finally:
            self._on_end()

    def _last_calls(self) -> Iterator[Call]:
        for app in self.apps:
            yield app.stop, ()
        self.started = False
        for callback in self._stop_callbacks:
            yield callback, (self._manager,)
        with self._lock:
            self.has_ended = True
        while self._requests:  # asked for while the callbacks ran
            _request, asked = self._requests.popleft()
            if asked is not None:
                yield asked, (self._manager,)

    def _restart(self, callback: ManagerCallback | None) -> None:
        if not self.stopping:
            for app in self.apps:
                _call(app.restart)
        with self._lock:
            if callback is not None:
                self._restart_callbacks.append(callback)
            if not self.stopping:
                for state in self._manager.processes.values():
                    self._supervisor.restart(state)
            self.answer_restarts()

    def answer_restarts(self) -> None:
        """Call back those who asked for a restart, if nothing is left to replace.

        Any thread may call it, with the manager's lock held; the callbacks are called from the loop.
        """
        if not self._restart_callbacks:
            return
        if not any(state.restarting for state in self._manager.processes.values()):
            callbacks, self._restart_callbacks = self._restart_callbacks, []
            for callback in callbacks:
                self._loop.call_soon_threadsafe(self._call_back, callback)

    def _call_back(self, callback: ManagerCallback) -> None:
        _call(callback, self._manager)


def _call_all(calls: Iterator[Call]) -> None:
    """Call each, also the rest of them where one ends the program (SystemExit), which goes on then."""
    for function, args in calls:
        try:
            _call(function, *args)
        except BaseException:
            _call_all(calls)
            raise


def _call(function: Callable[..., object], *args: object) -> None:
    """Call what is not ours: what it raises is logged and stops nothing of ours."""
    try:
        function(*args)
    except Exception:
        import logging  # only a fault needs it

        logging.getLogger(__name__).exception("%r failed", function)

"""What was told to stop does end: SIGKILL to its tree when its time is up."""

from __future__ import annotations

from .lean import signal
from .loop import adapt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .loop import Cancellable
    from .process import Process

KILL_INTERVAL = 0.5  # seconds; what was just being forked by a killed one may have escaped


class _Deadline:
    """When a process is killed (next), and whom to tell that it can't be."""

    __slots__ = ("on_refused", "process", "timer")

    def __init__(
        self, process: Process, timer: Cancellable, on_refused: Callable[[], object] | None
    ) -> None:
        self.process = process
        self.timer = timer
        self.on_refused = on_refused


class ProcessTracker:
    """Kills what doesn't end in its time, and tells when nothing is left that was told to stop.

    `on_kill(process)` is called before the first SIGKILL. `check` and `on_done` may be called from any
    thread, all else from the loop's.
    """

    def __init__(self, loop: Any, on_kill: Callable[[Process], object] | None = None) -> None:
        self._loop = adapt(loop)
        self._on_kill = on_kill
        self._tracked: dict[int, _Deadline] = {}
        self._waiting: list[Callable[[], object]] = []

    def check(
        self,
        process: Process,
        graceful_timeout: float,
        on_refused: Callable[[], object] | None = None,
    ) -> None:
        """Kill `process` in `graceful_timeout` seconds, unless `uncheck`ed until then.

        `on_refused()` is called where the system doesn't allow that; nobody waits for it then.
        """
        self._loop.call_soon_threadsafe(self._check, process, graceful_timeout, on_refused)

    def _check(
        self,
        process: Process,
        graceful_timeout: float,
        on_refused: Callable[[], object] | None,
    ) -> None:
        if process.id not in self._tracked and not process.gone:
            timer = self._loop.call_later(graceful_timeout, self._kill, process.id)
            self._tracked[process.id] = _Deadline(process, timer, on_refused)

    def _kill(self, id: int) -> None:
        if self._on_kill is not None:
            self._on_kill(self._tracked[id].process)
        self._kill_again(id)

    def _kill_again(self, id: int) -> None:
        deadline = self._tracked[id]
        deadline.timer = self._loop.call_later(KILL_INTERVAL, self._kill_again, id)
        if not deadline.process.kill(signal.SIGKILL, tree=True):
            deadline.process.unkillable = True
            self.uncheck(deadline.process)
            if deadline.on_refused is not None:
                deadline.on_refused()

    def uncheck(self, process: Process) -> None:
        """`process` is gone."""
        if process.id in self._tracked:
            self._tracked.pop(process.id).timer.cancel()
        self._report()

    def kill_all(self) -> None:
        """Wait for nobody any longer."""
        for id, deadline in list(self._tracked.items()):
            deadline.timer.cancel()
            self._kill(id)

    def on_done(self, callback: Callable[[], object]) -> None:
        """Call `callback()` in the loop's thread, once, as soon as nothing is tracked."""
        self._loop.call_soon_threadsafe(self._wait, callback)

    def _wait(self, callback: Callable[[], object]) -> None:
        self._waiting.append(callback)
        self._report()

    def _report(self) -> None:
        while self._waiting and not self._tracked:
            self._waiting.pop(0)()

    def close(self) -> None:
        self._loop.close()

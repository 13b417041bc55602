"""StatsMonitor: tells what a process costs, on a timer while somebody listens."""

from __future__ import annotations

from .events import EventEmitter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .events import Listener
    from .loop import Cancellable, Loop
    from .posix.stats import ProcessStats

INTERVAL = 1.0  # seconds


class StatsMonitor:
    """Tells its listeners `info()` as "stat", at once and every INTERVAL seconds, while there are any.

    It does so between `start` and `stop`. `os_pid` is set when the process runs. Loop's thread only,
    but for `read`, `subscribe` and `unsubscribe`.
    """

    def __init__(self, loop: Loop, info: Callable[[], dict[str, Any]]) -> None:
        self.os_pid: int | None = None
        self._loop = loop
        self._info = info
        self._emitter = EventEmitter(loop)
        self._stats: ProcessStats | None = None
        self._listeners = 0
        self._started = False
        self._timer: Cancellable | None = None

    def read(self) -> dict[str, Any]:
        """What the process costs now (see `ProcessStats.read`); {} while no descriptor is left."""
        if self.os_pid is None:
            return {}
        try:
            if self._stats is None:
                from .posix.stats import ProcessStats  # psutil takes 20 ms, and most runs never ask

                self._stats = ProcessStats(self.os_pid)
            return self._stats.read()
        except OSError:
            return {}

    def subscribe(self, listener: Listener) -> None:
        self._emitter.subscribe("stat", listener)
        self._loop.call_soon_threadsafe(self._count, 1)

    def unsubscribe(self, listener: Listener) -> None:
        if self._emitter.unsubscribe("stat", listener):
            self._loop.call_soon_threadsafe(self._count, -1)

    def start(self) -> None:
        self._started = True
        self._count(0)

    def stop(self) -> None:
        self._started = False
        self._count(0)

    def close(self) -> None:
        self._emitter.close()

    def _count(self, change: int) -> None:
        self._listeners += change
        wanted = self._started and self._listeners > 0
        if wanted and self._timer is None:
            self._tick()
        elif not wanted and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = self._loop.call_later(INTERVAL, self._tick)
        self._emitter.publish("stat", self._info())

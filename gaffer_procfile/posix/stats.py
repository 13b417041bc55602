"""What a process costs: psutil's figures, taken on a timer while somebody listens."""

from __future__ import annotations

from ..events import EventEmitter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import psutil

    from ..events import Listener
    from ..loop import Cancellable, Loop

INTERVAL = 1.0  # seconds


class ProcessStats:
    """The figures of one operating-system process.

    `read()` gives `cpu` (per cent of one core since the last look), `mem` (per cent of the machine),
    `mem_info1` and `mem_info2` (resident and virtual size, bytes), `ctime` (CPU seconds so far) and
    `create_time` (seconds since the epoch); an empty dict when the process is gone, or is none of
    our business (another user's, on macOS).
    """

    def __init__(self, os_pid: int) -> None:
        self._os_pid = os_pid
        self._process: psutil.Process | None = None

    def read(self) -> dict[str, Any]:
        import psutil  # 20 ms, and most runs never ask

        try:
            if self._process is None:
                self._process = psutil.Process(self._os_pid)
            process = self._process
            with process.oneshot():
                times = process.cpu_times()
                memory = process.memory_info()
                return {
                    "cpu": process.cpu_percent(None),
                    "mem": process.memory_percent(),
                    "mem_info1": memory.rss,
                    "mem_info2": memory.vms,
                    "ctime": times.user + times.system,
                    "create_time": process.create_time(),
                }
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return {}


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
        """What the process costs now."""
        if self._stats is None:
            if self.os_pid is None:
                return {}
            self._stats = ProcessStats(self.os_pid)
        return self._stats.read()

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

"""What a process costs: psutil's figures, taken on a timer while somebody listens."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import psutil

    from .loop import Cancellable, Loop

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


class Ticker:
    """Calls `tick` every INTERVAL seconds, the first time at once. Loop's thread only."""

    def __init__(self, loop: Loop, tick: Callable[[], object]) -> None:
        self._loop = loop
        self._tick = tick
        self._timer: Cancellable | None = None

    @property
    def running(self) -> bool:
        return self._timer is not None

    def start(self) -> None:
        if self._timer is None:
            self._run()

    def _run(self) -> None:
        self._timer = self._loop.call_later(INTERVAL, self._run)
        self._tick()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

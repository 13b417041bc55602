"""What a process costs, by psutil."""

from __future__ import annotations

import psutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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

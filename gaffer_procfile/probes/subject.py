"""The process that a probe is about."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..config.settings import Probe
    from ..loop import Loop
    from ..manager import Manager, Process

    Identity = tuple[int, int, int]  # of a file: its device, its inode, when that was changed


class Subject:
    """One process, and what a probe needs to know of it. `started_at` is a time of the loop's.

    Made from its `spawn` event. Raises KeyError if nothing is left of it.
    """

    __slots__ = (
        "cwd",
        "env",
        "id",
        "instance",
        "name",
        "os_pid",
        "process",
        "seen",
        "started_at",
        "user",
    )

    def __init__(self, loop: Loop, manager: Manager, event: Mapping[str, Any]) -> None:
        state = manager.get_process(event["name"])
        self.id: int = event["pid"]
        self.os_pid: int = event["os_pid"]
        self.name: str = event["name"]
        self.instance: int = event["instance"]
        self.process: Process = manager.get_process(self.id)
        self.env = state.environment(self.instance)
        self.cwd = self.process.cwd
        self.user = {key: state.settings[key] for key in ("uid", "gid") if key in state.settings}
        slot = state.slots.get(self.instance)
        # The slot may have its next process already; then this one has started before that.
        is_there = slot is not None and slot.process is self.process
        self.started_at: float = slot.started_at if is_there and slot is not None else loop.time()

        self.seen: dict[str, Identity | None] = {}
        """Files that a probe has looked for, and those of them that are from before its start."""

    @property
    def is_up(self) -> bool:
        """Whether it runs and wasn't told to stop; else its `exit` or `stop_pid` is on the way."""
        return self.process.active and not self.process.stopping

    def started_at_clock(self, loop: Loop) -> float:
        """When it was started, in seconds of the system's clock."""
        return time.time() - (loop.time() - self.started_at)

    def port(self, probe: Probe) -> int | None:
        """The port that the probe is about: its own, else the process's PORT; None without one."""
        if probe.port is not None:
            return probe.port
        port = self.env.get("PORT", "")
        return int(port) if port.isdecimal() and 0 < int(port) < 65536 else None

"""What one process waits for before it is started."""

from __future__ import annotations

READY = "ready"
COMPLETED = "completed"
STARTED = "started"
CONDITIONS = (READY, COMPLETED, STARTED)


class Dependency:
    """What a process waits for: that all instances of `name` are ready, completed or started.

    `restart`: when that one is restarted because a file has changed, so is this one.
    """

    __slots__ = ("condition", "name", "restart")

    def __init__(self, name: str, condition: str, restart: bool = False) -> None:
        self.name = name
        self.condition = condition
        self.restart = restart

    def __repr__(self) -> str:
        return f"Dependency({self.name!r}, {self.condition!r}, restart={self.restart})"

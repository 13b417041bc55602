"""The exit policy of `gaffer start`: whose end ends the run, and with which status."""

from __future__ import annotations

from .outcome import describe, shell_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..manager import Manager


class ExitPolicy:
    """The first process that exits ends them all.

    `status` is that of the first process that failed by itself; if none failed, that of the first
    that exited; None if none exited by itself. `say` tells who ended the run.
    """

    def __init__(self, say: Callable[[str], object], display: Callable[[str, int], str]) -> None:
        self.status: int | None = None
        self._say = say
        self._display = display
        self._told_to_stop: set[int] = set()
        self._is_ending = False

    def start(self, _loop: Any, manager: Manager) -> None:
        self._manager = manager
        manager.subscribe("stop_pid", self._handle_stop)
        manager.subscribe("reap", self._handle_stop)
        manager.subscribe("exit", self._handle_exit)

    def stop(self) -> None:
        """Nothing is left to do."""

    def restart(self) -> None:
        """What has happened has happened."""

    def _handle_stop(self, _evtype: str, event: dict[str, Any]) -> None:
        self._told_to_stop.add(event["pid"])

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        if event["pid"] in self._told_to_stop:
            self._told_to_stop.discard(event["pid"])
            return
        status = shell_status(event)
        if not self.status:
            self.status = status
        if not self._is_ending and not self._manager.stopping:
            self._is_ending = True
            if self._manager.running:
                name = self._display(event["name"], event["instance"])
                self._say(f"stopping the others because {name} {describe(event)}")
            self._manager.stop()

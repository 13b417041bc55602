"""The exit policy of `gaffer start`: whose end ends the run, and with which status."""

from __future__ import annotations

from .outcome import shell_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from ..manager import Manager

FIRST = "first"
FAILURE = "failure"
ALL = "all"
NEVER = "never"
POLICIES = (FIRST, FAILURE, ALL, NEVER)

WILL_RESTART = ("pending", "backing-off")  # what an exit event says of one that isn't the last


class ExitPolicy:
    """Ends the run by `policy`: when the first process ends, the first that fails, all, or never.

    `deciding` are the templates whose end counts, all if it is empty; when there is nothing left that
    runs, the run ends by any policy but NEVER. An exit that is followed by a restart is no end.

    `status` is that of the first process that failed by itself; if none failed, that of the first
    that ended; None if none ended by itself.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        display: Callable[[str, int], str],
        policy: str = FIRST,
        deciding: Collection[str] = (),
    ) -> None:
        self.status: int | None = None
        self._say = say
        self._display = display
        self._policy = policy
        self._deciding = deciding
        self._told_to_stop: set[int] = set()
        self._ended: set[tuple[str, int]] = set()
        self._is_ending = False

    def start(self, _loop: Any, manager: Manager) -> None:
        self._manager = manager
        manager.subscribe("spawn", self._handle_spawn)
        manager.subscribe("stop_pid", self._handle_stop)
        manager.subscribe("reap", self._handle_stop)
        manager.subscribe("exit", self._handle_exit)

    def stop(self) -> None:
        """Nothing is left to do."""

    def restart(self) -> None:
        """What has happened has happened."""

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        self._ended.discard((event["name"], event["instance"]))

    def _handle_stop(self, _evtype: str, event: dict[str, Any]) -> None:
        self._told_to_stop.add(event["pid"])

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        if event["pid"] in self._told_to_stop:
            self._told_to_stop.discard(event["pid"])
            return
        if event["then"] in WILL_RESTART:
            return
        status = shell_status(event)
        if not self.status:
            self.status = status
        self._ended.add((event["name"], event["instance"]))
        if self._is_ending or self._manager.stopping:
            return
        if self._ends_the_run(event["name"], status):
            name = self._display(event["name"], event["instance"])
            self._end(
                f"stopping the others because {name} has ended (--exit-policy {self._policy})"
            )
        elif self._policy != NEVER and self._all_have_ended():
            self._end("all have ended")

    def _ends_the_run(self, name: str, status: int) -> bool:
        if self._deciding and name not in self._deciding:
            return False
        return self._policy == FIRST or (self._policy == FAILURE and status != 0)

    def _all_have_ended(self) -> bool:
        wanted = sum(state.numprocesses for state in self._manager.processes.values())
        return len(self._ended) >= wanted

    def _end(self, reason: str) -> None:
        self._is_ending = True
        if self._manager.running:
            self._say(reason)
        self._manager.stop()

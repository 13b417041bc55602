"""The exit policy of `gaffer start`: whose end ends the run, and with which status."""

from __future__ import annotations

from ..slots import WILL_RESTART
from .outcome import listing, shell_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from collections.abc import Set as AbstractSet
    from typing import Any

    from ..manager import Manager

FIRST = "first"
FAILURE = "failure"
ALL = "all"
NEVER = "never"

CANT_START = 1  # the exit status of a run whose dependencies failed, if none of them has one


class ExitPolicy:
    """Ends the run by `policy`: when the first process ends, the first that fails, all, or never.

    With `deciding` the end of these templates ends it, and no other one's. Else those that run `once`
    may end with 0 without ending anything. Those in `watched` are started again when a file changes:
    whatever becomes of one of them, the run goes on and waits for that. When nothing is left that
    runs, the run ends by any policy but NEVER. An exit that is followed by a restart is no end.

    `status` is that of the first process that failed by itself and was not started again since; if
    none failed, that of the first that ended; None if none ended by itself. What ends when all is being
    stopped already changes nothing.
    """

    is_final = False
    """Who presses Ctrl-C while a run ends well wants a script around it to end, too."""

    def __init__(
        self,
        say: Callable[[str], object],
        display: Callable[[str, int], str],
        policy: str = FIRST,
        deciding: AbstractSet[str] = frozenset(),
        once: Collection[str] = (),
        watched: Collection[str] = (),
    ) -> None:
        self.status: int | None = None
        self._say = say
        self._display = display
        self._policy = policy
        self._deciding = deciding
        self._once = once
        self._watched = watched
        self.ended_by: int | None = None
        """The manager's id of the process whose end ended the run; None if something else did."""
        self._ended: set[tuple[str, int]] = set()
        self._statuses: dict[tuple[str, int], int] = {}  # of the ends that still hold, in order
        self._is_ending = False

    def start(self, _loop: Any, manager: Manager) -> None:
        self._manager = manager
        manager.subscribe("spawn", self._handle_spawn)
        manager.subscribe("exit", self._handle_exit)

    def stop(self) -> None:
        """Nothing is left to do."""

    def restart(self) -> None:
        """What has happened has happened."""

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        slot = event["name"], event["instance"]
        self._ended.discard(slot)
        if self._statuses.pop(slot, None) is not None:
            self._find_status()

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        if not event["by_itself"] or event["then"] in WILL_RESTART or "while_stopping" in event:
            return
        status = shell_status(event)
        slot = event["name"], event["instance"]
        self._note_status(slot, status)
        self._ended.add(slot)
        if self._is_ending or self._manager.stopping:
            return
        name = self._display(*slot)
        if event["name"] in self._watched:
            if status != 0 or event["name"] not in self._once:
                self._say(f"{name} is started again when a file changes that it watches")
        elif self._ends_the_run(event["name"], status):
            self.ended_by = event["pid"]
            option = "--exit-on" if self._deciding else f"--exit-policy {self._policy}"
            self._end(f"stopping the others because {name} has ended ({option})")
        elif self._policy != NEVER and self._all_have_ended():
            self._end("all have ended")

    def handle_blocked(
        self, names: Sequence[str], culprit: str, short: Callable[[str], str]
    ) -> None:
        """These templates can't be started, as `culprit`, which they depend on, has failed."""
        for name in names:
            self._note_status((name, 1), CANT_START)
            state = self._manager.get_process_state(name)
            count = state.numprocesses if state is not None else 0
            self._ended.update((name, instance) for instance in range(1, count + 1))
        if self._is_ending or self._manager.stopping or culprit in self._watched:
            return
        if self._policy in (FIRST, FAILURE) and not (
            self._deciding and self._deciding.isdisjoint(names)
        ):
            what = listing([short(name) for name in names])
            self._end(f"stopping because {what} can't start (--exit-policy {self._policy})")
        elif self._policy != NEVER and self._all_have_ended():
            self._end("all have ended")

    def _note_status(self, slot: tuple[str, int], status: int) -> None:
        # One that couldn't be executed again has not been started since.
        if not self._statuses.get(slot):
            self._statuses.pop(slot, None)
            self._statuses[slot] = status
            self._find_status()

    def _find_status(self) -> None:
        failed = (status for status in self._statuses.values() if status)
        self.status = next(failed, 0 if self._statuses else None)

    def _ends_the_run(self, name: str, status: int) -> bool:
        if self._deciding:
            return name in self._deciding
        if name in self._once and status == 0:
            return False
        return self._policy == FIRST or (self._policy == FAILURE and status != 0)

    def _all_have_ended(self) -> bool:
        # Not all that has ended need be there still: a changed plan may be without it.
        return all(
            name not in self._watched and (name, instance) in self._ended
            for name, state in self._manager.processes.items()
            for instance in range(1, state.numprocesses + 1)
        )

    def _end(self, reason: str) -> None:
        self._is_ending = True
        # Before it is said: whoever reads of it may press Ctrl-C at once.
        self._manager.stop()
        if self._manager.running:
            self._say(reason)

"""FailureReport: at the end of a run, what failed, how long it had run and what it wrote last."""

from __future__ import annotations

import time

from ..output.source import FAILURE
from ..slots import GAVE_UP, WILL_RESTART
from .outcome import describe, listing, shell_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from ..manager import Manager
    from .console import ConsoleOutput

    class Policy(Protocol):
        """What ends the run: `ended_by` is the id of the process whose end did."""

        ended_by: int | None


LINES = 20
SAME_MOMENT = 0.001  # seconds; two that end in it may have ended in either order


class FailureReport:
    """Tells through `console` of the processes that failed by themselves.

    `display` turns a template's name and an instance number into the name that a person sees;
    `policy` knows whose end ended the run. `warnings` are what was said before the start of a process,
    by template and instance: it may be why it failed.
    """

    def __init__(
        self,
        console: ConsoleOutput,
        display: Callable[[str, int], str],
        policy: Policy,
        warnings: Mapping[tuple[str, int], str] | None = None,
    ) -> None:
        self._console = console
        self._display = display
        self._policy = policy
        self._warnings = {} if warnings is None else warnings
        self._started: dict[int, float] = {}
        self._stopped_after: list[str] = []
        self._failures: list[_Failure] = []

    def start(self, _loop: Any, manager: Manager) -> None:
        self._manager = manager
        manager.subscribe("spawn", self._handle_spawn)
        manager.subscribe("stop_pid", self._handle_stop)
        manager.subscribe("exit", self._handle_exit)

    def stop(self) -> None:
        for failure in self._failures:
            text = failure.text
            if failure.id == self._policy.ended_by and self._stopped_after:
                verb = "was" if len(self._stopped_after) == 1 else "were"
                text += f"; {listing(self._stopped_after)} {verb} stopped because of it"
            self._console.say(text, FAILURE, failure.details, failure.lines)
        failed = [failure.slot for failure in self._failures if failure.slot in self._warnings]
        for warning in dict.fromkeys(map(self._warnings.__getitem__, failed)):
            self._console.say(warning)

    def restart(self) -> None:
        """What has failed has failed."""

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        self._started[event["pid"]] = time.monotonic()
        self._forget(event)

    def _handle_stop(self, _evtype: str, event: dict[str, Any]) -> None:
        if self._policy.ended_by is not None:
            self._stopped_after.append(self._display(event["name"], event["instance"]))

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        now = time.monotonic()
        started = self._started.pop(event["pid"], None)
        if not event["by_itself"] or shell_status(event) == 0 or event["then"] in WILL_RESTART:
            return
        if "while_stopping" in event:
            return
        self._forget(event)
        state = self._manager.get_process_state(event["name"])
        name = self._display(event["name"], event["instance"])
        text = f"{name} {describe(event, state)}"
        if started is not None:
            text += f" after {now - started:.1f} s"
        if event["then"] == GAVE_UP:
            text += ", once too often to be restarted"
        if self._failures and now - self._failures[-1].at < SAME_MOMENT:
            text += ", within a millisecond of the one before"
        lines = self._console.tail(event["pid"], LINES)
        details = {"process": name, "status": shell_status(event)}
        self._failures.append(_Failure(event, now, text, lines, details))

    def _forget(self, event: dict[str, Any]) -> None:
        """What has been started again since is mended, or has failed anew."""
        slot = event["name"], event["instance"]
        self._failures = [failure for failure in self._failures if failure.slot != slot]


class _Failure:
    """One process that failed: when, in words, its last lines, and what a program wants to know."""

    __slots__ = ("at", "details", "id", "lines", "slot", "text")

    def __init__(
        self,
        event: dict[str, Any],
        at: float,
        text: str,
        lines: list[bytes],
        details: dict[str, Any],
    ) -> None:
        self.id = event["pid"]
        self.slot = event["name"], event["instance"]
        self.at = at
        self.text = text
        self.lines = lines
        self.details = details

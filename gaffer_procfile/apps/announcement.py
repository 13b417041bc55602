"""Announcement: tells whoever waits for it, by a pipe, that everything has come up."""

from __future__ import annotations

import os

from ..loop import adapt
from ..slots import STOPPED, WILL_RESTART

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..manager import Manager

# Lines of their own. The first one: there is a run, which tells the rest in its log.
BEGUN = b"+"
# The last ones: all has come up, or some of it has failed and the rest runs on.
DONE = b"."
FAILED = b"!"


class Announcement:
    """Writes BEGUN to `fd`, a line for each process that is ready or has completed, DONE when all are.

    Then, and at the end of the run, `fd` is closed; if the run is ending there is no last line. A
    process that is not ready in time, or has failed, is told too; FAILED is the last line then. One
    that somebody stops is waited for no more.
    """

    def __init__(self, fd: int, display: Callable[[str, int], str]) -> None:
        self._fd = fd
        self._display = display
        self._missing: set[tuple[str, int]] = set()
        self._last_line = DONE

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop = adapt(loop)
        self._manager = manager
        self._missing = {
            (name, instance)
            for name, state in manager.processes.items()
            for instance in range(1, state.numprocesses + 1)
        }
        manager.subscribe("ready", self._handle_ready)
        manager.subscribe("not_ready", self._handle_not_ready)
        manager.subscribe("exit", self._handle_exit)
        for evtype in ("stop", "update", "delete"):
            manager.subscribe(evtype, self._handle_change)
        self._write(BEGUN)

    def stop(self) -> None:
        self._close()
        self._loop.close()

    def restart(self) -> None:
        """What has come up has come up."""

    def _handle_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        self._tell(_slot(event), f"is ready after {event['seconds']:.1f} s")

    def _handle_not_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        self._last_line = FAILED
        self._tell(_slot(event), f"is not ready: {event['reason']}")

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        if event["by_itself"] and event["then"] not in WILL_RESTART:
            failed = event["exit_status"] or event["term_signal"]
            if failed:
                self._last_line = FAILED
            self._tell(_slot(event), "has failed" if failed else "has completed")
        elif event["then"] == STOPPED and not self._manager.stopping:
            self._tell(_slot(event), "was stopped")

    def _handle_change(self, evtype: str, event: dict[str, Any]) -> None:
        """A template was stopped, or is to have fewer processes, or none."""
        if self._manager.stopping:
            return
        state = self._manager.get_process_state(event["name"])
        wanted = state.numprocesses if state is not None else 0
        if state is not None and state.stopped and evtype == "stop":
            wanted = 0
        for slot in sorted(self._missing):
            if slot[0] == event["name"] and slot[1] > wanted:
                self._tell(slot, "was stopped")

    def handle_blocked(self, names: Sequence[str]) -> None:
        """These templates can't be started; unless that is the end of the run, it is told."""
        if self._manager.stopping:
            return
        self._last_line = FAILED
        for slot in sorted(self._missing):
            if slot[0] in names:
                self._tell(slot, "can't start")

    def _tell(self, slot: tuple[str, int], how: str) -> None:
        if self._fd < 0 or slot not in self._missing:
            return
        self._missing.discard(slot)
        self._write(f"{self._display(*slot)} {how}".encode("utf-8", "surrogateescape"))
        if not self._missing:
            # A turn later: by then it shows whether this is the end of the run.
            self._loop.call_soon(self._finish)

    def _finish(self) -> None:
        if self._fd >= 0 and not self._manager.stopping:
            self._write(self._last_line)
            self._close()

    def _write(self, line: bytes) -> None:
        try:
            os.write(self._fd, line + b"\n")  # less than a pipe takes
        except BrokenPipeError:
            self._close()  # nobody waits any more

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _slot(event: Mapping[str, Any]) -> tuple[str, int]:
    return event["name"], event["instance"]

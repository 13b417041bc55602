"""Announcement: tells whoever waits for it, by a pipe, that everything has come up."""

from __future__ import annotations

import os

from .exit_policy import WILL_RESTART

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..manager import Manager

# Lines of their own. The first one: there is a run, which tells the rest in its log.
BEGUN = b"+"
# The last ones: all has come up, or some of it has failed and the rest runs on.
DONE = b"."
FAILED = b"!"


class Announcement:
    """Writes BEGUN to `fd`, a line for each process that is ready or has completed, DONE when all are.

    Then, and at the end of the run, `fd` is closed. A process that is not ready in time, or has
    failed, is told too; FAILED is the last line then.
    """

    def __init__(self, fd: int, display: Callable[[str, int], str]) -> None:
        self._fd = fd
        self._display = display
        self._missing: set[tuple[str, int]] = set()
        self._last_line = DONE

    def start(self, _loop: Any, manager: Manager) -> None:
        self._manager = manager
        self._missing = {
            (name, instance)
            for name, state in manager.processes.items()
            for instance in range(1, state.numprocesses + 1)
        }
        manager.subscribe("ready", self._handle_ready)
        manager.subscribe("not_ready", self._handle_not_ready)
        manager.subscribe("exit", self._handle_exit)
        self._write([BEGUN])

    def stop(self) -> None:
        self._close()

    def restart(self) -> None:
        """What has come up has come up."""

    def _handle_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        self._tell(event, f"is ready after {event['seconds']:.1f} s")

    def _handle_not_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        self._last_line = FAILED
        self._tell(event, f"is not ready: {event['reason']}")

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        if event["by_itself"] and event["then"] not in WILL_RESTART:
            failed = event["exit_status"] or event["term_signal"]
            if failed:
                self._last_line = FAILED
            self._tell(event, "has failed" if failed else "has completed")

    def handle_blocked(self, names: Sequence[str]) -> None:
        """These templates can't be started; unless that is the end of the run, it is told."""
        if self._manager.stopping:
            return
        self._last_line = FAILED
        for key in [key for key in sorted(self._missing) if key[0] in names]:
            self._tell({"name": key[0], "instance": key[1]}, "can't start")

    def _tell(self, event: dict[str, Any], how: str) -> None:
        key = (event["name"], event["instance"])
        if self._fd < 0 or key not in self._missing:
            return
        self._missing.discard(key)
        lines = [f"{self._display(*key)} {how}".encode("utf-8", "surrogateescape")]
        if not self._missing:
            lines.append(self._last_line)
        self._write(lines)
        if not self._missing:
            self._close()

    def _write(self, lines: Sequence[bytes]) -> None:
        try:
            os.write(self._fd, b"".join(line + b"\n" for line in lines))  # less than a pipe takes
        except BrokenPipeError:
            self._close()  # nobody waits any more

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

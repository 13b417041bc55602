"""The probe `log`: whether a line of its output matches."""

from __future__ import annotations

import re

from ..output.ansi import strip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..config.settings import Probe
    from .subject import Subject

LONGEST_LINE = 65536  # bytes; a longer one is searched in pieces

_LINE_END = re.compile(rb"[\r\n]")


class LogCheck:
    """Hears what a process writes on either stream, from its first byte if begun at its `spawn`."""

    def __init__(self, subject: Subject, probe: Probe, on_ready: Callable[[], object]) -> None:
        self._process = subject.process
        self._pattern = re.compile(probe.target.encode())
        self._on_ready = on_ready
        self._rests: dict[str, bytes] = {}
        self._is_open = False
        self.fault = f"no line of its output matches {probe.target!r}"
        if not self._process.redirect_output:
            self.fault = "its output isn't read"

    def start(self) -> None:
        self._is_open = True
        self._process.monitor_io(".", self._handle_output)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._process.unmonitor_io(".", self._handle_output)

    def _handle_output(self, label: str, message: dict[str, Any]) -> None:
        data: bytes = message["data"]
        lines = _LINE_END.split(self._rests.pop(label, b"") + data)
        if (
            data and len(lines[-1]) < LONGEST_LINE
        ):  # else the stream has ended, or it takes too long
            self._rests[label] = lines.pop()
        if self._is_open and any(self._pattern.search(strip(line)) for line in lines):
            self.close()
            self._on_ready()

"""The probe `log`: whether a line of its output matches."""

from __future__ import annotations

import re

from ..output.ansi import strip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..config.settings import Probe
    from .subject import Subject

# Bytes; a longer one is searched in pieces that overlap: what many a pattern takes grows with the
# square of the length.
LONGEST_LINE = 4096
OVERLAP = 1024

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
        if data:  # else the stream has ended
            rest = lines.pop()
            if len(rest) >= LONGEST_LINE:
                lines.append(rest)
                rest = rest[-OVERLAP:]
            self._rests[label] = rest
        if self._is_open and any(map(self._pattern.search, pieces(lines))):
            self.close()
            self._on_ready()


def pieces(lines: list[bytes]) -> Iterator[bytes]:
    """The lines as a person sees them, none of them too long."""
    for line in map(strip, lines):
        for start in range(0, max(1, len(line) - OVERLAP), LONGEST_LINE - OVERLAP):
            yield line[start : start + LONGEST_LINE]

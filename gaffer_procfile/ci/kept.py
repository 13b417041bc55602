"""What is kept of a process's output until the end of a run: its beginning and its end."""

from __future__ import annotations

from collections import deque

from ..output.ansi import strip

FIRST = 64 * 1024  # bytes
LAST = 192 * 1024


class Kept:
    """Keeps the first and the last of some lines, in memory, and counts what was between.

    It cuts between lines, unless that took more than a third of what may be kept: then in a line.
    """

    def __init__(self, first: int = FIRST, last: int = LAST) -> None:
        self._most_first = first
        self._most_last = last
        self._first: list[bytes] = []
        self._first_size = 0
        self._last: deque[bytes] = deque()
        self._last_size = 0
        self._dropped = 0

    def write(self, data: bytes) -> None:
        """Keep `data`, which ends with a line as a rule."""
        if not self._last:
            data = self._fill_first(data)
            if not data:
                return
        self._last.append(data)
        self._last_size += len(data)
        while self._last_size > self._most_last:
            too_much = self._last_size - self._most_last
            head = self._last.popleft()
            cut = min(too_much, len(head))
            if too_much <= len(head):
                spare = self._most_last // 3
                cut = head.find(b"\n", too_much - 1, too_much + spare) + 1 or too_much
            if cut < len(head):
                self._last.appendleft(head[cut:])
            self._last_size -= cut
            self._dropped += cut

    def _fill_first(self, data: bytes) -> bytes:
        """Keep what of `data` belongs to the beginning; the rest."""
        room = self._most_first - self._first_size
        if len(data) <= room:
            cut = len(data)
        else:
            cut = data.rfind(b"\n", 0, room) + 1
            if self._first_size + cut < self._most_first - self._most_first // 3:
                cut = room
        self._first.append(data[:cut])
        self._first_size += cut
        return data[cut:]

    @property
    def text(self) -> bytes:
        """All that is kept, with a line that says how much isn't."""
        first = b"".join(self._first)
        if self._dropped:
            if first and not first.endswith(b"\n"):
                first += b"\n"
            first += f"[… {self._dropped} bytes left out …]\n".encode()
        return b"".join([first, *self._last])

    def last_lines(self, count: int) -> list[bytes]:
        """The last `count` lines, without escape sequences."""
        lines = strip(self.text).split(b"\n")
        return lines[:-1][-count:] if not lines[-1] else lines[-count:]

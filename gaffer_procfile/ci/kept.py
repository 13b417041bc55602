"""What is kept of a process's output until the end of a run: its beginning and its end."""

from __future__ import annotations

from collections import deque

from ..output.ansi import strip

FIRST = 64 * 1024  # bytes
LAST = 192 * 1024


class Kept:
    """Keeps the first and the last of some lines, in memory, and counts what was between."""

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
        is_beginning = not self._last and not self._dropped
        if is_beginning and self._first_size + len(data) <= self._most_first:
            self._first.append(data)
            self._first_size += len(data)
            return
        self._last.append(data)
        self._last_size += len(data)
        while self._last_size > self._most_last:
            too_much = self._last_size - self._most_last
            head = self._last.popleft()
            # What is left begins with a line.
            cut = head.find(b"\n", too_much - 1) + 1 if too_much <= len(head) else 0
            cut = cut or len(head)
            if cut < len(head):
                self._last.appendleft(head[cut:])
            self._last_size -= cut
            self._dropped += cut

    @property
    def text(self) -> bytes:
        """All that is kept, with a line that says how much isn't."""
        gap = [f"[… {self._dropped} bytes left out …]\n".encode()] if self._dropped else []
        return b"".join([*self._first, *gap, *self._last])

    def last_lines(self, count: int) -> list[bytes]:
        """The last `count` lines, without escape sequences."""
        lines = strip(self.text).split(b"\n")
        return lines[:-1][-count:] if not lines[-1] else lines[-count:]

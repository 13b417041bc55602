"""The last lines of each process, for the report of its failure."""

from __future__ import annotations

from collections import deque

from .ansi import strip

KEPT = 16 * 1024  # bytes


class Tail:
    """Keeps the end of what a process writes: cheap to feed, looked at only when it failed."""

    __slots__ = ("_chunks", "_size")

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def feed(self, data: bytes) -> None:
        data = data[-KEPT:]
        self._chunks.append(data)
        self._size += len(data)
        while self._size - len(self._chunks[0]) >= KEPT:
            self._size -= len(self._chunks.popleft())

    def lines(self, count: int) -> list[bytes]:
        """The last `count` lines, without escape sequences and what was overwritten."""
        text = strip(b"".join(self._chunks)).replace(b"\r\n", b"\n")
        lines = [line.rpartition(b"\r")[2] for line in text.rstrip(b"\n").split(b"\n")]
        return [line for line in lines[-count:] if line or len(lines) > 1]

"""The last lines of each process, for the report of its failure."""

from __future__ import annotations

from ..lean import deque
from .ansi import strip
from .lines import Lines

KEPT = 16 * 1024  # bytes


class Tail:
    """Keeps the end of what a process writes: cheap to feed, looked at only when it failed."""

    __slots__ = ("_chunks", "_open", "_size")

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()  # whole lines
        self._size = 0
        self._open: dict[str, bytes] = {}  # by stream: a line that has begun

    def feed(self, stream: str, data: bytes) -> None:
        begun = self._open.get(stream, b"") if len(data) <= KEPT else b""  # else its rest is cut
        head, newline, rest = data[-KEPT:].rpartition(b"\n")
        if not newline:
            self._open[stream] = (begun + rest)[-KEPT:]
            return
        self._open[stream] = rest
        lines = begun + head + newline
        self._chunks.append(lines)
        self._size += len(lines)
        while self._size - len(self._chunks[0]) >= KEPT:
            self._size -= len(self._chunks.popleft())

    def lines(self, count: int) -> list[bytes]:
        """The last `count` lines, without escape sequences and what was overwritten."""
        written = b"".join([*self._chunks, *(rest + b"\n" for rest in self._open.values() if rest)])
        kept = Lines(clock=lambda: 0.0)
        blocks = [*kept.feed(written), *kept.end()]
        lines = strip(b"".join([block.text for block in blocks])).rstrip(b"\n").split(b"\n")
        return lines[-count:] if count and lines != [b""] else []

"""Cutting a stream of bytes into whole lines, whatever the chunks in which it is read."""

from __future__ import annotations

BOUND = 256 * 1024  # bytes; a longer line is passed on in pieces


class Lines:
    """The lines of one stream.

    `feed` and `end` give blocks `(continued, text)`: `text` is whole lines, each with its newline;
    `continued` says that the first of them goes on with a line of which the last block held a piece.
    """

    __slots__ = ("_bound", "_continued", "_rest", "_size")

    def __init__(self, bound: int = BOUND) -> None:
        self._bound = bound
        self._continued = False
        self._rest: list[bytes] = []  # joined only when the line is whole: a long one comes in many
        self._size = 0

    def feed(self, chunk: bytes) -> list[tuple[bool, bytes]]:
        head, newline, tail = chunk.rpartition(b"\n")
        blocks = []
        if newline:
            blocks.append(self._take(head + newline))
        if tail:
            self._rest.append(tail)
            self._size += len(tail)
            if self._size > self._bound:
                blocks.append(self._take(b"\n"))
                self._continued = True
        return blocks

    def end(self) -> list[tuple[bool, bytes]]:
        """What is left when the stream ends: a last line that had no newline gets one."""
        return [self._take(b"\n")] if self._rest else []

    def _take(self, end: bytes) -> tuple[bool, bytes]:
        block = self._continued, b"".join([*self._rest, end])
        self._continued = False
        self._rest.clear()
        self._size = 0
        return block


def prefixed(text: bytes, first: bytes, other: bytes) -> bytes:
    """Put `first` before the first line of `text` and `other` before each further one."""
    return first + text[:-1].replace(b"\n", b"\n" + other) + b"\n"

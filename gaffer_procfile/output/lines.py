"""Cutting a stream of bytes into lines, whatever the chunks in which it is read.

What a terminal would have overwritten is left out: of a line in which the cursor went back to the
first column (a carriage return, or `ESC [ G`), the last state is what remains, as a progress bar's
final one. Where it went up to paint rows anew, the rules of `Repaint` hold. Empty lines by which a
program pushes away what is on the screen, before it clears that, are left out, too. `raw` leaves all
of it in.
"""

from __future__ import annotations

import time

from .ansi import strip
from .repaint import MOVES_UP, SETTLED, Repaint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BOUND = 256 * 1024  # bytes; a longer line is passed on in pieces
HELD_FOR = 0.05  # seconds; a program that clears the screen does so at once
MOST_HELD = 4096  # bytes; no window has so many rows
LONGEST_ESCAPE = 4096  # bytes; what goes on for longer without an end is no escape sequence

_ESC = b"\x1b"
# Compiled where one is met, as `re` is imported there: most runs see none before their first line.
_UNFINISHED_ESCAPE = (
    rb"\x1b(?:"
    rb"\[[0-?]*[ -/]*"  # control sequence: no final byte yet
    rb"|[\]PX^_][^\x07\x1b\n]*\x1b?"  # string: neither BEL nor ESC \ yet
    rb"|[ -/]*)\Z"
)
_FIRST_COLUMN = rb"\x1b\[[01]?G"
_CLEARING = rb"\x1b(?:c|\[[23]J|\[[01]?(?:;[01]?)?[Hf])"  # the cursor home, or the screen empty
_PUSHED = 3  # empty lines before that; fewer are a program's paragraphs
# The end of what may become that; of fewer lines nobody should wait for more.
_PUSH_ENDS = (b"\n" * 4, b"\r\n" * 4, b"\r\n" * 4 + b"\r")


class Block:
    """Some lines of one stream, or a piece of one.

    `text` is whole lines, each with its newline; or, where `partial`, a piece without one. `continued`
    says that the first line goes on with the piece before it, and `overwrites` that it takes that
    piece's place.
    """

    __slots__ = ("continued", "overwrites", "partial", "text")

    def __init__(self, text: bytes, continued: bool, overwrites: bool, partial: bool) -> None:
        self.text = text
        self.continued = continued
        self.overwrites = overwrites
        self.partial = partial

    def __repr__(self) -> str:
        flags = [name for name in ("continued", "overwrites", "partial") if getattr(self, name)]
        return f"Block({self.text!r}{''.join(f', {flag}' for flag in flags)})"


class Lines:
    """The lines of one stream, from `feed` to `end`. `clock` gives seconds."""

    __slots__ = (
        "_bound",
        "_clock",
        "_continued",
        "_escape",
        "_held",
        "_held_at",
        "_overwrites",
        "_raw",
        "_repaint",
        "_rest",
        "_size",
    )

    def __init__(
        self,
        *,
        raw: bool = False,
        bound: int = BOUND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._repaint: Repaint | None = None  # while rows are painted anew
        self._raw = raw
        self._bound = bound
        self._rest: list[bytes] = []  # joined only when the line is whole: a long one comes in many
        self._size = 0
        self._escape = b""  # an escape sequence of which the end hasn't been read yet
        self._held = b""  # empty lines that may be there to be pushed away
        self._held_at = 0.0
        self._continued = False
        self._overwrites = False

    @property
    def is_open(self) -> bool:
        """Whether a line has begun of which something is to be seen."""
        return any(strip(part).strip(b"\r") for part in self._rest)

    @property
    def overwrites(self) -> bool:
        """Whether the line that has begun takes the place of what was there before."""
        return self._overwrites

    @property
    def settles_in(self) -> float | None:
        """In how many seconds `settle` may give something that is kept; None if nothing is."""
        if self._repaint is not None:
            return SETTLED
        return HELD_FOR if self._held else None

    def feed(self, chunk: bytes) -> Sequence[Block]:
        """The blocks that are complete with `chunk`."""
        if self._raw:
            return self._feed_plain(chunk)
        if self._escape or self._held:
            chunk = self._held + self._escape + chunk
            self._held = self._escape = b""
        if _ESC in chunk:
            chunk = self._hold_escape(chunk)
        return self._feed_sequences(chunk)

    def _feed_sequences(self, chunk: bytes) -> Sequence[Block]:
        """`feed` of a chunk in which no escape sequence is cut."""
        if self._repaint is not None:
            return self._feed_repaint(chunk)
        if _ESC in chunk:
            import re

            chunk = self._without_pushes(chunk)
            if up := re.search(MOVES_UP, chunk):
                return self._begin_repaint(chunk[: up.start()], chunk[up.start() :])
        if chunk.endswith(_PUSH_ENDS):
            chunk = self._hold_empty_lines(chunk)
        return self._feed_text(chunk)

    @property
    def _begins_a_line(self) -> bool:
        """Whether what is fed next does."""
        return not self._rest and not self._continued

    def _without_pushes(self, chunk: bytes) -> bytes:
        import re

        parts = []
        begun = 0
        for clearing in re.finditer(_CLEARING, chunk):
            part = chunk[begun : clearing.start()]
            if part.endswith(b"\n"):
                at = _empty_lines_at(part, self._begins_a_line and begun == 0)
                if part.count(b"\n", at) >= _PUSHED:
                    part = part[:at]
            parts.append(part)
            begun = clearing.start()
        return b"".join([*parts, chunk[begun:]])

    def _hold_empty_lines(self, chunk: bytes) -> bytes:
        """Keep back the empty lines at the end, and half of one: a clearing may follow."""
        cut = _empty_lines_at(chunk.removesuffix(b"\r"), self._begins_a_line)
        if len(chunk) - cut > MOST_HELD:
            return chunk
        self._held = chunk[cut:]
        self._held_at = self._clock()
        return chunk[:cut]

    def _begin_repaint(self, before: bytes, chunk: bytes) -> Sequence[Block]:
        blocks = [*self._feed_text(before)]
        if self.is_open:
            blocks += self._feed_text(b"\n")
        self._repaint = Repaint(self._clock())
        return [*blocks, *self._feed_repaint(chunk)]

    def _feed_repaint(self, chunk: bytes) -> Sequence[Block]:
        assert self._repaint is not None
        told = self._repaint.feed(chunk, self._clock())
        if not self._repaint.over:
            return self._feed_text(told)
        self._repaint = None
        return self._feed_sequences(told)  # more rows may be painted in what comes after those

    def settle(self, *, ended: bool = False) -> Sequence[Block]:
        """The rows, or the empty lines, whose time has come."""
        if self._repaint is None:
            if not self._held or (not ended and self._clock() - self._held_at < HELD_FOR):
                return ()
            held, self._held = self._held, b""
            return self._feed_text(held)
        told = self._repaint.settle(self._clock(), ended=ended)
        if self._repaint.over:
            self._repaint = None
        return self._feed_text(told)

    def _feed_text(self, chunk: bytes) -> Sequence[Block]:
        if self._rest and self._rest[-1].endswith(b"\r"):
            return self._feed_overwriting(chunk)
        if b"\r" in chunk:
            if not chunk.endswith(b"\r"):
                chunk = chunk.replace(b"\r\n", b"\n")
            if b"\r" in chunk:
                return self._feed_overwriting(chunk)
        return self._feed_plain(chunk)

    def _feed_plain(self, chunk: bytes) -> Sequence[Block]:
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            blocks = [self._take(head + newline)]
            if not tail:
                return blocks
        elif not tail:
            return ()
        else:
            blocks = []
        self._rest.append(tail)
        self._size += len(tail)
        if self._size > self._bound:
            piece = self.take_open()
            if piece is not None:
                blocks.append(piece)
        return blocks

    def _hold_escape(self, chunk: bytes) -> bytes:
        """Keep back an unfinished sequence, and make all ways to the first column one."""
        import re

        pattern = re.compile(_UNFINISHED_ESCAPE)  # the same one each time
        unfinished = pattern.search(chunk, max(0, len(chunk) - LONGEST_ESCAPE))
        if unfinished is not None:
            self._escape = unfinished[0]
            chunk = chunk[: unfinished.start()]
        return re.sub(_FIRST_COLUMN, b"\r", chunk)

    def _feed_overwriting(self, chunk: bytes) -> Sequence[Block]:
        *lines, rest = (b"".join(self._rest) + chunk).split(b"\n")
        self._rest.clear()
        self._size = 0
        blocks: list[Block] = []
        for line in lines:
            blocks += self._feed_plain(self._last_state(line) + b"\n")
        if rest:
            # What follows a return at the end tells whether it is a line's end.
            end = b"\r" if rest.endswith(b"\r") else b""
            blocks += self._feed_plain(self._last_state(rest) + end)
        return blocks

    def _last_state(self, line: bytes) -> bytes:
        """What the last of several states in one line is."""
        _before, overwritten, state = line.rstrip(b"\r").rpartition(b"\r")
        if overwritten:
            self._overwrites = True
        return state

    def take_open(self) -> Block | None:
        """What there is of a line that hasn't ended; the rest of it will be `continued`."""
        text = b"".join(self._rest)
        # A character that was read by half, and a return whose newline may follow, wait.
        end = len(text) - _unfinished_tail(text)
        if end == 0:
            return None
        self._rest = [text[:end]]
        block = self._take(b"", partial=True)
        if end < len(text):
            self._rest = [text[end:]]
            self._size = len(text) - end
        self._continued = True
        return block

    def end(self) -> Sequence[Block]:
        """What is left when the stream ends: a last line that had no newline gets one."""
        if self._raw:
            return [self._take(b"\n")] if self._rest or self._continued else ()
        blocks = self.settle(ended=True)
        rest = self._last_state(b"".join(self._rest) + self._escape)
        self._rest.clear()
        self._escape = b""
        if strip(rest) or self._continued:
            blocks = [*blocks, *self._feed_plain(rest + b"\n")]
        return blocks

    def _take(self, end: bytes, *, partial: bool = False) -> Block:
        text = b"".join([*self._rest, end]) if self._rest else end
        block = Block(text, self._continued, self._overwrites and self._continued, partial)
        self._rest.clear()
        self._size = 0
        self._continued = self._overwrites = False
        return block


def _empty_lines_at(text: bytes, begins_a_line: bool) -> int:
    """Where the empty lines begin that `text` ends with; a newline is its last byte."""
    at = len(text.rstrip(b"\r\n"))
    at = max(at, text.rfind(b"\r\r", at) + 1)  # the first one of these is no end of a line
    if at == 0 and begins_a_line:
        return 0
    return text.index(b"\n", at) + 1  # that one ends a line


def _unfinished_tail(text: bytes) -> int:
    """How many bytes at the end belong to a character or a line end that isn't complete."""
    if text.endswith(b"\r"):
        return 1
    for length in range(1, min(3, len(text)) + 1):
        byte = text[-length]
        if byte & 0xC0 == 0x80:
            continue  # it continues a character that begins further left
        wanted = 1
        for size, mask, lead in ((2, 0xE0, 0xC0), (3, 0xF0, 0xE0), (4, 0xF8, 0xF0)):
            if byte & mask == lead:
                wanted = size
        return length if wanted > length else 0
    return 0


def prefixed(text: bytes, first: bytes, other: bytes) -> bytes:
    """Put `first` before the first line of `text` and `other` before each further one."""
    return first + text[:-1].replace(b"\n", b"\n" + other) + text[-1:]

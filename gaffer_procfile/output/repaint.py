"""Rows that a program paints again and again, as `docker pull` and nested progress bars do.

From the first cursor movement upwards on, the rows are kept as the terminal would have them, and
told in their last state: when the program has not moved up for SETTLED seconds, or its output ends.
While it goes on, those that have changed are told every INTERVAL seconds.
"""

from __future__ import annotations

from .ansi import SEQUENCE, strip

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

SETTLED = 1.0  # seconds
INTERVAL = 5.0  # seconds
MOST_ROWS = 100  # no window is higher
LONGEST_ROW = 4096  # bytes; what writes a longer one paints no rows

MOVES_UP = rb"\x1b\[\d{0,4}[AF]"
_TOKEN = (
    rb"(?P<text>[^\n\r\x1b]+)|(?P<end>\n)|(?P<back>\r)"
    rb"|\x1b\[(?P<count>\d{0,4})(?P<move>[ABEFJK])"
    rb"|(?P<other>" + SEQUENCE + rb")"
)


class Repaint:
    """The rows from the highest one that the cursor went to, down to the lowest.

    `feed` and `settle` give what is to be told now: whole lines, and perhaps one that has begun.
    `over` says that all has been told, and that no more is repainted for now.
    """

    __slots__ = ("_last_move", "_last_told", "_lead", "_restart", "_row", "_rows", "_told", "over")

    def __init__(self, now: float) -> None:
        self.over = False
        self._rows = [b""]
        self._told = [b""]  # what each row was when it was told
        self._row = 0  # where the cursor is
        self._restart = True  # what is written now replaces the row
        self._lead = b""  # sequences that the next text comes with
        self._last_move = now
        self._last_told = now

    def feed(self, data: bytes, now: float) -> bytes:
        """What is to be told before `data` is painted; all of it if that paints no rows any more."""
        import re

        told = self.settle(now)
        tokens = re.compile(_TOKEN)  # the same one each time
        position = 0
        while not self.over and position < len(data):
            token = tokens.match(data, position)
            assert token is not None
            told += self._paint(token, now)
            position = token.end()
        return told + data[position:]

    def settle(self, now: float, *, ended: bool = False) -> bytes:
        """What is to be told at this time."""
        if ended or now - self._last_move >= SETTLED:
            self.over = True
        elif now - self._last_told < INTERVAL:
            return b""
        self._last_told = now
        return self._tell_changes()

    def _paint(self, token: re.Match[bytes], now: float) -> bytes:
        kind = token.lastgroup
        if kind == "text":
            return self._write(token[0])
        if kind == "end":
            return self._move(self._row + 1)
        if kind == "back":
            self._restart = True
        elif kind == "other":
            if not self._restart:
                return self._write(token[0])
            if len(self._lead) + len(token[0]) <= LONGEST_ROW:
                self._lead += token[0]
        elif token["move"] in b"JK":
            self._erase(token["move"], token["count"])
        elif token["move"] in b"BE":
            return self._move(min(self._row + int(token["count"] or b"1"), len(self._rows) - 1))
        else:
            self._last_move = now
            return self._move(self._row - min(int(token["count"] or b"1"), MOST_ROWS))
        return b""

    def _write(self, text: bytes) -> bytes:
        if self._restart:
            self._rows[self._row] = self._lead
            self._lead = b""
            self._restart = False
        self._rows[self._row] += text
        if len(self._rows[self._row]) > LONGEST_ROW:
            self.over = True
            return self._tell_changes()
        return b""

    def _move(self, row: int) -> bytes:
        """Go to another row: a new one, if there is none, above or below those that are known."""
        told = b""
        if row < 0:
            new = [b""] * min(-row, MOST_ROWS - len(self._rows))
            self._rows[:0] = new
            self._told[:0] = new
            row = 0
        elif row == len(self._rows):
            self._rows.append(b"")
            self._told.append(b"")
            if len(self._rows) > MOST_ROWS:
                told = self._change(0)
                del self._rows[0], self._told[0]
                row -= 1
        self._row = row
        self._restart = True
        return told

    def _erase(self, what: bytes, how: bytes) -> None:
        if how == b"2" or (self._restart and how in (b"", b"0")):
            self._rows[self._row] = b""
        if what == b"J" and how in (b"", b"0", b"2"):
            for row in range(self._row + 1, len(self._rows)):
                self._rows[row] = b""

    def _tell_changes(self) -> bytes:
        """The rows that have changed since they were told; that of the cursor last, as it may go on."""
        own = self._row if not (self.over and self._restart) else None
        told = b"".join([self._change(row) for row in range(len(self._rows)) if row != own])
        if not self.over:
            return told
        return told + (self._lead if own is None else self._rows[own])

    def _change(self, row: int) -> bytes:
        text = strip(self._rows[row]).rstrip()
        if not text or text == self._told[row]:
            return b""
        self._told[row] = text
        return self._rows[row] + b"\n"

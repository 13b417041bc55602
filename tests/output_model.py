"""What the output has to be, said simply and slowly: on whole texts, character by character."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

ESCAPE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|(?![\[\]PX^_])[ -/]*[0-~])"
)
RENDITION = re.compile(rb"\x1b\[[0-9;:]*m")
FIRST_COLUMN = re.compile(rb"\x1b\[[01]?G")
CLEARINGS = (b"\x1bc", b"\x1b[2J", b"\x1b[3J", b"\x1b[H", b"\x1b[1;1H", b"\x1b[;H", b"\x1b[0;0f")
PUSHES = re.compile(
    rb"(?<=\n)(?:\r?\n){3,}(?=%s|\x1b\[[01]?(?:;[01]?)?[Hf])" % b"|".join(map(re.escape, CLEARINGS))
)


# ---- lines


def raw_lines(data: bytes) -> list[bytes]:
    """The lines of a whole stream; a last one that has no newline is one all the same."""
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def last_state(line: bytes) -> bytes:
    """What remains of a line in which the cursor went back to the first column."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def is_visible(line: bytes) -> bool:
    return bool(
        re.sub(
            rb"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)",
            b"",
            line,
        )
    )


def lines(data: bytes) -> list[bytes]:
    """The lines without what was overwritten; of a last one something has to be seen."""
    data = FIRST_COLUMN.sub(b"\r", data)
    data = PUSHES.sub(b"", b"\n" + data)[1:]
    states = [last_state(line) for line in data.split(b"\n")]
    return states if is_visible(states[-1]) else states[:-1]


def has_push(data: bytes) -> bool:
    """Whether empty lines are left out: how many of them depends on the reads."""
    return PUSHES.search(b"\n" + FIRST_COLUMN.sub(b"\r", data)) is not None


# ---- renditions: each character with the attributes with which a terminal would show it

Attributes = frozenset[tuple[str, str]]
PLAIN: Attributes = frozenset()

_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",)}
_OFF |= {29: ("strike",), 39: ("foreground",), 49: ("background",)}


def _after(attributes: Attributes, parameters: bytes) -> Attributes:
    state = dict(attributes)
    codes = [int(code or b"0") for code in parameters.split(b";")]
    while codes:
        code = codes.pop(0)
        if code == 0:
            state.clear()
        elif code in _ON:
            state[_ON[code]] = "on"
        elif code in _OFF:
            for name in _OFF[code]:
                state.pop(name, None)
        elif code in (38, 48):
            count = {5: 2, 2: 4}[codes[0]]
            state["foreground" if code == 38 else "background"] = str((code, *codes[:count]))
            del codes[:count]
        elif 30 <= code <= 37 or 90 <= code <= 97:
            state["foreground"] = str(code)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            state["background"] = str(code)
        else:
            raise AssertionError(f"the model knows no SGR {code}")
    return frozenset(state.items())


def rendered(data: bytes) -> list[list[tuple[int, Attributes]]]:
    """The lines of `data` as a terminal shows them, where nothing in it moves the cursor."""
    attributes = PLAIN
    shown: list[list[tuple[int, Attributes]]] = [[]]
    position = 0
    while position < len(data):
        escape = ESCAPE.match(data, position)
        if escape is not None:
            if RENDITION.fullmatch(escape[0]):
                attributes = _after(attributes, escape[0][2:-1])
            position = escape.end()
            continue
        if data[position] == 10:
            shown.append([])
        else:
            shown[-1].append((data[position], attributes))
        position += 1
    return shown


def attributes_at_line_ends(data: bytes) -> set[Attributes]:
    """The attributes that are still on where a line ends."""
    found = set()
    attributes = PLAIN
    for line in data.split(b"\n")[:-1]:
        for sequence in RENDITION.findall(line):
            attributes = _after(attributes, sequence[2:-1])
        found.add(attributes)
    return found


# ---- a terminal, a clock


def rows(data: bytes, columns: int = 1 << 30) -> list[bytes]:
    """The rows of a terminal that was sent `data`.

    It knows two escapes: "erase to the right", and whether a full row goes on in the next one.
    """
    shown: list[bytearray] = [bytearray()]
    column = 0
    wraps = True
    for token in re.findall(rb"\x1b\[K|\x1b\[\?7[hl]|[\s\S]", data):
        row = shown[-1]
        if token == b"\n":
            shown.append(bytearray())
            column = 0
        elif token == b"\r":
            column = 0
        elif token == b"\x1b[K":
            del row[min(column, columns - 1) :]  # the cursor never stands behind the last column
        elif token.startswith(b"\x1b"):
            wraps = token.endswith(b"h")
        else:
            if column == columns and wraps:
                shown.append(row := bytearray())
                column = 0
            column = min(column, columns - 1)
            row[column : column + 1] = token
            column += 1
    return [bytes(row) for row in shown]


class FakeTimer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """A loop of which only the timers are used, and whose time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._count = itertools.count()
        self._timers: list[tuple[float, int, FakeTimer, Callable[..., object], Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> FakeTimer:
        timer = FakeTimer()
        heapq.heappush(self._timers, (self.now + delay, next(self._count), timer, callback, args))
        return timer

    @property
    def timers(self) -> int:
        return sum(not entry[2].cancelled for entry in self._timers)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _number, timer, callback, args = heapq.heappop(self._timers)
            self.now = when
            if not timer.cancelled:
                callback(*args)
        self.now = end


def pieces(data: bytes, cuts: Iterable[int]) -> Sequence[bytes]:
    """`data` cut at these places, as reads would bring it."""
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places) if start < end]

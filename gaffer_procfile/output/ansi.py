"""Escape sequences: which may pass to a screen that many processes share.

Colours and other renditions (SGR) may; they end with the line and go on with the next one of the
same stream, so that they never colour somebody else's. All that moves the cursor, clears, changes
the screen, its title, its modes or its character set is dropped. Source: ECMA-48, and xterm's
control sequences.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Changes = tuple[tuple[str, bytes | None], ...]

RESET = b"\x1b[0m"

# `re` is imported where one is first needed, and compiles it then: a run without a single escape
# sequence pays for neither.
_SGR = rb"\x1b\[([0-9;:]*)m"
_STRINGS = rb"[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
_OTHER = (
    rb"\x1b(?:\[(?![0-9;:]*m)[0-?]*[ -/]*[@-~]?|" + _STRINGS + rb"|(?!\[)[ -/]*[0-OQ-WYZ\\`-~]?)"
)
SEQUENCE = rb"\x1b(?:\[[0-?]*[ -/]*[@-~]?|" + _STRINGS + rb"|[ -/]*[0-OQ-WYZ\\`-~]?)"
_SPLIT = b"(" + SEQUENCE + b")"
# What moves a cursor or changes a character set without an escape: ENQ, VT, FF, SO, SI, and the C1
# controls, each of which a terminal takes for an escape sequence of its own.
_CONTROLS = b"\x05\x0b\x0c\x0e\x0f"
_C1 = rb"\xc2[\x80-\x9f]"
_MOST_KNOWN = 1024  # sequences
_LONGEST_SGR = 256  # bytes; what no program writes isn't kept for the next line

# What each code of an SGR is about, and those that end it. Codes about the same replace each other.
_KINDS = {
    1: "bold",
    2: "dim",
    **dict.fromkeys((3, 20), "slant"),
    **dict.fromkeys((4, 21), "underline"),
    **dict.fromkeys((5, 6), "blink"),
    7: "inverse",
    8: "conceal",
    9: "strike",
    **dict.fromkeys(range(11, 20), "font"),
    **dict.fromkeys([*range(30, 39), *range(90, 98)], "foreground"),
    **dict.fromkeys([*range(40, 49), *range(100, 108)], "background"),
    26: "spacing",
    **dict.fromkeys((51, 52), "frame"),
    53: "overline",
    58: "underline colour",
    **dict.fromkeys((73, 74), "script"),
}
_ENDS = {
    10: ("font",),
    22: ("bold", "dim"),
    23: ("slant",),
    24: ("underline",),
    25: ("blink",),
    27: ("inverse",),
    28: ("conceal",),
    29: ("strike",),
    39: ("foreground",),
    49: ("background",),
    50: ("spacing",),
    54: ("frame",),
    55: ("overline",),
    59: ("underline colour",),
    75: ("script",),
}


def strip(text: bytes) -> bytes:
    """`text` without any escape sequence."""
    if b"\x1b" not in text:
        return text
    import re

    return re.sub(SEQUENCE, b"", text)


class Cleaner:
    """Makes one stream's text fit for a shared screen: `clean` each piece, in order.

    Without `colour` no sequence at all passes. `controls` drops the control characters as well that
    a terminal would act on.
    """

    __slots__ = ("_colour", "_controls", "_prelude", "_renditions")

    def __init__(self, *, colour: bool, controls: bool = False) -> None:
        self._colour = colour
        self._controls = controls
        self._renditions: dict[str, bytes] = {}  # those that are on
        self._prelude = b""  # the sequence that turns them on

    def clean(self, text: bytes) -> bytes:
        if self._controls:
            text = _without_controls(text)
        if b"\x1b" not in text:
            return self._carry(text) if self._prelude else text
        import re

        if not self._colour:
            return re.sub(SEQUENCE, b"", text)
        text = re.sub(_OTHER, b"", text)
        return self._carry(text) if self._prelude or b"\x1b" in text else text

    def _carry(self, text: bytes) -> bytes:
        """End the renditions with each line, and begin them again with the next one."""
        lines = text.split(b"\n")
        for index, line in enumerate(lines):
            before = self._prelude
            if b"\x1b" in line:
                self._note_renditions(line)
            if line:
                lines[index] = before + line + (RESET if self._prelude else b"")
        return b"\n".join(lines)

    def _note_renditions(self, line: bytes) -> None:
        import re

        on = self._renditions
        for parameters in re.findall(_SGR, line):
            for kind, value in _changes(parameters):
                if value is not None:
                    on[kind] = value
                elif kind == _EVERYTHING:
                    on.clear()
                else:
                    on.pop(kind, None)
        self._prelude = b"\x1b[" + b";".join(on.values()) + b"m" if on else b""


_EVERYTHING = ""
_known_changes: dict[bytes, Changes] = {}  # programs use few sequences, and those often


def _changes(parameters: bytes) -> Changes:
    """What one SGR turns on (a kind with its parameters) and off (a kind with None), in order."""
    changes = _known_changes.get(parameters)
    if changes is None:
        if len(parameters) > _LONGEST_SGR:
            return ()
        changes = tuple(_find_changes(parameters))
        if len(_known_changes) < _MOST_KNOWN:
            _known_changes[parameters] = changes
    return changes


def _find_changes(parameters: bytes) -> Iterator[tuple[str, bytes | None]]:
    fields = parameters.split(b";")
    index = 0
    while index < len(fields):
        first = fields[index]
        code = 24 if first == b"4:0" else int(first.partition(b":")[0] or b"0")
        size = 1
        if code in (38, 48, 58) and b":" not in first:
            # 38;5;N is a colour of a table, 38;2;R;G;B one by itself.
            size = {b"5": 3, b"2": 5}.get(fields[index + 1] if index + 1 < len(fields) else b"", 1)
        if code == 0:
            yield _EVERYTHING, None
        elif code in _KINDS:
            yield _KINDS[code], b";".join(fields[index : index + size])
        elif code in _ENDS:
            for kind in _ENDS[code]:
                yield kind, None
        index += size


def _without_controls(text: bytes) -> bytes:
    if b"\b" in text:
        text = _without_backspaces(text)
    if b"\xc2" in text:
        import re

        text = re.sub(_C1, b"", text)
    return text.translate(None, _CONTROLS)


def _without_backspaces(text: bytes) -> bytes:
    """What remains where each backspace takes the character before it away, and no sequence."""
    import re

    kept: list[str] = []
    places: list[int] = []  # where in `kept` the characters of this line are
    for index, part in enumerate(re.split(_SPLIT, text)):
        decoded = part.decode("utf-8", "surrogateescape")
        if index % 2:
            kept.append(decoded)
            continue
        for character in decoded:
            if character == "\b":
                if places:
                    kept[places.pop()] = ""
                continue
            if character == "\n":
                places.clear()
            else:
                places.append(len(kept))
            kept.append(character)
    return "".join(kept).encode("utf-8", "surrogateescape")

"""Escape sequences: which may pass to a screen that many processes share.

Colours and other renditions (SGR) may; they end with the line and go on with the next one of the
same stream, so that they never colour somebody else's. All that moves the cursor, clears, changes
the screen, its title, its modes or its character set is dropped. Source: ECMA-48, and xterm's
control sequences.
"""

from __future__ import annotations

import re

RESET = b"\x1b[0m"

_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
_STRINGS = rb"[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
_OTHER = re.compile(
    rb"\x1b(?:\[(?![0-9;:]*m)[0-?]*[ -/]*[@-~]?|" + _STRINGS + rb"|(?!\[)[ -/]*[0-OQ-WYZ\\`-~]?)"
)
_ANY = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]?|" + _STRINGS + rb"|[ -/]*[0-OQ-WYZ\\`-~]?)")
# What moves a cursor or changes a character set without an escape: ENQ, VT, FF, SO, SI.
_CONTROLS = b"\x05\x0b\x0c\x0e\x0f"
_LONGEST_STATE = 256  # bytes of renditions kept for the next line


def strip(text: bytes) -> bytes:
    """`text` without any escape sequence."""
    return _ANY.sub(b"", text) if b"\x1b" in text else text


class Cleaner:
    """Makes one stream's text fit for a shared screen: `clean` each piece, in order.

    Without `colour` no sequence at all passes. `controls` drops the control characters as well that
    a terminal would act on.
    """

    __slots__ = ("_colour", "_controls", "_state")

    def __init__(self, *, colour: bool, controls: bool = False) -> None:
        self._colour = colour
        self._controls = controls
        self._state = b""  # the renditions that are on

    def clean(self, text: bytes) -> bytes:
        if self._controls:
            text = _without_controls(text)
        if b"\x1b" not in text:
            return self._carry(text) if self._state else text
        if not self._colour:
            return _ANY.sub(b"", text)
        text = _OTHER.sub(b"", text)
        return self._carry(text) if self._state or b"\x1b" in text else text

    def _carry(self, text: bytes) -> bytes:
        """End the renditions with each line, and begin them again with the next one."""
        lines = text.split(b"\n")
        for index, line in enumerate(lines):
            before = self._state
            if b"\x1b" in line:
                self._state = _state_after(before, line)
            if not line:
                continue
            lines[index] = before + line + (RESET if self._state else b"")
        return b"\n".join(lines)


def _state_after(state: bytes, line: bytes) -> bytes:
    for sequence in _SGR.finditer(line):
        first, _, others = sequence[1].partition(b";")
        if first.strip(b"0"):
            state += sequence[0]
        else:  # 0 or nothing: all that was on goes off
            state = sequence[0] if others.strip(b"0;") else b""
    if len(state) > _LONGEST_STATE:
        state = state[state.index(b"\x1b", len(state) - _LONGEST_STATE) :]
    return state


def _without_controls(text: bytes) -> bytes:
    if b"\b" in text:
        text = _without_backspaces(text)
    return text.translate(None, _CONTROLS)


def _without_backspaces(text: bytes) -> bytes:
    """What remains where each backspace takes the character before it away."""
    lines = []
    for line in text.split(b"\n"):
        kept: list[str] = []
        for character in line.decode("utf-8", "surrogateescape"):
            if character != "\b":
                kept.append(character)
            elif kept:
                kept.pop()
        lines.append("".join(kept).encode("utf-8", "surrogateescape"))
    return b"\n".join(lines)

"""Escape sequences: what passes to a shared screen, and that renditions stay with their stream."""

from __future__ import annotations

import output_model
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from output_model import pieces

from gaffer_procfile.output.ansi import Cleaner, strip
from gaffer_procfile.output.lines import Lines

DROPPED = {
    "cursor up": b"\x1b[2A",
    "cursor down": b"\x1b[B",
    "cursor right": b"\x1b[10C",
    "cursor left": b"\x1b[D",
    "next line": b"\x1b[E",
    "previous line": b"\x1b[F",
    "column": b"\x1b[7G",
    "position": b"\x1b[1;1H",
    "position as f": b"\x1b[2;3f",
    "row": b"\x1b[5d",
    "clear screen": b"\x1b[2J",
    "clear scrollback": b"\x1b[3J",
    "clear line": b"\x1b[2K",
    "scroll up": b"\x1b[3S",
    "insert line": b"\x1b[L",
    "delete characters": b"\x1b[2P",
    "repeat": b"\x1b[80b",
    "scroll region": b"\x1b[1;10r",
    "alternate screen": b"\x1b[?1049h",
    "hide cursor": b"\x1b[?25l",
    "mouse": b"\x1b[?1000;1006h",
    "bracketed paste": b"\x1b[?2004h",
    "synchronized output": b"\x1b[?2026h",
    "soft reset": b"\x1b[!p",
    "cursor style": b"\x1b[2 q",
    "status report": b"\x1b[6n",
    "device attributes": b"\x1b[c",
    "modifyOtherKeys, which ends in m too": b"\x1b[>4;2m",
    "private m": b"\x1b[?4m",
    "window size": b"\x1b[8;50;100t",
    "save cursor": b"\x1b7",
    "restore cursor": b"\x1b8",
    "save cursor, SCO": b"\x1b[s",
    "full reset": b"\x1bc",
    "index": b"\x1bD",
    "reverse index": b"\x1bM",
    "tab stop": b"\x1bH",
    "keypad": b"\x1b=",
    "line drawing": b"\x1b(0",
    "charset of G1": b"\x1b)B",
    "UTF-8": b"\x1b%G",
    "screen alignment test": b"\x1b#8",
    "title, BEL": b"\x1b]0;a title\x07",
    "title, ST": b"\x1b]2;a title\x1b\\",
    "working directory": b"\x1b]7;file://host/dir\x07",
    "clipboard": b"\x1b]52;c;aGVsbG8=\x07",
    "link, begun": b"\x1b]8;;http://example.com\x1b\\",
    "link, ended": b"\x1b]8;;\x1b\\",
    "device control": b"\x1bP1$r0m\x1b\\",
    "application command": b"\x1b_Ga=T;AAAA\x1b\\",
    "privacy message": b"\x1b^x\x1b\\",
}


@pytest.mark.parametrize("sequence", DROPPED.values(), ids=DROPPED)
@pytest.mark.parametrize("colour", [False, True])
def test_what_would_damage_the_screen_is_dropped(sequence: bytes, colour: bool) -> None:
    cleaner = Cleaner(colour=colour)
    assert cleaner.clean(b"a" + sequence + b"b\n") == b"ab\n"
    assert strip(b"a" + sequence + b"b\n") == b"ab\n"


RED, BOLD, RESET = b"\x1b[31m", b"\x1b[1m", b"\x1b[0m"
CARRIED = {
    "closed by itself": (RED + b"a" + RESET + b"\nb\n", RED + b"a" + RESET + b"\nb\n"),
    "closed by the short form": (RED + b"a\x1b[m\nb\n", RED + b"a\x1b[m\nb\n"),
    "open at the end of the line": (
        RED + b"a\nb\n",
        RED + b"a" + RESET + b"\n" + RED + b"b" + RESET + b"\n",
    ),
    "an empty line needs none": (RED + b"a\n\n", RED + b"a" + RESET + b"\n\n"),
    "ended by its own opposite": (RED + b"a\x1b[39m\nb\n", RED + b"a\x1b[39m\nb\n"),
    "bold ended by 22": (BOLD + b"a\x1b[22m\nb\n", BOLD + b"a\x1b[22m\nb\n"),
    "38;5;0 is no reset": (
        b"\x1b[38;5;0ma\nb\n",
        b"\x1b[38;5;0ma" + RESET + b"\n\x1b[38;5;0mb" + RESET + b"\n",
    ),
    "48;2;0;0;0 is none either": (
        b"\x1b[48;2;0;0;0ma\nb\n",
        b"\x1b[48;2;0;0;0ma" + RESET + b"\n\x1b[48;2;0;0;0mb" + RESET + b"\n",
    ),
    "colons": (
        b"\x1b[38:2::1:2:3ma\nb\n",
        b"\x1b[38:2::1:2:3ma" + RESET + b"\n\x1b[38:2::1:2:3mb" + RESET + b"\n",
    ),
    "a reset with more behind it": (
        RED + b"a\x1b[0;1mb\nc\n",
        RED + b"a\x1b[0;1mb" + RESET + b"\n" + BOLD + b"c" + RESET + b"\n",
    ),
    "a reset behind more": (b"\x1b[1;0ma\nb\n", b"\x1b[1;0ma\nb\n"),
}


@pytest.mark.parametrize(("data", "expected"), CARRIED.values(), ids=CARRIED)
def test_renditions_end_with_the_line_and_go_on_with_the_next(data: bytes, expected: bytes) -> None:
    assert Cleaner(colour=True).clean(data) == expected
    assert Cleaner(colour=False).clean(data) == strip(data)


def test_a_later_colour_takes_the_place_of_the_former() -> None:
    cleaner = Cleaner(colour=True)
    cleaner.clean(b"\x1b[31m\x1b[32m\x1b[1;33mx\n")
    line = cleaner.clean(b"y\n")
    assert output_model.rendered(line) == output_model.rendered(b"\x1b[1;33my\n")
    assert b"31" not in line and b"32" not in line


def test_lines_that_open_and_close_leave_nothing_that_grows() -> None:
    cleaner = Cleaner(colour=True)
    line = b"\x1b[36mGET\x1b[39m \x1b[1m/\x1b[22m \x1b[4mx\x1b[24m\n"
    for _ in range(100):
        assert cleaner.clean(line) == line


@pytest.mark.parametrize(
    "parameters", [b"1;" * 500, b"9" * 5000, b";" * 300, b"38;5", b"38;2;1", b":"]
)
def test_absurd_renditions_are_no_error(parameters: bytes) -> None:
    cleaner = Cleaner(colour=True)
    cleaner.clean(b"\x1b[" + parameters + b"mx\n")
    assert len(cleaner.clean(b"y\n")) < 1000


SGR = st.sampled_from(
    [b"\x1b[%sm" % code for code in b"0,,1,2,3,4,7,9,22,23,24,27,29,31,39,42,49,97,103".split(b",")]
    + [b"\x1b[38;5;0m", b"\x1b[38;2;0;0;0m", b"\x1b[48;5;22m", b"\x1b[1;31m", b"\x1b[0;32m"]
    + [b"\x1b[31;0m", b"\x1b[1;39;0;4m"]
)
TEXT = st.lists(SGR | st.sampled_from([b"a", b"b", b"\n", *DROPPED.values()]), max_size=30).map(
    b"".join
)


@given(TEXT, st.lists(st.integers(0, 300), max_size=10))
@settings(max_examples=1500, deadline=None)
def test_each_character_keeps_its_look_and_no_line_leaves_one(data: bytes, cuts: list[int]) -> None:
    data = data.replace(b"\x1b[2A", b"").replace(b"\x1b[F", b"")  # these overwrite lines
    lines, cleaner = Lines(), Cleaner(colour=True)
    blocks = [block for part in pieces(data, cuts) for block in lines.feed(part)]
    cleaned = b"".join(cleaner.clean(block.text) for block in [*blocks, *lines.end()])
    expected = output_model.rendered(data)
    shown = output_model.rendered(cleaned)
    assert shown[: len(expected)] == expected
    assert all(line == [] for line in shown[len(expected) :])
    assert output_model.attributes_at_line_ends(cleaned) <= {output_model.PLAIN}
    left = output_model.RENDITION.sub(b"", cleaned)
    assert b"\x1b" not in left


@given(st.binary(max_size=60), st.booleans())
@settings(max_examples=1000, deadline=None)
def test_no_bytes_are_an_error_and_without_escapes_none_is_lost(data: bytes, colour: bool) -> None:
    cleaned = Cleaner(colour=colour).clean(data)
    if b"\x1b" not in data:
        assert cleaned == data
    if not colour:
        assert b"\x1b" not in cleaned
    assert b"\x1b" not in strip(data)


CONTROLS = {
    "a backspace takes a character": (b"abc\b\bX\n", b"aX\n"),
    "never more than the line": (b"a\n\b\bb\n", b"a\nb\n"),
    "a whole character": ("é\bx\n".encode(), b"x\n"),
    "overstruck": (b"N\bNA\bA_\bM\n", b"NAM\n"),
    "not a sequence's last byte": (
        b"\x1b[32m|\x1b[0m\b\x1b[32m/\x1b[0m\n",
        b"\x1b[32m\x1b[0m\x1b[32m/\x1b[0m\n",
    ),
    "not UTF-8": (b"\xff\b\xfe\n", b"\xfe\n"),
    "form feed and vertical tab": (b"a\x0cb\x0bc\n", b"abc\n"),
    "shift out and in": (b"a\x0eb\x0fc\n", b"abc\n"),
    "enquiry": (b"a\x05b\n", b"ab\n"),
    "tabs and bells stay": (b"a\tb\x07\n", b"a\tb\x07\n"),
    "C1, of which terminals make escapes": ("a\x9b2Jb\x84\n".encode(), b"a2Jb\n"),
    "text that looks like C1 in part": ("«é»À\n".encode(), "«é»À\n".encode()),
}


@pytest.mark.parametrize(("data", "expected"), CONTROLS.values(), ids=CONTROLS)
def test_controls_that_move_the_cursor_are_kept_from_a_terminal(
    data: bytes, expected: bytes
) -> None:
    assert Cleaner(colour=True, controls=True).clean(data) == expected
    if b"\x1b" not in data:
        assert Cleaner(colour=True).clean(data) == data

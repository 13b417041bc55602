"""Lines: the same lines of the same bytes, however they are read."""

from __future__ import annotations

import itertools
import re
import time

import output_model
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from output_model import pieces

from gaffer_procfile.output.lines import BOUND, HELD_FOR, Block, Lines

CUTS = st.lists(st.integers(0, 200), max_size=12)
# Bytes that mean something to somebody, more often than others.
BYTES = st.lists(
    st.sampled_from(
        [
            b"a",
            b"b",
            b"\n",
            b"\r",
            b"\r\n",
            b"\xff",
            "é".encode(),
            "😀".encode(),
            b"\x1b[31m",
            b"\x1b[0m",
            b"\x1b[1G",
            b"\x1b[G",
            b"\x1b[2K",
            b"\x1b]0;t\x07",
            b"\x1b",
            b"\x00",
            b" ",
            b"\r\n" * 4,
            b"\n" * 4,
            *output_model.CLEARINGS,
        ]
    )
    | st.binary(min_size=1, max_size=3).filter(lambda data: b"\x1b" not in data),
    max_size=30,
).map(b"".join)


def blocks_of(parts: list[bytes], *, raw: bool = False, bound: int = BOUND) -> list[Block]:
    lines = Lines(raw=raw, bound=bound)
    found: list[Block] = []
    for part in parts:
        found += lines.feed(part)
    return found + list(lines.end())


def text(blocks: list[Block]) -> bytes:
    return b"".join(block.text for block in blocks)


def joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def text_of_reads(parts: list[bytes]) -> bytes:
    return _without_empty_lines(b"".join(parts), text(blocks_of(parts)))


def expected_of_reads(data: bytes) -> bytes:
    return _without_empty_lines(data, joined(output_model.lines(data)))


def _without_empty_lines(data: bytes, lines: bytes) -> bytes:
    """All of them where a screen is pushed away: how many of those are seen depends on the reads."""
    return re.sub(rb"(?m)^\n", b"", lines) if output_model.has_push(data) else lines


TABLE = {
    "nothing": (b"", b""),
    "one line": (b"one\n", b"one\n"),
    "no newline at the end": (b"one\ntwo", b"one\ntwo\n"),
    "empty lines": (b"\n\na\n\n", b"\n\na\n\n"),
    "CRLF": (b"one\r\ntwo\r\n", b"one\ntwo\n"),
    "CR before CRLF": (b"one\r\r\n", b"one\n"),
    "the last state of a bar": (b"10%\r20%\r100%\n", b"100%\n"),
    "a bar that begins with CR": (b"\r10%\r20%\n", b"20%\n"),
    "a bar that ends with CR": (b"10%\r20%\r", b"20%\n"),
    "a bar that ends with CR and newline": (b"10%\r20%\r\nnext\n", b"20%\nnext\n"),
    "to the first column by an escape": (b"|\x1b[1G/\x1b[Gdone\n", b"done\n"),
    "not UTF-8": (b"\xff\xfe\x80\n", b"\xff\xfe\x80\n"),
    "NUL": (b"a\0b\n", b"a\0b\n"),
    "an escape that has no end": (b"a\x1b[31", b"a\x1b[31\n"),
    "a title that has no end": (b"a\x1b]0;tit", b"a\x1b]0;tit\n"),
    "lines by which a screen is pushed away": (
        b"before\r\n" + 39 * b"\r\n" + b"\x1b[1;1H\x1b[0JVITE\r\n",
        b"before\n\x1b[1;1H\x1b[0JVITE\n",
    ),
    "first of all": (b"\r\n\r\n\r\n\x1b[2J\x1b[3J\x1b[Hx\r\n", b"\x1b[2J\x1b[3J\x1b[Hx\n"),
    "behind an open line": (b"a\r\n\r\n\r\n\r\n\x1bcb\r\n", b"a\n\x1bcb\n"),
    "not a few": (b"a\r\n\r\n\r\n\x1bcb\r\n", b"a\n\n\n\x1bcb\n"),
    "in a terminal that is raw": (b"a\n\n\n\n\x1bcb\n", b"a\n\x1bcb\n"),
    "not before other moves": (b"a\r\n\r\n\r\n\r\n\x1b[5;1Hb\r\n", b"a\n\n\n\n\x1b[5;1Hb\n"),
    "other separators are none": (
        "a\u2028b\x0bc\x0cd\x85\n".encode(),
        "a\u2028b\x0bc\x0cd\x85\n".encode(),
    ),
}


@pytest.mark.parametrize(("data", "expected"), TABLE.values(), ids=TABLE)
def test_lines(data: bytes, expected: bytes) -> None:
    assert text(blocks_of([data])) == expected
    assert text_of_reads([bytes([byte]) for byte in data]) == expected_of_reads(data)


@given(BYTES, CUTS)
@settings(max_examples=1500, deadline=None)
@example(b"a\r\nb", [2])
def test_any_reads_give_the_same_lines(data: bytes, cuts: list[int]) -> None:
    assert text(blocks_of([data])) == joined(output_model.lines(data))
    assert text_of_reads(list(pieces(data, cuts))) == expected_of_reads(data)


@given(BYTES, CUTS, st.integers(1, 20))
@settings(max_examples=700, deadline=None)
def test_raw_lines_have_every_byte(data: bytes, cuts: list[int], bound: int) -> None:
    blocks = blocks_of(list(pieces(data, cuts)), raw=True, bound=bound)
    assert text(blocks) == joined(output_model.raw_lines(data))
    for before, block in itertools.pairwise(blocks):
        assert block.continued == before.partial


@given(BYTES.filter(lambda data: b"\r" not in data and b"G" not in data), CUTS, st.integers(1, 20))
@settings(max_examples=500, deadline=None)
def test_pieces_of_long_lines_have_every_byte(data: bytes, cuts: list[int], bound: int) -> None:
    data += b"\n."  # or an end that can't be seen might be in a piece, or not
    blocks = blocks_of(list(pieces(data, cuts)), bound=bound)
    assert _without_empty_lines(data, text(blocks)) == expected_of_reads(data)
    for before, block in itertools.pairwise(blocks):
        assert block.continued == before.partial
        assert not block.overwrites


@given(st.text(alphabet="aé€😀", max_size=40), CUTS, st.integers(1, 10))
@settings(max_examples=300, deadline=None)
def test_no_piece_ends_within_a_character(written: str, cuts: list[int], bound: int) -> None:
    for block in blocks_of(list(pieces(written.encode(), cuts)), bound=bound):
        block.text.decode()


def test_empty_lines_of_a_terminal_wait_for_a_clearing_and_not_for_long() -> None:
    now = 0.0
    lines = Lines(clock=lambda: now)
    assert text(list(lines.feed(b"a\r\n\r\n\r\n"))) == b"a\n\n\n"
    assert text(list(lines.feed(b"a\r\n\r\n\r\n\r\n"))) == b"a\n"
    assert lines.settles_in == HELD_FOR
    assert list(lines.settle()) == []
    now = HELD_FOR
    assert text(list(lines.settle())) == b"\n\n\n"
    assert lines.settles_in is None
    assert list(lines.feed(b"\n" * 39)) == []
    assert list(lines.feed(b"\r\n" * 39 + b"\r")) == []
    assert text(list(lines.feed(b"\n\x1b["))) == b""
    assert text(list(lines.feed(b"2Jb\r\n"))) == b"\x1b[2Jb\n"


def test_more_empty_lines_than_a_window_has_are_written() -> None:
    lines = Lines()
    assert sum(len(text(list(lines.feed(b"\r\n" * 1000)))) for _ in range(10)) >= 8000
    assert text(blocks_of([b"\r\n" * 1000] * 10)) == b"\n" * 10_000


def test_an_open_line_goes_on() -> None:
    lines = Lines()
    assert list(lines.feed(b"Password: ")) == []
    assert lines.is_open
    block = lines.take_open()
    assert block is not None and (block.text, block.partial) == (b"Password: ", True)
    assert not lines.is_open
    [rest] = lines.feed(b"ok\nnext\n")
    assert rest.text == b"ok\nnext\n" and rest.continued and not rest.overwrites
    [after] = lines.feed(b"more\n")
    assert not after.continued


def test_what_comes_after_a_return_takes_the_place_of_the_open_line() -> None:
    lines = Lines()
    lines.feed(b"10%\r")
    block = lines.take_open()
    assert block is not None and block.text == b"10%"
    assert list(lines.feed(b"20%\r")) == []
    block = lines.take_open()
    assert block is not None and (block.text, block.overwrites) == (b"20%", True)
    [last] = lines.feed(b"\n")
    assert (last.text, last.continued, last.overwrites) == (b"\n", True, False)


@pytest.mark.parametrize("hidden", [b"\x1b[?25l", b"\x1b[0m", b"|\x1b[1G\x1b[0K", b"\r", b"\x1b["])
def test_nothing_to_be_seen_is_no_open_line(hidden: bytes) -> None:
    lines = Lines()
    lines.feed(hidden)
    assert not lines.is_open


def test_what_waits_for_its_end_is_not_given_by_half() -> None:
    lines = Lines()
    lines.feed("aé".encode()[:-1])
    block = lines.take_open()
    assert block is not None and block.text == b"a"
    assert text(list(lines.feed("é\n".encode()[1:]))) == "é\n".encode()


@pytest.mark.parametrize("raw", [False, True])
def test_a_line_of_100_mb_is_complete_and_never_held(raw: bool) -> None:
    lines = Lines(raw=raw)
    chunk = b"x" * 65536
    size = 0
    largest = 0
    start = time.monotonic()
    for _ in range(1600):
        for block in lines.feed(chunk):
            size += len(block.text)
            largest = max(largest, len(block.text))
    size += len(text(list(lines.end())))
    assert size == 1600 * 65536 + 1
    assert largest <= BOUND + len(chunk)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "part",
    [
        *(b"\r", b"\r\r\n\r", b"\x1b", b"\x1b[", b"\x1b]0;x", b"a\r", b"\b", b"\xf0"),
        *(b"\n", b"\r\n", b"\x1b[m" + b"\n" * 16380, b"\x1b[m" + b"\r\n" * 8190),
    ],
)
def test_no_input_takes_quadratic_time_or_is_kept_for_ever(part: bytes, raw: bool) -> None:
    lines = Lines(raw=raw)
    chunk = part * (16384 // len(part))
    held = given = 0
    start = time.monotonic()
    for _ in range(64):  # 1 MB
        given += len(chunk)
        blocks = lines.feed(chunk)
        held = sum(map(len, lines._rest)) + len(lines._escape)
        assert held <= BOUND + len(chunk)
        del blocks
    assert time.monotonic() - start < 3


def test_a_flood_of_empty_lines_is_no_work() -> None:
    lines = Lines()
    start = time.monotonic()
    assert sum(len(text(list(lines.feed(b"\n" * 65536)))) for _ in range(64)) == 64 * 65536
    assert time.monotonic() - start < 1


def test_to_go_far_up_again_and_again_is_little_work() -> None:
    lines = Lines()
    start = time.monotonic()
    for _ in range(20):
        lines.feed(b"\x1b[99Ax\n" * 2000)
    assert time.monotonic() - start < 4

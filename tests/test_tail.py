"""The last lines that a process wrote."""

from __future__ import annotations

import pytest

from gaffer_procfile.output.tail import KEPT, Tail

TABLE = {
    "nothing": ([], 3, []),
    "fewer than asked for": ([b"one\ntwo\n"], 3, [b"one", b"two"]),
    "the last ones": ([b"one\ntwo\n", b"three\nfour"], 2, [b"three", b"four"]),
    "in pieces": ([b"o", b"ne\nt", b"wo"], 5, [b"one", b"two"]),
    "no colours": ([b"\x1b[31mred\x1b[0m\n"], 5, [b"red"]),
    "CRLF": ([b"one\r\ntwo\r\n"], 5, [b"one", b"two"]),
    "the last state of a bar": ([b"10%\r20%\r30%\n"], 5, [b"30%"]),
    "a bar that ends with a return": ([b"10%\r20%\r"], 5, [b"20%"]),
    "empty lines between": ([b"a\n\nb\n\n\n"], 5, [b"a", b"", b"b"]),
    "only empty lines": ([b"\n\n\n"], 5, []),
    "none asked for": ([b"a\n"], 0, []),
}


@pytest.mark.parametrize(("parts", "count", "expected"), TABLE.values(), ids=TABLE)
def test_lines(parts: list[bytes], count: int, expected: list[bytes]) -> None:
    tail = Tail()
    for part in parts:
        tail.feed("stdout", part)
    assert tail.lines(count) == expected


def test_lines_of_two_streams_are_not_torn() -> None:
    tail = Tail()
    tail.feed("stdout", b"begin")
    tail.feed("stderr", b"error\nlas")
    tail.feed("stdout", b"ning\n")
    assert tail.lines(5) == [b"error", b"beginning", b"las"]


def test_little_is_kept() -> None:
    tail = Tail()
    for number in range(10_000):
        tail.feed("stdout", b"line %d\n" % number)
        tail.feed("stderr", b"x" * 100)
    assert tail.lines(3) == [b"line 9998", b"line 9999", b"x" * KEPT]
    assert sum(map(len, tail._chunks)) <= 2 * KEPT


def test_a_line_that_is_too_long_is_its_end() -> None:
    tail = Tail()
    for _ in range(100):
        tail.feed("stdout", b"y" * 65536)
    tail.feed("stdout", b"end\n")
    [line] = tail.lines(5)
    assert line.endswith(b"yend") and len(line) <= KEPT + 4


def test_the_beginning_of_a_line_is_not_joined_with_the_end_of_another() -> None:
    tail = Tail()
    tail.feed("stdout", b"begun ")
    tail.feed("stdout", b"".join(b"%05d" % number * 400 + b"\n" for number in range(20)))
    lines = tail.lines(20)
    assert lines[-1] == b"00019" * 400
    assert not [line for line in lines if b"begun" in line]


def test_a_spinner_and_painted_rows_are_there_in_their_last_state() -> None:
    tail = Tail()
    tail.feed("stdout", b"| load\x1b[1G/ load\x1b[1Gloaded\n")
    for percent in (10, 50, 90):
        tail.feed("stdout", b"\x1b[2A" if percent > 10 else b"")
        tail.feed("stdout", b"\x1b[2Kone: %d%%\n\x1b[2Ktwo: 0%%\n" % percent)
    tail.feed("stderr", b"no space left")
    first, last = [b"one: 10%", b"two: 0%"], [b"one: 90%", b"two: 0%"]
    assert tail.lines(20) == [b"loaded", *first, *last, b"no space left"]

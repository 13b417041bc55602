"""What is kept of an output: its beginning and its end, whole lines, and never more than so much.

A line that is too long for that is cut.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.ci.kept import FIRST, LAST, Kept


def test_a_short_one_is_kept_as_it_is() -> None:
    kept = Kept()
    kept.write(b"one\n")
    kept.write(b"two\nthree\n")
    assert kept.text == b"one\ntwo\nthree\n"
    assert kept.last_lines(2) == [b"two", b"three"]
    assert kept.last_lines(20) == [b"one", b"two", b"three"]


def test_nothing() -> None:
    assert Kept().text == b""
    assert Kept().last_lines(3) == []


def test_the_middle_of_a_long_one_is_left_out() -> None:
    kept = Kept(first=20, last=20)
    for number in range(100):
        kept.write(b"line %d\n" % number)
    lines = kept.text.decode().splitlines()
    assert lines[:2] == ["line 0", "line 1"]
    assert lines[-2:] == ["line 98", "line 99"]
    assert lines[2] == "[… 760 bytes left out …]"
    assert len(lines) == 5
    assert kept.last_lines(1) == [b"line 99"]


def test_the_last_lines_have_no_escape_sequences() -> None:
    kept = Kept()
    kept.write(b"\x1b[31mred\x1b[0m\n")
    assert kept.last_lines(1) == [b"red"]


LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"") + b"\n"))


@given(st.lists(LINES.map(b"".join)), st.integers(1, 60), st.integers(1, 60))
def test_it_is_bounded_and_loses_nothing_unsaid(pieces: list[bytes], first: int, last: int) -> None:
    kept = Kept(first, last)
    for piece in pieces:
        kept.write(piece)
    written = b"".join(pieces)
    if len(written) <= first:
        assert kept.text == written
        return
    head, gap, tail = kept.text.partition("[… ".encode())
    if not gap:
        assert kept.text == written
        assert len(written) <= first + last
        return
    count, _, tail = tail.partition(" bytes left out …]\n".encode())
    if not written.startswith(head) or len(head) > first:
        head = head.removesuffix(b"\n")  # of a line that was cut
        assert len(head) == first
    assert written.startswith(head) and written.endswith(tail)
    assert first - first // 3 <= len(head) <= first and last - last // 3 <= len(tail) <= last
    assert len(head) + len(tail) + int(count) == len(written)
    if not written[: len(written) - len(tail)].endswith(b"\n"):
        assert len(tail) == last and b"\n" not in tail[: last // 3]


def test_of_a_line_that_is_too_long_both_ends_are_kept() -> None:
    kept = Kept()
    kept.write(b"begin\n")
    kept.write(b"E" * 300_000 + b" KeyError: X\n")
    kept.write(b"end\n")
    first, gap, last, end = kept.text.splitlines()[1:]
    assert len(b"begin\n" + first) == FIRST and set(first) == {ord("E")}
    assert gap.decode() == f"[… {300_000 + 23 - FIRST - LAST} bytes left out …]"
    assert len(last + b"\nend\n") == LAST and last.endswith(b"E KeyError: X") and end == b"end"
    assert kept.last_lines(2) == [last, b"end"]

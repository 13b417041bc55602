"""What is kept of an output: its beginning and its end, whole lines, and never more than so much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.ci.kept import Kept


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
    assert written.startswith(head) and written.endswith(tail)
    assert len(head) <= first and len(tail) <= last
    assert len(head) + len(tail) + int(count) == len(written)
    assert written[: len(written) - len(tail)].endswith(b"\n")

"""Keys among what a terminal sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.apps.keyboard import PASTE_BEGINS, PASTE_ENDS, Typed

B, E = PASTE_BEGINS, PASTE_ENDS

TYPED: dict[str, tuple[list[bytes], str]] = {
    "keys": ([b"r2"], "r2"),
    "one at a time": ([b"r", b"2"], "r2"),
    "none": ([b""], ""),
    "escape": ([b"\x1b"], "\x1b"),
    "escape, then a key": ([b"\x1b", b"q"], "\x1bq"),
    "an arrow": ([b"a\x1b[Ab"], "ab"),
    "with control": ([b"\x1b[1;5A"], ""),
    "an arrow of an application": ([b"\x1bOAr"], "r"),
    "a function key": ([b"\x1b[15~\x1bOQ"], ""),
    "half an arrow": ([b"a\x1b[1;", b"5Ab"], "ab"),
    "what is no sequence": ([b"\x1b[\x07q"], "\x1b[\x07q"),
    "a paste": ([B + b"rkq" + E], ""),
    "keys around it": ([b"s" + B + b"q" + E + b"h"], "sh"),
    "an empty one": ([B + E + b"h"], "h"),
    "two": ([B + b"q" + E + b"s" + B + b"q" + E], "s"),
    "with lines and arrows in it": ([B + b"q\nq\x1b[Aq\x1bq" + E + b"h"], "h"),
    "its beginning in it": ([B + b"q" + B + b"q" + E + b"h"], "h"),
    "in pieces": ([B + b"q", b"q", b"q" + E + b"h"], "h"),
    "its beginning in two": ([b"\x1b[20", b"0~q" + E + b"h"], "h"),
    "its end in two": ([B + b"q\x1b[2", b"01~h"], "h"),
    "its end byte by byte": ([B, *(bytes([byte]) for byte in E), b"h"], "h"),
    "nearly its end": ([B + b"\x1b[20", b"2~q" + E + b"h"], "h"),
    "an end of nothing": ([E + b"h"], "h"),
    "not ASCII": (["é".encode()], "é"),
}


@pytest.mark.parametrize(("pieces", "keys"), TYPED.values(), ids=TYPED)
def test_what_is_typed(pieces: list[bytes], keys: str) -> None:
    typed = Typed()
    assert "".join(typed.feed(piece) for piece in pieces) == keys


def test_an_escape_at_the_end_of_a_full_chunk_may_begin_something() -> None:
    typed = Typed()
    assert typed.feed(b"aaa\x1b", is_cut=True) == "aaa"
    assert typed.feed(b"[200~q") == ""
    assert typed.feed(E + b"\x1b", is_cut=True) == ""
    assert typed.feed(b"q") == "\x1bq"


KEYS = st.text("rsfahq?0129+\n \x7f", max_size=8)
SEQUENCES = st.sampled_from([b"\x1b[A", b"\x1b[1;5D", b"\x1b[15~", E])
PASTES = st.binary(max_size=40).filter(lambda data: E not in data + E[:-1])


@given(
    st.lists(
        st.one_of(KEYS.map(str.encode), SEQUENCES, PASTES.map(lambda data: B + data + E)),
        max_size=8,
    ),
    st.integers(1, 16),
)
def test_the_pieces_that_it_comes_in_do_not_matter(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    expected = b"".join(part for part in parts if not part.startswith(b"\x1b"))
    typed = Typed()
    found = ""
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        found += typed.feed(piece, is_cut=len(piece) == size)
    assert found == expected.decode()

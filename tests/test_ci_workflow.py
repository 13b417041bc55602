"""GitHub's workflow commands: ours are read as they were meant, nobody else's at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gaffer_procfile.ci.workflow import Disarmed, is_github, workflow_command

# What .NET's TrimStart takes away.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def commands(output: bytes) -> list[str]:
    """The lines that a runner would obey."""
    lines = re.split("\r\n|\r|\n", output.decode("utf-8", "replace"))
    return [
        line
        for line in lines
        if line.lstrip(WHITE_SPACE + "\ufeff\ufffd\0").startswith("::") or "##[" in line
    ]


def disarmed(*pieces: bytes) -> bytes:
    written: list[bytes] = []
    gate = Disarmed(written.append)
    for piece in pieces:
        gate.write(piece)
    return b"".join(written)


HOSTILE = (
    "::set-output name=x::y",
    "::add-mask::e",
    "::stop-commands::token",
    "::error file=a,line=1::text",
    "   ::warning::with leading spaces",
    "\t::debug::with a tab",
    "\xa0::error::with a no-break space",
    "\u3000\u2003::error::with others",
    "\ufeff::error::with a byte order mark",
    "\x00::error::with a null",
    "progress 10%\r::error::behind a carriage return",
    "##[error]text",
    "text ##[group]text",
    "###[error]text",
    "##[add-mask]##[add-mask]",
    ":::error::three",
    "::::",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("before", ["", "a line\n", "a line\r\n", "\n\n"])
def test_what_would_be_a_command_is_none(text: str, before: str) -> None:
    data = f"{before}{text}\n".encode()
    assert commands(data) != []
    assert commands(disarmed(data)) == []
    # However it is cut.
    for cut in range(len(data)):
        assert commands(disarmed(data[:cut], data[cut:])) == []
    assert commands(disarmed(*(data[index : index + 1] for index in range(len(data))))) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", ": :error::x"),
        ("  ::error::x", "  : :error::x"),
        ("a ##[error]x", "a ## [error]x"),
        ("std::string", "std::string"),
        ("tests/test_x.py::test_y PASSED", "tests/test_x.py::test_y PASSED"),
        ("# heading", "# heading"),
        ("#########", "#########"),
        (":", ":"),
        ("[::1]:8000", "[::1]:8000"),
        ("", ""),
    ],
)
def test_what_is_shown_instead(text: str, shown: str) -> None:
    assert disarmed(f"{text}\n{text}\n".encode()) == f"{shown}\n{shown}\n".encode()


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [b":", b"::", b"#", b"##", b"[", b"##[", b"\r", b"\n", b" ", b"x", b"\xc2"]
        ),
        st.sampled_from([character.encode() for character in WHITE_SPACE + "\ufeff\0"]),
        st.binary(max_size=8),
    ),
    max_size=30,
)


@given(PIECES)
@example([b":", b":"])
@example([b"##", b"["])
@example([b"#", b"#["])
@example([b"x", b"\r", b" ", b":", b":x::"])
def test_nothing_gets_through(pieces: list[bytes]) -> None:
    shown = disarmed(*pieces)
    assert commands(shown) == []
    # Nothing but spaces was put in.
    assert shown.replace(b" ", b"") == b"".join(pieces).replace(b" ", b"")


@given(st.text(), st.text())
def test_ours_is_one_line_and_means_what_it_says(text: str, title: str) -> None:
    line = workflow_command("error", text, title=title)
    assert line.endswith(b"\n")
    shown = line[:-1].decode()
    assert "\n" not in shown and "\r" not in shown
    match = re.fullmatch(r"::error title=([^:,]*)::(.*)", shown, re.DOTALL)
    assert match is not None
    unescaped = match[1].replace("%3A", ":").replace("%2C", ",")
    assert _unescaped(unescaped) == title.replace("##[", "## [")
    assert _unescaped(match[2]) == text.replace("##[", "## [")


def _unescaped(text: str) -> str:
    return text.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")


def test_the_old_form_is_not_in_ours() -> None:
    assert workflow_command("error", "a ##[add-mask]b") == b"::error::a ## [add-mask]b\n"


def test_without_properties() -> None:
    assert workflow_command("endgroup", "") == b"::endgroup::\n"
    assert workflow_command("group", "web.1: ready") == b"::group::web.1: ready\n"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"GITHUB_ACTIONS": "true"}, True),
        ({"GITHUB_ACTIONS": "false"}, False),
        ({"GITHUB_ACTIONS": ""}, False),
    ],
)
def test_where_we_are(environ: dict[str, str], expected: bool) -> None:
    assert is_github(environ) is expected

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile import procfile
from gaffer_procfile.errors import ProcfileError


def pairs(data: bytes) -> list[tuple[str, str]]:
    return [(entry.name, entry.command) for entry in procfile.parse(data, "Procfile").entries]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"web: a\nworker: b\n", [("web", "a"), ("worker", "b")]),
        (b"web: a", [("web", "a")]),
        (b"\xef\xbb\xbfweb: a\r\nworker: b\r\n", [("web", "a"), ("worker", "b")]),
        (b"# no: entry\n\n   \n  # nor: this\nweb: a\n", [("web", "a")]),
        (b"web : a\n", [("web", "a")]),
        (b"  web:a\n\tworker\t:\tb\n", [("web", "a"), ("worker", "b")]),
        (b"a-1_B: x\n2: y\n", [("a-1_B", "x"), ("2", "y")]),
        (b"web: PORT=1 a: b # c\n", [("web", "PORT=1 a: b # c")]),
        (b"web: trailing\\  \n", [("web", "trailing\\  ")]),
        ("web: a\u2028b\x0cc\x1dd\n".encode(), [("web", "a\u2028b\x0cc\x1dd")]),
        (b'web: $PORT "${X}" `y` %s {0}\n', [("web", '$PORT "${X}" `y` %s {0}')]),
        (b"web: |\nworker: b\n", [("web", "|"), ("worker", "b")]),
        (b"services: a\nprocesses: b\n", [("services", "a"), ("processes", "b")]),
    ],
)
def test_entries(data: bytes, expected: list[tuple[str, str]]) -> None:
    parsed = procfile.parse(data, "Procfile")
    assert pairs(data) == expected
    assert parsed.problems == ()


def test_lines_are_numbered_from_one() -> None:
    parsed = procfile.parse(b"# c\n\nweb: a\n", "Procfile")
    assert [entry.line for entry in parsed.entries] == [3]


def test_no_byte_of_a_command_changes() -> None:
    command = bytes(set(range(1, 256)) - {ord("\n"), ord("\r")})
    (entry,) = procfile.parse(b"web: x" + command + b"\n", "Procfile").entries
    assert os.fsencode(entry.command) == b"x" + command


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a.b: x", "Procfile:2: 'a.b' is not a process name"),
        (b": x", "Procfile:2: '' is not a process name"),
        ("wéb: x".encode(), "Procfile:2: 'wéb' is not a process name"),
        (b"\xff: x", r"Procfile:2: '\xff' is not a process name"),
        (b"\xefweb: x", r"Procfile:2: '\xefweb' is not a process name"),
        ("\\udcef é\xef".encode("latin-1"), r"Procfile:2: '\\udcef \xe9\xef' is no entry"),
        (b"we\tb: x", r"Procfile:2: 'we\tb' is not a process name"),
        (b"it's: x", 'Procfile:2: "it\'s" is not a process name'),
        (b"web:", "Procfile:2: 'web' has no command"),
        (b"web:  \t ", "Procfile:2: 'web' has no command"),
        (b"gunicorn app", "Procfile:2: 'gunicorn app' is no entry"),
        (b"- web", "Procfile:2: '- web' is no entry"),
        (b"---", "Procfile:2: '---' is no entry"),
        (b"web: a\0b", "Procfile:2: the command of 'web' has a NUL byte"),
        (b"x" * 1000, "Procfile:2: 'xxx"),
        (
            "\u00a0web: x".encode(),
            r"Procfile:2: '\xa0web' is not a process name, line left out (it begins with U+00A0, NO-BR",
        ),
        (
            "we\u200bb: x".encode(),
            r"Procfile:2: 'we\u200bb' is not a process name, line left out (a na",
        ),
    ],
)
def test_a_bad_line_is_a_warning_and_the_rest_stays(line: bytes, expected: str) -> None:
    parsed = procfile.parse(b"one: 1\n" + line + b"\nlast: 9\n", "Procfile")
    assert [entry.name for entry in parsed.entries] == ["one", "last"]
    (problem,) = parsed.problems
    assert str(problem).startswith(expected)
    assert len(str(problem)) < 200
    assert problem.severity == "warning"
    str(problem).encode()  # printable whatever the file holds


def test_a_duplicate_is_an_error_that_names_both_lines() -> None:
    parsed = procfile.parse(b"web: a\nworker: b\nweb : c\n", "Procfile")
    assert [entry.command for entry in parsed.entries] == ["a", "b"]
    (problem,) = parsed.problems
    assert (problem.severity, problem.line) == ("error", 3)
    assert "'web' is already in line 1" in str(problem)


def test_a_yaml_block_is_left_out_as_one_and_said_so() -> None:
    data = b"first: 1\nweb:\n  command: a\n\n  env:\n    A: b\nlast: 9\n"
    parsed = procfile.parse(data, "Procfile")
    assert [entry.name for entry in parsed.entries] == ["first", "last"]
    (problem,) = parsed.problems
    assert problem.line == 2
    assert "'web' opens a YAML block, lines 2 to 6 left out" in str(problem)


@pytest.mark.parametrize("opener", ["", " |", " >-"])
def test_a_block_scalar_is_a_block(opener: str) -> None:
    parsed = procfile.parse(f"web:{opener}\n  a b\nlast: 9\n".encode(), "Procfile")
    assert [entry.name for entry in parsed.entries] == ["last"]
    assert len(parsed.problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        'version: "3"\nservices:\n  web:\n    image: nginx\n    ports:\n      - 80\n',
        "processes:\n  web:\n    command: python app.py\n",
        "processes:\n- name: web\n  cmd: a\n",
        "---\nprocesses:\n  web: a\n",
    ],
)
def test_a_yaml_file_is_refused_once_and_none_of_it_is_run(text: str) -> None:
    parsed = procfile.parse(text.encode(), "compose.yaml")
    assert parsed.entries == ()
    (problem,) = parsed.problems
    assert problem.severity == "error"
    assert "looks like YAML" in str(problem)
    assert "a line looks like" in str(problem)


def test_a_line_of_dashes_is_a_line_that_is_no_entry() -> None:
    parsed = procfile.parse(b"# ours\n---\nweb: a\n", "Procfile")
    assert [entry.name for entry in parsed.entries] == ["web"]
    (problem,) = parsed.problems
    assert problem.severity == "warning"
    assert str(problem).startswith("Procfile:2: '---' is no entry, left out")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u00a0echo", "U+00A0, NO-BREAK SPACE"),
        ("\u3000echo", "U+3000, IDEOGRAPHIC SPACE"),
        ("\u200becho", "U+200B, ZERO WIDTH SPACE"),
        ("\ufeffecho", "U+FEFF, ZERO WIDTH NO-BREAK SPACE"),
        ("\x85echo", "U+0085"),
        *((text, None) for text in ("", "echo \u00a0", "é", "→", "\udcff", "\x0c", "'\u00a0'")),
    ],
)
def test_what_a_text_begins_with_that_nobody_sees(text: str, expected: str | None) -> None:
    assert procfile.unseen_beginning(text) == expected


def test_a_name_without_a_command_does_not_swallow_the_next_line() -> None:
    parsed = procfile.parse(b"web:\nworker: b\n", "Procfile")
    assert [entry.name for entry in parsed.entries] == ["worker"]


def test_read_shows_the_path_as_typed(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_bytes(b"web: a\n")
    assert procfile.read(str(tmp_path / "Procfile"), "Procfile").file == "Procfile"


def test_read_refuses_what_is_no_readable_file(tmp_path: Path) -> None:
    with pytest.raises(ProcfileError) as missing:
        procfile.read(str(tmp_path / "Procfile"), "Procfile")
    looked_for = tmp_path / "Procfile"
    assert str(missing.value) == f"Procfile: no such file or directory (looked for {looked_for})"
    with pytest.raises(ProcfileError, match="is a directory"):
        procfile.read(str(tmp_path))


def test_read_says_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_bytes(b"web: a\n")
    path.chmod(0)
    privileged = os.geteuid() == 0  # root would read it all the same
    if privileged:
        os.seteuid(65534)
    try:
        with pytest.raises(ProcfileError, match=r"^Procfile: permission denied"):
            procfile.read(str(path), "Procfile")
    finally:
        if privileged:
            os.seteuid(0)


def test_large_files_are_quick() -> None:
    many = b"".join(b"p%d: sleep %d\n" % (n, n) for n in range(1000))
    long = b"web: " + b"x y" * 35_000 + b"\nlast: 1\n"
    blocks = b"web:\n  a: b\n" * 1000
    began = time.process_time()
    assert len(pairs(many)) == 1000
    assert len(pairs(long)[0][1]) == 105_000
    assert len(procfile.parse(blocks, "Procfile").problems) == 1000
    assert time.process_time() - began < 1


LINES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([b"web: a", b"web:", b"  web: b", b"---", b"services:", b"- x", b"", b"#"]),
        st.from_regex(rb"[ \t]?[a-c.]{1,2} ?: ?[^\n]{0,9}", fullmatch=True),
    )
).map(b"\n".join)


@given(LINES)
def test_no_line_is_lost_in_silence(data: bytes) -> None:
    parsed = procfile.parse(data, "Procfile")
    text = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf"))
    content = [
        number
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    assert bool(content) == bool(parsed.entries or parsed.problems)
    named = {entry.line for entry in parsed.entries} | {p.line for p in parsed.problems}
    if not any("YAML" in p.message for p in parsed.problems):
        assert named == set(content)


@given(LINES)
def test_what_is_written_parses_the_same(data: bytes) -> None:
    parsed = procfile.parse(data, "Procfile")
    written = procfile.write(parsed.entries)
    again = procfile.parse(written, "Procfile")
    assert pairs(written) == [(entry.name, entry.command) for entry in parsed.entries]
    assert again.problems == ()
    assert procfile.write(again.entries) == written

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import dotenv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.environment import Environment, Variable, extend
from gaffer_procfile.errors import GafferError

BASE = {"HOME": "/home/me", "LEVEL": "base", "EMPTY": ""}


def load(
    files: Iterable[tuple[str, bool]], base: Mapping[str, str], *, override: bool = True
) -> tuple[Environment, list[GafferError]]:
    """`base` with the variables of `files`."""
    environment = Environment(base)
    return environment, extend(environment, files, override=override)


def load_text(
    text: str | bytes, directory: Path, *, override: bool = True
) -> tuple[Environment, list[GafferError]]:
    path = directory / ".env"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load([(str(path), True)], BASE, override=override)


def own(environment: Environment) -> dict[str, str]:
    """What isn't as in BASE."""
    return {n: v for n, v in environment.values().items() if BASE.get(n) != v}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB = 2\nexport C=3\n", {"A": "1", "B": "2", "C": "3"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("# c\n\nA=1 # c\nB=x#y\nC='#' # c\nD= # c\n", {"A": "1", "B": "x#y", "C": "#", "D": ""}),
        ("A='${HOME}'\nB=\"${HOME}\"\nC=$HOME\n", {"A": "/home/me", "B": "/home/me", "C": "$HOME"}),
        ("A=\"x\\ny\"\nB='x\\ny'\nC=x\\ny\n", {"A": "x\ny", "B": "x\\ny", "C": "x\\ny"}),
        ("KEY='one\r\ntwo'\nB=2\n", {"KEY": "one\ntwo", "B": "2"}),
        ("A=1\nB=${A}2\nC=${B}3\n", {"A": "1", "B": "12", "C": "123"}),
        ("A=${LATER}\nLATER=1\n", {"A": "", "LATER": "1"}),
        ("A=${NO:-x}\nB=${EMPTY:-x}\nC=${NO:-}\n", {"A": "x", "B": "", "C": ""}),
        ("LEVEL=file\nA=${LEVEL}\n", {"LEVEL": "file", "A": "file"}),
        ("A=a=b\nB=http://x/?a=b&c\n", {"A": "a=b", "B": "http://x/?a=b&c"}),
        ("A=1\nA=2\n", {"A": "2"}),
    ],
)
def test_dialect(text: str, expected: dict[str, str], tmp_path: Path) -> None:
    assert own(load_text(text, tmp_path)[0]) == expected


def test_file_wins_over_environment_unless_told_otherwise(tmp_path: Path) -> None:
    text = "LEVEL=file\nA=${LEVEL}\nB=1\n"
    assert load_text(text, tmp_path)[0].values() == {
        **BASE,
        "LEVEL": "file",
        "A": "file",
        "B": "1",
    }
    kept = load_text(text, tmp_path, override=False)[0]
    assert kept.values() == {**BASE, "A": "base", "B": "1"}
    assert kept["LEVEL"].origin == "environment"


@pytest.mark.parametrize("override", [True, False])
def test_later_files_see_earlier_ones_and_win(tmp_path: Path, override: bool) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("A=1\nB=1\n")
    two.write_text("C=${A}\nB=2\n")
    environment, problems = load([(str(one), True), (str(two), True)], BASE, override=override)
    assert own(environment) == {"A": "1", "B": "2", "C": "1"}
    assert problems == []


def test_origins(tmp_path: Path) -> None:
    environment, _ = load_text("\n# c\n\nLEVEL=one\nA='x\ny'\nB=1\nLEVEL=two\n", tmp_path)
    env = tmp_path / ".env"

    def chain(variable: Variable | None) -> list[tuple[str, str]]:
        if variable is None:
            return []
        return [(variable.value, variable.origin), *chain(variable.overrode)]

    assert chain(environment["LEVEL"]) == [
        ("two", f"{env}:8"),
        ("one", f"{env}:4"),
        ("base", "environment"),
    ]
    assert environment["B"].origin == f"{env}:7"
    environment.set("B", "5", "gaffer")
    assert chain(environment["B"]) == [("5", "gaffer"), ("1", f"{env}:7")]
    assert chain(environment["HOME"]) == [("/home/me", "environment")]


def test_it_is_a_mapping_of_variables(tmp_path: Path) -> None:
    environment, _ = load_text("LEVEL=file\nA=1\n", tmp_path)
    assert list(environment) == ["HOME", "LEVEL", "EMPTY", "A"] == list(environment.values())
    assert len(environment) == 4
    assert [name in environment for name in ("A", "HOME", "NO")] == [True, True, False]
    assert environment.get("NO") is None
    with pytest.raises(KeyError, match="NO"):
        environment["NO"]


def test_neither_base_nor_os_environ_is_written(tmp_path: Path) -> None:
    before = dict(os.environ)
    base = dict(BASE)
    path = tmp_path / ".env"
    path.write_text("LEVEL=x\nA=1\n")
    environment, _ = load([(str(path), True)], base)
    environment.values()["B"] = "1"
    assert (base, dict(os.environ)) == (BASE, before)
    assert "B" not in environment


@pytest.mark.parametrize(
    ("text", "line", "severity", "message"),
    [
        ("A=1\n\nB='x\nC=3\n", 3, "warning", "the quote ' is never closed"),
        ('A=1\n\nB="x\nC=3\n', 3, "warning", 'the quote " is never closed'),
        ('A=1\nB="x" y\nC=3\n', 2, "warning", "not a line of NAME=value"),
        ("A=1\n=x\nC=3\n", 2, "warning", "not a line of NAME=value"),
        ("A=1\ntwo words\nC=3\n", 2, "warning", "not a line of NAME=value"),
        ("A=1\n'a=b'=x\nC=3\n", 2, "warning", "'a=b' can't be in an environment"),
        ("A=1\nB=x\0y\nC=3\n", 2, "warning", "'B' can't be in an environment"),
        ("A=1\n\nLEVEL\nC=3\n", 3, "notice", "LEVEL has no '='"),
        ("A=1\nLEVEL=base${NO}\nC=3\n", 2, "notice", "${NO} is not set, so it is empty in LEVEL"),
        ("A=1\nLEVEL=base${B-x}\nC=3\n", 2, "notice", "${B-x} is no ${NAME}, so it is empty in"),
    ],
)
def test_a_bad_line_is_told_and_the_rest_holds(
    text: str, line: int, severity: str, message: str, tmp_path: Path
) -> None:
    environment, (problem,) = load_text(text, tmp_path)
    assert own(environment) == {"A": "1", "C": "3"}
    assert str(problem).startswith(f"{tmp_path}/.env:{line}: {message}")
    assert problem.severity == severity


@pytest.mark.parametrize("name", ["discovery.type", "A-B", "1A", "'a b'", "É"])
def test_a_name_that_no_shell_knows_is_set_and_warned_of(name: str, tmp_path: Path) -> None:
    environment, (problem,) = load_text(f"A=1\n{name}=x\n", tmp_path)
    bare = name.strip("'")
    assert own(environment) == {"A": "1", bare: "x"}
    assert (problem.line, problem.severity) == (2, "warning")
    assert problem.message.startswith(f"no shell can have a variable {bare!r}, so processes may")


def test_an_open_quote_says_all_that_it_takes_along(tmp_path: Path) -> None:
    text = "A='x\nB=1\nC=it's so\nD=4\n"
    environment, (problem,) = load_text(text, tmp_path)
    assert own(environment) == {"D": "4"}
    assert (problem.line, problem.message) == (
        1,
        "the quote ' of line 1 is closed in the middle of line 3, lines 1 to 3 left out",
    )


def test_a_name_alone_sets_nothing(tmp_path: Path) -> None:
    environment, _ = load_text("LEVEL=x\nLEVEL\nNEW\nA=${LEVEL}\n", tmp_path)
    assert environment.values() == {**BASE, "A": ""}  # as python-dotenv has it


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"A=1\nB=caf\xe9\n", ".env:2: not UTF-8: byte 0xe9"),
        (b"\xef\xbb\xbfA=1\n\nB=caf\xe9\n", ".env:3: not UTF-8: byte 0xe9"),
        ("A=1\n".encode("utf-16"), ".env:1: not UTF-8: byte 0xff"),
    ],
)
def test_a_file_that_is_not_utf_8_is_an_error(data: bytes, message: str, tmp_path: Path) -> None:
    environment, (problem,) = load_text(data, tmp_path)
    assert own(environment) == {}
    assert message in str(problem)
    assert problem.severity == "error"


def test_only_a_named_file_must_exist(tmp_path: Path) -> None:
    missing = str(tmp_path / ".env")
    assert load([(missing, False)], BASE)[1] == []
    (problem,) = load([(missing, True)], BASE)[1]
    assert str(problem) == f"{missing}: no such file or directory"
    assert problem.severity == "error"


def test_unreadable_files_are_errors(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.mkdir()
    (problem,) = load([(str(path), False)], BASE)[1]
    assert str(problem) == f"{path}: is a directory"
    locked = tmp_path / "locked"
    locked.write_text("A=1\n")
    locked.chmod(0)
    privileged = os.geteuid() == 0  # root would read it all the same
    if privileged:
        os.seteuid(65534)
    try:
        (problem,) = load([(str(locked), False)], BASE)[1]
    finally:
        if privileged:
            os.seteuid(0)
    assert str(problem) == f"{locked}: permission denied"
    assert problem.severity == "error"


def test_dev_null_is_an_empty_file() -> None:
    environment, problems = load([("/dev/null", True)], BASE)
    assert environment.values() == BASE
    assert problems == []


LINES = st.lists(
    st.one_of(
        st.from_regex(
            r"(export )?[A-C] ?= ?(['\"]?)([a-z #'\"\\]|\$\{[A-DH]{1,2}(:-[a-z]?)?\}){0,8}\2",
            fullmatch=True,
        ),
        st.sampled_from(["A", "B", "# c", "", "A='x", 'B="', "C=\n\nB=1", "H=${H}"]),
        st.text(max_size=8),
    ),
    max_size=8,
).map("\n".join)


@given(LINES, st.booleans())
def test_it_means_what_python_dotenv_means(text: str, override: bool) -> None:
    base = {"A": "base", "H": "home"}
    text = text.replace("\0", "")
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, ".env")
        Path(path).write_bytes(data)
        environment, problems = load([(path, True)], base, override=override)
    assert all(problem.severity != "error" for problem in problems)

    stream = io.StringIO(data.decode("utf-8-sig"), newline=None)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in base.items():
            patch.setenv(name, value)
        file_values = dotenv.main.DotEnv(None, stream=stream, override=override).dict()
    expected = dict(base)
    for key, resolved in file_values.items():
        if resolved is not None and "=" not in key and (override or key not in base):
            expected[key] = resolved
    assert environment.values() == expected


@given(st.binary(max_size=60))
def test_no_bytes_give_anything_but_problems(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        environment, problems = load_text(data, Path(directory))
    for problem in problems:
        str(problem).encode()
        assert problem.file is not None
    for name, value in environment.values().items():
        assert name
        assert "=" not in name
        assert "\0" not in name + value

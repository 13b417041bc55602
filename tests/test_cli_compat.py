"""What the fingers of honcho's and foreman's users type, and random fingers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from cli import MakeProject
from cli import project as project
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import gaffer_procfile
from gaffer_procfile import guard
from gaffer_procfile.cli import background, main, run, running
from gaffer_procfile.cli.options import VERB_OPTIONS

FILES: dict[str, str | bytes] = {
    "Procfile": 'web: echo "web $PORT $WHO"\nworker: echo "worker $PORT $WHO"\n',
    "Procfile.test": 'web: echo "test $PORT $WHO"\n',
    "sub/Procfile": 'web: echo "sub $PORT $WHO"\n',
    ".env": "WHO=dotenv\n",
    "a.env": "WHO=a\n",
    "b.env": "WHO=b\n",
}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("start web", "web 5000 dotenv"),
        ("--no-prefix start web", "web 5000 dotenv"),
        ("--no-colour start web", "web 5000 dotenv"),
        ("-f Procfile.test start", "test 5000 dotenv"),
        ("start -f Procfile.test", "test 5000 dotenv"),
        ("-fProcfile.test start", "test 5000 dotenv"),
        ("-qf Procfile.test start", "test 5000 dotenv"),
        ("--procfile=Procfile.test start", "test 5000 dotenv"),
        ("-d sub start", "sub 5000 "),
        ("start -d sub", "sub 5000 "),
        ("start --root sub", "sub 5000 "),
        ("-e a.env start web", "web 5000 a"),
        ("-e a.env,b.env start web", "web 5000 b"),
        ("-e 'a.env, b.env' start web", "web 5000 b"),
        ("start -e a.env -e b.env web", "web 5000 b"),
        ("start -e b.env,a.env web", "web 5000 a"),
        ("-e a.env start -e b.env web", "web 5000 b"),
        ("-p 7000 start web", "web 7000 dotenv"),
        ("start -p 7000 web", "web 7000 dotenv"),
        ("-p 7000 start -p 8000 web", "web 8000 dotenv"),
        ("start -c web=1,worker=0", "web 5000 dotenv"),
        ("start -m web=1,worker=0", "web 5000 dotenv"),
        ("start -m all=0,web=1", "web 5000 dotenv"),
        ("start -m 'web=1, worker=0'", "web 5000 dotenv"),
        ("start -t 3 web", "web 5000 dotenv"),
        ("start --timeout 3 web", "web 5000 dotenv"),
        ("-t 3 start web", "web 5000 dotenv"),
        ("start --no-timestamp web", "web 5000 dotenv"),
        ("start -- web", "web 5000 dotenv"),
        ("-- start web", "web 5000 dotenv"),
    ],
)
def test_start(project: MakeProject, command: str, expected: str) -> None:
    script = command.replace("start", "start -q --no-prefix", 1)
    result = project(FILES).shell(f"$gaffer {script}")
    assert result.stdout == f"{expected}\n", result
    assert result.status == 0


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("run 'echo $WHO'", "dotenv"),
        ("run sh -c 'echo $WHO'", "dotenv"),
        ("run -- sh -c 'echo $WHO'", "dotenv"),
        ("-e a.env run 'echo $WHO'", "a"),
        ("run -e a.env 'echo $WHO'", "a"),
        ("run -e a.env,b.env -- sh -c 'echo $WHO'", "b"),
        ("-d sub run pwd | sed 's:.*/::'", "sub"),
        ("run web", "web 5000 dotenv"),
        ("-f Procfile.test run web", "test 5000 dotenv"),
        ("run -p 7000 worker", "worker 7100 dotenv"),
        ("run sh -c 'echo \"$*\"' x -f --help", "-f --help"),
    ],
)
def test_run(project: MakeProject, command: str, expected: str) -> None:
    result = project(FILES).shell(f"$gaffer {command}")
    assert result.stdout == f"{expected}\n", result
    assert result.stderr == ""


def test_an_unknown_process_is_status_1(project: MakeProject) -> None:
    assert project(FILES).run("start", "nobody").status == 1


@pytest.mark.parametrize("args", [["version"], ["--version"], ["-v"]])
def test_the_version(project: MakeProject, args: list[str]) -> None:
    result = project({}).run(*args)
    assert result.stdout.startswith(f"gaffer {gaffer_procfile.__version__} "), result
    assert result.status == 0


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"]])
def test_the_help_teaches(project: MakeProject, args: list[str]) -> None:
    result = project({}).run(*args)
    assert result.stdout.startswith("usage: gaffer ")
    assert "examples:\n  gaffer start " in result.stdout
    for verb in ("start", "run", "check", "version"):
        assert re.search(rf"^  {verb}\b", result.stdout, re.MULTILINE)
    assert result.status == 0
    assert result.stderr == ""


def test_no_command_is_help_and_a_failure(project: MakeProject) -> None:
    result = project({}).run()
    assert result.stdout.startswith("usage: gaffer ")
    assert result.status == 2


@pytest.mark.parametrize("verb", ["start", "run", "check", "version"])
def test_the_help_of_a_command(project: MakeProject, verb: str) -> None:
    made = project({})
    expected = made.run(verb, "--help")
    assert expected.stdout.startswith(f"usage: gaffer {verb}"), expected
    assert expected.status == 0
    for args in (["help", verb], ["--help", verb], [verb, "-h"]):
        assert made.run(*args).stdout == expected.stdout
    assert all(len(line) <= 100 for line in expected.lines)
    assert not any(line.endswith(" ") for line in expected.lines)


def test_every_option_of_start_is_in_its_help(project: MakeProject) -> None:
    text = project({}).run("start", "--help").stdout
    for option in (
        *("-f", "--procfile", "-d", "--directory", "-e", "--env", "-p", "--port", "-c"),
        *("--concurrency", "-m", "--formation", "--no-override", "--no-prefix", "--port-step"),
        *("--no-timestamps", "--colour", "-x", "--exclude", "--stop-timeout", "-q", "--quiet"),
    ):
        assert option in text, option


# ---- random fingers


class StillRuns(BaseException):
    """Where the real thing would become another program."""


@pytest.fixture
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a project directory, with what would start processes replaced."""

    def execute(*_args: object) -> None:
        raise StillRuns

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "_execute", execute)
    monkeypatch.setattr(running.Run, "run", lambda _self: 0)
    monkeypatch.setattr(background, "run", lambda _argv: 0)
    monkeypatch.setattr(guard, "enter", lambda: None)  # or it would fork the test
    for name in ("PORT", "PROCFILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def status_of(argv: list[str]) -> int | None:
    """What `gaffer ARGV` ends with; None where it becomes a command. Anything else it raises fails."""
    try:
        return main(argv)
    except SystemExit as ended:  # argparse's --help
        assert ended.code == 0
        return 0
    except StillRuns:
        return None


RANDOM = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# What execve takes, as Python has it in sys.argv: no NUL, bytes that are no UTF-8 as surrogates.
# And no slash, for there are options that make directories.
TEXT = st.binary(max_size=12).map(lambda data: os.fsdecode(re.sub(rb"[\0/]", b"", data)))
VALUE = st.one_of(
    TEXT,
    st.sampled_from(["1", "-1", "0.5", "nan", "1_0", "²", "٣", "9" * 5000, "10M", "K"]),
    st.sampled_from(["web=2", "all=0", "web=²", "worker", "always", "{name}", "{", "{}"]),
)
OPTION = st.builds(
    lambda option, value: f"{option.names[-1]}={value}",
    st.sampled_from([option for option in VERB_OPTIONS if option.takes_value]),
    VALUE,
)
WORD = st.one_of(
    st.sampled_from(["start", "run", "check", "version", "help", "--", "-", "", "web", "worker"]),
    st.sampled_from([name for option in VERB_OPTIONS for name in option.names]),
    st.sampled_from([".", "sub", ".env", "a,b", "99999"]),
    VALUE,
    OPTION,
)
ARGV = st.one_of(
    st.lists(WORD, max_size=8),
    st.lists(OPTION, max_size=3).map(lambda options: ["start", *options]),
)


def assert_every_complaint_is_a_line(stderr: str) -> None:
    assert re.fullmatch(r"(gaffer: [^\n]+\n)*", stderr), stderr


@RANDOM
@given(argv=ARGV)
@example(argv=["start", "--log-dir=logs", "--log-size=²"])
@example(argv=["start", "--log-dir=logs", f"--log-size={'9' * 5000}"])
def test_no_words_give_a_traceback(
    nothing_runs: Path, capfd: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    (nothing_runs / "Procfile").write_bytes(b"web: true\nworker: true\n")
    (nothing_runs / ".env").write_bytes(b"A=1\n")
    (nothing_runs / "sub").mkdir(exist_ok=True)
    status = status_of(argv)
    written = capfd.readouterr()
    assert status in (0, 1, 2, None)
    assert_every_complaint_is_a_line(written.err)
    if status:
        assert written.err or written.out.startswith("usage: gaffer ")


PIECES = [
    *(b"web", b"worker", b"a.b", b"echo $PORT", b"exec ", b"PORT=", b"5000", b"A=", b"export "),
    *(b":", b" ", b"\n", b"\r\n", b"\t", b"#", b"-", b"=", b"'", b'"', b"\\", b"\xff"),
    *(b"${A}", b"${B:-", b"}", b"services:", b"---", b"[", b"{", b"&a ", b"*a", b"!!int "),
    b"\xef\xbb\xbf",
]
CONTENT = st.one_of(
    st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join)
)


@RANDOM
@given(procfile=CONTENT, dotenv=CONTENT, foreman=st.one_of(st.none(), CONTENT))
def test_no_files_give_a_traceback(
    nothing_runs: Path,
    capfd: pytest.CaptureFixture[str],
    procfile: bytes,
    dotenv: bytes,
    foreman: bytes | None,
) -> None:
    (nothing_runs / "Procfile").write_bytes(procfile)
    (nothing_runs / ".env").write_bytes(dotenv)
    (nothing_runs / ".foreman").unlink(missing_ok=True)
    if foreman is not None:
        (nothing_runs / ".foreman").write_bytes(foreman)
    for argv in (["check"], ["start"], ["run", "true"], ["run", "web"]):
        status = status_of(argv)
        stderr = capfd.readouterr().err
        assert status in (0, 1, None) or (status == 2 and foreman is not None)
        assert_every_complaint_is_a_line(stderr)
        if status:
            assert stderr

"""Bad input: one line that helps, the right status, nothing started, and never a traceback."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from cli import PACKAGE_ROOT, MakeProject, Project
from cli import project as project

# Any process that is started says so where the error should be alone.
TELL = "touch started; echo started"
FINE = {"Procfile": f"web: {TELL}\nworker: {TELL}\n"}

Files = dict[str, str | bytes]


def is_root() -> bool:
    return os.geteuid() == 0


def assert_refused(made: Project, args: list[str], status: int, parts: list[str]) -> None:
    """One line with all of `parts`, `status`, and no process was started."""
    result = made.run(*args)
    message = result.error()
    for part in parts:
        assert part in message, result
    assert result.status == status, result
    assert not made.path("started").exists()


@pytest.mark.parametrize(
    ("files", "args", "parts"),
    [
        ({}, [], ["no Procfile in ", "/project", "Procfile.dev", "-f"]),
        (FINE, ["-f", "Procfle"], ["Procfle: no such file"]),
        ({"sub/Procfile": ""}, ["-f", "sub"], ["sub: is a directory"]),
        ({"Procfile/": ""}, [], ["Procfile: is a directory"]),
        ({"Procfile": ""}, [], ["Procfile: no process in it", "web: python app.py"]),
        ({"Procfile": "# nothing\n\n"}, [], ["Procfile: no process in it"]),
        ({"Procfile": "web\n"}, [], ["Procfile:1: 'web'", "web: python app.py"]),
        ({"Procfile": "\nweb:\n"}, [], ["Procfile:2: 'web' has no command"]),
        ({"Procfile": "a.b: true\n"}, [], ["Procfile:1: 'a.b' is not a process name"]),
        (
            {"Procfile": f"web: {TELL}\n\nweb: {TELL}\n"},
            [],
            ["Procfile:3: 'web' is already in line 1"],
        ),
        ({"Procfile": f"---\nprocesses:\n  web: {TELL}\n"}, [], ["Procfile:2: ", "YAML"]),
        (
            {"Procfile": f"services:\n  web:\n    command: {TELL}\n"},
            [],
            ["Procfile:1: ", "YAML"],
        ),
        ({"Procfile": b"\x00\x01\x02\n"}, [], ["Procfile:1: "]),
        (FINE | {".env": b"\nA=\xff\n"}, [], [".env:2: not UTF-8", "0xff"]),
        (FINE | {".env/": ""}, [], [".env: is a directory"]),
        (FINE, ["-e", "missing.env"], ["missing.env: no such file"]),
        (FINE | {"a": ""}, ["-e", "a,missing.env"], ["missing.env: no such file"]),
        (FINE | {".env": "PORT=http\n"}, [], ["PORT of .env:1", "'http' is not a port"]),
        (FINE, ["-p", "65500"], ["worker would get port 65600, past 65535"]),
        (FINE, ["-p", "65535", "-c", "web=2,worker=0"], ["port 65536"]),
        (FINE, ["-c", "web=101"], ["web=101 reaches port 5100", "worker", "--port-step 101"]),
        (FINE, ["--port-step", "0"], ["port step of 0"]),
        (FINE, ["-c", "wroker=2"], ["unknown process 'wroker'", "did you mean 'worker'?"]),
        (FINE, ["-c", "all=0"], ["nothing is left to run"]),
        (FINE, ["wroker"], ["unknown process 'wroker'", "did you mean 'worker'?"]),
        (FINE, ["web", "xyz"], ["unknown process 'xyz'", "web, worker"]),
        (FINE, ["-x", "wbe"], ["unknown process 'wbe'", "did you mean 'web'?"]),
        (FINE, ["-x", "web", "-x", "worker"], ["nothing is left to run"]),
        ({"Procfile": "release: true\n"}, [], ["nothing is left to run", "gaffer run release"]),
        (FINE | {".foreman": "port: [1\n"}, [], [".foreman:", "not valid YAML"]),
        (FINE | {".foreman": b"port: \xff\n"}, [], [".foreman", "not valid YAML"]),
        (FINE | {".foreman": "just text\n"}, [], [".foreman: "]),
        (FINE | {".foreman": "formation:\n  web: 1\n"}, [], [".foreman:1: formation"]),
        (FINE | {".foreman/": ""}, [], [".foreman: is a directory"]),
    ],
)
def test_what_start_refuses(
    project: MakeProject, files: Files, args: list[str], parts: list[str]
) -> None:
    assert_refused(project(files), ["start", *args], 1, parts)


@pytest.mark.parametrize(
    ("files", "args", "parts"),
    [
        ({}, ["-d", "nowhere"], ["nowhere"]),
        (FINE, ["-d", "Procfile"], ["Procfile"]),
        (FINE, ["-p", "http"], ["-p: 'http' is not a port", "1 to 65535"]),
        (FINE, ["-p", "0"], ["-p: '0' is not a port"]),
        (FINE, ["-p", "65536"], ["-p: '65536' is not a port"]),
        (FINE, ["-p", "-1"], ["-p", "-1"]),
        (FINE, ["-c", "web=-1"], ["web=-1"]),
        (FINE, ["-c", "web=two"], ["web=two", "web=2,worker=1"]),
        (FINE, ["-c", "web"], ["'web' is not name=number"]),
        (FINE, ["-c", "web=1,web=2"], ["'web' is in the formation twice"]),
    ],
)
def test_options_that_cannot_be(
    project: MakeProject, files: Files, args: list[str], parts: list[str]
) -> None:
    assert_refused(project(files), ["start", *args], 2, parts)


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["strat"], ["no such command: 'strat'", "did you mean 'start'?"]),
        (["xyz"], ["no such command: 'xyz'", "the commands are start, run, "]),
        (["--app-root", ".", "start"], ["no such option: '--app-root'", "mean '--root'?"]),
        (["-q", "--procfil", "x", "start"], ["no such option: '--procfil'", "mean '--procfile'?"]),
        (["-Z", ".", "start"], ["no such option: '-Z'", "gaffer start --help"]),
        (["--procfile=x", "strat"], ["no such command: 'strat'"]),
        (["-qfx", "strat"], ["no such command: 'strat'"]),
        (["start", "--bogus"], ["--bogus", "gaffer start --help"]),
        (["start", "-p"], ["-p", "expected one argument"]),
        (["start", "--colour", "maybe"], ["--colour", "maybe", "auto"]),
        (["start", "--port-step", "x"], ["--port-step takes a whole number, not 'x'"]),
        (["start", "--port-step", "-1"], ["--port-step"]),
        (["start", "--port-step", "9" * 5000], ["--port-step takes a whole number"]),
        (["start", "--stop-timeout", "soon"], ["--stop-timeout takes a number of seconds"]),
        (["start", "--stop-timeout", "nan"], ["--stop-timeout takes a number of seconds"]),
        (["start", "-t", "-1"], ["-t"]),
        (["start", "--http", "foo"], ["--http: not an address: 'foo'", "[HOST:]PORT is one"]),
        (["start", "--http", "99999"], ["--http: not an address: '99999'"]),
        (["start", "-D", "--http", "::1:80"], ["--http: not an address: '::1:80'", "[::1]:PORT"]),
        (["run"], ["run what?"]),
        (["run", ""], ["run what?"]),
        (["run", "", "x"], ["run what?"]),
        (["run", "-p"], ["-p", "expected one argument"]),
        (["run", "--bogus", "true"], ["--bogus"]),
        (["check", "web"], ["web", "gaffer check --help"]),
        (["version", "--bogus"], ["--bogus"]),
        (["help", "strat"], ["no such command: 'strat'"]),
    ],
)
def test_what_is_wrong_with_the_command_line_has_status_2(
    project: MakeProject, args: list[str], parts: list[str]
) -> None:
    assert_refused(project(FINE), args, 2, parts)


@pytest.mark.skipif(is_root() and not shutil.which("setpriv"), reason="root reads everything")
@pytest.mark.parametrize("name", ["Procfile", ".env", ".foreman"])
def test_a_file_that_may_not_be_read(project: MakeProject, name: str) -> None:
    made = project({".env": "A=1\n", ".foreman": "", **FINE})
    made.path(name).chmod(0)
    as_anybody = "setpriv --bounding-set -dac_override,-dac_read_search" if is_root() else ""
    result = made.shell(f"exec {as_anybody} $gaffer start")
    assert result.error() == f"{name}: permission denied"
    assert result.status == 1
    assert not made.path("started").exists()


@pytest.mark.skipif(is_root() and not shutil.which("setpriv"), reason="root reads everything")
@pytest.mark.parametrize("verb", ["start", "check"])
def test_a_directory_that_may_not_be_entered(project: MakeProject, verb: str) -> None:
    made = project({f"sub/{name}": content for name, content in FINE.items()})
    made.path("sub").chmod(0o600)
    as_anybody = "setpriv --bounding-set -dac_override,-dac_read_search" if is_root() else ""
    try:
        result = made.shell(f"exec {as_anybody} $gaffer {verb} -d sub")
    finally:
        made.path("sub").chmod(0o700)
    assert result.error() == "sub: permission denied"
    assert result.status == 1


@pytest.mark.parametrize("name", ["Procfile", ".env", ".foreman"])
def test_a_link_to_nothing(project: MakeProject, name: str) -> None:
    made = project({} if name == "Procfile" else FINE)
    made.path(name).symlink_to("Gone/away")
    result = made.run("start")
    assert result.error() == f"{name}: a link to Gone/away, which isn't there"
    assert result.status == 1


def test_a_directory_that_is_gone(project: MakeProject, tmp_path: Path) -> None:
    made = project({})
    gone = tmp_path / "gone"
    gone.mkdir()
    result = made.shell('rmdir "$PWD"; exec $gaffer start', cwd=gone)
    assert "the current directory: no such file" in result.error()
    assert result.status == 1
    for command in ("start -d .", "check -d ../gone", "run -d . ls", "restart -d ."):
        gone.mkdir()
        result = made.shell(f'rmdir "$PWD"; exec $gaffer {command}', cwd=gone)
        assert result.error() == "the current directory is gone (cd into another one)"
        assert result.status == 1


@pytest.mark.parametrize(
    ("env", "parts"),
    [
        ({"PORT": "http"}, ["PORT of the environment", "'http' is not a port"]),
        ({"PROCFILE": "missing"}, ["missing: no such file"]),
        ({"GAFFER_LOOP": "libev"}, ["GAFFER_LOOP", "libev", "pyuv, selectors or asyncio"]),
    ],
)
def test_what_is_wrong_with_the_environment(
    project: MakeProject, env: dict[str, str], parts: list[str]
) -> None:
    made = project(FINE)
    result = made.run("start", env=env)
    message = result.error()
    assert all(part in message for part in parts), result
    assert result.status == 1
    assert not made.path("started").exists()


def test_a_loop_that_is_not_installed(project: MakeProject) -> None:
    made = project({**FINE, "without/pyuv.py": "raise ImportError('No module named pyuv')\n"})
    env = {"GAFFER_LOOP": "pyuv", "PYTHONPATH": f"{made.path('without')}:{PACKAGE_ROOT}"}
    result = made.run("start", env=env)
    assert result.error() == (
        "GAFFER_LOOP=pyuv: pyuv can't be imported (No module named pyuv); "
        "docs/pyuv.md has the command that installs it"
    )


@pytest.mark.parametrize(
    ("dotenv", "part"),
    [
        ('A="never closed\n', '.env:1: the quote " is never closed'),
        ("A=1\nB C=2\n", ".env:2: not a line of NAME=value"),
    ],
)
def test_a_bad_line_of_the_env_file_is_said_and_the_rest_holds(
    project: MakeProject, dotenv: str, part: str
) -> None:
    result = project({"Procfile": "web: echo served\n", ".env": dotenv}).run("start", "-q")
    assert result.stderr.startswith(f"gaffer: {part}"), result
    assert result.stderr.count("\n") == 1
    assert result.status == 0


def test_names_that_share_a_port_variable_are_said(project: MakeProject) -> None:
    made = project({"Procfile": "web-2: echo $GAFFER_PORT_WEB_2\nweb_2: true\n"})
    result = made.run("start", "--no-prefix", "-q", "web-2")
    assert result.lines == ["5000"], result
    assert result.stderr.startswith("gaffer: Procfile:2: GAFFER_PORT_WEB_2 is the port of 'web-2'")


def test_file_names_that_are_not_utf8_are_shown_somehow(project: MakeProject) -> None:
    made = project({})
    name = os.fsdecode(b"Proc\xff")
    result = made.run("start", "-f", name)
    assert result.status == 1
    assert "no such file" in result.error()
    made.path(name).write_text("web: true\n")
    assert made.run("check", "-f", name).raw == b"Proc\xff: nothing is wrong\n"


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        (["check", "a\nb"], "a\\nb"),
        (["start", "-f", "a\x1b[2J"], "a\\x1b[2J: no such file"),
        (["start", "é\n"], "é\\n"),
        (["start", "-f", os.fsdecode(b"Proc\xff")], "Proc\\xff: no such file"),
    ],
)
def test_a_message_is_one_line_whatever_was_typed(
    project: MakeProject, args: list[str], shown: str
) -> None:
    assert shown in project(FINE).run(*args).error()


@pytest.mark.parametrize("args", [["--help"], ["start", "--help"], ["check"], ["version"]])
def test_a_full_disk_is_one_line(project: MakeProject, args: list[str]) -> None:
    made = project({"Procfile": "web: true\n"})
    with open("/dev/full", "wb") as full:
        result = made.run(*args, stdout=full)
    assert result.error() == "can't write to standard output: No space left on device"
    assert result.status == 1


@pytest.mark.parametrize("args", [["--help"], ["start", "--help"], ["check"], ["version"]])
def test_a_reader_that_has_gone_is_none(project: MakeProject, args: list[str]) -> None:
    made = project({"Procfile": "web: true\n"})
    reader, writer = os.pipe()
    os.close(reader)
    result = made.run(*args, stdout=writer)
    os.close(writer)
    assert result.stderr == ""
    assert result.status == -signal.SIGPIPE


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("args", ["start -q", "check", "run 'true'"])
def test_standard_streams_may_be_closed(project: MakeProject, redirection: str, args: str) -> None:
    made = project({"Procfile": "web: echo x >&2; cat </dev/null; echo y\n"})
    result = made.shell(f"exec $gaffer {args} {redirection}")
    assert result.status == 0, result
    assert "Traceback" not in result.stderr
    assert "gaffer:" not in result.stderr


def test_ctrl_c_before_anything_runs_is_quiet(project: MakeProject) -> None:
    made = project({})
    os.mkfifo(made.path("Procfile"))
    running = made.spawn("start")
    # Opening it waits for a reader: gaffer has got as far as the Procfile, and hangs there.
    with open(made.path("Procfile"), "wb"):
        running.signal(signal.SIGINT)
        assert running.wait() == -signal.SIGINT
    assert running.text == ""


def test_no_message_says_anything_twice(project: MakeProject) -> None:
    result = project({"Procfile": "web:\nweb:\nx y\n"}).run("check")
    lines = result.stderr.splitlines()
    assert len(lines) == len(set(lines)) == 3, result
    assert all(re.match(r"gaffer: Procfile:\d: ", line) for line in lines), result


@pytest.mark.parametrize("limit", [5, 6, 7, 9])
def test_too_few_descriptors(project: MakeProject, limit: int) -> None:
    """Wherever it is that there are no more of them."""
    made = project({"Procfile": "web: echo up\n"})
    result = made.shell(f"ulimit -n {limit}; exec $gaffer start")
    assert result.status in (1, 126), result
    assert "oo many open files" in result.stdout + result.stderr
    assert "Traceback" not in result.stderr

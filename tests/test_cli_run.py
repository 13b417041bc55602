"""`gaffer run`: one command in the project's environment, its terminal, signals and status kept."""

from __future__ import annotations

import re
import signal

import pytest
from cli import MakeProject
from cli import project as project

ARGUMENTS = "#!/bin/sh\nfor word; do printf '<%s>' \"$word\"; done; echo\n"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["./arguments", "a b", "c"], "<a b><c>"),
        (
            ["./arguments", "$HOME", "*", '"q"', "it's", "a;b", "\\", ""],
            '<$HOME><*><"q"><it\'s><a;b><\\><>',
        ),
        (["./arguments", "é", "x\ny"], "<é><x\ny>"),
        (["--", "./arguments", "-x", "--", "--help"], "<-x><--><--help>"),
        (["./arguments", "-f", "x", "--port=1"], "<-f><x><--port=1>"),
        (["./arguments $WHO; echo $((1+1))"], "<dotenv>\n2"),
        (["./arguments a  'b  c'"], "<a><b  c>"),
        (["--", "./arguments $WHO"], "<dotenv>"),
        (["-e", "other", "./arguments $WHO"], "<other>"),
        (["-e", "other,.env", "--", "./arguments $WHO"], "<dotenv>"),
    ],
)
def test_quoting_is_faithful(project: MakeProject, args: list[str], expected: str) -> None:
    files = {"arguments": ARGUMENTS, ".env": "WHO=dotenv\n", "other": "WHO=other\n"}
    result = project(files).run("run", *args)
    assert result.stdout == f"{expected}\n", result
    assert result.stderr == ""
    assert result.status == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], ["-e", "other"]),
        (["-e", "other"], []),
        (["--env=other"], []),
        (["-eother"], []),
        (["-d", ".", "-e", "other"], []),
    ],
)
def test_options_stand_before_or_after_the_verb(
    project: MakeProject, before: list[str], after: list[str]
) -> None:
    result = project({"other": "WHO=other\n"}).run(*before, "run", *after, "printenv", "WHO")
    assert result.stdout == "other\n", result


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["true"], 0),
        (["exit 3"], 3),
        (["sh", "-c", "exit 4"], 4),
        (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
        (["kill -KILL $$"], -signal.SIGKILL),
    ],
)
def test_the_status_is_the_commands(project: MakeProject, args: list[str], expected: int) -> None:
    assert project({}).run("run", *args).status == expected


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["nosuchcommand", "x"], 127, "command not found: nosuchcommand"),
        (["./gone", "x"], 127, "command not found: ./gone"),
        (["./plain", "x"], 126, "can't execute ./plain: Permission denied"),
        (["./folder", "x"], 126, "can't execute ./folder: "),
    ],
)
def test_what_cannot_be_executed(
    project: MakeProject, args: list[str], status: int, message: str
) -> None:
    result = project({"plain": "text\n", "folder/": ""}).run("run", *args)
    assert result.error().startswith(message), result
    assert result.status == status


@pytest.mark.parametrize(("command", "status"), [("nosuchcommand", 127), ("./plain", 126)])
def test_what_a_shell_cannot_execute(project: MakeProject, command: str, status: int) -> None:
    result = project({"plain": "text\n"}).run("run", command)
    assert result.status == status
    assert command in result.stderr


def test_a_path_with_files_in_it_still_means_not_found(project: MakeProject) -> None:
    made = project({".env": "PATH=${PATH}:/etc/passwd\n"})
    result = made.run("run", "nosuchcommand", "x")
    assert result.error() == "command not found: nosuchcommand"
    assert result.status == 127


def test_the_command_is_looked_for_where_the_env_file_says(project: MakeProject) -> None:
    made = project({"bin/tool": "#!/bin/sh\necho tool $1\n"})
    made.write({".env": f"PATH={made.path('bin')}:/usr/bin:/bin\n"})
    assert made.run("run", "tool", "a").stdout == "tool a\n"
    assert made.run("run", "tool b").stdout == "tool b\n"


@pytest.mark.parametrize("name", ["web", "release"])
def test_an_entry_by_its_name(project: MakeProject, name: str) -> None:
    procfile = 'release: echo "$PS $PORT $WHO"; exit 7\nweb: echo "$PS $PORT $WHO"; exit 7\n'
    result = project({"Procfile": procfile, ".env": "WHO=me\n"}).run("run", name)
    port = {"release": 5000, "web": 5100}[name]
    assert result.stdout == f"{name}.1 {port} me\n", result
    assert result.status == 7


def test_an_entry_of_several_services(project: MakeProject) -> None:
    made = project(
        {
            "api/Procfile": "web: echo api $PORT\nrelease: echo $PS of api\n",
            "site/Procfile": "web: echo site\nclock: pwd\n",
            "broken/Procfile": "web\n",
            "gaffer.yaml": "groups: {api: api, site: site}\n",
        }
    )
    for where in ([], ["-d", "api", "-d", "site"]):
        assert made.run("run", *where, "release").stdout == "release.1 of api\n"
        assert made.run("run", *where, "api:web").stdout == "api 5000\n"
        assert made.run("run", *where, "clock").lines == [str(made.path("site").resolve())]
        ambiguous = made.run("run", *where, "web")
        assert ambiguous.error().startswith(
            "there are several processes 'web' (api:web or site:web"
        )
        assert ambiguous.status == 1
        assert made.run("run", *where, "clok").error() == (
            "command not found: clok (did you mean 'clock'?)"
        )
    # What is no name is the shell's, and a file that is no Procfile nobody's.
    assert made.run("run", "-d", "api", "-d", "broken", "echo c*").stdout == "c*\n"


def test_a_directory_that_is_not_there(project: MakeProject) -> None:
    made = project({"gaffer.yaml": "processes: {web: {command: pwd, cwd: none}}\n"})
    result = made.run("run", "web")
    assert result.error() == f"can't run in {made.path('none')}: no such file or directory"
    assert result.status == 126


def test_an_entry_takes_the_port_option(project: MakeProject) -> None:
    made = project({"Procfile": "web: true\nworker: echo $PORT $GAFFER_PORT_WEB\n"})
    assert made.run("run", "-p", "7000", "--port-step", "10", "worker").stdout == "7010 7000\n"


def test_a_command_may_be_called_like_an_entry(project: MakeProject) -> None:
    made = project({"Procfile": "echo: printf entry\n"})
    assert made.run("run", "echo").stdout == "entry"
    assert made.run("run", "echo", "words").stdout == "words\n"


def test_in_the_projects_directory(project: MakeProject) -> None:
    made = project({"sub/Procfile": "web: pwd\n", "sub/.env": "WHO=sub\n"})
    expected = str(made.path("sub").resolve())
    for args in (["-d", "sub"], ["-f", "sub/Procfile"]):
        for command in (["pwd"], ["sh", "-c", "pwd"], ["web"]):
            assert made.run("run", *args, *command).lines == [expected]
        assert made.run("run", *args, "printenv", "WHO").lines == ["sub"]


def test_a_broken_procfile_does_not_matter_to_a_command(project: MakeProject) -> None:
    result = project({"Procfile": "web\nweb: true\nweb: true\n"}).run("run", "echo", "x")
    assert result.stdout == "x\n", result
    assert result.stderr == ""


def test_what_a_bad_env_file_is(project: MakeProject) -> None:
    made = project({".env": b"A=\xff\n"})
    result = made.run("run", "echo", "x")
    assert result.error().startswith(".env:1: not UTF-8")
    assert result.status == 1
    made.write({".env": "A=1\nB C=2\n"})
    result = made.run("run", "printenv", "A")
    assert result.stdout == "1\n"
    assert re.fullmatch(r"gaffer: \.env:2: [^\n]+\n", result.stderr), result


def test_standard_input_is_the_commands(project: MakeProject) -> None:
    made = project({"input": "one\ntwo\n"})
    with open(made.path("input"), "rb") as file:
        assert made.run("run", "cat", stdin=file).lines == ["one", "two"]
        file.seek(0)
        assert made.run("run", "sort", "-r", stdin=file).lines == ["two", "one"]


def test_the_terminal_is_the_commands(project: MakeProject) -> None:
    running = project({}).spawn(
        "run", "test -t 0 && test -t 1 && tty && read x && echo got $x", pty=True
    )
    running.read_until(r"^/dev/")
    running.send(b"typed\n")
    running.read_until(r"^got typed")
    assert running.wait() == 0


def test_ctrl_c_reaches_the_command_alone(project: MakeProject) -> None:
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.01; done"
    running = project({}).spawn("run", script, pty=True)
    running.read_until("^ready")
    running.send(b"\x03")
    running.read_until("caught")
    assert running.wait() == 5
    assert "Traceback" not in running.text


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_command(project: MakeProject, signum: signal.Signals) -> None:
    script = (
        f"trap 'echo caught; exit 5' {signum.name[3:]}; echo ready; while :; do sleep 0.01; done"
    )
    running = project({}).spawn("run", script)
    running.read_until("^ready")
    running.signal(signum)
    running.read_until("^caught")
    assert running.wait() == 5


def test_the_command_starts_with_default_signals(project: MakeProject) -> None:
    # Python ignores SIGPIPE; `yes` would complain and not die of it.
    result = project({}).run("run", "sh", "-c", "yes | head -n1")
    assert result.stdout == "y\n"
    assert result.stderr == ""
    ignored = project({}).run("run", "grep SigIgn /proc/self/status").stdout
    assert int(ignored.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0

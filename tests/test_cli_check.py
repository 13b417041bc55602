"""`gaffer check`: all that is wrong, at once, and no false alarm."""

from __future__ import annotations

import pytest
from cli import MakeProject
from cli import project as project

Files = dict[str, str | bytes]


def test_nothing_is_wrong(project: MakeProject) -> None:
    made = project({"Procfile": "web: sleep 1\n", ".env": "A=1\n"})
    result = made.run("check")
    assert result.stdout == "Procfile: nothing is wrong\n"
    assert result.stderr == ""
    assert result.status == 0
    made.write({"Procfile.dev": "web: true\n"})
    assert made.run("check").stdout == "Procfile.dev: nothing is wrong\n"
    assert made.run("check", "-f", "Procfile").stdout == "Procfile: nothing is wrong\n"


def test_everything_at_once_and_nothing_run(project: MakeProject) -> None:
    procfile = """\
web: touch started
a.b: true
job:
web: touch started
just words
worker: nosuchcommand --now
web-2: true
web_2: ./plain
"""
    files = {"Procfile": procfile, ".env": 'A=${UNSET}\nB C=2\nB="never closed\n', "plain": ""}
    made = project(files)
    result = made.run("check", "-c", "wroker=1", "-p", "65500")
    expected = [
        (".env:1: ", "UNSET"),
        (".env:2: ", "NAME=value"),
        (".env:3: ", "never closed"),
        ("Procfile:2: ", "'a.b'"),
        ("Procfile:3: ", "'job' has no command"),
        ("Procfile:4: ", "'web' is already in line 1"),
        ("Procfile:5: ", "'just words'"),
        ("Procfile:6: ", "worker: command 'nosuchcommand' is not found"),
        ("Procfile:8: ", "GAFFER_PORT_WEB_2"),
        ("Procfile:8: ", "web_2: './plain' is not executable"),
        ("unknown process 'wroker'", "did you mean 'worker'?"),
        ("", "65600, past 65535"),
    ]
    lines = result.stderr.splitlines()
    assert len(lines) == len(expected), result
    for line, (start, part) in zip(lines, expected, strict=True):
        assert line.startswith(f"gaffer: {start}") and part in line, result
    assert result.stdout == ""
    assert result.status == 1
    assert not made.path("started").exists()


@pytest.mark.parametrize(
    "command",
    [
        "FOO=1 exec sleep 1",
        "A=1 B=$(date) sleep 1",
        "cd / && true",
        "exec sh -c 'sleep 1'",
        "if true; then sleep 1; fi",
        "for i in 1 2; do sleep 1; done",
        "while :; do sleep 1; done",
        "(sleep 1)",
        "{ sleep 1; }",
        "! false",
        "case x in x) true;; esac",
        "$SOMETHING else",
        "${PROGRAM:-sleep} 1",
        "`which sleep` 1",
        "'sleep' 1",
        '"$HOME/bin/x" 1',
        "~/bin/x",
        ". ./settings && true",
        "test -f x || true",
        "[ -f x ] || true",
        ": nothing",
        "trap 'exit 0' TERM; sleep 1",
        "ulimit -n 100; true",
        "f() { true; }; f",
        ">log sleep 1",
        "2>&1 sleep 1",
        "<input sleep 1",
        "./tool --x",
        "bin/tool",
        "sleep 1 | cat",
        "sleep 1& wait",
        "true;false",
        "PATH=/nowhere nosuchcommand",
    ],
)
def test_no_false_alarm(project: MakeProject, command: str) -> None:
    tool = "#!/bin/sh\n"
    files = {"Procfile": f"web: {command}\n", "tool": tool, "bin/tool": tool}
    result = project(files).run("check")
    assert result.status == 0, result


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("nosuchcommand", "command 'nosuchcommand' is not found"),
        ("FOO=1 nosuchcommand", "command 'nosuchcommand' is not found"),
        ("exec nosuchcommand x", "command 'nosuchcommand' is not found"),
        ("FOO=1 exec nosuchcommand x", "command 'nosuchcommand' is not found"),
        ("nosuchcommand | cat", "command 'nosuchcommand' is not found"),
        ("./gone", "command './gone' is not found"),
        ("./plain", "'./plain' is not executable"),
        ("./folder", "'./folder' is a directory"),
    ],
)
def test_a_command_that_is_not_there(project: MakeProject, command: str, part: str) -> None:
    files = {"Procfile": f"ok: true\nweb: {command}\n", "plain": "", "folder/": ""}
    result = project(files).run("check")
    assert result.error() == f"Procfile:2: web: {part}" or part in result.error()
    assert result.stderr.startswith("gaffer: Procfile:2: web: ")
    assert result.status == 1


def test_commands_are_looked_for_on_the_projects_own_path(project: MakeProject) -> None:
    made = project({"Procfile": "web: mytool\n", "bin/mytool": "#!/bin/sh\n"})
    assert made.run("check").status == 1
    made.write({".env": f"PATH={made.path('bin')}\n"})
    assert made.run("check").status == 0


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({}, "no Procfile in "),
        ({"Procfile": ""}, "no process in it"),
        ({"Procfile/": ""}, "is a directory"),
        ({"Procfile": "---\nweb: x\n"}, "YAML"),
        ({"Procfile": "web: true\n", ".env": b"\xff"}, "not UTF-8"),
        ({"Procfile": "web: true\n", ".env": "PORT=x\n"}, "'x' is not a port"),
        ({"Procfile": "web: true\n", ".env": "A=${UNSET}\n"}, "UNSET"),
        ({"Procfile": "web: true\n", ".env": "NAME\n"}, ".env:1: "),
        ({"Procfile": "release: true\n"}, "nothing is left to run"),
    ],
)
def test_one_problem_is_one_line(project: MakeProject, files: Files, part: str) -> None:
    result = project(files).run("check")
    assert part in result.error()
    assert result.status == 1


def test_an_unset_variable_that_has_a_default_or_is_set_is_none(project: MakeProject) -> None:
    dotenv = "A=${UNSET:-x}\nB=${SET}\nC=${A}\n"
    made = project({"Procfile": "web: true\n", ".env": dotenv})
    assert made.run("check", env={"SET": "1"}).status == 0


@pytest.mark.parametrize("args", [["-d", "sub", "check"], ["check", "--root", "sub"]])
def test_of_another_directory(project: MakeProject, args: list[str]) -> None:
    made = project({"Procfile": "web\n", "sub/Procfile": "web: true\n"})
    assert made.run("check").status == 1
    assert made.run(*args).status == 0

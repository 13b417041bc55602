"""`gaffer check`: all that is wrong, at once, and no false alarm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli import MakeProject
from cli import project as project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaffer_procfile.cli import main

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
        ({"Procfile": "---\nweb: true\n"}, "Procfile:1: '---' is no entry, left out"),
        ({"Procfile": "---\nservices:\n  web: x\n"}, "YAML"),
        (
            {"Procfile": "web:\u00a0true\n"},
            "Procfile:1: the command of 'web' begins with U+00A0, NO-B",
        ),
        (
            {"gaffer.yaml": 'processes: {web: {command: "\\_true"}}\n'},
            "gaffer.yaml:1:19: the command of 'web' begins with U+00A0, NO-BREAK SPACE, no space for",
        ),
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


# ---- gaffer.yaml, several services, --json


EVERYTHING_WRONG: Files = {
    "Procfile": "web: true\nnot a line\n",
    ".env": "A=${UNSET}\n",
    "gaffer.yaml": """\
defaults:
  restrat: always
processes:
  web:
    depends_on: [dbb, worker]
    env_files: gone.env
  worker: {command: nosuchcommand, depends_on: web, profiles: extra}
  hidden: {command: 'true', profiles: extra, env_files: gone-too.env}
  nothing: {scale: 2}
groups:
  first: nowhere
  second: neither
  api: api
""",
    "api/Procfile": "web: true\nweb: false\n",
}


def test_all_kinds_of_problems_of_all_services_at_once(project: MakeProject) -> None:
    result = project(EVERYTHING_WRONG).run("check", "--profile", "exrta", "-p", "65500")
    expected = [
        ("gaffer.yaml:11:3: ", "first: there is no directory nowhere"),
        ("gaffer.yaml:12:3: ", "second: there is no directory neither"),
        ("gaffer.yaml:2:3: ", "unknown key 'restrat' (did you mean 'restart'?)"),
        (".env:1: ", "UNSET"),
        ("Procfile:2: ", "'not a line'"),
        ("gaffer.yaml:7: ", "worker: command 'nosuchcommand' is not found"),
        ("gaffer.yaml:9:3: ", "nothing has no command"),
        ("api/Procfile:2: ", "'web' is already in line 1"),
        ("gaffer.yaml:5:5: ", "web: unknown process 'dbb'"),
        ("gaffer.yaml:", "each waits for the other: "),
        ("", "no process has the profile 'exrta' (did you mean 'extra'?)"),
        ("", "past 65535"),
        ("gone.env: ", "no such file or directory"),
        ("gone-too.env: ", "no such file or directory"),
    ]
    lines = [line.removeprefix("gaffer: ") for line in result.stderr.splitlines()]
    for start, part in expected:
        found = [line for line in lines if line.startswith(start) and part in line]
        assert len(found) == 1, (start, part, result)
        lines.remove(found[0])
    assert lines == []
    assert result.status == 1


def test_directories_and_interpreters_that_are_not_there(project: MakeProject) -> None:
    config = (
        "processes:\n"
        "  web:\n"
        "    command: 'true'\n"
        "    cwd: gone\n"
        "  worker: {command: 'true', cwd: file}\n"
        "  job: {command: ./run.sh, cwd: sub}\n"
    )
    made = project({"gaffer.yaml": config, "file": "", "sub/run.sh": "#!/bin/sh\r\n"})
    result = made.run("check")
    fault = "its first line ends as on Windows (CR LF), which is taken for a part of it"
    assert [line.removeprefix("gaffer: ") for line in result.stderr.splitlines()] == [
        "gaffer.yaml:4:5: web: cwd gone doesn't exist",
        "gaffer.yaml:5:29: worker: cwd file is not a directory",
        f"gaffer.yaml:6: job: './run.sh' can't be started: {fault}",
    ]
    assert result.status == 1


def test_as_json(project: MakeProject) -> None:
    files: Files = {
        "Procfile": "web: true\nwhat\n",
        ".env": "A=${UNSET}\n",
        "gaffer.yaml": "processes:\n  web:\n    prot: 1\n",
    }
    result = project(files).run("check", "--json")
    problems = json.loads(result.stdout)
    keys = ("file", "line", "column", "severity", "hint")
    assert [tuple(problem[key] for key in keys) for problem in problems] == [
        ("gaffer.yaml", 3, 5, "error", "did you mean 'port'?"),
        (".env", 1, None, "notice", "${UNSET:-} if it is meant to be"),
        ("Procfile", 2, None, "warning", problems[2]["hint"]),
    ]
    assert [problem["message"] for problem in problems][:2] == [
        "unknown key 'prot'",
        "${UNSET} is not set, so it is empty in A",
    ]
    assert problems[0].keys() == {*keys, "message"}
    assert (result.stderr, result.status) == ("", 1)


def test_nothing_wrong_as_json(project: MakeProject) -> None:
    result = project({"Procfile": "web: true\n"}).run("check", "--json")
    assert (result.stdout, result.stderr, result.status) == ("[]\n", "", 0)


def test_no_procfile_is_missed_where_the_configuration_is_wrong(project: MakeProject) -> None:
    result = project({"gaffer.yaml": "web: {command: 'true'}\n"}).run("check")
    problem = "gaffer.yaml:1:1: unknown key 'web' (processes stand below 'processes:')"
    assert (result.error(), result.status) == (problem, 1)


def test_start_says_the_first_env_file_that_is_missing(project: MakeProject) -> None:
    files: Files = {"gaffer.yaml": "processes:\n  web: {command: 'true', env_files: gone.env}\n"}
    result = project(files).run("start")
    assert result.error() == "gone.env: no such file or directory (gaffer.yaml:2 names it)"
    assert result.status == 1


def test_a_missing_env_file_is_told_of_with_where_it_is_named(project: MakeProject) -> None:
    files: Files = {
        "gaffer.yaml": """\
env_files: [here.env, top.env]
defaults: {env_files: all.env}
processes: {web: {command: 'true'}, db: {command: 'true', env_files: here.env}}
groups:
  api: {directory: api, env_files: [own.env]}
""",
        "here.env": "A=1\n",
        "api/Procfile": "web: true\n",
    }
    made = project(files)
    assert made.run("check").stderr.splitlines() == [
        f"gaffer: {file}: no such file or directory (gaffer.yaml:{line} names it)"
        for file, line in (("top.env", 1), ("own.env", 5), ("all.env", 2), ("api/all.env", 2))
    ]
    assert made.run("start", "-e", "gone").error() == "gone: no such file or directory"


# ---- whatever the files hold


PIECES = st.sampled_from(
    [
        *("processes:", "  web:", "  db:", "    command: true", "    depends_on: db"),
        *("    depends_on: [web, gone]", "    env_files: x.env", "    env: {A: '${B}'}"),
        *(
            "    port: 5000",
            "    port: 99999",
            "    scale: 3",
            "    profiles: p",
            "    ready: port",
        ),
        *("    ready: {log: '('}", "    <<: *x", "    cwd: sub", "defaults: &x", "groups:"),
        *("  one: sub", "  two: 'su*'", "  three: gone", "port: 7", "port_step: 0", "env:", "- a"),
        *("{", "}", "[", "\t", "'", '"', "---", "...", "#", "é", "\x00", "\ufeff"),
        *("web: true", "web", "release: x", "A=1", "A=${B}", 'A="', "PORT=70000", "PROCFILE=gone"),
    ]
)
TEXT = st.lists(PIECES | st.text(max_size=6), max_size=12).map("\n".join)
CONTENT = TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=30)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    procfile=st.none() | CONTENT,
    config=st.none() | CONTENT,
    dotenv=st.none() | CONTENT,
    below=st.none() | CONTENT,
    verb=st.sampled_from(
        [["check"], ["check", "--json"], ["plan"], ["env"], ["env", "--json", "web"]]
    ),
)
def test_no_content_gives_a_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    procfile: bytes | None,
    config: bytes | None,
    dotenv: bytes | None,
    below: bytes | None,
    verb: list[str],
) -> None:
    contents = {"Procfile": procfile, "gaffer.yaml": config, ".env": dotenv, "sub/Procfile": below}
    (tmp_path / "sub").mkdir(exist_ok=True)
    for name, content in contents.items():
        (tmp_path / name).unlink(missing_ok=True)
        if content is not None:
            (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    status = main(verb)  # an exception is what must not come
    said = capfd.readouterr()
    assert status in (0, 1, 2)
    assert all(line.startswith("gaffer: ") for line in said.err.splitlines())
    if verb == ["check", "--json"]:
        assert status == bool(json.loads(said.out))
    elif status:
        assert said.err or verb[0] != "check"

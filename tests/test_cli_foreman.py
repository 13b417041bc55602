"""`.foreman`: defaults of options, as foreman reads them."""

from __future__ import annotations

import re

import pytest
from cli import MakeProject
from cli import project as project

REPORT = '#!/bin/sh\necho "$PS $PORT $WHO"\n'
OPTIONS = "procfile, root, env, port, formation, concurrency, timeout, color, timestamp"
FILES: dict[str, str | bytes] = {
    "Procfile": "web: ./report\n",
    "other": "job: true\nweb: ./report\n",
    "sub/Procfile": "sub: ../report\n",
    "report": REPORT,
    ".env": "WHO=dotenv\n",
    "my.env": "WHO=mine\n",
}


@pytest.mark.parametrize(
    ("foreman", "args", "expected"),
    [
        ("", [], "web.1 5000 dotenv"),
        ("# nothing\n", [], "web.1 5000 dotenv"),
        ("port: 7000\n", [], "web.1 7000 dotenv"),
        ("port: 7000\n", ["-p", "8000"], "web.1 8000 dotenv"),
        ("port:\n", [], "web.1 5000 dotenv"),
        ("procfile: other\nformation: web=1\n", [], "web.1 5100 dotenv"),
        ("procfile: other\nformation: job=0,all=1\n", [], "web.1 5100 dotenv"),
        ("procfile: other\nconcurrency: job=0,web=1\n", [], "web.1 5100 dotenv"),
        ("procfile: other\n", ["-f", "Procfile"], "web.1 5000 dotenv"),
        ("procfile: other\nformation: web=0\n", ["-m", "web=1"], "web.1 5100 dotenv"),
        ("env: my.env\n", [], "web.1 5000 mine"),
        ("env: .env,my.env\n", [], "web.1 5000 mine"),
        ("env: my.env\n", ["-e", ".env"], "web.1 5000 dotenv"),
        ("root: sub\n", [], "sub.1 5000 "),
        ("app: shop\nuser: shop\nlog: 2020-13-45\nport: 7000\n", [], "web.1 7000 dotenv"),
        ("port: http\nport: 7000\n", [], "web.1 7000 dotenv"),
        ("port: http\n", ["-p", "8000"], "web.1 8000 dotenv"),
        ("'port': \"7000\"  # twice quoted\n", [], "web.1 7000 dotenv"),
    ],
)
def test_defaults_of_start(
    project: MakeProject, foreman: str, args: list[str], expected: str
) -> None:
    result = project(FILES | {".foreman": foreman}).run("start", "--no-prefix", "-q", *args)
    assert result.stdout == f"{expected}\n", result
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("foreman", "args", "pattern"),
    [
        ("timestamp: false\n", [], r"web\.1 +\| web\.1 5000 dotenv"),
        ("", ["--timestamp"], r"\d\d:\d\d:\d\d web\.1 +\| web\.1 5000 dotenv"),
        ("timestamp: false\n", ["--timestamp"], r"\d\d:\d\d:\d\d web\.1 +\| web\.1 5000 dotenv"),
        ("timestamp: false\n", ["--timestamps", "%S"], r"\d\d web\.1 +\| web\.1 5000 dotenv"),
        ("timestamp: true\n", [], r"\d\d:\d\d:\d\d web\.1 +\| web\.1 5000 dotenv"),
        (
            "color: true\n",
            ["--no-timestamps"],
            r"\S*\x1b\[36mweb\.1 +\| \x1b\[0mweb\.1 5000 dotenv",
        ),
        ("color: true\n", ["--no-timestamps", "--no-color"], r"web\.1 +\| web\.1 5000 dotenv"),
        ("color: false\n", ["--no-timestamps"], r"web\.1 +\| web\.1 5000 dotenv"),
    ],
)
def test_defaults_of_the_output(
    project: MakeProject, foreman: str, args: list[str], pattern: str
) -> None:
    result = project(FILES | {".foreman": foreman}).run("start", "-q", *args)
    assert re.fullmatch(pattern, result.stdout.rstrip("\n")), result


@pytest.mark.parametrize(
    ("foreman", "expected"),
    [
        ("port: http\n", "1: 'http' is not a port (a number from 1 to 65535)"),
        ("# ours\n\nenv: my.env\nport: 0\n", "4: '0' is not a port (a number from 1 to 65535)"),
        ("timeout: soon\n", "1: timeout takes a number of seconds, not 'soon'"),
        ("formation: web\n", "1: 'web' is not name=number (a formation looks like web=2,worker=1)"),
        ("? [port]\n: 7000\n", "1: an option's name is one word"),
        ("port:\n  - 7000\n", "1: port takes one value, on its own line"),
    ],
)
def test_a_value_that_cannot_be_is_said_with_its_line(
    project: MakeProject, foreman: str, expected: str
) -> None:
    result = project(FILES | {".foreman": foreman}).run("start")
    assert result.error() == f".foreman:{expected}"
    assert result.status == 1


@pytest.mark.parametrize("args", [["start", "-q"], ["check"], ["run", "true"]])
def test_an_option_that_is_none_is_warned_of(project: MakeProject, args: list[str]) -> None:
    made = project(FILES | {".foreman": "formaton: web=1\nport: 7100\n3: x\nuser: me\n"})
    result = made.run(*args)
    assert result.stderr.splitlines() == [
        "gaffer: .foreman:1: no such option: 'formaton', left out (did you mean 'formation'?)",
        f"gaffer: .foreman:3: no such option: '3', left out (there is {OPTIONS})",
    ]
    assert result.status == 0
    if args == ["start", "-q"]:
        assert "web.1 7100 dotenv" in result.stdout


@pytest.mark.parametrize("args", [["start", "-q", "--no-prefix"], ["plan"], ["check"]])
def test_a_formation_may_name_what_is_not_here(project: MakeProject, args: list[str]) -> None:
    made = project(FILES | {".foreman": "# of all projects\nformation: web=1,wrker=2,api:x=1\n"})
    result = made.run(*args)
    assert result.stderr.splitlines() == [
        "gaffer: .foreman:2: unknown process 'wrker' (there is web)",
        "gaffer: .foreman:2: unknown process 'api:x' (there is no group 'api' here)",
    ]
    assert result.status == (1 if args == ["check"] else 0)
    if args[0] == "start":
        assert result.lines == ["web.1 5000 dotenv"]
    typed = made.run("start", "-m", "web=1,wrker=1")
    assert typed.error() == "unknown process 'wrker' (there is web)"


def test_a_formation_of_nothing_that_is_here(project: MakeProject) -> None:
    made = project(FILES | {".foreman": "formation: wrker=2\n"})
    for verb in ("start", "check"):
        result = made.run(verb)
        assert result.error() == ".foreman:1: unknown process 'wrker' (there is web)"
        assert result.status == 1


def test_the_timeout(project: MakeProject) -> None:
    stubborn = "trap '' TERM; touch ready; while :; do sleep 0.01; done"
    end = "while [ ! -e ready ]; do sleep 0.01; done; exit 3"
    files = {"Procfile": f"web: {stubborn}\njob: {end}\n", ".foreman": "timeout: 0.1\n"}
    result = project(files).run("start")
    assert "web.1 stopped (killed by SIGKILL)" in result.stdout
    assert result.status == 3


def test_run_and_check_read_it_too(project: MakeProject) -> None:
    made = project(FILES | {".foreman": "env: my.env\nprocfile: other\ntimeout: 3\ncolor: true\n"})
    assert made.run("run", "printenv", "WHO").stdout == "mine\n"
    assert made.run("run", "web").stdout == "web.1 5100 mine\n"
    assert made.run("check").stdout == "other: nothing is wrong\n"


@pytest.mark.parametrize(
    ("foreman", "place"),
    [
        ("root: sub\n", "/sub"),
        ("procfile: sub/Procfile\n", "/sub"),
        ("procfile: other\n", ""),
        ("root: nowhere\n", ""),
        ("root: [sub]\n", ""),
        ("- 1\n", ""),
    ],
)
def test_verbs_look_where_start_would_run(project: MakeProject, foreman: str, place: str) -> None:
    made = project(FILES | {".foreman": foreman})
    result = made.run("ps")
    where = f"{made.directory.resolve()}{place}"
    assert result.error() == f"nothing is running in {where} (`gaffer start` starts it)"


def test_it_is_read_where_gaffer_is_called(project: MakeProject) -> None:
    made = project(FILES | {"sub/.foreman": "port: 9000\n"})
    assert made.run("start", "-q", "--no-prefix", "-d", "sub").lines == ["sub.1 5000 "]
    here = made.run("start", "-q", "--no-prefix", cwd=made.path("sub"))
    assert here.lines == ["sub.1 9000 "]

"""`gaffer test`: the CI run on the real command line, how it ends in each case, and what it leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest
from cli import Files, MakeProject, Project, Result
from cli import project as project

# A CI that runs these tests is not to be told of by what they run.
NOWHERE = {"GITHUB_ACTIONS": "", "GITHUB_STEP_SUMMARY": ""}
GITHUB = {"GITHUB_ACTIONS": "true"}

SLEEP = "exec sleep 60"
# Listens on PORT after `sys.argv[1]` seconds, and answers nobody.
SERVER = """\
import os, socket, sys, time
time.sleep(float(sys.argv[1]))
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
time.sleep(60)
"""
CONNECT = """\
import os, socket
socket.create_connection(("127.0.0.1", int(os.environ["GAFFER_PORT_WEB"])), 5).close()
print("connected")
"""


def free_port() -> int:
    """A port that is free now, with room above it for the ports of the other processes."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 60_000:
            return port


def ci(
    made: Project,
    *args: str,
    env: Mapping[str, str] | None = None,
    settle: str | None = "0.05",
    **settings: Any,
) -> Result:
    """Run `gaffer test ARGS` to its end."""
    settling = () if settle is None else ("--settle", settle)
    before = ("-p", str(free_port()), *settling)
    return made.run("test", *before, *args, env={**NOWHERE, **(env or {})}, **settings)


def say(text: str) -> list[str]:
    """A command that says `text`."""
    return ["--", "echo", text]


# ---- the exit status

DIES_WHEN_TOLD = "echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done; echo last words; exit {}"
# Ends when the process whose pid is in the file has been reaped.
WAIT_FOR_ITS_DEATH = (
    "while [ ! -s pid ]; do sleep 0.01; done; touch go; "
    "while kill -0 $(cat pid) 2>&-; do sleep 0.01; done; {}"
)
STOPS_WITH = "trap '{}' TERM; touch up; while :; do sleep 0.01; done"
READY_WHEN_UP = "processes: {web: {ready: {file: up}}}\n"

# The files, the arguments, the exit status, what is told.
CASES: dict[str, tuple[Files, list[str], int, str]] = {
    "all is well": ({"Procfile": f"web: {SLEEP}\n"}, ["true"], 0, "passed"),
    "the command's status": ({"Procfile": f"web: {SLEEP}\n"}, ["exit 7"], 7, "with status 7"),
    "several words": ({"Procfile": f"web: {SLEEP}\n"}, ["sh", "-c", "exit 8"], 8, "status 8"),
    "behind --": ({"Procfile": f"web: {SLEEP}\n"}, ["--", "sh", "-c", "exit 9"], 9, "status 9"),
    "the command is killed": (
        {"Procfile": f"web: {SLEEP}\n"},
        ["kill -KILL $$"],
        137,
        "the command killed by SIGKILL",
    ),
    "not found": (
        {"Procfile": f"web: {SLEEP}\n"},
        ["--", "nonesuch", "x"],
        127,
        "command not found: nonesuch",
    ),
    "not found, one word": (
        {"Procfile": f"web: {SLEEP}\n"},
        ["nonesuch"],
        127,
        "command not found: nonesuch",
    ),
    "not executable": (
        {"Procfile": f"web: {SLEEP}\n", "plain": "no program"},
        ["--", "./plain"],
        126,
        "not executable: ./plain",
    ),
    "died before": (
        {"Procfile": "web: echo last words; exit 3\n"},
        ["--settle", "30", "true"],
        121,
        (
            r"web.1 exited with status 3 after \d.\d s, before all were ready\n"
            r"gaffer: its last line:\ngaffer:     last words"
        ),
    ),
    "died during, and the command was content": (
        {"Procfile": f"web: {DIES_WHEN_TOLD.format(3)}\n"},
        ["--settle", "0.3", WAIT_FOR_ITS_DEATH.format("exit 0")],
        121,
        (
            r"web.1 exited with status 3 after \d.\d s, while the command ran\n"
            r"gaffer: its last line:\ngaffer:     last words"
        ),
    ),
    "ended with 0 during": (
        {"Procfile": f"web: {DIES_WHEN_TOLD.format(0)}\n"},
        ["--settle", "0.3", WAIT_FOR_ITS_DEATH.format("exit 0")],
        121,
        r"web.1 exited with status 0 after \d.\d s, while the command ran",
    ),
    "died during, and the command failed too": (
        {"Procfile": f"web: {DIES_WHEN_TOLD.format(3)}\n"},
        ["--settle", "0.3", WAIT_FOR_ITS_DEATH.format("exit 5")],
        121,
        r"web.1 died; the command exited with status 5 \(exit status 121\)",
    ),
    "may end": (
        {"Procfile": f"web: {SLEEP}\nseed: {DIES_WHEN_TOLD.format(3)}\n"},
        ["--settle", "0.3", "--allow-exit", "seed", WAIT_FOR_ITS_DEATH.format("exit 0")],
        0,
        "seed.1 exited with status 3",
    ),
    "may end before": (
        {"Procfile": f"web: {SLEEP}\nseed: exit 3\n"},
        ["--allow-exit", "seed", "exit 4"],
        4,
        "seed.1 exited with status 3",
    ),
    "fails fast": (
        {"Procfile": f"web: {DIES_WHEN_TOLD.format(3)}\n"},
        ["--settle", "0.3", "--fail-fast", "touch go; exec sleep 60"],
        121,
        "the command was interrupted|stopping because web.1 has failed",
    ),
    "once, completed": (
        {
            "Procfile": f"web: {SLEEP}\nmigrate: sleep 0.2; touch migrated\n",
            "gaffer.yaml": "processes: {migrate: {once: true}}\n",
        },
        ["test -e migrated"],
        0,
        "passed",
    ),
    "once, failed": (
        {
            "Procfile": f"web: {SLEEP}\nmigrate: exit 2\n",
            "gaffer.yaml": "processes: {migrate: {once: true}}\n",
        },
        ["touch ran"],
        121,
        "migrate.1 exited with status 2",
    ),
    "once, for ever": (
        {
            "Procfile": f"web: {SLEEP}\nmigrate: {SLEEP}\n",
            "gaffer.yaml": "processes: {migrate: {once: true}}\n",
        },
        ["--ready-timeout", "0.4", "touch ran"],
        122,
        r"migrate.1 was not ready after 0.4 s \(--ready-timeout\)",
    ),
    "not ready by its own time": (
        {
            "Procfile": f"web: echo starting; {SLEEP}\n",
            "gaffer.yaml": "processes: {web: {ready: {file: never, timeout: 1}}}\n",
        },
        ["touch ran"],
        122,
        (
            r"web.1 was not ready after 1.0 s: [^\n]*never[^\n]*\n"
            r"gaffer: its last line:\ngaffer:     starting"
        ),
    ),
    "not ready by the run's time": (
        {
            "Procfile": f"web: {SLEEP}\n",
            "gaffer.yaml": "processes: {web: {ready: {file: never}}}\n",
        },
        ["--ready-timeout", "400ms", "touch ran"],
        122,
        r"web.1 was not ready after 0.4 s: [^\n]*never",
    ),
    "ready by its file": (
        {
            "Procfile": f"web: sleep 0.2; touch up; {SLEEP}\n",
            "gaffer.yaml": "processes: {web: {ready: {file: up}}}\n",
        },
        ["test -e up"],
        0,
        "web.1 is ready after",
    ),
    "who depends on what failed": (
        {
            "Procfile": f"db: exit 3\nweb: {SLEEP}\n",
            "gaffer.yaml": "processes: {web: {depends_on: {db: completed}}, db: {once: true}}\n",
        },
        ["touch ran"],
        121,
        r"db.1 died \(exit status 121\)",
    ),
    "timed out": (
        {"Procfile": f"web: {SLEEP}\n"},
        ["--timeout", "0.3", "sleep 60 & sleep 60"],
        124,
        r"the command took longer than 0.3 s \(--timeout\): sleep 60",
    ),
    "smoke": ({"Procfile": f"web: {SLEEP}\n"}, ["--for", "0.2s"], 0, "passed"),
    "smoke, died meanwhile": (
        {"Procfile": "web: sleep 0.4; echo last words; exit 0\n"},
        ["--for", "60"],
        121,
        r"web.1 exited with status 0 after \d.\d s, instead of staying up",
    ),
    "smoke, had to be killed": (
        {"Procfile": f"web: {STOPS_WITH.format('')}\n", "gaffer.yaml": READY_WHEN_UP},
        ["--for", "0.1", "-t", "0.3"],
        123,
        r"web.1 had to be killed, 0.3 s after it was told to stop",
    ),
    "smoke, failed when told to stop": (
        {"Procfile": f"web: {STOPS_WITH.format('exit 3')}\n", "gaffer.yaml": READY_WHEN_UP},
        ["--for", "0.1"],
        123,
        r"web.1 exited with status 3 when it was told to stop",
    ),
    "smoke, ended by the signal as shells say it": (
        {"Procfile": f"web: {STOPS_WITH.format('exit 143')}\n", "gaffer.yaml": READY_WHEN_UP},
        ["--for", "0.1"],
        0,
        "passed",
    ),
    "smoke, may end": (
        {"Procfile": f"web: {STOPS_WITH.format('exit 3')}\n", "gaffer.yaml": READY_WHEN_UP},
        ["--for", "0.1", "--allow-exit", "web"],
        0,
        "passed",
    ),
    "how it stops doesn't count with a command": (
        {"Procfile": f"web: {STOPS_WITH.format('exit 3')}\n", "gaffer.yaml": READY_WHEN_UP},
        ["true"],
        0,
        "passed",
    ),
    "smoke, a child had to be killed after the end of the process itself": (
        {
            "Procfile": f"web: sh child & {SLEEP}\n",
            "child": STOPS_WITH.format(""),
            "gaffer.yaml": READY_WHEN_UP,
        },
        ["--for", "0.1", "-t", "0.3"],
        123,
        r"web.1 had to be killed, 0.3 s after it was told to stop",
    ),
    "smoke, ended and backs off": (
        {
            "Procfile": "web: mkdir once 2>&- && { touch up; sleep 0.3; }; exit 3\n",
            "gaffer.yaml": READY_WHEN_UP,
        },
        ["--for", "2.8", "--restart", "on-failure"],
        122,
        r"web.1 was not ready again at the end \(exited with status 3\)",
    ),
    "smoke, is being restarted": (
        {
            "Procfile": f"web: {STOPS_WITH.format('')}\n",
            "gaffer.yaml": "processes: {web: {ready: {file: up}, "
            "healthy: {exec: 'false', interval: 0.1, failures: 1}}}\n",
        },
        ["--for", "0.8", "-t", "1.5"],
        122,
        r"web.1 was not ready again at the end\n",
    ),
    "smoke, backs off, which it may": (
        {
            "Procfile": f"web: mkdir once 2>&- && {{ touch up; sleep 0.3; }}; exit 3\napi: {SLEEP}\n",
            "gaffer.yaml": READY_WHEN_UP,
        },
        ["--for", "2.8", "--restart", "on-failure", "--allow-exit", "web"],
        0,
        "passed",
    ),
    "started again": (
        {"Procfile": f"web: mkdir once 2>&- && exit 3; {SLEEP}\n"},
        ["--settle", "0.3", "--restart", "on-failure", "true"],
        0,
        "passed",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_how_it_ends(project: MakeProject, case: str) -> None:
    files, args, status, said = CASES[case]
    made = project(files)
    result = ci(made, *args, settle=None if "--settle" in args else "0.05")
    assert result.status == status, result
    assert re.search(said, result.stdout), result
    assert not made.path("ran").exists()  # the command of a run that never was ready


def test_that_all_are_ready_is_told_once(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": f"web: {SLEEP}\napi: {SLEEP}\nworker: {SLEEP}\n",
            "gaffer.yaml": "processes: {web: {ready: {exec: 'true'}}, api: {ready: {exec: 'true'}}}",
        }
    )
    result = ci(made, "true", settle="0.3")
    assert result.status == 0, result
    assert result.stdout.count("all are ready") == 1
    last = result.stdout.index("worker.1 is up for")  # which has no probe
    assert last < result.stdout.index("all are ready after")


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["web"], 2, "web is a process, and a command is wanted here (-s web runs only that one)"),
        (["--", ""], 2, "the command is empty"),
        (["--for", "1", "true"], 2, "--for is for a run without a command"),
        (["--timeout", "soon", "true"], 2, "--timeout takes a time"),
        (["--settle", "-1", "true"], 2, "--settle"),
        (["--logs", "some", "true"], 2, "--logs"),
        (["--no-redact", "--redact-also", "X", "true"], 2, "--redact-also"),
        (["--allow-exit", "wbe", "true"], 1, "did you mean 'web'?"),
        (["-s", "wbe", "true"], 1, "did you mean 'web'?"),
        (["--junit", "Procfile/report.xml", "true"], 1, "Procfile/report.xml: "),
    ],
)
def test_what_is_refused_before_anything_is_started(
    project: MakeProject, args: list[str], status: int, said: str
) -> None:
    result = ci(project({"Procfile": "web: touch started\n"}), *args, settle=None)
    assert result.status == status, result
    assert said in result.error()


def test_options_after_the_command_are_the_commands(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n", "show": "#!/bin/sh\nprintf '<%s>' \"$@\"\n"})
    words = ["./show", "--logs", "$HOME", "a b", "", "*", "it's", "--", "-x"]
    result = ci(made, "-q", "--", *words)
    assert result.stdout == "<--logs><$HOME><a b><><*><it's><--><-x>\n", result


# ---- readiness


def test_it_waits_until_the_own_process_listens(project: MakeProject) -> None:
    made = project({
        "Procfile": "web: python3 server.py 0.5\n",
        "server.py": SERVER,
        "connect.py": CONNECT,
    })  # fmt: skip
    result = ci(made, "--", "python3", "connect.py", settle="30")
    assert result.status == 0, result
    assert re.search(r"web.1 listens on port \d+ after \d\.\d s", result.stdout), result
    assert "connected" in result.lines


def test_a_child_of_the_process_may_listen(project: MakeProject) -> None:
    made = project({"Procfile": "web: python3 server.py 0 & wait\n", "server.py": SERVER})
    result = ci(made, "true", settle="30")
    assert result.status == 0, result


def test_somebody_elses_listener_is_no_readiness(project: MakeProject) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = project({"Procfile": f"web: {SLEEP}\n"})
        result = made.run("test", "-p", str(port), "--settle", "0.5", "true", env=NOWHERE)
    assert result.status == 0, result
    assert f"web.1 doesn't listen on port {port} after 0.5 s" in result.stdout
    assert "listens on port" not in result.stdout


@pytest.mark.parametrize(
    ("procfile", "least", "most"),
    [(f"worker: {SLEEP}\n", 1.0, 4.0), (f"web: {SLEEP}\n", 5.0, 12.0)],
)
def test_what_a_moment_is(project: MakeProject, procfile: str, least: float, most: float) -> None:
    began = time.monotonic()
    assert ci(project({"Procfile": procfile}), "true", settle=None).status == 0
    assert least < time.monotonic() - began < most


# ---- the command


def test_its_environment(project: MakeProject) -> None:
    made = project({
        "Procfile": f"web: {SLEEP}\nmy-worker: {SLEEP}\n",
        ".env": "PORT=5000\nWHO=dotenv\n",
    })  # fmt: skip
    port = free_port()
    script = "echo $GAFFER_PORT_WEB $GAFFER_PORT_MY_WORKER $WHO ${PORT-none} $(pwd -P); cat"
    args = ("-p", str(port), "--settle", "0", "-q", script)
    result = made.run("test", *args, env={**NOWHERE, "PORT": "1"})
    directory = os.path.realpath(made.directory)
    assert result.stdout == f"{port} {port + 100} dotenv none {directory}\n", result


def test_several_words_are_run_as_they_are(project: MakeProject) -> None:
    """Without a shell: it would drop variables whose names it doesn't like, and expand the rest."""
    made = project({"Procfile": f"web: {SLEEP}\n"})
    program = "import os, sys; print(sys.argv[1:], os.environ['my.prop'], os.environ['INPUT_A-B'])"
    words = ["$HOME", "${my.prop}", "*", "a  b", "", "'"]
    env = {"my.prop": "1", "INPUT_A-B": "2"}
    result = ci(made, "--", sys.executable, "-c", program, *words, env=env)
    assert result.status == 0, result
    assert f"{words} 1 2\n" in result.stdout


def test_as_many_words_as_the_system_takes(project: MakeProject) -> None:
    """A shell's line would be one word of more than 128 KiB, which Linux refuses."""
    made = project({"Procfile": f"web: {SLEEP}\n"})
    names = ["some/file/or/other.py"] * 10_000
    result = ci(made, "--", sys.executable, "-c", "import sys; print(len(sys.argv))", *names)
    assert result.status == 0, result
    assert "10001\n" in result.stdout


def test_several_services(project: MakeProject) -> None:
    made = project({"api/Procfile": f"web: {SLEEP}\n", "shop/Procfile": f"web: {SLEEP}\n"})
    script = "echo $GAFFER_PORT_API_WEB $GAFFER_PORT_SHOP_WEB; basename $PWD"
    result = ci(made, "-d", "api", "-d", "shop", "-q", script)
    ports = result.lines[0].split()
    assert len(set(ports)) == 2, result
    assert result.lines[1] == made.directory.name  # where all of them are


def test_only_some_services(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\nworker: touch started; {SLEEP}\n"})
    assert ci(made, "-s", "web", "true").status == 0
    assert not made.path("started").exists()


@pytest.mark.parametrize("words", [["-c", "web=1,db=0"], ["-m", "web=1"], ["-x", "db"]])
def test_how_many_of_each(project: MakeProject, words: list[str]) -> None:
    made = project({"Procfile": f"web: {SLEEP}\ndb: touch db; {SLEEP}\n"})
    assert ci(made, *words, *say("hello")).status == 0
    assert not made.path("db").exists()


def test_its_output_is_passed_through(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    script = r"printf '\033[32m1 passed\033[0m\n::error::x\n'; echo oops >&2; printf open"
    result = ci(made, "-q", script)
    assert result.stderr == ""
    assert sorted(result.raw.splitlines()) == sorted(
        [b"\x1b[32m1 passed\x1b[0m", b"::error::x", b"oops", b"open"]
    )


def test_a_long_line_of_it_is_passed_through_in_one(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    program = "import json; print(json.dumps({'a': 'x' * 600_000}))"
    result = ci(made, "-q", "--", sys.executable, "-c", program)
    assert json.loads(result.stdout) == {"a": "x" * 600_000}


def test_what_it_leaves_behind_is_stopped(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    result = ci(made, "setsid sleep 61 & echo $! > pid; exit 0")
    assert result.status == 0, result
    assert not psutil.pid_exists(int(made.path("pid").read_text()))


def test_all_of_it_is_stopped_when_it_takes_too_long(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    script = "trap '' TERM; setsid sleep 61 & echo $! > pid; wait; while :; do sleep 0.1; done"
    result = ci(made, "--timeout", "1", "-t", "0.3", script)
    assert result.status == 124, result
    assert "gaffer: killing command" in result.lines
    assert not psutil.pid_exists(int(made.path("pid").read_text()))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_how_it_is_ended_by_a_signal(project: MakeProject, signum: signal.Signals) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    args = ("-p", str(free_port()), "--settle", "0", "--junit", "report.xml")
    running = made.spawn("test", *args, "echo running; exec sleep 60", env=NOWHERE)
    running.read_until("^running$")
    left = running.processes()
    assert len(left) == 2
    running.signal(signum)
    assert running.wait() == -signum, running.text
    assert "interrupted after" in running.text
    assert not any(process.is_running() for process in left)
    suite = ElementTree.parse(made.path("report.xml")).getroot()[0]
    assert [child.attrib["type"] for child in suite.findall("testcase/error")] == ["interrupted"]


STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.1; done"


@pytest.mark.parametrize(
    ("option", "settings"),
    [
        ("--timeout", ""),
        ("--ready-timeout", ", ready: {file: never}"),
        ("", ", ready: {file: never, timeout: 1.5}"),
    ],
)
def test_no_time_is_up_once_it_is_interrupted(
    project: MakeProject, option: str, settings: str
) -> None:
    made = project({"gaffer.yaml": f'processes: {{web: {{command: "{STUBBORN}"{settings}}}}}\n'})
    args = ["-p", str(free_port()), "--settle", "0", "-t", "2.5", "--logs", "stream"]
    args += [option, "1.5"] if option else []
    running = made.spawn("test", *args, "echo up; exec sleep 60", env=NOWHERE)
    for _ in range(1 if settings else 2):
        running.read_until("up$")
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT, running.text
    assert "had to be killed" in running.text or "killing web.1" in running.text
    assert "interrupted after" in running.text


def test_a_failure_that_came_before_the_signal_keeps_its_status(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\nbad: {DIES_WHEN_TOLD.format(3)}\n"})
    args = ("-p", str(free_port()), "--settle", "0.2")
    running = made.spawn("test", *args, "touch go; exec sleep 60", env=NOWHERE)
    running.read_until("bad.1 has failed: exiting with 121 when the command ends")
    running.signal(signal.SIGINT)
    assert running.wait() == 121, running.text


# ---- the end


# `db` ends by itself, while the command or `web` is being stopped and `db` has to wait for that.
ENDS_MEANWHILE = {
    "Procfile": (
        f"db: {DIES_WHEN_TOLD.format(3)}\n"
        f"web: {STOPS_WITH.format(WAIT_FOR_ITS_DEATH.format('exit 0'))}\n"
    ),
    "gaffer.yaml": (
        "processes: {db: {ready: {file: pid}}, web: {ready: {file: up}, depends_on: db}}\n"
    ),
}


def test_what_ends_while_all_is_stopped_changes_nothing(project: MakeProject) -> None:
    result = ci(project(ENDS_MEANWHILE), "--logs", "stream", "true")
    assert result.status == 0, result
    assert "db.1 exited with status 3" in result.stdout, result
    assert "passed" in result.stdout


def test_what_ends_while_a_signal_stops_all_changes_nothing(project: MakeProject) -> None:
    args = ("-p", str(free_port()), "--logs", "stream", "echo running; exec sleep 60")
    running = project(ENDS_MEANWHILE).spawn("test", *args, env=NOWHERE)
    running.read_until("^running$")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM, running.text
    assert "db.1 exited with status 3" in running.text
    assert "interrupted after" in running.text


def test_who_hurries_a_smoke_run_has_interrupted_it(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {STUBBORN}\n"})
    args = ("-p", str(free_port()), "--settle", "0", "--for", "60", "-t", "60", "--logs", "stream")
    running = made.spawn("test", *args, env=NOWHERE)
    running.read_until("up$")
    running.signal(signal.SIGINT)
    running.read_until("Ctrl-C: stopping")
    running.press_ctrl_c_until_it_ends()
    assert running.wait() == -signal.SIGINT, running.text
    assert "interrupted after" in running.text
    assert "had to be killed" not in running.text


def test_who_hurries_the_end_of_a_smoke_run_has_interrupted_it(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {STUBBORN}\n"})
    args = ("-p", str(free_port()), "--settle", "0.1", "--for", "0.1", "-t", "60")
    running = made.spawn("test", *args, env=NOWHERE)
    running.read_until("goes on after SIGTERM")
    running.press_ctrl_c_until_it_ends()
    assert running.wait() == -signal.SIGINT, running.text
    assert "interrupted after" in running.text
    assert "had to be killed" not in running.text


def test_a_signal_after_the_commands_end_changes_nothing(project: MakeProject) -> None:
    stop = "echo told; while [ ! -e go ]; do sleep 0.01; done; exit 0"
    made = project({"Procfile": f"web: {STOPS_WITH.format(stop)}\n", "gaffer.yaml": READY_WHEN_UP})
    args = ("-p", str(free_port()), "-t", "60", "--logs", "stream", "true")
    running = made.spawn("test", *args, env=NOWHERE)
    running.read_until("told$")
    running.signal(signal.SIGTERM)
    running.read_until("SIGTERM: stopping already")
    made.write({"go": ""})
    assert running.wait() == 0, running.text
    assert "passed in" in running.text


def test_it_waits_for_one_that_is_stopped_to_be_started_again(project: MakeProject) -> None:
    made = project({
        # Not well at first; takes its time to stop, and is well from then on.
        "Procfile": (
            "db: trap 'touch well down; while [ ! -e go ]; do sleep 0.01; done; rm down; exit 0' TERM; "
            "echo db up; while :; do sleep 0.01; done\n"
            f"web: {SLEEP}\n"
        ),
        "gaffer.yaml": (
            "processes:\n"
            "  db:\n"
            "    ready: {log: db up}\n"
            "    healthy: {exec: test -e well, interval: 0.05, failures: 1}\n"
            "  web: {ready: {file: down}}\n"
        ),
    })  # fmt: skip
    running = made.spawn("test", "-p", str(free_port()), "test ! -e down", env=NOWHERE)
    running.read_until("db.1 is unhealthy")
    running.read_until("web.1 is ready")
    made.write({"go": ""})
    assert running.wait() == 0, running.text
    assert running.text.index("all are ready") > running.text.rindex("db.1 is ready")


def test_one_that_backs_off_at_the_end_is_told_of_as_that(project: MakeProject) -> None:
    made = project({
        "Procfile": (
            "web: echo $$ >> pids; if mkdir once 2>&-; then while [ ! -e go ]; do sleep 0.01; done; fi; "
            "exit 3\n"
        ),
    })  # fmt: skip
    third = (
        "touch go; while [ $(wc -l < pids) -lt 3 ]; do sleep 0.01; done; "
        "while kill -0 $(tail -n 1 pids) 2>&-; do sleep 0.01; done"
    )
    args = (
        "--settle",
        "0.3",
        "--restart",
        "on-failure",
        "--logs",
        "all",
        "--junit",
        "j.xml",
        third,
    )
    summary = made.path("summary.md")
    result = ci(made, *args, settle=None, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert result.status == 0, result
    report = made.path("j.xml").read_text()
    assert "----- web.1: 2 restarts, exited with status 3" in report
    assert "never ready" not in report + summary.read_text()
    assert "exited with status 3" in summary.read_text()

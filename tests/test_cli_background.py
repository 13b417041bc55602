"""`gaffer start -D`, and the socket by which a run is reached."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import sys
import time
from pathlib import Path

import pytest
from cli import MakeProject, Project, Running, wait_until
from cli import down as down
from cli import project as project
from cli import state as state
from conftest import is_alive

from gaffer_procfile.client import Connection
from gaffer_procfile.control import runs_in

SLEEP = "exec sleep 100"
WAIT = "while :; do sleep 0.02; done"


def test_it_returns_when_all_is_up(project: MakeProject, state: Path, down: list[Project]) -> None:
    made = project(
        {
            "gaffer.yaml": f"""
processes:
  web: {{command: 'sleep 0.2; echo serving; {SLEEP}', ready: {{log: serving}}}}
  build: {{command: echo built, once: true}}
  clock: {{command: '{SLEEP}', depends_on: web}}
"""
        }
    )
    down.append(made)
    result = made.run("start", "-D")
    assert (result.status, result.stderr) == (0, "")
    assert re.search(r"^web\.1 is ready after 0\.\d s$", result.stdout, re.MULTILINE)
    assert "build.1 has completed\n" in result.stdout
    assert "clock.1 is ready after 1." in result.stdout
    [log] = state.glob("gaffer/*/gaffer.log")
    assert f"its log is {log}\n" in result.stdout
    assert "web.1   | serving" in log.read_text()
    shown = made.run("ps")
    assert re.search(r"web\.1 +running +yes", shown.stdout), shown
    ended = made.run("down")
    assert ended.status == 0
    assert made.run("ps").status == 3


def test_one_number_for_a_run_and_kill_ends_it(project: MakeProject, down: list[Project]) -> None:
    made = project({"Procfile": f"web: trap 'echo bye; exit' TERM; echo up; {WAIT}\n"})
    down.append(made)
    result = made.run("start", "-D", "--log-dir", "logs")
    told = re.search(r"in the background \(pid (\d+)\)", result.stdout)
    assert told is not None, result
    pid = int(told[1])
    [run] = runs_in(str(made.directory))
    assert run.pid == pid
    assert json.loads(made.run("ps", "--json").stdout)[0]["gaffer"] == pid
    connection = Connection(run.path)
    assert connection.get("/run")["pid"] == pid
    connection.close()
    assert f"by gaffer (pid {pid}, since" in made.run("start").error()
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not runs_in(str(made.directory)), "the end")
    wait_until(lambda: not is_alive(pid), "the end of the outer one")
    assert made.path("logs/web.1.log").read_text().endswith("bye\n")


def test_down_tells_the_number_that_a_shell_knows(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    result = made.shell(
        "$gaffer start > log & pid=$!; until $gaffer ps > ps 2>&1; do :; done; $gaffer down;"
        " kill -0 $pid 2> /dev/null && echo still there; echo $pid"
    )
    said, pid = result.lines
    assert said == f"gaffer has ended (pid {pid})"


def test_down_waits_for_gaffer_when_the_outer_one_was_killed(project: MakeProject) -> None:
    made = project({"Procfile": f"web: trap 'touch told' TERM; echo up; {WAIT}\n"})
    running = made.spawn("start")
    running.read_until(r"\| up")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    gaffer = running.gaffer
    guard = gaffer.ppid()
    running.popen.kill()
    running.popen.wait()
    wait_until(made.path("told").exists, "the stop")
    result = made.run("down", "--kill")
    assert result.status == 0, result
    assert not is_alive(gaffer.pid) and not is_alive(guard)


def test_what_reads_our_output_is_not_held_up(project: MakeProject, down: list[Project]) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    down.append(made)
    result = made.shell("$gaffer start -D 2>&1 | cat; echo over")
    assert result.stdout.endswith("over\n")


def test_a_failure_is_shown_with_its_status(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\nbad: echo oops; sleep 0.2; exit 7\n"})
    result = made.run("start", "-D", "--log-dir", "logs")
    assert result.status == 7
    assert "bad.1 has failed\n" in result.stdout
    assert re.search(r"bad\.1 exited with status 7 after 0\.\d s; web\.1 was", result.stdout)
    assert result.stderr == ("gaffer: it has ended before all was up, the log is logs/gaffer.log\n")
    assert made.run("start", "--background", "--log-dir", "logs", "web", "none").status == 1


def test_what_is_done_at_once_is_no_run_in_the_background(project: MakeProject) -> None:
    made = project({"Procfile": "web: sleep 0.2\n"})
    result = made.run("start", "-D", "--log-dir", "logs")
    assert (result.status, result.stderr) == (0, "")
    assert "web.1 has completed\n" in result.stdout
    assert result.stdout.endswith("it has ended, the log is logs/gaffer.log\n")
    assert "in the background" not in result.stdout


def test_a_failure_that_ends_nothing_is_shown_too(
    project: MakeProject, down: list[Project]
) -> None:
    made = project({"Procfile": f"web: {SLEEP}\nbad: echo oops; exit 7\n"})
    down.append(made)
    result = made.run("start", "-D", "--exit-policy", "never")
    assert result.status == 1
    assert "bad.1 exited with status 7" in result.stdout
    assert re.search(r"not all is up, the rest runs on \(pid \d+\)", result.stderr)
    assert "web.1" in made.run("ps").stdout


@pytest.mark.parametrize("options", [(), ("--exit-policy", "all")])
def test_who_can_not_be_started_is_not_waited_for(
    project: MakeProject, down: list[Project], options: tuple[str, ...]
) -> None:
    config = (
        "processes:\n"
        "  migrate: {command: exit 3, once: true, watch: migrations}\n"
        f"  web: {{command: {SLEEP}, depends_on: migrate}}\n"
        f"  clock: {{command: {SLEEP}}}\n"
    )
    made = project({"gaffer.yaml": config})
    down.append(made)
    result = made.run("start", "-D", *options)
    assert result.status == 1
    assert {"migrate.1 has failed", "web.1 can't start"} <= set(result.stdout.splitlines())
    assert re.search(r"not all is up, the rest runs on \(pid \d+\)", result.stderr)


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        (("stop", "slow"), "slow.1 was stopped\nslow.2 was stopped\n"),
        (("scale", "slow=0"), "slow.1 was stopped\nslow.2 was stopped\n"),
        (("restart", "slow"), ""),
    ],
    ids=["stopped", "scaled", "restarted"],
)
def test_who_is_stopped_is_not_waited_for(
    project: MakeProject, down: list[Project], verb: tuple[str, ...], told: str
) -> None:
    made = project(
        {
            "gaffer.yaml": f"""
processes:
  web: {{command: '{SLEEP}', ready: {{file: web}}}}
  slow: {{command: '{SLEEP}', scale: 2, ready: {{file: slow}}}}
"""
        }
    )
    down.append(made)
    starting = made.spawn("start", "-D")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    assert made.run(*verb).status == 0
    made.write({"web": ""} if told else {"web": "", "slow": ""})
    assert starting.wait() == 0
    assert told in starting.text and starting.text.count("slow.") == 2, starting.text
    assert "gaffer runs in the background" in starting.text


@pytest.mark.parametrize(
    ("files", "args", "option"),
    [
        ({}, ("-d", "ops"), " -d ops"),
        ({}, ("-f", "ops/Procfile"), " -d ops"),
        ({".foreman": "procfile: ops/Procfile\n"}, (), ""),
        ({".foreman": "root: ops\n"}, (), ""),
        ({".foreman": "procfile: ops/Procfile\n"}, ("-d", "."), " -d ."),
        ({".env": "PROCFILE=ops/Procfile\n"}, (), ""),
        ({"gaffer.yaml": "procfile: ops/Procfile\n"}, (), ""),
    ],
)
def test_the_verbs_that_it_names_find_it(
    project: MakeProject,
    down: list[Project],
    files: dict[str, str],
    args: tuple[str, ...],
    option: str,
) -> None:
    made = project({"ops/Procfile": f"web: {SLEEP}\n", **files})
    down.append(made)
    result = made.run("start", "-D", *args)
    last = result.lines[-1]
    shown = re.findall(r"`gaffer ([^`]+)`", last)
    assert shown == [f"logs{option} -f", f"ps{option}", f"down{option}"], result
    twin = made.run("start", *args).error()
    assert [command.split()[0] for command in re.findall(r"`gaffer ([^`]+)`", twin)] == [
        "restart",
        "logs",
    ]
    restart = re.findall(r"`gaffer ([^`]+)`", twin)[0]
    assert made.run(*restart.split()).status == 0
    assert made.run(*shown[1].split()).status == 0
    assert made.run(*shown[2].split()).status == 0


def test_verbs_find_the_run_of_a_procfile_that_the_environment_names(
    project: MakeProject, down: list[Project]
) -> None:
    made = project({"ops/Procfile": f"web: {SLEEP}\n"})
    environment = {"PROCFILE": "ops/Procfile"}
    assert "`gaffer down` ends it" in made.run("start", "-D", env=environment).lines[-1]
    ended = made.run("down", env=environment)
    made.run("down", "-d", "ops")
    assert ended.status == 0


def test_what_is_wrong_is_said_once(project: MakeProject, down: list[Project]) -> None:
    made = project({"Procfile": f"web: {SLEEP}\na.b: x\n"})
    down.append(made)
    result = made.run("start", "-D")
    assert result.status == 0
    assert result.stderr.count("Procfile:2: 'a.b' is not a process name") == 1
    assert made.run("start", "-qD").error().startswith("-D stands alone")


def coming_up(project: MakeProject) -> tuple[Project, Running]:
    """A start in the background that waits, as its process never gets ready."""
    made = project(
        {
            "gaffer.yaml": f"""
processes:
  web: {{command: 'touch started; {SLEEP}', ready: {{log: never}}}}
"""
        }
    )
    running = made.spawn("start", "-D")
    wait_until(lambda: made.path("started").exists(), "web's start")
    return made, running


def test_ctrl_c_while_it_comes_up(project: MakeProject) -> None:
    made, running = coming_up(project)
    running.signal(2)
    assert running.wait() == -2
    assert "Ctrl-C: stopping what has been started" in running.text
    assert runs_in(str(made.directory)) == []


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_while_it_comes_up(project: MakeProject, signum: signal.Signals) -> None:
    """Whoever sends it knows the number of the waiting one, and means what it has started."""
    made, running = coming_up(project)
    running.signal(signum)
    running.signal(signum)  # as timeout(1) does: to it, and to its group
    assert running.wait() == -signum
    assert running.text == f"{signum.name}: stopping what has been started\n"
    assert runs_in(str(made.directory)) == []


def test_a_second_hangup_while_it_comes_up_kills_nothing(project: MakeProject) -> None:
    """The kernel tells of a terminal that is closed, and so does its shell, in its own time."""
    slow = "trap 'touch told; while ! test -e let-go; do sleep 0.02; done; touch done; exit' TERM"
    made = project(
        {
            "gaffer.yaml": f"""
processes:
  web: {{command: "{slow}; touch started; {WAIT}", ready: {{log: never}}}}
"""
        }
    )
    running = made.spawn("start", "-D", "-t", "600")
    wait_until(lambda: made.path("started").exists(), "web's start")
    running.signal(signal.SIGHUP)
    wait_until(made.path("told").exists, "its stop")
    first = time.monotonic()
    wait_until(lambda: time.monotonic() - first > 0.3, "a moment, or both are one closing")
    running.signal(signal.SIGHUP)
    made.write({"let-go": ""})
    assert running.wait() == -signal.SIGHUP
    assert made.path("done").exists()
    assert "killing" not in running.text


def test_a_second_ctrl_c_while_it_comes_up(project: MakeProject) -> None:
    """It gives the shell back when nothing runs any more, and doesn't wait for that."""
    stubborn = f"trap 'touch told' TERM; echo $$ > pid; {WAIT}"
    made = project(
        {"gaffer.yaml": f'processes: {{web: {{command: "{stubborn}", ready: {{log: never}}}}}}\n'}
    )
    running = made.spawn("start", "-D", "-t", "600")
    wait_until(lambda: made.path("pid").exists() and made.path("pid").read_text(), "web's start")
    running.signal(2)
    running.read_until("Ctrl-C: stopping what has been started")
    wait_until(made.path("told").exists, "its stop")
    first = time.monotonic()
    wait_until(lambda: time.monotonic() - first > 0.3, "a moment, or both are one keypress")
    running.signal(2)
    running.read_until("Ctrl-C: killing what is left")
    assert running.wait() == -2
    assert runs_in(str(made.directory)) == []
    assert not is_alive(int(made.path("pid").read_text()))


# --- the socket ------------------------------------------------------------------------------


def test_the_socket_is_ours_alone_and_goes(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo up; {SLEEP}\n"})
    running = made.spawn("start")
    running.read_until(r"\| up")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    [run] = runs_in(str(made.directory))
    assert run.pid == running.pid
    assert stat.S_IMODE(os.stat(run.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(run.path)).st_mode) == 0o700
    running.signal(15)
    assert running.wait() == -15
    assert not os.path.exists(run.path)


def test_a_killed_runs_socket_is_replaced_without_a_word(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo up; {SLEEP}\n"})
    running = made.spawn("start")
    running.read_until(r"\| up")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    [run] = runs_in(str(made.directory))
    running.gaffer.kill()
    running.wait()
    assert os.path.exists(run.path)
    assert made.run("ps").status == 3
    again = made.spawn("start")
    again.read_until(r"\| up")
    wait_until(lambda: not os.path.exists(run.path), "the dead one's end")
    again.signal(15)
    again.wait()
    assert "socket" not in again.text


def test_another_run_beside_it(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo up; {SLEEP}\nworker: echo up; {SLEEP}\n"})
    first = made.spawn("start", "web")
    first.read_until(r"web\.1 +\| up")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    twice = made.run("start")
    assert twice.status == 1
    assert re.fullmatch(
        rf"web runs already, by gaffer \(pid {first.pid}, since \d\d:\d\d\) "
        r"\(`gaffer restart web` starts it anew, `gaffer logs -f web` shows it\)",
        twice.error(),
    )
    second = made.spawn("start", "worker")
    second.read_until(r"worker\.1 +\| up")
    wait_until(lambda: len(runs_in(str(made.directory))) == 2, "both sockets")
    shown = made.run("ps").stdout
    assert "web.1" in shown and "worker.1" in shown
    for running in (first, second):
        running.signal(15)
        running.wait()


def test_a_run_of_several_services_is_found_from_above(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": "groups: {api: api}\n",
            "api/Procfile": f"web: echo up; {SLEEP}\n",
        }
    )
    running = made.spawn("start")
    running.read_until(r"\| up")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    assert "web.1" in made.run("ps", cwd=made.path("api")).stdout
    running.signal(15)
    running.wait()


def test_who_asks_at_once_is_answered(project: MakeProject) -> None:
    """A process of the run is the first that could; the answer takes a moment, and comes."""
    made = project({"Procfile": "web: $gaffer ps > shown 2>&1; echo status $?\n"})
    program = """
import sys
from gaffer_procfile.cli import main, serving
serving.DELAY = 2.0
sys.exit(main(["start"]))
"""
    made.write({"program.py": program})
    result = made.shell(f"exec {sys.executable} program.py")
    assert "| status 0\n" in result.stdout, made.path("shown").read_text()
    assert "web.1" in made.path("shown").read_text()


def test_who_asks_before_the_socket_is_there_waits_for_it(project: MakeProject) -> None:
    script = "cd sub; $gaffer ps > ../shown 2>&1; echo status $?"
    made = project({"Procfile": f"web: {script}\n", "sub/x": ""})
    program = """
import sys
from gaffer_procfile.cli import main, serving
serving.SOCKET_DELAY = 1.0
sys.exit(main(["start"]))
"""
    made.write({"program.py": program})
    result = made.shell(f"exec {sys.executable} program.py")
    assert "| status 0\n" in result.stdout, made.path("shown").read_text()
    assert "web.1" in made.path("shown").read_text()


def test_no_place_for_a_socket_is_no_end(project: MakeProject, tmp_path: Path) -> None:
    made = project({"Procfile": "web: echo up; sleep 0.3\n"})
    program = """
import sys
from gaffer_procfile import control
control.places = lambda: iter(["/nowhere/at/all"])
from gaffer_procfile.cli import main
sys.exit(main(["start"]))
"""
    made.write({"program.py": program})
    result = made.shell(f"exec {sys.executable} program.py")
    assert result.status == 0
    assert "no place for the control socket: can't make /nowhere/at/all" in result.stdout
    assert "`gaffer ps` and the like can't reach this run" in result.stdout


def test_http_is_served_where_asked(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    running = made.spawn("start", "--http", "0")
    match = running.read_until(r"open at http://127\.0\.0\.1:(\d+)/\?token=\w+")
    running.read_until(r"web\.1 started")
    taken = made.run("start", "-d", ".", "--http", match[1], "-x", "web", "-c", "web=1")
    assert taken.status == 1
    other = project({"Procfile": "web: echo up\n"})
    refused = other.run("start", "--http", match[1])
    assert (refused.status, refused.stdout) == (1, "")
    assert f"can't listen on {match[1]}: address already in use" in refused.stderr
    open_to_all = other.run("start", "--http", "0.0.0.0:0")
    assert "0.0.0.0 can be reached from other machines" in open_to_all.stderr
    running.signal(15)
    running.wait()

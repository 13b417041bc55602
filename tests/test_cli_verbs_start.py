"""The verbs beside a real `gaffer start`: with its guard, its console and its exit policy."""

from __future__ import annotations

import json
import re
import signal

import psutil
from cli import MakeProject, Project, Running, wait_until
from cli import project as project
from conftest import is_alive
from served import runtime as runtime

from gaffer_procfile.client import Connection
from gaffer_procfile.control import runs_in
from gaffer_procfile.http.schemas import ANSWERS

STAYS = "exec sleep 600"
PROCFILE = f"web: echo here; {STAYS}\nworker: {STAYS}\n"


def start(made: Project, *args: str) -> Running:
    running = made.spawn("start", *args)
    running.read_until(r"worker\.1 started")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    return running


def test_what_a_verb_stops_ends_nothing_else(runtime: str, project: MakeProject) -> None:
    made = project({"Procfile": PROCFILE})
    running = start(made)
    assert made.run("stop", "web").stdout == "web.1 stopped\n"
    running.read_until(r"web\.1 stopped")
    result = made.run("restart", "web", "worker")
    assert result.status == 0 and len(result.lines) == 2
    assert [each["state"] for each in json.loads(made.run("ps", "--json").stdout)] == [
        "running",
        "running",
    ]
    assert made.run("stop", "web", "worker").status == 0
    assert made.run("ps").status == 0
    assert made.run("down").status == 0
    assert running.wait() == 0


def test_restart_says_which_files_have_changed(runtime: str, project: MakeProject) -> None:
    made = project({"Procfile": PROCFILE, "sub/x": ""})
    start(made)
    assert made.run("restart", "worker").stderr == ""
    made.write({".env": "A=1\n"})
    result = made.run("restart", "worker", cwd=made.path("sub"))
    assert result.status == 0
    assert result.stderr == (
        "gaffer: `../.env` has changed since the start: `gaffer down` and `gaffer start` use it, "
        "or `watch_config: true` does at once\n"
    )
    made.path("Procfile").unlink()
    said = made.run("restart", "worker").stderr
    assert re.match("gaffer: `[^`]+` and `[^`]+` have changed since the start: ", said), said
    assert "`Procfile`" in said and "`.env`" in said
    assert made.run("restart", "worker", "--json").stderr == ""


def test_restart_says_nothing_where_changes_are_carried_out(
    runtime: str, project: MakeProject
) -> None:
    made = project({"Procfile": PROCFILE, "gaffer.yaml": "watch_config: true\n"})
    start(made)
    made.write({".env": "A=1\n"})
    assert made.run("restart", "worker").stderr == ""


def test_a_procfile_from_a_pipe_has_not_changed(runtime: str, project: MakeProject) -> None:
    made = project({})
    script = f"printf 'worker: {STAYS}\\n' | $gaffer start -f /dev/stdin -d ."
    running = made.spawn_shell(script)
    running.read_until(r"worker\.1 started")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    assert made.run("restart", "worker").stderr == ""


def test_down_returns_when_the_guard_has_gone_too(runtime: str, project: MakeProject) -> None:
    made = project({"Procfile": f"worker: setsid {STAYS[5:]} & {STAYS}\n"})
    running = start(made)
    left = [each.pid for each in running.processes()]
    gaffer = running.gaffer.pid
    guard = running.gaffer.ppid()
    result = made.run("down")
    assert (result.status, result.stdout) == (0, f"gaffer has ended (pid {running.pid})\n")
    assert not any(is_alive(pid) for pid in [*left, gaffer, guard, running.pid])
    assert running.wait() == 0


def test_logs_look_as_those_of_start(runtime: str, project: MakeProject) -> None:
    made = project({"Procfile": PROCFILE})
    running = start(made, "--colour", "always", "--no-timestamps")
    running.read_until("here")
    [shown] = [line for line in running.text.splitlines() if line.endswith("here")]
    assert made.run("logs", "--colour", "always", "--no-timestamps").lines == [shown]
    [line] = map(json.loads, made.run("logs", "--json").lines)
    assert set(line) == {"time", "process", "group", "stream", "pid", "line"}
    made.run("down")
    running.wait()


def test_the_last_of_several_runs(runtime: str, project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo here; {STAYS}\nworker: echo there; {STAYS}\n"})
    first = made.spawn("start", "web")
    first.read_until("here")
    second = made.spawn("start", "worker")
    second.read_until("there")
    wait_until(lambda: len(runs_in(str(made.directory))) == 2, "the sockets")
    for verb in ("logs", "events"):
        [line] = made.run(verb, "-n", "1").lines
        assert "worker.1" in line
    made.run("down")
    first.wait()
    second.wait()


def test_what_a_run_tells_of_itself_is_documented(runtime: str, project: MakeProject) -> None:
    made = project({"Procfile": PROCFILE})
    running = start(made)
    [run] = runs_in(str(made.directory))
    connection = Connection(run.path)
    told = connection.get("/run")
    connection.close()
    assert set(told) == set(ANSWERS["Run"]["properties"])
    made.run("down")
    running.wait()


def test_ctrl_c_of_gaffer_ends_those_who_follow(runtime: str, project: MakeProject) -> None:
    made = project({"Procfile": PROCFILE})
    running = start(made)
    following = [made.spawn(verb, "-f") for verb in ("logs", "events")]
    for each in following:
        each.read_until(r"web")
    running.signal(signal.SIGINT)
    for each in following:
        each.read_until(r"^gaffer has ended\n\Z")
        assert each.wait() == 0
    assert running.wait() == -signal.SIGINT


def test_an_end_by_the_exit_policy_is_seen_by_who_waits(runtime: str, project: MakeProject) -> None:
    made = project(
        {"Procfile": f"web: {STAYS}\nworker: while [ ! -e go ]; do sleep 0.05; done; exit 4\n"}
    )
    running = start(made)
    waiting = made.spawn("wait", "--exit", "worker")
    events = made.spawn("events", "-f")
    events.read_until(r"worker")
    made.write({"go": ""})
    assert running.wait() == 4
    assert waiting.wait() in (4, 3)  # it may have come when all was over
    assert re.search(r"worker\.1 +\| exited with status 4", events.read_all())


def test_wait_for_the_end_of_what_is_stopped_before_it_starts_again(
    runtime: str, project: MakeProject
) -> None:
    made = project({"Procfile": f"web: exit 4\nworker: {STAYS}\n"})
    running = start(made, "--restart", "on-failure", "--exit-policy", "never")
    running.read_until(r"starting it again in [2-9]")
    waiting = made.spawn("wait", "--exit", "web")
    wait_until(lambda: psutil.Process(waiting.pid).net_connections("unix"), "the connection")
    assert made.run("stop", "web").status == 0
    waiting.read_until(r"web\.1 exited with status 4")
    assert waiting.wait() == 4
    assert made.run("down").status == 0
    running.wait()


CHAIN = """\
processes:
  db: {command: 'test -e fixed && touch up && exec sleep 600; exit 3', ready: {file: up}}
  web: {command: exec sleep 600, depends_on: {db: ready}}
  proxy: {command: exec sleep 600, depends_on: web}
"""


def test_wait_for_what_waits_in_vain(runtime: str, project: MakeProject) -> None:
    """Until what it waits for is started once more."""
    made = project({"gaffer.yaml": CHAIN})
    running = made.spawn("start", "--exit-policy", "never")
    running.read_until("web and proxy wait in vain: db exited with status 3")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    result = made.run("wait", "proxy", "web")
    assert (result.status, result.stderr.splitlines()) == (
        1,
        [f"gaffer: {name}.1 waits in vain: db exited with status 3" for name in ("proxy", "web")],
    )
    [proxy] = json.loads(made.run("ps", "--json", "proxy").stdout)
    assert (proxy["state"], proxy["not_ready"]) == ("pending", "db exited with status 3")
    made.write({"fixed": ""})
    assert made.run("restart", "db").status == 0
    assert made.run("wait").stdout == "db.1 is ready\nweb.1 runs\nproxy.1 runs\n"
    assert made.run("down").status == 0
    running.wait()

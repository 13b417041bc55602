"""Ports that are taken: said before anything starts, and `--auto-port` goes out of their way."""

from __future__ import annotations

import errno
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli import MakeProject, Result, wait_until
from cli import project as project

from gaffer_procfile.preflight import claims

LISTENER = """\
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


class Other:
    """A process of another project that listens."""

    def __init__(self, directory: Path, port: int) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", LISTENER, str(port)],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.popen.stdout is not None
        self.port = int(self.popen.stdout.readline())

    @property
    def description(self) -> str:
        return rf"[\w.]+ \(pid {self.popen.pid}, in …/other-project\)"

    def close(self) -> None:
        self.popen.communicate()


MakeOther = Callable[..., Other]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[MakeOther]:
    """Have another project listen on a port, on any if it doesn't matter."""
    directory = tmp_path / "other-project"
    directory.mkdir()
    made: list[Other] = []

    def make(port: int = 0) -> Other:
        made.append(Other(directory, port))
        return made[-1]

    yield make
    for each in made:
        each.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def complaints(result: Result) -> list[str]:
    return [line.removeprefix("gaffer: ") for line in result.stderr.splitlines()]


@pytest.mark.parametrize("ready", ["", "    ready: port\n", "    ready: {http: /}\n"])
def test_who_surely_listens_is_not_started(
    project: MakeProject, other: MakeOther, ready: str
) -> None:
    taken = other()
    config = f"processes:\n  web:\n    port: {taken.port}\n{ready}"
    made = project({"Procfile": "web: touch started\nlog: touch started\n", "gaffer.yaml": config})
    result = made.run("start")
    hint = "--auto-port moves all ports to free ones"
    said = rf"port {taken.port} \(web\.1\) is in use by {taken.description} \({hint}\)"
    assert re.fullmatch(said, result.error())
    assert result.status == 1
    assert not made.path("started").exists()


@pytest.mark.parametrize("ready", ["port", "{http: /}"])
def test_who_is_looked_at_there_surely_listens(
    project: MakeProject, other: MakeOther, ready: str
) -> None:
    taken = other()
    config = f"processes:\n  web: {{command: touch started, ready: {ready}}}\n"
    made = project({"gaffer.yaml": config})
    result = made.run("start", "-p", str(taken.port))
    assert re.match(
        rf"port {taken.port} \(web\.1\) is in use by {taken.description}", result.error()
    )
    assert result.status == 1
    assert not made.path("started").exists()


def test_who_only_might_is_warned_of(project: MakeProject, other: MakeOther) -> None:
    taken = other()
    made = project({"Procfile": "web: echo it runs\n"})
    result = made.run("start", "-q", "--no-prefix", "-p", str(taken.port))
    assert result.stdout == "it runs\n"
    [said] = complaints(result)
    hint = "--auto-port moves all ports to free ones"
    assert re.fullmatch(
        rf"port {taken.port} \(web\.1\) is in use by {taken.description} \({hint}\)", said
    )
    assert result.status == 0


def test_what_was_warned_of_is_said_again_when_it_fails(
    project: MakeProject, other: MakeOther
) -> None:
    taken = other()
    bind = "import os, socket; socket.create_server(('127.0.0.1', int(os.environ['PORT'])))"
    made = project({"Procfile": f'log: exec sleep 100\nweb: {sys.executable} -c "{bind}"\n'})
    for port in (taken.port - 100, free_port()):
        result = made.run("start", "--no-timestamps", "-p", str(port))
        is_taken = port + 100 == taken.port
        assert (result.status == 1) is is_taken, result
        said = f"port {taken.port} (web.1) is in use by "
        again = [line for line in result.lines if line.startswith(f"gaffer | {said}")]
        assert len(again) == is_taken
        if is_taken:
            assert again == result.lines[-1:] and again[0].endswith("moves all ports to free ones)")


def test_one_hint_is_for_all_warnings(project: MakeProject, other: MakeOther) -> None:
    taken = other().port
    second = other(taken + 1).port
    made = project({"Procfile": "web: true\n"})
    lines = complaints(made.run("start", "-p", str(taken), "-c", "web=2"))
    assert [line.split(" is in use")[0] for line in lines] == [
        f"port {taken} (web.1)",
        f"port {second} (web.2)",
    ]
    assert ["--auto-port" in line for line in lines] == [False, True]


def test_a_port_that_only_the_probe_knows_is_warned_of(
    project: MakeProject, other: MakeOther
) -> None:
    taken = other()
    config = f"processes:\n  db:\n    command: 'true'\n    ready: {{port: {taken.port}}}\n"
    made = project({"gaffer.yaml": config})
    result = made.run("start", "-p", str(free_port()))
    said = [line for line in complaints(result) if "in use" in line]
    assert len(said) == 1 and said[0].startswith(f"port {taken.port} (db) is in use by ")
    assert "[" not in said[0] and "--auto-port" not in said[0]
    assert result.stdout != ""


def test_all_of_them_at_once_and_the_hint_for_all(project: MakeProject, other: MakeOther) -> None:
    first, second = other().port, other().port
    config = (
        "processes:\n"
        f"  web: {{command: sleep 9, port: {first}}}\n"
        f"  api: {{command: sleep 9, port: {second}}}\n"
    )
    result = project({"gaffer.yaml": config}).run("start")
    lines = complaints(result)
    assert [line.split(" is in use")[0] for line in lines] == [
        f"port {first} (web.1)",
        f"port {second} (api.1)",
    ]
    assert ["--auto-port" in line for line in lines] == [False, True]
    assert result.status == 1


def test_an_instance_that_does_not_run_needs_no_port(
    project: MakeProject, other: MakeOther
) -> None:
    taken = other().port
    config = f"processes:\n  db: {{command: sleep 9, port: {taken}}}\n"
    made = project({"Procfile": "web: 'true'\n", "gaffer.yaml": config})
    port = str(free_port())
    assert complaints(made.run("start", "-p", port, "web")) == []
    assert complaints(made.run("start", "-p", port, "-c", "db=0")) == []


def test_the_second_instance_counts(project: MakeProject, other: MakeOther) -> None:
    taken = other().port
    config = f"processes:\n  web: {{command: sleep 9, port: {taken - 1}, scale: 2}}\n"
    result = project({"gaffer.yaml": config}).run("start")
    assert any(f"port {taken} (web.2) is in use" in line for line in complaints(result))
    assert result.status == 1


# ---- --auto-port


SHOW = "echo $PORT $GAFFER_PORT_WEB $GAFFER_PORT_DB; exec sleep 0.2"


def shop(port: int) -> dict[str, str | bytes]:
    return {
        "Procfile": f"web: {SHOW}\n",
        "gaffer.yaml": f"processes:\n  db: {{command: '{SHOW}', port: {port}}}\n",
    }


def planned(result: Result) -> dict[str, list[int]]:
    assert result.status == 0, result
    plan: dict[str, Any] = json.loads(result.stdout)
    return {process["name"]: process["ports"] for process in plan["processes"]}


def test_all_ports_move_together_and_so_does_what_tells_them(
    project: MakeProject, other: MakeOther
) -> None:
    taken = other()
    made = project(shop(taken.port))
    result = made.run("start", "--auto-port", "--no-timestamps", "-p", str(free_port()))
    note = re.search(
        rf"port {taken.port} \(db\.1\) is in use by {taken.description}, "
        r"so the ports begin at (\d+)$",
        result.stdout,
        re.MULTILINE,
    )
    assert note is not None, result
    web = int(note[1])
    assert 10_000 <= web < 32_768
    shown = dict(re.findall(r"^(web|db)\.1 +\| (\d+ \d+ \d+)$", result.stdout, re.MULTILINE))
    assert shown["web"] == f"{web} {web} {web + 10}"
    assert result.status == 0, result


def test_nothing_moves_where_nothing_is_taken(project: MakeProject) -> None:
    first, second = free_port(), free_port()
    result = project(shop(second)).run("plan", "--json", "--auto-port", "-p", str(first))
    assert planned(result) == {"web": [first], "db": [second]}
    assert json.loads(result.stdout)["notes"] == []


def test_a_directory_finds_its_ports_again_unless_they_are_taken(
    project: MakeProject, other: MakeOther
) -> None:
    taken = other().port
    made, second = project(shop(taken)), project(shop(taken))
    args = ("plan", "--json", "--auto-port", "-p", str(free_port()))
    ports = planned(made.run(*args))
    assert planned(made.run(*args)) == ports
    assert planned(made.run(*args, "-c", "web=3"))["db"] == ports["db"]
    assert planned(second.run(*args)) != ports
    other(ports["db"][0])
    moved = planned(made.run(*args))
    assert moved != ports
    assert moved["db"][0] - moved["web"][0] == 10


LATE = """\
import os, socket, time
time.sleep(0.3)  # as what has to be compiled
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print("on", os.environ["PORT"], flush=True)
time.sleep(60)
"""


def test_projects_that_start_at_the_same_moment_get_different_ports(project: MakeProject) -> None:
    files = {"Procfile": f"web: exec {sys.executable} late.py\n", "late.py": LATE}
    port = free_port()
    runs = [project(files).spawn("start", "--auto-port", "-p", str(port)) for _ in range(4)]
    ports = [int(run.read_until(r"\| on (\d+)$")[1]) for run in runs]
    assert len(set(ports)) == 4 and port in ports
    for run, its in zip(runs, ports, strict=True):
        assert (f"port {port} (web.1) is " in run.text) is (its != port), run.text
    first = runs[ports.index(port)]
    for run in runs:
        run.signal(signal.SIGINT)
        assert run.wait() == -signal.SIGINT
    assert f"port {port}" not in first.text


def test_a_claim_holds_while_its_run_does(project: MakeProject) -> None:
    made, second = (project({"Procfile": "web: exec sleep 60\n"}) for _ in range(2))
    port = free_port()
    args = ("--auto-port", "-p", str(port))
    running = made.spawn("start", *args)
    running.read_until(r"web\.1 started")
    plan = second.run("plan", "--json", *args)
    assert planned(plan)["web"] != [port]
    [note] = json.loads(plan.stdout)["notes"]
    assert note.startswith(f"port {port} (web.1) is another run's, so the ports begin at ")
    running.popen.kill()
    wait_until(lambda: running.popen.poll() is not None, "its end")
    wait_until(lambda: planned(second.run("plan", "--json", *args))["web"] == [port], "its port")


def test_a_file_system_without_locks_grants_every_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.lockf", refuse)
    ours = claims.Claims()
    assert ours.find_claimed([5000, 5001]) is None
    ours.release([5000, 5001])
    monkeypatch.setattr(claims, "open_shared", refuse)
    assert claims.Claims().find_claimed([5000]) is None


def test_env_and_plan_know_it_too(project: MakeProject, other: MakeOther) -> None:
    taken = other().port
    made = project(shop(taken))
    args = ("--auto-port", "-p", str(free_port()))
    [web], [db] = planned(made.run("plan", "--json", *args)).values()
    lines = made.run("env", "web", *args).stdout.splitlines()
    assert {f"PORT={web}", f"GAFFER_PORT_WEB={web}", f"GAFFER_PORT_DB={db}"} <= set(lines)
    assert f"so the ports begin at {web}" in made.run("plan", *args).stdout


def test_more_than_there_is_room_for(project: MakeProject, other: MakeOther) -> None:
    taken = other().port
    config = "processes:\n" + "".join(
        f"  p{number}: {{command: sleep 9, scale: 1000, port: {1_000 + number * 1_000}}}\n"
        for number in range(24)
    )
    config += f"  taken: {{command: sleep 9, port: {taken}}}\n"
    made = project({"gaffer.yaml": config})
    assert made.run("plan", "--auto-port", "-c", "all=0,taken=1").status == 0
    result = made.run("plan", "--auto-port")
    assert result.error() == "no block of 24010 ports is free from 10000 to 32767"
    assert result.status == 1

"""Orders from elsewhere: the window of the run says what was asked for, and by what."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from cli import MakeProject, Running, wait_until
from cli import project as project

from gaffer_procfile.client import Connection, Refused
from gaffer_procfile.control import connect, runs_in

SLEEP = "echo up; exec sleep 100"
SOMEBODY = "gaffer +\\| "


@pytest.fixture
def running(project: MakeProject) -> Iterator[Running]:
    made = project({"Procfile": f"web: {SLEEP}\nworker: {SLEEP}\n"})
    running = made.spawn("start", "--no-timestamps", "--exit-policy", "never")
    for _ in range(2):
        running.read_until(r"\| up")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    yield running
    if running.popen.poll() is None:
        running.signal(signal.SIGTERM)
    running.wait()


def directory_of(running: Running) -> str:
    return os.readlink(f"/proc/{running.pid}/cwd")


def connection_of(running: Running) -> Connection:
    [run] = runs_in(directory_of(running))
    return Connection(run.path)


VERBS = {
    "restart one": (["restart", "web"], "gaffer restart: web"),
    "restart an instance": (["restart", "web.1"], "gaffer restart: web.1"),
    "stop": (["stop", "worker"], "gaffer stop: worker"),
    "scale": (["scale", "web=2"], "gaffer scale: web=2"),
    "signal": (["signal", "USR1", "web"], "gaffer signal: SIGUSR1 to web.1"),
    "down": (["down"], "gaffer down: stopping"),
    "down at once": (["down", "--kill"], "gaffer down: killing everything"),
}


@pytest.mark.parametrize(("words", "told"), VERBS.values(), ids=VERBS)
def test_a_verb(project: MakeProject, running: Running, words: list[str], told: str) -> None:
    result = project({}).run(words[0], "-d", directory_of(running), *words[1:])
    assert result.status == 0, result
    running.read_until(f"^{SOMEBODY}{told}\n")
    if words[0] != "signal" and words[0] != "scale":
        before = running.text.rpartition(told)[0]
        assert " stopped" not in before, "what follows comes after it"
        running.read_until(r"\.1 stopped")


ASKED = {
    "restart of all": ("/restart", None, "restart all"),
    "of one": ("/processes/web/restart", None, "restart web"),
    "scale": ("/processes/web/scale", {"by": 1}, r"scale web by \+1"),
    "signal": ("/processes/web/signal", {"signal": 10}, "signal SIGUSR1 to web"),
    "group": ("/groups/project/stop", None, "stop all of project"),
    "a new one": ("/processes", {"name": "new", "cmd": "sleep 100"}, "add new"),
    "the end": ("/shutdown", None, "stopping"),
}


@pytest.mark.parametrize(("path", "body", "told"), ASKED.values(), ids=ASKED)
def test_anybody_else(running: Running, path: str, body: object, told: str) -> None:
    connection = connection_of(running)
    connection.post(path, body)
    running.read_until(f"^{SOMEBODY}API: {told}\n")
    connection.close()


def test_the_web_page(running: Running) -> None:
    [run] = runs_in(directory_of(running))
    socket = connect(run.path)
    head = "POST /processes/web/restart HTTP/1.1\r\nHost: a:1\r\nOrigin: http://a:1\r\n\r\n"
    socket.sendall(head.encode())
    assert socket.recv(4096).startswith(b"HTTP/1.1 202 ")
    socket.close()
    running.read_until(f"^{SOMEBODY}web page: restart web\n")


def test_what_is_refused_or_only_looked_at_is_not_told(running: Running) -> None:
    connection = connection_of(running)
    with pytest.raises(Refused):
        connection.post("/processes/nonesuch/stop")
    with pytest.raises(Refused):
        connection.post(f"/instances/{'9' * 5000}/stop")
    connection.get("/processes")
    [web] = (
        each for each in connection.get("/instances")["instances"] if each["process"] == "web.1"
    )
    connection.post(f"/instances/{web['id']}/input", {"text": "x"})
    connection.close()
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert "API:" not in running.text


def test_it_is_no_secret_for_a_program_either(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    running = made.spawn("start", "--json")
    running.read_until('"up"')
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    assert made.run("down").status == 0
    running.read_until('"event": "order", "message": "gaffer down: stopping"')
    running.wait()

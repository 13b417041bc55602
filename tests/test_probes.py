"""The kinds of probes but for `notify`, each on real processes."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DEADLINE, ManagerDriver, is_alive
from test_readiness import SERVER, Watch, free_port
from test_readiness import watch as watch  # the fixture

from gaffer_procfile.config.settings import Probe
from gaffer_procfile.posix import system
from gaffer_procfile.probes import Subject, http, log, make_attempt

# Answers each connection with the bytes of its second argument, or not at all if there are none.
ANSWERS = """\
import codecs, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
answer = codecs.decode(sys.argv[2], "unicode_escape").encode("latin-1")
kept = []
print("up", file=sys.stderr, flush=True)
while True:
    connection = server.accept()[0]
    request = connection.recv(65536)
    print(request.decode().splitlines()[0], flush=True)
    connection.sendall(answer)
    kept.append(connection)
    if answer:
        connection.shutdown(socket.SHUT_WR)
"""
OK = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"

HTTP = {
    "200": (OK, None, None),
    "301": ("HTTP/1.1 301 Moved\\r\\nLocation: /x\\r\\nContent-Length: 0\\r\\n\\r\\n", None, None),
    "old": ("HTTP/1.0 200 OK\\r\\n\\r\\nbody without a length", None, None),
    "chunked": (
        "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n2\\r\\nok\\r\\n0\\r\\n\\r\\n",
        None,
        None,
    ),
    "early hints": ("HTTP/1.1 103 Early Hints\\r\\n\\r\\n" + OK, None, None),
    "half a body": ("HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nok", None, None),
    "the wanted 404": ("HTTP/1.1 404 No\\r\\nContent-Length: 0\\r\\n\\r\\n", 404, None),
    "503": ("HTTP/1.1 503 No\\r\\nContent-Length: 0\\r\\n\\r\\n", None, "is answered with 503"),
    "not the wanted": (OK, 204, "is answered with 200"),
    "another protocol": (
        "-ERR unknown command\\r\\n\\r\\n",
        None,
        "is answered, but not in HTTP: ",
    ),
    "half a head": ("HTTP/1.1 200 OK\\r\\nContent-Le", None, "isn't answered"),
    "a flood": (
        "HTTP/1.1 200 OK\\r\\n" + "X: y\\r\\n" * 9000,
        None,
        "is answered, but not in HTTP",
    ),
}


@pytest.mark.parametrize(("answer", "status", "fault"), HTTP.values(), ids=HTTP)
def test_http(
    watch: Watch, driver: ManagerDriver, answer: str, status: int | None, fault: str | None
) -> None:
    port = free_port()
    timeout = DEADLINE if fault is None else 0.7
    watched = watch(web=Probe("http", "/up?x=1", status=status, timeout=timeout))
    args = ["-S", "-c", ANSWERS, str(port), answer]
    driver.add("web", sys.executable, args=args, port=port, redirect_output=["out"])
    output = driver.capture(driver.process("web"))
    if fault is None:
        watched.ready("web")
        assert output.data.startswith(b"GET /up?x=1 HTTP/1.1\n")
    else:
        assert watched.not_ready("web").startswith(f"GET /up?x=1 on port {port} {fault}")


def test_http_that_never_answers(
    watch: Watch, driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LONGEST_LOOK", 0.1)
    port = free_port()
    watched = watch(web=Probe("http", timeout=1))
    args = ["-S", "-c", ANSWERS, str(port), ""]
    driver.add("web", sys.executable, args=args, port=port, redirect_output=["out"])
    output = driver.capture(driver.process("web"))
    assert watched.not_ready("web") == f"GET / on port {port} isn't answered within 0.1 s"
    assert output.data.count(b"GET / HTTP/1.1\n") > 1, "it is asked again"


def test_http_where_nothing_listens(watch: Watch, driver: ManagerDriver) -> None:
    port = free_port()
    watched = watch(web=Probe("http", timeout=0.1))
    driver.sh("web", "exec sleep 100", port=port)
    assert watched.not_ready("web") == f"nothing listens on port {port}"


LOGS = {
    "stdout": ("echo is up", True),
    "stderr": ("echo is up >&2", True),
    "coloured": (r"printf '\033[32mis\033[0m \033[1mup\033[0m\n'", True),
    "in pieces": ("printf 'is '; sleep 0.05; echo up", True),
    "after a carriage return": (r"printf 'waits\ris up\n'", True),
    "bytes that are no text": (r"printf '\377\376 is up\n'", True),
    "at its end": ("printf 'is up'; exec >&- 2>&-", True),
    "over two lines": ("echo is; echo up", False),
    "over two streams": ("printf 'is '; echo up >&2", False),
    "something else": ("echo wakes up", False),
}


@pytest.mark.parametrize(("script", "matches"), LOGS.values(), ids=LOGS)
def test_log(watch: Watch, driver: ManagerDriver, script: str, matches: bool) -> None:
    watched = watch(web=Probe("log", r"\bis up$", timeout=DEADLINE if matches else 0.3))
    driver.sh("web", f"{script}; exec sleep 100", redirect_output=["out", "err"])
    if matches:
        watched.ready("web")
    else:
        assert watched.not_ready("web") == r"no line of its output matches '\\bis up$'"


def test_log_of_a_line_that_is_too_long(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch(web=Probe("log", "x is up"))
    script = "head -c 200000 /dev/zero | tr '\\0' x; echo ' is up'; exec sleep 100"
    driver.sh("web", script, redirect_output=["out", "err"])
    watched.ready("web")


@pytest.mark.parametrize("length", [0, 1, 1024, 4095, 4096, 4097, 7168, 7169, 65536])
def test_a_pattern_never_has_more_than_4_kib_at_once(length: int) -> None:
    line = b"".join(b"%05d" % number for number in range(length // 5 + 1))[:length]
    found = list(log.pieces([line, b"another"]))
    assert found.pop() == b"another"
    assert max(map(len, found)) <= 4096
    for start in range(max(1, length - 1024)):  # 1 KiB is in one piece, wherever it is
        assert any(line[start : start + 1024] in piece for piece in found)


def test_log_that_nobody_reads(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch(web=Probe("log", "up", timeout=0.1))
    driver.sh("web", "echo up; exec sleep 100")
    assert watched.not_ready("web") == "its output isn't read"


def test_exec_in_its_environment_and_directory(
    watch: Watch, driver: ManagerDriver, tmp_path: Path
) -> None:
    command = 'test "$COLOUR" = blue && test -e is-up && test "$PORT" = 4711'
    watched = watch(web=Probe("exec", command))
    env = {"COLOUR": "blue"}
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path), env=env, port=4711)
    driver.run_for(0.2)
    assert driver.of("ready") == []
    (tmp_path / "is-up").touch()
    watched.ready("web")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo starting; echo '  no such database ' >&2; exit 2", "exits with 2: no such database"),
        (r"printf '\033[31mred\033[0m\n\n'; exit 1", "exits with 1: red"),
        ("exit 7", "exits with 7"),
        ("kill -9 $$", "was killed by signal 9"),
    ],
)
def test_exec_that_fails(watch: Watch, driver: ManagerDriver, command: str, reason: str) -> None:
    watched = watch(web=Probe("exec", command, timeout=0.5))
    driver.sh("web", "exec sleep 100")
    assert watched.not_ready("web") == f"the command {reason}"


def test_exec_that_takes_too_long_is_killed_with_its_tree(
    watch: Watch, driver: ManagerDriver, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    command = f"setsid sleep 300 & echo $! >> {shlex.quote(str(pids))}; sleep 300"
    watched = watch(web=Probe("exec", command, timeout=0.4))
    driver.sh("web", "exec sleep 100")
    driver.run_until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    assert watched.not_ready("web") in (
        "the command doesn't end within 0.4 s",
        "it was not looked at yet",
    )
    driver.run_until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))


def test_exec_ends_with_what_it_looks_at(
    watch: Watch, driver: ManagerDriver, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    watch(web=Probe("exec", f"echo $$ >> {shlex.quote(str(pids))}; exec sleep 300"))
    driver.sh("web", "exec sleep 100", restart="never")
    driver.run_until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    driver.manager.stop_process("web")
    driver.run_until_event("exit", "web")
    driver.run_until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))
    assert driver.of("ready") == []


def test_exec_leaves_nothing_behind(watch: Watch, driver: ManagerDriver, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = f"setsid sleep 300 & echo $! > {shlex.quote(str(pid))}"
    watched = watch(web=Probe("exec", command))
    driver.sh("web", "exec sleep 100")
    watched.ready("web")
    driver.run_until(lambda: not is_alive(int(pid.read_text())))


def test_a_file_that_appears(watch: Watch, driver: ManagerDriver, tmp_path: Path) -> None:
    watched = watch(web=Probe("file", "run/$NAME.pid", timeout=DEADLINE))
    (tmp_path / "run").mkdir()
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path), env={"NAME": "web"})
    driver.run_for(0.1)
    assert driver.of("ready") == []
    (tmp_path / "run" / "web.pid").touch()
    watched.ready("web")


def test_a_file_that_is_there_at_once(watch: Watch, driver: ManagerDriver, tmp_path: Path) -> None:
    watched = watch(web=Probe("file", "up"))
    driver.sh("web", ": > up; exec sleep 100", cwd=str(tmp_path))
    watched.ready("web")


def test_a_file_from_before(watch: Watch, driver: ManagerDriver, tmp_path: Path) -> None:
    (tmp_path / "up").touch()
    driver.run_for(0.05)  # more than the resolution of a file's time
    watched = watch(web=Probe("file", "up", timeout=0.3), worker=Probe("file", "up"))
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path))
    driver.sh("worker", "exec sleep 100", cwd=str(tmp_path))
    assert watched.not_ready("web") == "up is from before its start"
    os.replace(tmp_path / "up", tmp_path / "old")
    (tmp_path / "up").touch()
    watched.ready("worker")


def test_a_file_of_the_process_before(watch: Watch, driver: ManagerDriver, tmp_path: Path) -> None:
    watched = watch(web=Probe("file", "up", timeout=0.3))
    script = "test -e up || : > up; exec sleep 100"
    driver.sh("web", script, cwd=str(tmp_path))
    watched.ready("web")
    driver.run_for(0.05)
    driver.manager.restart_process("web")
    assert watched.not_ready("web") == "up is from before its start"


@pytest.fixture(params=["proc", "psutil"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How listeners are looked for; the other one is that of systems without /proc."""
    way: str = request.param
    if way == "psutil":
        monkeypatch.setattr(system, "_WITHOUT", frozenset({"proc"}))
    return way


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])
def test_a_listener_of_its_own(watch: Watch, driver: ManagerDriver, address: str) -> None:
    port = free_port()
    watched = watch(web=Probe("listens"))
    watched.serve("web", address, port)
    driver.run_for(0.1)
    assert driver.of("ready") == []
    watched.go("web")
    watched.ready("web")


@pytest.mark.usefixtures("way")
def test_a_listener_that_it_started(watch: Watch, driver: ManagerDriver) -> None:
    port = free_port()
    watched = watch(web=Probe("listens"))
    server = shlex.join([sys.executable, "-S", "-c", SERVER, "127.0.0.1", str(port), "at once"])
    driver.sh("web", f"{server} & wait", port=port)
    watched.ready("web")


@pytest.mark.skipif(not system.has_process_table(), reason="an orphan is found in /proc only")
def test_a_listener_that_has_lost_its_parent(watch: Watch, driver: ManagerDriver) -> None:
    port = free_port()
    watched = watch(web=Probe("listens"))
    server = shlex.join([sys.executable, "-S", "-c", SERVER, "127.0.0.1", str(port), "at once"])
    driver.sh("web", f"(setsid {server} &) & exec sleep 100", port=port)
    watched.ready("web")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_foreign_listener_never_counts(
    watch: Watch, driver: ManagerDriver, taken: int, way: str
) -> None:
    watched = watch(web=Probe("listens", timeout=0.3))
    driver.sh("web", "exec sleep 100", port=taken)
    whose = {
        "proc": f"port {taken} is somebody else's: neither it nor what it has started listens there",
        "psutil": f"neither it nor what it has started listens on port {taken}",
    }
    assert watched.not_ready("web") == whose[way]


def test_a_connection_is_no_listener(watch: Watch, driver: ManagerDriver, taken: int) -> None:
    watched = watch(web=Probe("listens", timeout=0.5))
    script = f"import socket; s = socket.create_connection(('127.0.0.1', {taken})); input()"
    args = ["-S", "-c", script]
    driver.add("web", sys.executable, args=args, port=taken, redirect_input=True)
    assert "somebody else's" in watched.not_ready("web")


@pytest.mark.parametrize("kind", ["log", "notify"])
def test_what_comes_only_once_is_no_look(driver: ManagerDriver, kind: str) -> None:
    driver.sh("web", "exec sleep 100")
    subject = Subject(driver.loop, driver.manager, driver.run_until_event("spawn"))
    with pytest.raises(ValueError, match=kind):
        make_attempt(driver.loop, subject, Probe(kind, "x"), print)

"""Faults, injected: each is told in a clear line, nothing is lost by it and nothing left."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cli import GAFFER, PACKAGE_ROOT, MakeProject, Running, wait_until
from cli import project as project
from conftest import DEADLINE, Event, ManagerDriver, is_alive, loop_kinds

from gaffer_procfile.posix import spawn, system

POLITE = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
STORM = 10_000
CROWD = 1_000
PIDS = Path("/sys/fs/cgroup/pids")  # of cgroup v1
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


# ---- no process, no descriptor


@pytest.fixture
def few_processes() -> Iterator[Path]:
    """A control group in which there can be six processes: three of gaffer and three more."""
    group = PIDS / f"gaffer-{uuid.uuid4().hex}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group for processes: {error}")
    (group / "pids.max").write_text("6")
    yield group
    wait_until(lambda: not (group / "cgroup.procs").read_text(), "an empty group")
    group.rmdir()


def test_no_process_can_be_had(project: MakeProject, few_processes: Path) -> None:
    made = project({"Procfile": "web: exec sleep 60\n"})
    running = made.spawn_shell(
        f"echo $$ > {few_processes}/cgroup.procs; exec $gaffer start -c web=6 --port-step 10"
    )
    assert running.wait() == 126, running.text
    assert "max 0" not in (few_processes / "pids.events").read_text(), "the fault didn't fire"
    assert running.text.count("started (pid") == 3
    assert running.text.count("can't start a process: Resource temporarily unavailable") >= 3
    assert len(re.findall(r"web\.\d stopped", running.text)) == 3
    assert "Traceback" not in running.text


@pytest.mark.parametrize(
    ("way", "number"),
    [("subprocess", errno.EAGAIN), ("posix_spawn", errno.ENOMEM), ("posix_spawn", errno.EMFILE)],
)
def test_fork_fails(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch, number: int, way: str
) -> None:
    """It is tried again by the policy, and goes on when the trouble is over."""
    owner, name = (os, "posix_spawn") if way == "posix_spawn" else (subprocess, "Popen")
    start = getattr(owner, name)
    refused: list[tuple[object, ...]] = []

    def fail(*args: object, **settings: object) -> object:
        if len(refused) < 3:
            refused.append(args)
            raise OSError(number, os.strerror(number))
        return start(*args, **settings)

    monkeypatch.setattr(spawn, "_is_sealed", way == "posix_spawn")
    monkeypatch.setattr(owner, name, fail)
    driver.sh("web", "exec sleep 60")
    driver.run_until_event("spawn")
    assert len(refused) == 3
    exits = driver.of("exit")
    assert [event["exit_status"] for event in exits] == [126] * 3
    assert {event["reason"] for event in exits} == {f"can't start a process: {os.strerror(number)}"}


def test_no_descriptor_is_left(project: MakeProject) -> None:
    made = project({"Procfile": "web: exec sleep 60\n"})
    running = made.spawn_shell("ulimit -n 256; exec $gaffer start -c web=300")
    assert running.wait(60) == 126, running.text
    assert "can't start a process: Too many open files" in running.text
    started = running.text.count("started (pid")
    assert 10 < started < 256
    # Of some it was known too late that they couldn't be started: they were told to stop by then.
    assert len(re.findall(r"web\.\d+ stopped(?! \(can't start)", running.text)) == started
    assert "Traceback" not in running.text


# ---- what can't be executed


@pytest.mark.parametrize(
    ("name", "content", "mode", "status", "reason"),
    [
        ("absent", None, 0, 127, "command not found: .*/absent"),
        ("data", "echo", 0o644, 126, "not executable: .*/data"),
        ("folder", None, 0o755, 126, "not executable: .*/folder"),
        ("text", "no program", 0o755, 126, "not executable: .*/text"),
        ("script", "#!/no/interpreter\n", 0o755, 126, "its interpreter was not found"),
        ("binary", "\x7fELF", 0o755, 126, "not executable: .*/binary"),
    ],
)
def test_exec_fails(
    driver: ManagerDriver, tmp_path: Path, name: str, content: str | None, mode: int,
    status: int, reason: str,
) -> None:  # fmt: skip
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    elif mode:
        path.mkdir()
    driver.add("web", str(path), restart="never")
    event = driver.run_until_event("exit")
    assert event["exit_status"] == status
    assert re.search(reason, event["reason"])
    assert driver.of("spawn") == []


def test_a_word_that_cannot_be_passed(driver: ManagerDriver) -> None:
    driver.add("web", "/bin/echo", args=["a\0b"], restart="never")
    event = driver.run_until_event("exit")
    assert (event["exit_status"], event["reason"]) == (126, "embedded null byte")


def test_the_working_directory_goes_while_it_runs(driver: ManagerDriver, tmp_path: Path) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    driver.sh("web", "exec sleep 60", cwd=str(directory), restart="never")
    directory.rmdir()
    driver.manager.restart_process("web")
    event = driver.run_until_event("exit", count=2)
    assert (event["exit_status"], event["reason"]) == (126, f"no such directory: {directory}")


AS_NOBODY = """
import grp, os, pwd, shlex, subprocess  # nobody can read what is imported later
import gaffer_procfile.posix.popen
from gaffer_procfile.loop.selector import SelectorLoop
from gaffer_procfile.manager import Manager
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
manager = Manager(SelectorLoop())
manager.start()
"""
REFUSED = """
def show(_evtype, event):
    print(event["exit_status"], event["reason"])
    manager.stop()
manager.subscribe("exit", show)
manager.add_process("web", "/bin/true", restart="never", **wanted)
manager.run()
"""


def run_as_nobody(program: str, *before: str) -> str:
    """What a program prints that has a manager and no rights, started by the words `before`."""
    done = subprocess.run(
        [*before, sys.executable, "-c", AS_NOBODY + program],
        env={**os.environ, "PYTHONPATH": PACKAGE_ROOT},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        cwd="/",
    )
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize(
    ("wanted", "who"), [("uid=0", "user 0"), ("gid=0", "group 0"), ("uid=0, gid=0", "user 0")]
)
def test_another_user_is_refused(wanted: str, who: str) -> None:
    told = run_as_nobody(f"wanted = dict({wanted})" + REFUSED)
    assert told == f"126 can't become {who}: Operation not permitted\n"


STOPPED = """
def show(_evtype, event):
    print(event["event"], event.get("term_signal"))
manager.subscribe("exit", show)
manager.add_process("web", "/bin/sleep", args=["60"])
manager.stop()
manager.run()
"""


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare")
@pytest.mark.parametrize("hidden", [1, 2])
def test_others_cannot_be_seen(hidden: int) -> None:
    """As on a machine that many share: of another user's process /proc shows nothing."""
    # With a parent, root's, to look at.
    mount = f'mount -t proc -o hidepid={hidden} proc /proc && "$@"; exit $?'
    words = ["unshare", "--pid", "--fork", "--mount", "/bin/sh", "-c", mount, "sh"]
    assert run_as_nobody(STOPPED, *words) == f"exit {signal.SIGTERM.value}\n"


# ---- children that don't do as they are told


UNKILLABLE = """
def hear(_label, message):
    print(message["data"].decode(), end="", flush=True)
    if message["data"]:
        manager.stop()
def show(evtype, event):
    if evtype in ("kill", "exit"):
        print(evtype, event["name"], flush=True)
manager.subscribe(".", show)
manager.add_process("db", "/bin/sleep", args=["60"])
manager.add_process("web", command, shell=True, os_env=True, redirect_output=["out"],
                    stop_timeout=0.1, depends_on=["db"])
manager.get_process(2).monitor_io("out", hear)
manager.run()
"""


@pytest.fixture
def sudo() -> Iterator[str]:
    """A command line's beginning that has the rest of it run as root, as anybody may."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory, "become")
        setpriv = shutil.which("setpriv")
        if setpriv is None or os.statvfs(directory).f_flag & os.ST_NOSUID:
            pytest.skip("nobody can become root here")
        shutil.copy(setpriv, program)
        program.chmod(0o4755)
        Path(directory).chmod(0o755)
        yield f"{program} --reuid 0 --regid 0 --clear-groups"


@needs_root
@pytest.mark.parametrize(
    ("command", "events"),
    [
        ("exec {}", ["kill web", "exit db"]),  # what can't be signalled is what was started
        ("{}; true", ["exit web", "kill web", "exit db"]),  # or what that has in its group
        ("setsid {} & exec sleep 60", ["exit web", "kill web", "exit db"]),
    ],
)
def test_a_child_that_is_another_users_is_not_waited_for(
    sudo: str, command: str, events: list[str]
) -> None:
    become = f"{sudo} /bin/sh -c 'echo $$; exec sleep 60'"
    told = run_as_nobody(f"command = {command.format(become)!r}" + UNKILLABLE).split("\n")
    pid = int(told[0])
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)
    assert told[1:] == [*events, ""]


@pytest.mark.parametrize("halt", ["kill -STOP $$", "sleep 60 & kill -STOP $! $$"])
def test_a_child_that_is_halted_at_the_stop(project: MakeProject, halt: str) -> None:
    made = project({"Procfile": f"web: echo ready; {halt}\n"})
    running = made.spawn("start", "-t", "0.3")
    running.read_until("ready$")
    leader = running.processes()[0]
    wait_until(lambda: leader.status() == psutil.STATUS_STOPPED, "the child's halt")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert re.search("web.1 (stopped|killed by SIGKILL)", running.text)
    assert not is_alive(leader.pid)


# ---- what surrounds it


CLOCK = """
import sys, time
from gaffer_procfile import cli
now = time.time
steps = []
def back():
    steps.append(1)
    return now() - 3600 * len(steps)
time.time = back
status = cli.main(["start"])
print("looked at the clock", len(steps), file=sys.stderr)
sys.exit(status)
"""


def test_the_clock_is_set_back(project: MakeProject) -> None:
    """With every look at it, by an hour."""
    script = "for n in 1 2 3 4 5; do echo line $n; sleep 0.02; done; exit 3"
    made = project({"Procfile": f"web: {script}\n", "main.py": CLOCK})
    running = made._spawn([sys.executable, "main.py"])
    assert running.wait() == 3, running.text
    assert re.findall(r"web.1 +\| line (\d)", running.text) == ["1", "2", "3", "4", "5"]
    looks = re.search(r"looked at the clock (\d+)", running.text)
    assert looks is not None and int(looks[1]) > 1, "the fault didn't fire"


def test_a_listener_that_raises(driver: ManagerDriver, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_evtype: str, _event: Event) -> None:
        raise RuntimeError("a fault of a listener")

    for evtype in ("spawn", "exit", "proc.web.exit", "."):
        driver.manager.subscribe(evtype, fail)
    with caplog.at_level(logging.ERROR):
        driver.sh("web", "exit 1", numprocesses=2)
        driver.run_until_event("exit", count=4)
        driver.stop()
    assert "a fault of a listener" in caplog.text
    assert len(driver.of("exit")) == len(driver.of("spawn"))


def test_what_is_inherited_does_no_harm(project: MakeProject) -> None:
    """An ignored SIGCHLD would take the children's statuses, an ignored SIGPIPE is theirs to have."""
    program = (
        "import os, signal, sys\n"
        "for signum in (signal.SIGCHLD, signal.SIGPIPE):\n"
        "    signal.signal(signum, signal.SIG_IGN)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'gaffer_procfile', 'start'])\n"
    )
    script = "grep SigIgn /proc/self/status; yes | head -1 >/dev/null; exit 3"
    made = project({"Procfile": f"web: {script}\n", "main.py": program})
    running = made._spawn([sys.executable, "main.py"])
    ignored = int(running.read_until(r"SigIgn:\s+(\w+)")[1], 16)
    assert running.wait() == 3, running.text
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGCHLD - 1)


def test_what_is_blocked_by_the_parent_is_heard(project: MakeProject) -> None:
    program = (
        "import os, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'gaffer_procfile', 'start'])\n"
    )
    script = f"grep SigBlk /proc/self/status; {POLITE}"
    made = project({"Procfile": f"web: {script}\n", "main.py": program})
    running = made._spawn([sys.executable, "main.py"])
    assert int(running.read_until(r"SigBlk:\s+(\w+)")[1], 16) == 0
    running.read_until("ready$")
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM, running.text
    assert "| bye" in running.text


# ---- many at once


@pytest.mark.parametrize("without", ["", "pidfd"])
def test_a_thousand_exits_at_the_same_moment(monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    monkeypatch.setattr(system, "_WITHOUT", frozenset({without}))
    driver = ManagerDriver("selectors")
    driver.add("many", "/bin/sleep", args=["600"], numprocesses=CROWD, restart="never")
    driver.run_until_event("spawn", "many", CROWD)
    for process in driver.manager.processes["many"].list_processes():
        process.kill(signal.SIGKILL)
    driver.run_until_event("exit", "many", CROWD)
    exits = driver.of("exit")
    assert sorted(event["pid"] for event in exits) == list(range(1, CROWD + 1))
    assert {event["term_signal"] for event in exits} == {signal.SIGKILL}
    driver.close()


@pytest.mark.parametrize("target", ["outer", "gaffer"])
@pytest.mark.parametrize("kind", [kind for kind in loop_kinds() if kind != "asyncio"])
def test_a_storm_of_signals_loses_no_sigterm(project: MakeProject, kind: str, target: str) -> None:
    made = project({"Procfile": f"web: {POLITE}\n"})
    running = made.spawn("start", env={"GAFFER_LOOP": kind})
    running.read_until("ready$")
    pid = running.pid if target == "outer" else running.gaffer.pid
    sent = 0
    try:
        for sent in range(STORM):
            os.kill(pid, signal.SIGWINCH if sent % 2 else signal.SIGCHLD)
            if sent == STORM - 100:
                os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        assert sent >= STORM - 100, "it ended by something else"
    assert running.wait() == -signal.SIGTERM, running.text
    assert "| bye" in running.text
    assert "killing" not in running.text


# ---- around it and inside of it


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare")
def test_as_the_first_process_of_a_container(project: MakeProject) -> None:
    """It reaps what it inherits, and ends by a signal that the kernel wouldn't end it by."""
    first = "(sleep 0.3 & sleep 0.2 & sleep 0.1 &); test $$ = 1 && exec $gaffer start"
    made = project({"Procfile": f"web: {POLITE}\n", "first": f"#!/bin/sh\n{first}\n"})
    running = made.spawn_shell("exec unshare --pid --fork --mount-proc ./first")
    running.read_until("ready$")
    (outer,) = psutil.Process(running.pid).children()
    wait_until(lambda: len(outer.children()) == 1, "the end of what was inherited")
    outer.terminate()
    assert running.wait() == 128 + signal.SIGTERM
    assert "| bye" in running.text


def last_argument(process: psutil.Process) -> str:
    """That of its command line; nothing if it has ended meanwhile."""
    try:
        return (process.cmdline() or [""])[-1]
    except psutil.NoSuchProcess:
        return ""


def inner_and_outer(project: MakeProject) -> tuple[Running, psutil.Process]:
    """A gaffer in a gaffer, and a process of the inner one that left its session."""
    made = project({
        "Procfile": f"inner: exec {' '.join(GAFFER)} start -f Inner\n",
        "Inner": f"web: setsid sleep 617 & {POLITE}\n",
    })  # fmt: skip
    running = made.spawn("start")
    running.read_until("ready$")
    (escaped,) = [it for it in running.processes() if last_argument(it) == "617"]
    return running, escaped


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_gaffer_in_a_gaffer(project: MakeProject, signum: signal.Signals) -> None:
    running, escaped = inner_and_outer(project)
    running.signal(signum)
    assert running.wait() == -signum
    assert "| bye" in running.text
    assert not is_alive(escaped.pid)


@pytest.mark.parametrize("whose", ["outer", "gaffer"])
def test_a_gaffer_in_a_gaffer_that_is_killed(project: MakeProject, whose: str) -> None:
    running, escaped = inner_and_outer(project)
    tree = psutil.Process(running.pid).children(recursive=True)
    (running.popen if whose == "outer" else running.gaffer).kill()
    assert running.popen.wait(DEADLINE) == -signal.SIGKILL
    wait_until(lambda: not [it for it in tree if it.is_running() and is_alive(it.pid)], "an end", 4)
    assert not is_alive(escaped.pid)


def test_the_time_that_a_stop_takes(project: MakeProject) -> None:
    """Well-behaved children: hardly more than the slowest of them takes."""
    slow = "trap 'sleep 0.3; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    made = project({"Procfile": f"slow: {slow}\nfast: {POLITE}\n"})
    running = made.spawn("start")
    for _ in range(2):
        running.read_until("ready$")
    began = time.monotonic()
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    assert time.monotonic() - began < 0.3 + 1.0

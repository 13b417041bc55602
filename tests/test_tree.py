"""The whole tree of a process, wherever its members have gone; and nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli import PACKAGE_ROOT, wait_until
from conftest import Capture, LoopDriver, ManagerDriver, end_what_was_let_go, is_alive

from gaffer_procfile.posix import system, tree
from gaffer_procfile.posix.tree import MARK, Orphans, Tree, TreeWatch, send

pytestmark = pytest.mark.skipif(not system.has_process_table(), reason="needs /proc")

OUR_MARK = f"tests-{os.getpid()}"  # each worker of xdist has its own
DAEMON = f"{sys.executable} -SEc 'import os,time; os.fork() and os._exit(0); os.setsid(); "
DAEMON += "os.fork() and os._exit(0); print(os.getpid(), flush=True); time.sleep(60)'"
SESSION = f"setsid {sys.executable} -SEc "
SESSION += "'import os,time; print(os.getpid(), flush=True); time.sleep(60)' &"
STAY = "exec sleep 60"


def family(
    driver: ManagerDriver, name: str, count: int, script: str, **settings: object
) -> list[int]:
    """A template, and the `count` numbers that what it started has printed."""
    capture = Capture()

    def hear(_evtype: str, event: dict[str, int]) -> None:
        driver.manager.get_process(event["pid"]).monitor_io("out", capture)

    driver.manager.subscribe_once(f"proc.{name}.spawn", hear)
    driver.sh(name, script, redirect_output=["out"], **settings)
    driver.run_until(lambda: capture.data.count(b"\n") == count, what=f"{name}'s family")
    return [int(word) for word in capture.data.split()]


def test_a_restart_takes_its_own_along_and_nobody_elses(driver: ManagerDriver) -> None:
    web = family(driver, "web", 2, f"{SESSION} {DAEMON}; {STAY}")
    worker = family(driver, "worker", 2, f"{SESSION} {DAEMON}; {STAY}")
    alive: list[bool] = []
    driver.manager.subscribe("proc.web.spawn", lambda *_: alive.extend(map(is_alive, web)))
    driver.manager.restart_process("web")
    driver.run_until_event("spawn", "web", count=2)
    assert alive == [False, False]
    assert [is_alive(pid) for pid in worker] == [True, True]


# Says how often it is told to stop, as long as a clean-up might last.
COUNTS_TERMS = f"""{sys.executable} -SEc '
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print(os.getpid(), flush=True)
signal.sigwait([signal.SIGTERM])
again = signal.sigtimedwait([signal.SIGTERM], 0.3)
print("once" if again is None else "twice", flush=True)
'; true"""


@pytest.mark.parametrize("wrapped", [COUNTS_TERMS, f"({COUNTS_TERMS}); true"])
def test_nobody_is_told_to_stop_twice(driver: ManagerDriver, wrapped: str) -> None:
    """The shell in front ends at once, and is looked after: what it leaves has been told already."""
    capture = Capture()
    driver.manager.subscribe_once(
        "proc.web.spawn",
        lambda _, event: driver.manager.get_process(event["pid"]).monitor_io("out", capture),
    )
    driver.sh("web", wrapped, redirect_output=["out"])
    driver.run_until(lambda: b"\n" in capture.data, what="it runs")
    driver.stop()
    assert capture.data.split()[1:] == [b"once"]


def test_what_a_clean_up_starts_is_left_alone(driver: ManagerDriver) -> None:
    capture = Capture()
    driver.manager.subscribe_once(
        "proc.web.spawn",
        lambda _, event: driver.manager.get_process(event["pid"]).monitor_io("out", capture),
    )
    clean_up = "sleep 0.2 && echo cleaned up; exit 0"
    script = f"(trap '{clean_up}' TERM; echo runs; while :; do sleep 0.02; done); true"
    driver.sh("web", script, redirect_output=["out"])
    driver.run_until(lambda: b"runs" in capture.data, what="it runs")
    driver.stop()
    assert capture.data.split(b"\n")[1:] == [b"cleaned up", b""]


def test_what_a_handler_leaves_running_is_told(driver: ManagerDriver) -> None:
    """A shell starts what comes next before it looks whether a signal has come."""
    family(driver, "web", 1, "trap 'sleep 60 & exit 0' TERM; echo 1; while :; do sleep 0.02; done")
    driver.stop()
    assert driver.of("kill") == []


# A fork that hears a signal before it executes its own program, and makes nothing of it.
LOSES_A_SIGNAL = f"""exec {sys.executable} -ISEc '
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
child = os.fork()
if child:
    print(child, flush=True)
signal.sigwait([signal.SIGTERM])
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
if not child:
    os.execl("/bin/sleep", "sleep", "60")
if sys.argv[1] == "waits":
    os.wait()
'"""


@pytest.mark.parametrize("leader", ["ends", "waits"])
def test_who_was_told_before_it_had_its_own_program_is_told_again(
    driver: ManagerDriver, leader: str
) -> None:
    family(driver, "web", 1, f"{LOSES_A_SIGNAL} {leader}")
    driver.stop()
    assert driver.of("kill") == []


def test_one_that_ended_by_itself_has_its_own_ended(driver: ManagerDriver) -> None:
    web = family(driver, "web", 2, f"{SESSION} {DAEMON}; sleep 0.2; exit 1")
    driver.run_until_event("spawn", "web", count=2)
    assert [is_alive(pid) for pid in web] == [False, False]


def test_a_look_from_before_its_end_is_not_enough(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "LOOK_AGE", 60.0)
    driver.sh("first", "exit 0", restart="never")
    driver.run_until_event("exit", "first")  # by now somebody has looked
    (daemon,) = family(driver, "web", 1, f"{DAEMON}; sleep 0.1; exit 1")
    driver.run_until_event("spawn", "web", count=2)
    assert not is_alive(daemon)


def test_the_managers_stop_takes_all(driver: ManagerDriver) -> None:
    web = family(driver, "web", 2, f"{SESSION} {DAEMON}; {STAY}")
    driver.stop()
    assert [is_alive(pid) for pid in web] == [False, False]


def test_what_is_detached_is_spared_with_all_that_it_started(driver: ManagerDriver) -> None:
    family(driver, "web", 1, f"{SESSION} {STAY}")
    spared = family(driver, "aside", 2, f"{SESSION} {DAEMON}; {STAY}", detach=True)
    leader = driver.process("aside")
    driver.stop()
    try:
        assert [is_alive(pid) for pid in (leader.pid, *spared)] == [True] * 3
    finally:
        for pid in spared:
            os.kill(pid, signal.SIGKILL)
        end_what_was_let_go(leader)


def test_a_daemon_that_ignores_the_stop_signal_is_killed(driver: ManagerDriver) -> None:
    daemon = DAEMON.replace("print(", "import signal; signal.signal(15, 1); print(", 1)
    daemon = daemon.replace("; import signal; signal.signal(15, 1)", "; __import__('signal')")
    daemon = DAEMON.replace("print(os", '__import__("signal").signal(15, 1); print(os')
    (pid,) = family(driver, "web", 1, f"{daemon}; {STAY}", stop_timeout=0.3)
    driver.manager.stop_process("web")
    driver.run_until_event("exit")
    assert is_alive(pid)
    driver.run_until_event("kill")
    driver.run_until(lambda: not is_alive(pid), what="the daemon's end")


def test_what_is_forked_as_its_parent_is_killed_is_killed_too(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't there yet at the look at who is to be killed, and ignores the stop signal."""
    member = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "signal.signal(signal.SIGUSR1, lambda *_: os.fork()); print(os.getpid(), flush=True); "
        "[time.sleep(60) for _ in range(9)]"
    )
    script = f"setsid {sys.executable} -SEc '{member}' & {STAY}"
    children: list[int] = []

    def send_late(row: system.Row, signum: int) -> bool:
        if signum == signal.SIGKILL and not children:
            os.kill(row.pid, signal.SIGUSR1)
            wait_until(lambda: system.children_of(row.pid), "a child")
            children.extend(system.children_of(row.pid))
        return send(row, signum)

    monkeypatch.setattr(tree, "send", send_late)
    family(driver, "web", 1, script, stop_timeout=0.1)
    driver.stop()
    assert [is_alive(pid) for pid in children] == [False]
    assert len(driver.of("kill")) == 1


# ---- looking


Leader = tuple[subprocess.Popen[bytes], set[int]]


@pytest.fixture
def leader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Leader]:
    """The leader of a session, and the numbers of a member that left it and of a daemon."""
    script = f"{SESSION} {DAEMON}; {STAY}"
    environment = {**os.environ, MARK: OUR_MARK}
    with subprocess.Popen(
        ["/bin/sh", "-c", script], start_new_session=True, env=environment, stdout=subprocess.PIPE
    ) as popen:
        assert popen.stdout is not None
        pids = {int(popen.stdout.readline()) for _ in range(2)}
        monkeypatch.setattr(Orphans, "_recent", None)
        tree_of_it = Tree(popen.pid, OUR_MARK)
        wait_until(
            lambda: {row.pid for row in tree_of_it.look()} == pids,
            "the ends of those that only forked",
        )
        yield popen, pids
        for pid in pids:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        popen.kill()


def test_what_is_found(leader: Leader) -> None:
    popen, pids = leader
    assert {row.pid for row in Tree(popen.pid, OUR_MARK).look()} == pids
    without_mark = {row.pid for row in Tree(popen.pid, "another").look()}
    assert len(without_mark) == 1  # its child; the daemon is nobody's
    assert without_mark < pids


def test_what_was_seen_once_is_known(leader: Leader) -> None:
    popen, pids = leader
    family_tree = Tree(popen.pid, OUR_MARK)
    family_tree.look()
    popen.kill()
    assert family_tree.reap(popen.wait) == (-signal.SIGKILL, True)
    assert {row.pid for row in family_tree.look()} == pids


def test_without_a_process_table_there_is_nothing_to_look_at(
    leader: Leader, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen, _pids = leader
    with monkeypatch.context() as patch:
        patch.setattr(system, "_WITHOUT", frozenset({"proc"}))
        assert Tree(popen.pid, OUR_MARK).look() == []


@pytest.mark.parametrize("without", ["", "pidfd"])
def test_another_that_has_the_number_by_now_is_not_signalled(
    leader: Leader, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    popen, _pids = leader
    monkeypatch.setattr(system, "_WITHOUT", frozenset({without}))
    row = system.process_row(popen.pid)
    assert row is not None
    row.started -= 1  # as if it had been another's
    assert send(row, signal.SIGKILL)
    assert is_alive(popen.pid)
    row.started += 1
    assert send(row, signal.SIGKILL)
    assert popen.wait() == -signal.SIGKILL
    assert send(row, signal.SIGKILL)  # gone: no error


def test_a_watch_of_a_tree_tells_its_end_once(leader: Leader, loop_driver: LoopDriver) -> None:
    popen, pids = leader
    family_tree = Tree(popen.pid, OUR_MARK)
    family_tree.look()
    popen.kill()
    assert family_tree.reap(popen.wait) == (-signal.SIGKILL, True)
    ends: list[list[int]] = []

    def living() -> list[int]:
        rows = [row for pid in pids if (row := system.process_row(pid)) is not None]
        return [row.pid for row in rows if not row.has_ended]

    TreeWatch(loop_driver.loop, family_tree, lambda: ends.append(living()))
    loop_driver.run_until(lambda: ends)
    loop_driver.run_for(0.05)
    assert ends == [[]]


# An orphan goes to the nearest subreaper, which needn't be our parent: a user's systemd, for one.
SUBREAPER = """
import os, subprocess, sys
from gaffer_procfile.posix import system
system.become_subreaper()
# With a parent between us and the program, which is no subreaper.
script = f"{sys.executable} program.py; exit $?"
sys.exit(subprocess.run(["/bin/sh", "-c", script]).returncode)
"""
# Or it is the program itself: the first process of a container, for one.
ITSELF = """
from gaffer_procfile.posix import system
system.become_subreaper()
import program
"""
PROGRAM = """
import os, signal, sys
from gaffer_procfile.loop.selector import SelectorLoop
from gaffer_procfile.manager import Manager
manager = Manager(SelectorLoop())
manager.start()
manager.add_process("web", "/bin/sh", args=["-c", open("web").read()],
                    os_env=True, redirect_output=["out"], restart="never")
def hear(label, message):
    if message["data"]:
        open("pid", "wb").write(message["data"])
        manager.stop()
manager.processes["web"].running[0].monitor_io("out", hear)
manager.run()
"""


@pytest.mark.skipif(not system.has_subreaper(), reason="needs a subreaper")
@pytest.mark.parametrize("adopting", [SUBREAPER, ITSELF], ids=["another", "itself"])
def test_an_orphan_that_a_subreaper_has_adopted(tmp_path: Path, adopting: str) -> None:
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "web").write_text(f"{DAEMON}; {STAY}")
    subprocess.run(
        [sys.executable, "-c", adopting],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PACKAGE_ROOT},
        check=True,
        timeout=20,
    )
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_alive(pid), "the daemon's end", 0.5)

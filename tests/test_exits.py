"""Being told of exits: by pidfd and by SIGCHLD, of every child of ours and of no other."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from conftest import LoopDriver, ManagerDriver

from gaffer_procfile.manager import Manager
from gaffer_procfile.posix import system
from gaffer_procfile.posix.exits import ChildWatch


@pytest.fixture(params=["pidfd", "sigchld"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How exits are heard of; "sigchld" also where the kernel has pidfds."""
    kind: str = request.param
    if kind == "sigchld":
        monkeypatch.setattr(system, "_WITHOUT", frozenset({"pidfd"}))
    elif not hasattr(os, "pidfd_open"):
        pytest.skip("no pidfd here")
    return kind


@pytest.fixture
def host_handler() -> Iterator[list[int]]:
    """A SIGCHLD handler that the program had before; the value is what it was called with."""
    calls: list[int] = []
    before = signal.signal(signal.SIGCHLD, lambda signum, _frame: calls.append(signum))
    yield calls
    signal.signal(signal.SIGCHLD, before)


def child(script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)


def test_the_features_that_are_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_WITHOUT", frozenset({"pidfd"}))
    assert system.open_pidfd(os.getpid()) is None


def test_pidfd_of_a_process_that_is_gone() -> None:
    popen = child("exit 0")
    popen.wait()
    if system.open_pidfd(os.getpid()) is None:
        pytest.skip("no pidfd here")
    with pytest.raises(ProcessLookupError):
        system.open_pidfd(popen.pid)


@pytest.mark.parametrize("error", [OSError(38, "ENOSYS"), PermissionError(1, "EPERM")])
def test_a_kernel_or_sandbox_without_pidfd(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def refuse(_pid: int) -> int:
        raise error

    monkeypatch.setattr(os, "pidfd_open", refuse, raising=False)
    assert system.open_pidfd(1) is None


@pytest.mark.usefixtures("way")
def test_a_child_that_ends_is_told_of_once(loop_driver: LoopDriver) -> None:
    popen, told = child("exec sleep 60"), []
    popen.kill()

    def check() -> bool:
        if popen.poll() is None:
            return False
        told.append(popen.returncode)
        return True

    ChildWatch(loop_driver.loop, popen.pid, check)
    loop_driver.run_until(lambda: told)
    loop_driver.run_for(0.02)
    assert told == [-signal.SIGKILL]


@pytest.mark.usefixtures("way")
def test_a_child_that_ended_before_it_was_watched(loop_driver: LoopDriver) -> None:
    popen = child("exit 7")
    os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    ChildWatch(loop_driver.loop, popen.pid, lambda: popen.poll() is not None)
    loop_driver.run_until(lambda: popen.returncode is not None)
    assert popen.returncode == 7


@pytest.mark.usefixtures("way")
def test_many_children_that_end_at_once(driver: ManagerDriver) -> None:
    count = 30
    driver.sh("many", "read line", numprocesses=count, redirect_input=True, restart="never")
    driver.run_until_event("spawn", "many", count)
    for process in driver.manager.processes["many"].list_processes():
        process.write(b"\n")
    driver.run_until_event("exit", "many", count)
    assert sorted(event["pid"] for event in driver.of("exit")) == list(range(1, count + 1))


@pytest.mark.usefixtures("way")
def test_the_hosts_own_child_keeps_its_exit_status(driver: ManagerDriver) -> None:
    host = child("exit 7")
    driver.sh("ours", "exit 3", restart="never")
    assert driver.run_until_event("exit", "ours")["exit_status"] == 3
    os.waitid(os.P_PID, host.pid, os.WEXITED | os.WNOWAIT)
    driver.run_for(0.02)
    assert host.wait(10) == 7


@pytest.mark.usefixtures("way")
def test_the_hosts_handler_is_called_and_given_back(
    host_handler: list[int], loop_kind: str
) -> None:
    before = signal.getsignal(signal.SIGCHLD)
    driver = ManagerDriver(loop_kind)
    driver.sh("ours", "read line", restart="never", redirect_input=True)
    driver.run_until_event("spawn")
    driver.run_for(0.02)
    host = child("exit 7")
    os.waitid(os.P_PID, host.pid, os.WEXITED | os.WNOWAIT)
    driver.run_until(lambda: host_handler)
    driver.process("ours").write(b"\n")
    driver.run_until_event("exit", "ours")
    driver.close()
    assert signal.getsignal(signal.SIGCHLD) is before
    host_handler.clear()
    another = child("exit 0")
    assert host.wait(10) == 7
    assert another.wait(10) == 0
    assert host_handler, "the handler is not called any more"


def test_two_managers_on_one_loop_hear_of_their_own(way: str, driver: ManagerDriver) -> None:
    exits: list[str] = []
    second = Manager(driver.raw)
    second.subscribe("exit", lambda _evtype, event: exits.append(event["name"]))
    second.start()
    driver.sh("first", "read line", restart="never", redirect_input=True)
    second.add_process("second", "/bin/sh", args=["-c", "exit 0"], restart="never", os_env=True)
    driver.run_until(lambda: exits == ["second"], what=way)
    driver.process("first").write(b"\n")
    driver.run_until_event("exit", "first")
    stopped: list[object] = []
    second.stop(stopped.append)
    driver.run_until(lambda: stopped)


UNKNOWN = "its exit status is unknown: something else in this program has taken it"


def test_sigchld_that_is_ignored_loses_no_exit(way: str, driver: ManagerDriver) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps by itself then
    try:
        driver.sh("gone", "exit 0", restart="on-failure")
        event = driver.run_until_event("exit", "gone")
    finally:
        driver.stop()
        signal.signal(signal.SIGCHLD, before)
    # "sigchld" doesn't leave it ignored: it may have come first.
    known = way == "sigchld" and event["exit_status"] == 0
    assert known or (event["exit_status"], event["reason"]) == (255, UNKNOWN)
    assert event["then"] == ("exited" if known else "pending")


@pytest.mark.usefixtures("way")
def test_a_status_that_the_program_takes_is_told_as_unknown(driver: ManagerDriver) -> None:
    driver.sh("taken", "exec sleep 60", restart="never")
    os_pid = driver.run_until_event("spawn")["os_pid"]
    taken: list[int] = []

    def take() -> None:
        os.kill(os_pid, signal.SIGTERM)
        taken.append(os.waitpid(-1, 0)[0])

    driver.call_until(take, lambda: taken == [os_pid])
    event = driver.run_until_event("exit")
    assert (event["exit_status"], event["term_signal"], event["then"]) == (255, 0, "failed")
    assert (event["reason"], event["os_pid"]) == (UNKNOWN, os_pid)


def test_a_watch_that_is_closed_says_nothing(way: str, loop_driver: LoopDriver) -> None:
    popen, told = child("exec sleep 60"), []

    def check() -> bool:
        told.append(way)
        return False

    watch = ChildWatch(loop_driver.loop, popen.pid, check)
    loop_driver.run_for(0.02)
    told.clear()
    watch.close()
    popen.kill()
    popen.wait()
    loop_driver.run_for(0.05)
    assert told == []


def test_a_loop_made_after_another_is_gone_watches_its_own(
    loop_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_WITHOUT", frozenset({"pidfd"}))
    for _ in range(3):
        driver = ManagerDriver(loop_kind)
        driver.sh("one", "exit 0", restart="never")
        driver.run_until_event("exit")
        driver.close()


def test_what_was_let_go_is_reaped_by_a_later_start(driver: ManagerDriver) -> None:
    """One that is detached and ends after its manager has stopped."""
    driver.sh("aside", "exec sleep 60", detach=True)
    pid = driver.process("aside").pid
    driver.stop()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    later = ManagerDriver(driver.kind)
    later.sh("web", "exec sleep 60")
    later.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)

"""GroupWatch: being told when nobody is left of a process group."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from conftest import LoopDriver, is_alive

from gaffer_procfile import system
from gaffer_procfile.exits import GroupWatch


def child(script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)


def test_without_a_process_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_WITHOUT", frozenset({"proc"}))
    assert system.group_members(os.getpgrp()) is None


@pytest.fixture(params=["", "pidfd", "pidfd,proc"])
def without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the platform lacks."""
    monkeypatch.setattr(system, "_WITHOUT", frozenset(request.param.split(",")))


def test_members_of_a_group() -> None:
    popen = child("sleep 60 & sleep 60 & wait")
    try:
        while len(members := system.group_members(popen.pid) or []) < 3:
            assert popen.poll() is None
        assert popen.pid in members
        assert system.group_exists(popen.pid)
    finally:
        os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()
    while system.group_members(popen.pid):
        pass  # the others have no parent any more who could wait for them
    assert system.group_members(popen.pid) == []


@pytest.mark.usefixtures("without")
def test_a_group_is_empty_when_its_last_member_ends(loop_driver: LoopDriver) -> None:
    popen, empty = child("sleep 60 & sleep 60 & echo; wait"), []
    watch = GroupWatch(loop_driver.loop, popen.pid, lambda: empty.append(True))
    loop_driver.run_for(0.05)
    assert empty == []
    members = system.group_members(popen.pid)
    for pid in members or []:
        if pid != popen.pid:
            os.kill(pid, signal.SIGKILL)
    if members is None:
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait(10)
    loop_driver.run_until(lambda: empty)
    loop_driver.run_for(0.05)
    assert empty == [True]
    watch.close()


@pytest.mark.usefixtures("without")
def test_a_group_that_is_empty_already(loop_driver: LoopDriver) -> None:
    popen, empty = child("exit 0"), []
    popen.wait()
    GroupWatch(loop_driver.loop, popen.pid, lambda: empty.append(True))
    loop_driver.run_until(lambda: empty)


@pytest.mark.usefixtures("without")
def test_a_group_watch_that_is_closed_says_nothing(loop_driver: LoopDriver) -> None:
    popen, empty = child("exec sleep 60"), []
    watch = GroupWatch(loop_driver.loop, popen.pid, lambda: empty.append(True))
    watch.close()
    popen.kill()
    popen.wait()
    loop_driver.run_for(0.06)
    assert empty == []
    assert not is_alive(popen.pid)

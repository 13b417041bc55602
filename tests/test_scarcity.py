"""A program that is out of descriptors for a moment: what runs is stopped, reaped and told of."""

from __future__ import annotations

import errno
import gc
import os
import pwd
import resource
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Event, ManagerDriver, is_alive

from gaffer_procfile import state, stats_monitor
from gaffer_procfile.posix.stats import ProcessStats

SLEEP = "exec sleep 60"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


class Descriptors:
    """Takes all descriptors that there are, and gives them back."""

    def __init__(self) -> None:
        self._taken: list[int] = []
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def take_all(self) -> None:
        gc.collect()  # what an earlier test left to the collector
        highest = max(map(int, os.listdir("/dev/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, self._limits[1]))
        try:
            while True:
                self._taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            assert error.errno == errno.EMFILE

    def give_back(self) -> None:
        while self._taken:
            os.close(self._taken.pop())
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)


@pytest.fixture
def descriptors() -> Iterator[Descriptors]:
    descriptors = Descriptors()
    yield descriptors
    descriptors.give_back()


@pytest.mark.parametrize(
    ("method", "args"), [("stop_process", ["web"]), ("stop_process", [1]), ("stop", [])]
)
def test_what_is_to_be_stopped_is_told(
    driver: ManagerDriver, descriptors: Descriptors, method: str, args: list[Any]
) -> None:
    driver.sh("web", SLEEP)

    def ask() -> None:
        descriptors.take_all()
        getattr(driver.manager, method)(*args)

    driver.call_until(ask, lambda: driver.of("exit"))
    descriptors.give_back()
    driver.stop()
    assert driver.of("exit")[0]["term_signal"] == signal.SIGTERM


def test_what_was_never_seen_is_stopped_later(
    driver: ManagerDriver, descriptors: Descriptors
) -> None:
    """Its leader is told, and those that it leaves behind in other groups are found afterwards."""
    driver.sh("web", "setsid sh -c 'echo $$; exec sleep 60' & wait", redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)

    def ask() -> None:
        descriptors.take_all()
        driver.manager.stop()

    driver.call_until(ask, lambda: driver.of("exit"))
    descriptors.give_back()
    driver.run_until_event("gone")
    assert not is_alive(int(capture.data))
    assert not driver.of("kill")  # by SIGTERM, long before its time is up
    driver.stop()


def test_what_does_not_end_is_killed(driver: ManagerDriver, descriptors: Descriptors) -> None:
    driver.sh("web", "trap '' TERM; echo; while :; do sleep 0.01; done",
              stop_timeout=0.2, redirect_output=["out"])  # fmt: skip
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)

    def ask() -> None:
        descriptors.take_all()
        driver.manager.stop_process("web")

    driver.call_until(ask, lambda: driver.of("exit"))
    assert driver.of("exit")[0]["term_signal"] == signal.SIGKILL
    descriptors.give_back()
    driver.stop()


def test_a_restart_comes_when_there_are_some_again(
    driver: ManagerDriver, descriptors: Descriptors
) -> None:
    driver.sh("web", SLEEP)

    def ask() -> None:
        descriptors.take_all()
        driver.manager.restart_process("web")

    driver.call_until(ask, lambda: driver.of("exit"))
    descriptors.give_back()
    driver.run_until_event("spawn", count=2)


def test_one_that_ends_by_itself_is_reaped(driver: ManagerDriver, descriptors: Descriptors) -> None:
    driver.sh("web", "read line; exit 3", redirect_input=True)
    process = driver.process("web")

    def end() -> None:
        descriptors.take_all()
        process.write(b"\n")

    driver.call_until(end, lambda: driver.of("exit"))
    assert driver.of("exit")[0]["exit_status"] == 3
    descriptors.give_back()
    driver.run_until_event("spawn", count=2)


def test_figures_are_left_out_and_come_again(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ProcessStats.read
    refused: list[ProcessStats] = []

    def refuse(stats: ProcessStats) -> Event:
        if len(refused) < 2:
            refused.append(stats)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return read(stats)

    monkeypatch.setattr(ProcessStats, "read", refuse)
    monkeypatch.setattr(stats_monitor, "INTERVAL", 0.03)
    driver.sh("web", SLEEP)
    samples: list[Event] = []
    driver.manager.monitor("web", lambda _evtype, info: samples.append(info))
    driver.run_until(lambda: len(samples) >= 3)
    assert ["cpu" in sample for sample in samples[:3]] == [False, False, True]


@needs_root
def test_a_user_who_is_not_known_for_a_moment(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the directory of users doesn't answer: told as any command that can't be executed."""
    monkeypatch.setattr(state, "UNSTARTABLE_DELAY", 0.05)
    driver.sh("web", SLEEP, uid="nobody")

    def fail(name: str) -> None:
        raise KeyError(name)

    with monkeypatch.context() as patch:
        patch.setattr(pwd, "getpwnam", fail)
        driver.manager.send_signal("web", signal.SIGKILL)
        event = driver.run_until_event("exit", count=2)
    assert (event["exit_status"], event["reason"]) == (126, "no such user: 'nobody'")
    driver.run_until_event("spawn", count=2)

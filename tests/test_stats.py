"""What a process costs: figures on a timer, while somebody listens."""

from __future__ import annotations

import signal

import psutil
import pytest
from conftest import Event, ManagerDriver

from gaffer_procfile import stats_monitor
from gaffer_procfile.posix import stats

FIGURES = {"cpu", "mem", "mem_info1", "mem_info2", "ctime", "create_time"}


def test_monitor_gives_figures_on_a_timer(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_monitor, "INTERVAL", 0.03)
    driver.sh("web", "while :; do :; done")
    samples: list[Event] = []

    def listen(evtype: str, info: Event) -> None:
        assert evtype == "stat"
        samples.append(info)

    driver.manager.monitor(1, listen)
    driver.run_until(lambda: len(samples) >= 5)
    os_pid = driver.of("spawn")[0]["os_pid"]
    for sample in samples:
        assert sample.keys() >= FIGURES
        assert (sample["pid"], sample["os_pid"], sample["name"]) == (1, os_pid, "web")
    process = psutil.Process(os_pid)
    assert samples[-1]["create_time"] == process.create_time()
    assert samples[-1]["mem_info1"] > 0
    driver.run_until(lambda: samples[-1]["cpu"] > 0)
    driver.manager.unmonitor(1, listen)
    driver.run_for(0.05)
    count = len(samples)
    driver.run_for(0.15)
    assert len(samples) == count


def test_unmonitoring_what_was_not_monitored_harms_nobody(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_monitor, "INTERVAL", 0.03)
    driver.sh("web", "exec sleep 60")
    samples: list[Event] = []
    driver.manager.unmonitor(1, print)
    driver.manager.monitor(1, lambda _evtype, info: samples.append(info))
    driver.manager.unmonitor(1, print)
    driver.run_until(lambda: len(samples) >= 3)


def test_monitor_ends_with_the_process(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_monitor, "INTERVAL", 0.03)
    driver.sh("web", "exec sleep 60", restart="never")
    samples: list[Event] = []
    driver.manager.monitor("web", lambda _evtype, info: samples.append(info))
    driver.run_until(lambda: len(samples) >= 2)
    driver.manager.send_signal("web", signal.SIGKILL)
    driver.run_until_event("exit", "web")
    driver.run_for(0.02)
    count = len(samples)
    driver.run_for(0.1)
    assert len(samples) == count


def test_a_template_is_monitored_with_those_to_come(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_monitor, "INTERVAL", 0.03)
    driver.sh("web", "exec sleep 60")
    ids: set[int] = set()

    def listen(_evtype: str, info: Event) -> None:
        ids.add(info["pid"])

    driver.manager.monitor("web", listen)
    driver.run_until(lambda: ids == {1})
    driver.manager.ttin("web")
    driver.run_until(lambda: ids == {1, 2})
    driver.manager.unmonitor("web", listen)
    driver.run_for(0.05)
    ids.clear()
    driver.manager.ttin("web")
    driver.run_for(0.1)
    assert ids == set()


def test_one_that_is_being_stopped_is_unmonitored_too(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_monitor, "INTERVAL", 0.03)
    driver.sh("web", "trap '' TERM; while :; do sleep 0.02; done", stop_timeout=1)
    samples: list[Event] = []

    def listen(_evtype: str, info: Event) -> None:
        samples.append(info)

    driver.manager.monitor("web", listen)
    driver.run_until(lambda: samples)
    driver.manager.stop_process("web")
    driver.run_until_event("stop_pid")
    driver.manager.unmonitor("web", listen)
    driver.run_for(0.05)
    count = len(samples)
    driver.run_for(0.15)
    assert not driver.of("exit")
    assert len(samples) == count


@pytest.mark.parametrize("error", [psutil.NoSuchProcess(1), psutil.AccessDenied(1)])
def test_figures_that_cannot_be_had_are_left_out(
    monkeypatch: pytest.MonkeyPatch, error: psutil.Error
) -> None:
    def refuse(_pid: int) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(psutil, "Process", refuse)
        assert stats.ProcessStats(1).read() == {}

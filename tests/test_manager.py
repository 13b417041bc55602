"""The manager itself: its loop, its apps, its stop and its restart."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from typing import Any

import pytest
from conftest import (
    DEADLINE,
    ManagerDriver,
    close_loop,
    new_loop,
    open_descriptors,
)

from gaffer_procfile.manager import Manager

SLEEP = "exec sleep 60"


class Recorder:
    """An app that keeps what the manager asked of it."""

    def __init__(self, name: str = "app", calls: list[str] | None = None) -> None:
        self.name = name
        self.calls: list[str] = [] if calls is None else calls
        self.started_with: tuple[Any, Any] | None = None

    def start(self, loop: Any, manager: Manager) -> None:
        self.started_with = (loop, manager)
        self.calls.append(f"start {self.name}")

    def stop(self) -> None:
        self.calls.append(f"stop {self.name}")

    def restart(self) -> None:
        self.calls.append(f"restart {self.name}")


class Broken(Recorder):
    def stop(self) -> None:
        raise LookupError("of the app")

    restart = stop


def test_the_loop_is_the_one_that_was_given(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(loop=raw)
    assert manager.loop is raw
    assert (manager.started, manager.stopping) == (False, False)
    manager.start()
    assert manager.started
    manager.stop()
    manager.run()
    assert not manager.started
    close_loop(loop_kind, raw)


def test_run_needs_start(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(raw)
    with pytest.raises(RuntimeError, match="started"):
        manager.run()
    manager.start()
    manager.stop()
    manager.run()
    close_loop(loop_kind, raw)


def test_run_ends_with_the_manager(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(raw)
    stopped: list[Manager] = []
    manager.start()
    manager.add_process("web", "/bin/sleep", args="60", os_env=True, numprocesses=2)
    manager.subscribe_once("spawn", lambda *_: manager.stop(stopped.append))
    manager.run()
    assert stopped == [manager]
    assert not manager.running
    close_loop(loop_kind, raw)


def test_a_stopped_manager_is_not_started_again(driver: ManagerDriver) -> None:
    driver.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        driver.manager.start()


def test_apps(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    calls: list[str] = []
    apps = [Recorder("one", calls), Recorder("two", calls)]
    manager = Manager(raw)
    manager.start(apps=apps)
    assert [app.started_with for app in apps] == [(raw, manager)] * 2
    manager.subscribe("exit", lambda *_: calls.append("exit"))
    manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
    manager.restart()
    manager.subscribe_once("stop_pid", lambda *_: manager.stop(lambda _: calls.append("stopped")))
    manager.run()
    assert calls[:4] == ["start one", "start two", "restart one", "restart two"]
    # The apps are there until the last process has ended.
    assert calls[-3:] == ["stop one", "stop two", "stopped"]
    assert set(calls[4:-3]) == {"exit"}
    close_loop(loop_kind, raw)


def test_an_app_and_a_callback_that_raise_are_logged_and_stop_nobody(
    loop_kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw = new_loop(loop_kind)
    calls: list[str] = []
    manager = Manager(raw)
    manager.start(apps=[Broken("broken", calls), Recorder("after", calls)])

    def fail(_manager: Manager) -> None:
        raise LookupError("of the callback")

    manager.restart(fail)
    manager.stop(fail)
    manager.stop(lambda _manager: calls.append("told"))
    with caplog.at_level(logging.ERROR, "gaffer_procfile"):
        manager.run()
    assert calls == ["start broken", "start after", "restart after", "stop after", "told"]
    assert caplog.text.count("LookupError: of the app") == 2
    assert caplog.text.count("LookupError: of the callback") == 2
    close_loop(loop_kind, raw)


def test_stop_before_any_process(driver: ManagerDriver) -> None:
    driver.stop()
    assert driver.events == []


def test_stop_twice_tells_both(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    told: list[int] = []
    driver.manager.stop(lambda _: told.append(1))
    driver.manager.stop(lambda _: told.append(2))
    driver.stop()
    assert told == [1, 2]
    assert len(driver.of("stop")) == len(driver.of("exit")) == 1


def test_stop_from_a_listener(driver: ManagerDriver) -> None:
    told: list[Manager] = []
    driver.manager.subscribe("exit", lambda *_: driver.manager.stop(told.append))
    driver.sh("one", "exit 0")
    driver.sh("two", SLEEP)
    driver.run_until(lambda: told)
    assert {event["name"] for event in driver.of("exit")} == {"one", "two"}
    driver.is_stopped = True


def test_the_last_exits_are_told_before_the_end(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=5)
    exits_at_end: list[int] = []
    driver.manager.stop(lambda _: exits_at_end.append(len(driver.of("exit"))))
    driver.stop()
    assert exits_at_end == [5]


def test_a_manager_is_started_once(driver: ManagerDriver) -> None:
    app = Recorder()
    with pytest.raises(RuntimeError, match="started already"):
        driver.manager.start(apps=[app])
    assert (app.calls, driver.manager.apps) == ([], [])


def test_a_listener_cannot_run_the_loop(driver: ManagerDriver) -> None:
    told: list[str] = []

    def run(_evtype: str, _event: object) -> None:
        try:
            driver.manager.run()
        except RuntimeError as error:
            told.append(str(error))

    driver.manager.subscribe("exit", run)
    driver.sh("web", "exit 0", restart="never")
    driver.run_until(lambda: told)
    assert "runs already" in told[0]
    driver.sh("more", "exit 0", restart="never")
    driver.run_until_event("exit", "more")  # and the loop goes on


def test_after_stop_nothing_is_started(driver: ManagerDriver) -> None:
    driver.sh("old", SLEEP)
    driver.manager.stop()
    driver.call_until(
        lambda: driver.sh("while it stops", SLEEP),
        lambda: "while it stops" in driver.manager.processes,
    )
    driver.stop()
    with pytest.raises(RuntimeError, match="has stopped: 'new'"):
        driver.manager.add_process("new", "/bin/sleep", args=["60"])
    assert "new" not in driver.manager.processes
    driver.manager.start_process("old")
    driver.manager.ttin("old")
    driver.manager.restart_process("old")
    driver.manager.restart()
    driver.run_for(0.02)
    assert driver.manager.running_processes() == {}


def test_restart_during_stop_starts_nothing(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    driver.run_until_event("spawn")
    driver.manager.stop()
    driver.manager.restart()
    driver.stop()
    assert len(driver.of("spawn")) == 1
    assert driver.manager.processes["web"].stopped


def test_restart_replaces_all_and_tells(driver: ManagerDriver) -> None:
    driver.sh("a", SLEEP, numprocesses=2)
    driver.sh("b", SLEEP)
    driver.sh("c", SLEEP, start=False)
    told: list[set[int]] = []
    driver.manager.restart(lambda manager: told.append(set(manager.running_processes())))
    driver.run_until(lambda: told)
    assert told == [{4, 5, 6, 7}]
    assert len(driver.of("exit")) == 3
    driver.manager.restart(lambda _: told.append(set()))
    driver.run_until(lambda: len(told) == 2)


def test_restart_with_no_process_tells(driver: ManagerDriver) -> None:
    told: list[Manager] = []
    driver.manager.restart(told.append)
    driver.run_until(lambda: told == [driver.manager])


def test_wakeup_alone_is_harmless(driver: ManagerDriver) -> None:
    driver.manager.wakeup()
    driver.run_for(0)
    assert driver.events == []


def test_the_default_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = new_loop("selectors")
    monkeypatch.setattr("gaffer_procfile.manager.default_loop", lambda: chosen)
    manager = Manager()
    assert manager.loop is chosen
    manager.start()
    manager.stop()
    manager.run()


def test_a_running_asyncio_program_may_embed_it() -> None:
    import asyncio

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        stopped, exits = loop.create_future(), []
        manager = Manager(loop)
        manager.start()
        manager.subscribe("exit", lambda _evtype, event: exits.append(event["name"]))
        manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
        manager.stop(lambda _: stopped.set_result(None))
        await asyncio.wait_for(stopped, DEADLINE)
        return exits

    assert asyncio.run(main()) == ["web"]


def test_stop_in_a_thread_ends_a_loop_that_sleeps(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(raw)
    manager.start()
    manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
    stopper = threading.Timer(0.05, manager.stop)
    stopper.start()
    start = time.monotonic()
    manager.run()
    stopper.join()
    assert time.monotonic() - start < DEADLINE / 2
    close_loop(loop_kind, raw)


@pytest.mark.parametrize("method", ["stop", "restart"])
def test_what_is_asked_for_after_the_end_is_answered(driver: ManagerDriver, method: str) -> None:
    driver.stop()
    called: list[object] = []
    getattr(driver.manager, method)(called.append)
    assert called == [driver.manager]


def test_a_manager_that_has_stopped_keeps_no_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It, its loop and its processes refer to each other: only the collector would end them."""
    monkeypatch.setattr("gaffer_procfile.manager.default_loop", lambda: new_loop("selectors"))
    before = open_descriptors()
    gc.disable()
    try:
        for _ in range(3):
            manager = Manager()
            manager.start()
            manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
            manager.stop()
            manager.run()
        assert len(os.listdir("/dev/fd")) == before
    finally:
        gc.enable()


def test_a_signal_handler_of_the_program_may_stop_it(loop_kind: str) -> None:
    """It runs in the loop's own thread, which sleeps: that is to be woken all the same."""
    raw = new_loop(loop_kind)
    manager = Manager(raw)
    manager.start()
    manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
    before = signal.signal(signal.SIGUSR1, lambda *_: manager.stop())
    sender = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    sender.start()
    start = time.monotonic()
    try:
        manager.run()
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - start < DEADLINE / 2
    close_loop(loop_kind, raw)


def test_a_fault_in_a_spawn_is_told_as_its_end(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_settings: Any) -> None:
        raise LookupError("of the spawn")

    before = open_descriptors()
    monkeypatch.setattr("gaffer_procfile.posix.spawn.spawn", fail)
    driver.sh("web", SLEEP, redirect_output=["out"], redirect_input=True)
    event = driver.run_until_event("exit")
    assert (event["exit_status"], event["then"]) == (126, "backing-off")
    assert event["reason"] == "can't start a process: LookupError('of the spawn')"
    assert open_descriptors() == before
    driver.stop()


def test_a_stop_asked_for_by_a_callback_is_answered(driver: ManagerDriver) -> None:
    called: list[str] = []
    driver.manager.stop(lambda manager: manager.stop(lambda _manager: called.append("inner")))
    driver.stop()
    assert called == ["inner"]


def test_what_cannot_be_started_is_not_tried_as_fast_as_we_can(driver: ManagerDriver) -> None:
    driver.add("web", "/nowhere/at/all", restart="always")
    event = driver.run_until_event("exit", "web")
    assert (event["then"], event["delay"]) == ("backing-off", 1.0)


class Ending(Recorder):
    """One that ends the program in its stop."""

    def stop(self) -> None:
        super().stop()
        raise SystemExit(4)


def test_an_app_that_ends_the_program_leaves_the_end_whole(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    calls: list[str] = []
    manager = Manager(raw)
    manager.start(apps=[Ending("ending", calls), Recorder("after", calls)])
    manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
    manager.stop(lambda _manager: calls.append("told"))
    with pytest.raises(SystemExit):
        manager.run()
    assert calls[2:] == ["stop ending", "stop after", "told"]
    manager.stop(lambda _manager: calls.append("told again"))
    assert calls[-1] == "told again"
    close_loop(loop_kind, raw)


class Unstartable(Recorder):
    def start(self, loop: Any, manager: Manager) -> None:
        super().start(loop, manager)
        raise LookupError("of the app")


def test_an_app_that_cannot_be_started(loop_kind: str) -> None:
    """Those before it are stopped again, it and those after it never: none of them has begun."""
    raw = new_loop(loop_kind)
    calls: list[str] = []
    first, last = Recorder("first", calls), Recorder("last", calls)
    manager = Manager(raw)
    with pytest.raises(LookupError, match="of the app"):
        manager.start(apps=[first, Unstartable("bad", calls), last])
    assert calls == ["start first", "start bad", "stop first"]
    assert not manager.started
    assert manager.apps == []
    calls.clear()
    manager.start(apps=[first, last])
    manager.stop()
    manager.run()
    assert calls == ["start first", "start last", "stop first", "stop last"]
    close_loop(loop_kind, raw)


def test_a_manager_whose_loop_is_closed_does_nothing(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(raw)
    manager.start()
    manager.add_process(
        "web", "/bin/sleep", args=["60"], os_env=True, redirect_input=True, custom_streams=["s"]
    )
    (process,) = manager.running_processes().values()
    manager.stop()
    manager.run()
    close_loop(loop_kind, raw)
    manager.kill()
    manager.wakeup()
    process.write(b"late")
    process.streams["s"].write(b"late")
    process.monitor(print)
    process.unmonitor(print)

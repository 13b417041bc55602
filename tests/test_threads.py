"""Real threads that call the manager's methods at the same time."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import DEADLINE, ManagerDriver

THREADS = 4
ROUNDS = 12
WANTED = 3


class Crew:
    """Threads that begin together. What one of them raises fails the test."""

    def __init__(self, driver: ManagerDriver, works: list[Callable[[], object]]) -> None:
        self.driver = driver
        self.errors: list[BaseException] = []
        self._barrier = threading.Barrier(len(works))
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in works]

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self._barrier.wait(DEADLINE)
            work()
        except BaseException as error:
            self.errors.append(error)

    def work(self) -> None:
        for thread in self._threads:
            thread.start()
        self.driver.run_until(
            lambda: not any(thread.is_alive() for thread in self._threads),
            deadline=2 * DEADLINE,
            what="the threads' end",
        )
        for thread in self._threads:
            thread.join()
        assert not self.errors, self.errors


def most_alive(driver: ManagerDriver, name: str) -> int:
    """How many processes of a template were alive at most, by what was published."""
    alive = most = 0
    for event in driver.events:
        if event["name"] == name:
            alive += {"spawn": 1, "exit": -1}.get(event["event"], 0)
            most = max(most, alive)
    return most


def assert_nothing_is_lost(driver: ManagerDriver) -> None:
    """Each process was spawned once and ended once, and nothing runs."""
    spawned = [event["pid"] for event in driver.of("spawn")]
    ended = [event["pid"] for event in driver.of("exit")]
    assert sorted(spawned) == sorted(set(spawned))
    assert sorted(ended) == sorted(spawned)
    assert driver.manager.running_processes() == {}


def test_templates_added_by_many(driver: ManagerDriver) -> None:
    def add(thread: int) -> None:
        for number in range(ROUNDS):
            driver.add(f"g{thread}:p{number}", "/bin/sleep", args=["60"])

    Crew(driver, [lambda t=thread: add(t) for thread in range(THREADS)]).work()  # type: ignore[misc]
    driver.run_until_event("spawn", count=THREADS * ROUNDS)
    assert len(driver.manager.running_processes()) == THREADS * ROUNDS
    assert sorted(driver.manager.get_groups()) == [f"g{thread}" for thread in range(THREADS)]
    assert sorted(driver.manager.running_processes()) == list(range(1, THREADS * ROUNDS + 1))
    driver.stop()
    assert_nothing_is_lost(driver)


def test_one_name_is_taken_by_one(driver: ManagerDriver) -> None:
    refused: list[KeyError] = []

    def add() -> None:
        for number in range(ROUNDS):
            try:
                driver.add(f"p{number}", "/bin/sleep", args=["60"])
            except KeyError as error:
                refused.append(error)

    Crew(driver, [add] * THREADS).work()
    assert len(refused) == (THREADS - 1) * ROUNDS
    assert len(driver.manager.running_processes()) == ROUNDS


def test_ttin_and_ttou_by_many_are_all_counted(driver: ManagerDriver) -> None:
    driver.add("web", "/bin/sleep", args=["60"], numprocesses=WANTED)

    def work() -> None:
        for _ in range(ROUNDS):
            driver.manager.ttin("web")
            driver.manager.ttou("web")
            driver.manager.ttin("web", 2)
            driver.manager.ttou("web", 2)

    Crew(driver, [work] * 2).work()
    driver.run_until(lambda: len(driver.manager.processes["web"].running) == WANTED)
    assert driver.manager.get_process_status("web")["max_processes"] == WANTED
    assert sorted(p.instance for p in driver.manager.processes["web"].running) == [1, 2, 3]
    driver.stop()
    assert_nothing_is_lost(driver)


@pytest.mark.parametrize("seed", range(3))
def test_anything_at_the_same_time(driver: ManagerDriver, seed: int) -> None:
    names = ["g:a", "g:b", "c"]
    for name in names:
        driver.add(name, "/bin/sleep", args=["60"], numprocesses=WANTED)

    def work(thread: int) -> None:
        choose = random.Random(seed * 100 + thread)
        manager = driver.manager
        actions: list[Callable[[str], Any]] = [
            manager.stop_process,
            manager.start_process,
            manager.restart_process,
            manager.manage_process,
            manager.get_process_info,
            manager.get_process_status,
            lambda name: manager.send_signal(name, signal.SIGKILL),
            lambda _name: manager.restart_group("g"),
            lambda _name: manager.restart(),
            lambda _name: manager.start_processes(),
            lambda _name: manager.stop_process(choose.randrange(1, 50)),
            lambda _name: [p.status for p in manager.running_processes().values()],
            lambda name: manager.subscribe_once(f"proc.{name}.exit", lambda *_: None),
            lambda _name: manager.wakeup(),
        ]
        for _ in range(ROUNDS):
            choose.choice(actions)(choose.choice(names))

    Crew(driver, [lambda t=thread: work(t) for thread in range(THREADS)]).work()  # type: ignore[misc]
    for name in names:
        driver.manager.start_process(name)
    driver.run_until(
        lambda: all(len(driver.manager.processes[name].running) == WANTED for name in names)
    )
    for name in names:
        assert most_alive(driver, name) <= WANTED
        assert sorted(p.instance for p in driver.manager.processes[name].running) == [1, 2, 3]
    driver.stop()
    assert_nothing_is_lost(driver)


def test_adding_updating_and_removing_while_others_look(driver: ManagerDriver) -> None:
    done = threading.Event()

    def change(thread: int) -> None:
        for number in range(ROUNDS):
            name = f"g:{thread}-{number}"
            driver.add(name, "/bin/sleep", args=["60"])
            driver.manager.update_process(name, "/bin/sleep", args=["50"], os_env=True)
            driver.manager.remove_process(name)

    def look() -> None:
        while not done.is_set():
            list(driver.manager.processes_stats())
            driver.manager.start_processes()
            driver.manager.running_processes()
            if "g" in driver.manager.get_groups():
                try:
                    driver.manager.stop_group("g")
                except KeyError:
                    pass  # it went just now

    def change_all() -> None:
        try:
            for thread in range(2):
                change(thread)
        finally:
            done.set()

    Crew(driver, [change_all, look, look]).work()
    assert driver.manager.processes == {}
    assert driver.manager.get_groups() == []
    driver.stop()
    assert_nothing_is_lost(driver)


def test_stop_always_ends_whoever_goes_on(driver: ManagerDriver) -> None:
    driver.add("web", "/bin/sleep", args=["60"], numprocesses=WANTED)
    stopped: list[object] = []

    def go_on() -> None:
        for number in range(ROUNDS):
            driver.manager.restart()
            driver.manager.ttin("web")
            try:
                driver.add(f"{threading.get_ident()}-{number}", "/bin/sleep", args=["60"])
            except RuntimeError as error:
                assert "has stopped" in str(error)
            driver.manager.stop_process("web")
            driver.manager.start_process("web")

    Crew(driver, [go_on, go_on, lambda: driver.manager.stop(stopped.append)]).work()
    driver.run_until(lambda: stopped)
    driver.is_stopped = True
    assert_nothing_is_lost(driver)


def test_no_request_is_lost(driver: ManagerDriver) -> None:
    told: list[object] = []

    def ask() -> None:
        for _ in range(50):
            driver.manager.restart(told.append)

    Crew(driver, [ask] * THREADS).work()
    driver.run_until(lambda: len(told) == 50 * THREADS)

"""The mistakes that gaffer's manager had, each with the test that it must not come back.

`mutations.py` puts each of them back and shows its test failing.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest
from conftest import DEADLINE, Event, ManagerDriver, new_loop

from gaffer_procfile.manager import FlappingInfo, Manager

SLEEP = "exec sleep 60"


def test_once_is_subscribe_once(driver: ManagerDriver) -> None:
    heard: list[str] = []
    driver.manager.once("create", lambda evtype, _event: heard.append(evtype))
    for name in ("a", "b"):
        driver.sh(name, SLEEP, start=False)
    driver.run_until_event("create", count=2)
    assert heard == ["create"]


def test_a_known_process_can_be_updated_and_an_unknown_one_not(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    driver.manager.update_process("web", "/bin/sleep", args=["50"], os_env=True)
    driver.run_until_event("spawn", count=2)
    assert driver.process("web").cmd == "/bin/sleep"
    with pytest.raises(KeyError, match="'other'"):
        driver.manager.update_process("other", "/bin/sleep")


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("start_process", ["nobody"]),
        ("stop_process", ["nobody"]),
        ("restart_process", ["nobody"]),
        ("remove_process", ["nobody"]),
        ("update_process", ["nobody", "true"]),
        ("get_process", ["nobody"]),
        ("get_process", [4711]),
        ("get_process_stats", [4711]),
        ("monitor", [4711, print]),
        ("get_group", ["nobody"]),
        ("start_group", ["nobody"]),
        ("stop_group", ["nobody"]),
        ("remove_group", ["nobody"]),
    ],
)
def test_messages_say_the_name(driver: ManagerDriver, method: str, args: list[Any]) -> None:
    with pytest.raises(KeyError) as caught:
        getattr(driver.manager, method)(*args)
    message = str(caught.value)
    assert str(args[0]) in message
    assert "%" not in message


@pytest.mark.parametrize("method", ["start_group", "stop_group", "restart_group", "remove_group"])
def test_an_unknown_group_leaves_the_lock_free(driver: ManagerDriver, method: str) -> None:
    with pytest.raises(KeyError):
        getattr(driver.manager, method)("nobody")
    answers: list[object] = []
    other = threading.Thread(
        target=lambda: answers.append(driver.manager.get_groups()), daemon=True
    )
    other.start()
    other.join(min(DEADLINE, 3))
    assert answers == [[]], "another thread waits for the lock"


def test_a_stopped_template_can_be_started_again(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    driver.manager.stop_process("web")
    driver.run_until_event("exit")
    driver.manager.start_process("web")
    driver.run_until_event("spawn", count=2)
    assert driver.manager.get_process_status("web") == {
        "active": "active",
        "running": 1,
        "max_processes": 1,
    }


def test_stopping_a_template_calls_its_retry_off(driver: ManagerDriver) -> None:
    driver.sh("web", "exit 1", flapping=FlappingInfo(1, 5.0, 0.1, 5))
    driver.run_until_event("flap")
    driver.manager.stop_process("web")
    driver.run_for(0.3)
    assert len(driver.of("spawn")) == 1
    assert driver.manager.get_process_status("web")["active"] == "stopped"


def test_no_request_is_lost_when_several_come_at_once(driver: ManagerDriver) -> None:
    """Asked for before the loop has had a chance to look."""
    told: list[str] = []
    driver.manager.restart(lambda _: told.append("restarted"))
    driver.manager.restart(lambda _: told.append("restarted again"))
    driver.manager.stop(lambda _: told.append("stopped"))
    driver.run_until(lambda: "stopped" in told)
    driver.is_stopped = True
    assert set(told) == {"restarted", "restarted again", "stopped"}


def test_a_restart_never_has_more_processes_than_ports(driver: ManagerDriver) -> None:
    alive: dict[int, int] = {}  # slot → the process in it
    doubled: list[Event] = []

    def watch(evtype: str, event: Event) -> None:
        if evtype == "spawn":
            if event["instance"] in alive:
                doubled.append(event)
            alive[event["instance"]] = event["pid"]
        elif alive.get(event["instance"]) == event["pid"]:
            del alive[event["instance"]]

    driver.manager.subscribe("spawn", watch)
    driver.manager.subscribe("exit", watch)
    driver.sh("web", SLEEP, numprocesses=3, port=7000)
    driver.manager.restart_process("web")
    driver.run_until_event("exit", count=3)
    driver.run_until(lambda: len(driver.manager.running_processes()) == 3)
    driver.run_for(0.02)
    assert doubled == []
    assert sorted(alive) == [1, 2, 3]
    assert sorted(alive.values()) == sorted(driver.manager.running_processes())


class Interrupted(Manager):
    """A manager that another thread gets at in the middle of a walk over its templates.

    The other thread's part is played by the call itself, so that it comes at the worst moment always.
    """

    def _interrupt(self, name: str) -> None:
        if not name.startswith("late"):
            self.add_process(f"late {len(self.processes)}", "/bin/true", start=False)

    def start_process(self, name: str) -> None:
        self._interrupt(name)
        super().start_process(name)

    def stop_process(self, name_or_id: str | int) -> None:
        self._interrupt(str(name_or_id))
        super().stop_process(name_or_id)


@pytest.mark.parametrize("method", ["start_processes", "stop_processes"])
def test_templates_may_be_added_during_a_walk(method: str) -> None:
    manager = Interrupted(new_loop("selectors"))
    manager.start()
    for name in ("a", "b"):
        manager.add_process(name, "/bin/sleep", args=["60"], os_env=True, start=False)
    getattr(manager, method)()
    assert {"late 2", "late 3"} <= set(manager.processes)
    manager.stop()
    manager.run()


def test_stats_may_be_read_slowly_while_templates_come_and_go(driver: ManagerDriver) -> None:
    for name in ("a", "b", "c"):
        driver.sh(name, SLEEP, start=False)
    names = []
    for stats in driver.manager.processes_stats():
        names.append(stats["name"])
        worker = threading.Thread(
            target=driver.manager.add_process, args=(f"new {stats['name']}", "/bin/true"),
            kwargs={"start": False},
        )  # fmt: skip
        worker.start()
        worker.join(DEADLINE)
        if stats["name"] == "a":
            driver.manager.remove_process("b")
    assert names == ["a", "c"]


def test_running_processes_may_be_walked_while_they_end(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=3)
    for process_id in driver.manager.running_processes():
        driver.manager.stop_process(process_id)
    driver.run_until_event("exit", count=3)
    assert all(event["term_signal"] == signal.SIGTERM for event in driver.of("exit"))

"""What was stopped or is yet to be started stays so when its template changes; a port changes hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Event, ManagerDriver

SLEEP = "exec sleep 60"
SLOW = "trap 'sleep 0.2; exit' TERM; echo; while :; do sleep 0.01; done"
SHELL: dict[str, Any] = {"args": ["-c", SLOW], "os_env": True, "redirect_output": ["out"]}


def is_trapping(driver: ManagerDriver, name: str, **settings: Any) -> None:
    """Add a template whose processes take their time to stop, and wait until they do."""
    driver.manager.add_process(name, "/bin/sh", **SHELL, **settings)
    heard = [driver.capture(each) for each in driver.manager.processes[name].running]
    driver.run_until(lambda: all(capture.data for capture in heard))


def handed_over(driver: ManagerDriver, ports: Callable[[Event], int | None]) -> None:
    """Whether no process began while another one had its port."""
    held: set[int] = set()
    for event in driver.events:
        port = ports(event)
        if event["event"] == "spawn" and port is not None:
            assert port not in held, driver.report()
            held.add(port)
        elif event["event"] == "exit" and port is not None:
            held.discard(port)


def test_who_gets_a_port_of_what_is_removed_begins_when_that_is_gone(
    driver: ManagerDriver,
) -> None:
    is_trapping(driver, "web", port=5000, numprocesses=2)
    driver.manager.remove_process("web")
    driver.sh("api", SLEEP, port=5001, numprocesses=2)
    driver.sh("other", SLEEP, port=6000)
    driver.run_until_event("spawn", "api", count=2)
    driver.run_until_event("exit", "web", count=2)
    kinds = [(e["event"], e["name"], e["instance"]) for e in driver.events if "instance" in e]
    assert kinds.index(("exit", "web", 2)) < kinds.index(("spawn", "api", 1))
    assert kinds.index(("spawn", "api", 2)) < kinds.index(("exit", "web", 1))  # nobody had its port
    assert kinds.index(("spawn", "other", 1)) < kinds.index(("exit", "web", 1))


def test_ports_that_move_on_are_never_two_processes(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, port=5000)
    is_trapping(driver, "api", port=5001)
    for name, port in (("web", 5001), ("api", 5002)):
        driver.manager.update_process(name, "/bin/sleep", args=["60"], os_env=True, port=port)
    driver.sh("new", SLEEP, port=5000)
    driver.run_until(lambda: {"web", "api", "new"} == {e["name"] for e in driver.of("spawn")[2:]})
    before = {"web": 5000, "api": 5001}
    after = {"web": 5001, "api": 5002, "new": 5000}
    updated: set[str] = set()

    def port_of(event: Event) -> int | None:
        if event["event"] == "exit":
            updated.add(event["name"])
            return before[event["name"]]
        return after[event["name"]] if event["name"] in {*updated, "new"} else before[event["name"]]

    handed_over(driver, lambda event: port_of(event) if "instance" in event else None)


def test_who_waits_for_a_port_can_be_stopped(driver: ManagerDriver) -> None:
    is_trapping(driver, "web", port=5000)
    driver.manager.remove_process("web")
    driver.sh("api", SLEEP, port=5000)
    driver.manager.stop_process("api")
    driver.run_until_event("exit", "web")
    driver.run_for(0.05)
    assert driver.of("spawn", "api") == []
    driver.manager.start_process("api")
    driver.run_until_event("spawn", "api")


def test_a_port_that_somebody_keeps_is_waited_for_by_nobody(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, port=5000)
    driver.sh("api", SLEEP, port=5000)
    assert len(driver.manager.running) == 2


# ---- what was stopped, and what is yet to be started


def test_an_update_that_keeps_what_was_stopped(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=3)
    driver.manager.stop_process(driver.process("web", 1).id)
    changes = {"args": ["60"], "os_env": True, "numprocesses": 3}
    driver.manager.update_process("web", "/bin/sleep", start=None, **changes)
    driver.run_until_event("spawn", count=5)
    driver.run_for(0.05)
    assert sorted(event["instance"] for event in driver.of("spawn")[3:]) == [1, 3]
    driver.manager.start_process("web")
    assert driver.run_until_event("spawn", count=6)["instance"] == 2


def test_a_restart_that_keeps_what_was_stopped(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    driver.manager.stop_process(driver.process("web", 1).id)
    driver.manager.restart_process("web", revive=False)
    driver.run_until_event("spawn", count=3)
    driver.run_for(0.05)
    assert [event["instance"] for event in driver.of("spawn")] == [1, 2, 1]
    driver.manager.stop_process("web")
    driver.manager.restart_process("web", revive=False)
    driver.run_for(0.05)
    assert driver.manager.running == {}
    assert len(driver.of("spawn")) == 3


@pytest.mark.parametrize("start", [None, False])
def test_what_is_yet_to_be_started_is_so_after_an_update(
    driver: ManagerDriver, start: bool | None
) -> None:
    driver.sh("web", SLEEP, start=False)
    driver.manager.update_process("web", "/bin/sleep", args=["60"], os_env=True, start=start)
    assert driver.manager.processes["web"].awaits_start
    assert driver.of("stop") == driver.of("start") == []


def test_what_is_yet_to_be_started_may_be_called_off(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2, start=False)
    state = driver.manager.processes["web"]
    assert state.awaits_start
    driver.manager.stop_process("web")
    driver.run_until_event("stop", "web")
    assert not state.awaits_start
    assert [slot.state for slot in state.slots.values()] == ["stopped", "stopped"]

"""What depends on something is stopped before it."""

from __future__ import annotations

import signal

import pytest
from conftest import ManagerDriver, end_what_was_let_go

from gaffer_procfile import slots
from gaffer_procfile.state import ProcessState
from gaffer_procfile.stop_order import StopOrder

IGNORES_TERM = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.mark.parametrize(
    ("depends_on", "rounds"),
    [
        ({}, []),
        ({"a": "", "b": ""}, ["a b"]),
        ({"db": "", "api": "db", "web": "api db"}, ["web", "api", "db"]),
        ({"db": "", "web": "db", "clock": ""}, ["web clock", "db"]),
        ({"web": "web"}, ["web"]),
        ({"web": "db", "db": "web", "tests": "web"}, ["tests", "web db"]),
        ({"web": "nobody"}, ["web"]),
    ],
)
def test_the_order(depends_on: dict[str, str], rounds: list[str]) -> None:
    states = {
        name: ProcessState(name, "run", depends_on=others.split())
        for name, others in depends_on.items()
    }
    order = StopOrder(list(states.values()))
    for names in rounds:
        assert not order.is_done
        free = order.take()
        assert " ".join(state.name for state in free) == names
        for state in free:
            state.slot(1).state = slots.STOPPING
        if not order.is_done:
            assert order.take() == []  # they wait
        for state in free:
            state.slot(1).state = slots.STOPPED
    assert order.is_done
    assert order.take() == []


def test_no_order_in_a_hurry() -> None:
    db, web = ProcessState("db", "run"), ProcessState("web", "run", depends_on=["db"])
    order = StopOrder([db, web])
    assert order.take() == [web]
    web.slot(1).state = slots.STOPPING
    assert order.take() == []
    order.is_urgent = True
    assert order.take() == [db]
    assert order.is_done


def stops(driver: ManagerDriver) -> list[str]:
    """The order of the stops and of the ends, as `stop web`, `end web`."""
    words = {"stop_pid": "stop", "exit": "end"}
    return [
        f"{words[event['event']]} {event['name']}"
        for event in driver.events
        if event["event"] in words
    ]


def test_those_that_depend_are_stopped_first(driver: ManagerDriver) -> None:
    driver.sh("db", "exec sleep 100")
    driver.sh("api", "exec sleep 100", depends_on=["db"])
    driver.sh("web", "exec sleep 100", depends_on=["api", "db"])
    driver.run_until_event("spawn", count=3)
    driver.stop()
    assert stops(driver) == ["stop web", "end web", "stop api", "end api", "stop db", "end db"]


def test_those_that_do_not_depend_are_stopped_at_once(driver: ManagerDriver) -> None:
    driver.sh("db", "exec sleep 100")
    driver.sh("web", "exec sleep 100", depends_on=["db"])
    driver.sh("clock", "exec sleep 100")
    driver.run_until_event("spawn", count=3)
    driver.stop()
    assert set(stops(driver)[:2]) == {"stop web", "stop clock"}
    assert stops(driver).index("end web") < stops(driver).index("stop db")


@pytest.mark.parametrize("stop_tree", [True, False])
def test_what_an_ended_one_left_behind_is_waited_for(
    driver: ManagerDriver, stop_tree: bool
) -> None:
    driver.sh("db", "exec sleep 100")
    script = f"({IGNORES_TERM}) & exec sleep 100"
    driver.sh(
        "web", script, depends_on=["db"], stop_timeout=0.3, stop_tree=stop_tree,
        redirect_output=["out"],
    )  # fmt: skip
    output = driver.capture(driver.process("web"))
    driver.run_until(lambda: output.data)
    driver.stop()
    assert [(event["name"], "hastened" in event) for event in driver.of("kill")] == [("web", False)]
    assert driver.events.index(driver.of("kill")[0]) < driver.events.index(
        driver.of("stop_pid", "db")[0]
    )


def test_a_circle_is_stopped_all_the_same(driver: ManagerDriver) -> None:
    driver.sh("web", "exec sleep 100", depends_on=["db"])
    driver.sh("db", "exec sleep 100", depends_on=["web", "nobody"])
    driver.run_until_event("spawn", count=2)
    driver.stop()
    assert len(driver.of("exit")) == 2


def test_a_detached_one_holds_up_nobody(driver: ManagerDriver) -> None:
    driver.sh("db", "exec sleep 100")
    driver.sh("job", "exec sleep 100", depends_on=["db"], detach=True)
    driver.run_until_event("spawn", count=2)
    job = driver.process("job")
    driver.stop()
    assert stops(driver) == ["stop db", "end db"]
    end_what_was_let_go(job)


def test_a_stop_in_a_hurry_waits_for_no_order(driver: ManagerDriver) -> None:
    driver.sh("db", IGNORES_TERM, redirect_output=["out"])
    driver.sh("web", IGNORES_TERM, redirect_output=["out"], depends_on=["db"])
    outputs = [driver.capture(driver.process(name)) for name in ("db", "web")]
    driver.run_until(lambda: all(output.data for output in outputs))
    driver.manager.stop(lambda _manager: driver._note_stopped())
    driver.run_until_event("stop_pid", "web")
    driver.manager.kill()
    driver.run_until(lambda: driver.is_stopped)
    assert [event["term_signal"] for event in driver.of("exit")] == [signal.SIGKILL] * 2
    assert [event.get("hastened") for event in driver.of("kill")] == [True] * 2


def test_what_ends_by_itself_before_its_turn_is_told_as_that(driver: ManagerDriver) -> None:
    driver.sh("db", "read line; exit 3", redirect_input=True, restart="on-failure")
    driver.sh("web", "trap '' TERM; echo ready; read line", redirect_input=True,
              redirect_output=["out"], depends_on=["db"])  # fmt: skip
    db, web = (driver.process(name) for name in ("db", "web"))
    output = driver.capture(web)
    driver.run_until(lambda: output.data)
    driver.manager.stop(lambda _manager: driver._note_stopped())
    driver.run_until_event("stop_pid", "web")
    db.write(b"\n")
    ended = driver.run_until_event("exit", "db")
    web.write(b"\n")
    driver.run_until(lambda: driver.is_stopped)
    assert (ended["by_itself"], ended["while_stopping"], ended["then"]) == (True, True, "failed")
    assert "while_stopping" not in driver.of("exit", "web")[0]
    assert len(driver.of("spawn", "db")) == 1
    assert driver.of("kill") == []


def test_one_process_is_replaced_by_its_id(driver: ManagerDriver) -> None:
    driver.sh("web", "exec sleep 100", numprocesses=2)
    driver.run_until_event("spawn", count=2)
    [first, second] = driver.manager.get_process("web").list_processes()
    driver.manager.restart_process(second.id)
    driver.manager.restart_process(second.id)  # the same request, and no second restart
    driver.run_until_event("spawn", count=3)
    assert [process.instance for process in driver.manager.get_process("web").running] == [1, 2]
    assert first.active and not second.active
    driver.manager.restart_process(12345)  # nobody's id is no error
    driver.stop()
    assert len(driver.of("spawn")) == 3


def test_an_app_reports_about_a_process(driver: ManagerDriver) -> None:
    driver.sh("web", "exec sleep 100")
    process = driver.process("web")
    heard: list[str] = []
    driver.manager.subscribe("proc.web.ready", lambda evtype, event: heard.append(evtype))
    driver.manager.report(process.id, "ready", seconds=0.5)
    event = driver.run_until_event("ready")
    assert event == {
        "event": "ready",
        "name": "web",
        "pid": process.id,
        "os_pid": process.pid,
        "instance": 1,
        "seconds": 0.5,
    }
    assert heard == ["proc.web.ready"]

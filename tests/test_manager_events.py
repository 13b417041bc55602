"""The manager's events, their order and their payloads."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from conftest import (
    Event,
    ManagerDriver,
)

SLEEP = "exec sleep 60"


def test_events_of_a_life(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    pids = [process.pid for process in driver.manager.running_processes().values()]
    first = {"pid": 1, "os_pid": pids[0], "instance": 1}
    second = {"pid": 2, "os_pid": pids[1], "instance": 2}
    driver.run_until_event("spawn", count=2)
    assert driver.events == [
        {"event": "create", "name": "web"},
        {"event": "start", "name": "web"},
        {"event": "spawn", "name": "web", "detached": False, **first},
        {"event": "spawn", "name": "web", "detached": False, **second},
    ]
    driver.events.clear()
    assert driver.manager.ttou("web") == 1
    driver.run_until_event("exit")
    assert driver.events == [
        {"event": "update", "name": "web"},
        {"event": "reap", "name": "web", **second},
        {
            "event": "exit",
            "name": "web",
            "exit_status": 0,
            "term_signal": 15,
            "by_itself": False,
            "then": "removed",
            **second,
        },
    ]
    driver.events.clear()
    driver.manager.remove_process("web")
    driver.run_until_event("exit")
    assert driver.events[:3] == [
        {"event": "stop", "name": "web"},
        {"event": "stop_pid", "name": "web", **first},
        {"event": "delete", "name": "web"},
    ]


def test_what_was_left_behind_is_gone_later(driver: ManagerDriver) -> None:
    """Where there are others still: `gone` comes after their last words. Else there is none."""
    program = "trap 'sleep 0.3; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    driver.sh("web", f"({program}) & exec sleep 100", redirect_output=["out"])
    driver.sh("alone", SLEEP)
    output = driver.capture(driver.process("web"))
    driver.run_until(lambda: output.data == b"ready\n")
    words: list[bytes] = []
    driver.manager.on("gone", lambda *_: words.append(output.data))
    driver.stop()
    assert [event.get("left_behind") for event in driver.of("exit", "web")] == [True]
    assert [event["name"] for event in driver.of("gone")] == ["web"]
    assert driver.events.index(driver.of("exit", "web")[0]) < driver.events.index(
        driver.of("gone")[0]
    )
    assert words == [b"ready\nbye\n"]


def test_every_event_has_its_twin(driver: ManagerDriver) -> None:
    all_events: list[tuple[str, Event]] = []
    own: list[str] = []
    driver.manager.on(".", lambda evtype, event: all_events.append((evtype, event)))
    driver.manager.on("proc.g:web", lambda evtype, _event: own.append(evtype))
    driver.manager.on("proc.g:other", lambda evtype, _event: own.append(evtype))
    driver.sh("g:web", SLEEP)
    driver.manager.restart_process("g:web")
    driver.run_until_event("spawn", count=2)
    driver.manager.remove_process("g:web")
    driver.run_until_event("exit", count=2)
    assert own
    plain = [(evtype, event) for evtype, event in all_events if not evtype.startswith("proc.")]
    twins = [(evtype, event) for evtype, event in all_events if evtype.startswith("proc.")]
    assert [evtype for evtype, _ in twins] == own
    for (evtype, event), (twin, twin_event) in zip(plain, twins, strict=True):
        assert event["event"] == evtype
        assert twin == twin_event["event"] == f"proc.g:web.{evtype}"
        assert {**event, "event": twin} == twin_event


def test_subscribe_once_and_unsubscribe(driver: ManagerDriver) -> None:
    once: list[str] = []
    left: list[str] = []

    def leave(evtype: str, _event: Event) -> None:
        left.append(evtype)

    driver.manager.once("spawn", lambda evtype, _event: once.append(evtype))
    driver.manager.subscribe("spawn", leave)
    driver.sh("web", SLEEP, numprocesses=3)
    driver.run_until_event("spawn", count=3)
    assert (once, left) == (["spawn"], ["spawn"] * 3)
    driver.manager.unsubscribe("spawn", leave)
    driver.manager.ttin("web")
    driver.run_until_event("spawn", count=4)
    assert len(left) == 3


def test_a_listener_that_raises_harms_nobody(
    driver: ManagerDriver, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_evtype: str, _event: Event) -> None:
        raise LookupError("of the listener")

    for evtype in ("spawn", "exit", "."):
        driver.manager.subscribe(evtype, fail)
    with caplog.at_level(logging.CRITICAL + 1, "gaffer_procfile.events"):
        driver.sh("web", "exit 1")
        driver.run_until_event("spawn", count=3)
        driver.stop()


@pytest.mark.parametrize(
    ("cmd", "settings", "status", "reason"),
    [
        ("gaffer-no-such", {}, 127, "command not found: gaffer-no-such"),
        ("", {}, 127, "empty command"),
        ("/etc/passwd", {}, 126, "not executable: /etc/passwd (Permission denied)"),
        ("true", {"cwd": "/no/such"}, 126, "no such directory: /no/such"),
    ],
)
def test_a_command_that_cannot_be_executed_raises_nothing(
    driver: ManagerDriver, cmd: str, settings: dict[str, Any], status: int, reason: str
) -> None:
    driver.add("web", cmd, restart="never", **settings)
    assert driver.manager.running_processes() == {}
    event = driver.run_until_event("exit")
    assert event == {
        "event": "exit",
        "name": "web",
        "pid": 1,
        "exit_status": status,
        "term_signal": 0,
        "os_pid": None,
        "instance": 1,
        "reason": reason,
        "by_itself": True,
        "then": "failed",
    }
    assert driver.kinds() == ["create", "start", "exit"]

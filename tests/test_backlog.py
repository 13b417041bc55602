"""What has happened before there was anybody to keep it."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Event, ManagerDriver

from gaffer_procfile.apps.backlog import Backlog
from gaffer_procfile.apps.log_ring import LogRing
from gaffer_procfile.process import Process


class Record:
    """Keeps the events that it is told of."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def handle_event(self, evtype: str, _event: Event) -> None:
        self.events.append(evtype)


def lines(ring: LogRing) -> list[bytes]:
    return [line for block in ring.blocks(0) for line in block.lines()]


def test_all_of_it_is_handed_over(driver: ManagerDriver) -> None:
    backlog, ring, record = Backlog(driver.manager), LogRing(), Record()
    settings = {"redirect_output": ["out"], "redirect_input": True, "restart": "never"}
    driver.sh("web", "echo one; read go; echo two", **settings)
    output = driver.capture(driver.process("web"))
    driver.run_until(lambda: output.data == b"one\n")
    ring.start(None, driver.manager)
    backlog.hand_over(record, ring)  # type: ignore[arg-type]
    assert record.events == ["create", "start", "spawn"]
    assert lines(ring) == [b"one"]
    assert not (backlog._events or backlog._output or backlog._heard)
    driver.process("web").write(b"go\n")
    driver.run_until(lambda: output.ended)
    assert lines(ring) == [b"one", b"two"]


def test_what_was_read_and_is_not_told_yet_is_not_lost(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog, ring = Backlog(driver.manager), LogRing()
    ended = driver.manager._supervisor._handle_closed

    def handle_closed(process: Process) -> None:
        ended(process)
        ring.start(None, driver.manager)
        backlog.hand_over(Record(), ring)  # type: ignore[arg-type]

    def pause(_evtype: str, event: dict[str, Any]) -> None:
        """All that it writes is read at its end then."""
        driver.manager.get_process(event["pid"]).pause_reading()

    monkeypatch.setattr(driver.manager._supervisor, "_handle_closed", handle_closed)
    driver.manager.subscribe("spawn", pause)
    driver.sh("web", "printf 'one\\ntwo'", redirect_output=["out"], restart="never")
    driver.run_until_event("exit")
    driver.run_until(lambda: not ring._sources)
    assert lines(ring) == [b"one", b"two"]

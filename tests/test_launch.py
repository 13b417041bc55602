"""Who waits for whom, when somebody else starts or stops what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from conftest import ManagerDriver

from gaffer_procfile.apps import launch
from gaffer_procfile.apps.launch import Launch
from gaffer_procfile.dependency import READY, Dependency

SLEEP = "exec sleep 60"
Begin = Callable[[], list[str]]


@pytest.fixture
def begin(driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Launches `web`, which waits for `db`, of which nobody tells; what is said meanwhile."""
    monkeypatch.setattr(launch, "PATIENCE", 0.2)
    said: list[str] = []
    needed = [Dependency("db", READY)]
    app = Launch({"db": [], "web": needed}, said.append, str, lambda names, culprit: None)

    def start() -> list[str]:
        for name in ("db", "web"):
            driver.sh(name, SLEEP, start=False)
        app.start(driver.raw, driver.manager)
        driver.run_until_event("spawn", "db")
        return said

    yield start
    app.stop()


def test_who_waits_is_told_of(driver: ManagerDriver, begin: Begin) -> None:
    said = begin()
    driver.run_until(lambda: said == ["web still waits for db"])


@pytest.mark.parametrize("by", ["start_process", "restart_process"])
def test_who_was_started_by_hand_waits_no_more(
    driver: ManagerDriver, begin: Begin, by: str
) -> None:
    said = begin()
    getattr(driver.manager, by)("web")
    driver.run_until_event("spawn", "web")
    driver.run_for(0.3)
    driver.manager.stop_process("web")
    driver.manager.report(driver.process("db").id, "ready")
    driver.run_for(0.1)
    assert said == []
    assert len(driver.of("spawn", "web")) == 1


def test_who_was_stopped_waits_no_more(driver: ManagerDriver, begin: Begin) -> None:
    said = begin()
    driver.manager.stop_process("web")
    driver.run_for(0.3)
    driver.manager.report(driver.process("db").id, "ready")
    driver.run_for(0.1)
    assert said == []
    assert driver.of("spawn", "web") == []


def test_what_is_just_to_be_started_may_be_stopped(driver: ManagerDriver, begin: Begin) -> None:
    begin()
    driver.manager.subscribe("ready", lambda _evtype, _event: driver.manager.stop_process("web"))
    driver.manager.report(driver.process("db").id, "ready")
    driver.run_for(0.1)
    assert driver.of("spawn", "web") == []


def test_nobody_waits_in_vain_for_what_was_started_by_hand(driver: ManagerDriver) -> None:
    needed = {"db": [], "web": [Dependency("db", READY)], "proxy": [Dependency("web", READY)]}
    said: list[str] = []
    app = Launch(needed, said.append, str, lambda names, culprit: None)
    for name in needed:
        driver.sh(name, "exit 3" if name == "db" else SLEEP, start=False, restart="never")
    app.start(driver.raw, driver.manager)
    driver.run_until(lambda: said)
    assert said == ["web and proxy wait in vain: db exited with status 3"]
    assert app.blocked == dict.fromkeys(("web", "proxy"), "db exited with status 3")
    driver.manager.start_process("web")
    driver.run_until_event("spawn", "web")
    assert app.blocked == {}  # it may get ready yet
    driver.manager.report(driver.process("web").id, "ready")
    driver.run_until_event("spawn", "proxy")
    app.stop()

"""Health: who is looked at, and what follows when a look fails. Real processes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from conftest import ManagerDriver
from test_probes import ANSWERS
from test_readiness import display, free_port

from gaffer_procfile.apps.health import Health
from gaffer_procfile.config.settings import Probe

FAST = 0.03  # seconds between two looks


class Watched:
    """A Health on a driver's manager, and what it said."""

    def __init__(
        self, driver: ManagerDriver, await_ready: tuple[str, ...] = (), **probes: Probe
    ) -> None:
        self.said: list[str] = []
        self.app = Health(probes, self.said.append, display, await_ready)
        driver.manager.apps.append(self.app)
        self.app.start(driver.raw, driver.manager)


def is_well(failures: int = 3) -> Probe:
    """A probe that each time notes that it has looked, and fails while there is a file `ill`."""
    return Probe("exec", "echo >> looks; test ! -e ill", interval=FAST, failures=failures)


def looks(directory: Path) -> int:
    file = directory / "looks"
    return len(file.read_text()) if file.exists() else 0


def test_the_unhealthy_is_restarted(driver: ManagerDriver, tmp_path: Path) -> None:
    watched = Watched(driver, web=is_well())
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path), numprocesses=2)
    driver.sh("worker", "exec sleep 100", cwd=str(tmp_path))
    driver.run_until(lambda: looks(tmp_path) >= 4)
    assert driver.of("unhealthy") == driver.of("stop_pid") == []
    assert watched.said == []
    (tmp_path / "ill").touch()
    first = driver.run_until_event("unhealthy")
    driver.run_until_event("unhealthy", count=2)
    (tmp_path / "ill").unlink()
    driver.run_until_event("spawn", "web", count=4)
    process = first.pop("pid")
    assert {key: first[key] for key in ("name", "failures", "reason")} == {
        "name": "web",
        "failures": 3,
        "reason": "the command exits with 1",
    }
    assert driver.of("stop_pid")[0]["pid"] == process
    assert re.fullmatch(
        r"web\.[12] is unhealthy \(the command exits with 1, 3 times in a row\), restarting it",
        watched.said[0],
    )
    assert len(watched.said) == 2
    assert driver.of("stop_pid", "worker") == []


def test_the_successor_is_looked_at_too(driver: ManagerDriver, tmp_path: Path) -> None:
    watched = Watched(driver, web=is_well(failures=1))
    (tmp_path / "ill").touch()
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path))
    driver.run_until_event("unhealthy", count=2)
    assert len({event["pid"] for event in driver.of("unhealthy")}) == 2
    assert watched.said[0] == ("web.1 is unhealthy (the command exits with 1, once), restarting it")


def test_a_success_forgives(driver: ManagerDriver, tmp_path: Path) -> None:
    command = "echo >> looks; test $(( $(wc -l < looks) % 3 )) = 0"  # two failures, a success, …
    Watched(driver, web=Probe("exec", command, interval=FAST, failures=3))
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path))
    driver.run_until(lambda: looks(tmp_path) >= 10)
    assert driver.of("unhealthy") == []


def test_what_is_awaited_is_looked_at_when_it_is_ready(
    driver: ManagerDriver, tmp_path: Path
) -> None:
    Watched(driver, ("web",), web=is_well())
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path))
    driver.run_for(5 * FAST)
    assert looks(tmp_path) == 0
    driver.manager.report(driver.process("web").id, "ready", seconds=0.1)
    driver.run_until(lambda: looks(tmp_path) >= 2)


def test_a_look_takes_its_timeout_at_the_most(driver: ManagerDriver) -> None:
    port = free_port()
    probe = Probe("http", "/", interval=FAST, timeout=0.1, failures=2)
    watched = Watched(driver, ("web",), web=probe)
    args = ["-S", "-c", ANSWERS, str(port), ""]
    driver.add("web", sys.executable, args=args, port=port, redirect_output=["out", "err"])
    output = driver.capture(driver.process("web"), "err")
    driver.run_until(lambda: output.data)
    driver.manager.report(driver.process("web").id, "ready", seconds=0.1)
    event = driver.run_until_event("unhealthy")
    assert event["reason"] == f"GET / on port {port} isn't answered within 0.1 s"
    assert watched.said == [
        f"web.1 is unhealthy ({event['reason']}, 2 times in a row), restarting it"
    ]


def test_the_stopped_is_not_looked_at(driver: ManagerDriver, tmp_path: Path) -> None:
    Watched(driver, web=is_well())
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path))
    driver.run_until(lambda: looks(tmp_path) >= 2)
    driver.manager.stop_process("web")
    driver.run_until_event("exit")
    seen = looks(tmp_path)
    driver.run_for(5 * FAST)
    assert looks(tmp_path) == seen


def test_it_stops_with_the_manager(driver: ManagerDriver, tmp_path: Path) -> None:
    Watched(driver, web=is_well(), slow=Probe("exec", "sleep 100", interval=FAST))
    driver.sh("web", "exec sleep 100", cwd=str(tmp_path))
    driver.sh("slow", "exec sleep 100", cwd=str(tmp_path))
    driver.run_until(lambda: looks(tmp_path) >= 2)
    driver.stop()
    assert driver.of("unhealthy") == []


@pytest.mark.parametrize("kind", ["log", "notify"])
def test_what_comes_only_once_tells_nothing_of_health(kind: str) -> None:
    with pytest.raises(ValueError, match=f"web: '{kind}'"):
        Health({"web": Probe(kind, "x")}, print, display)

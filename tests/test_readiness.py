"""Readiness: when it is told, what it says, and what is left of it afterwards. Real processes."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Event, ManagerDriver

from gaffer_procfile.apps.readiness import Readiness
from gaffer_procfile.config.settings import Probe
from gaffer_procfile.probes.attempt import Polling

# Listens on the port of its argument when something has been written into its stdin.
SERVER = """\
import socket, sys
address, port, is_at_once = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
if not is_at_once:
    sys.stdin.readline()
family = socket.AF_INET6 if ":" in address else socket.AF_INET
server = socket.socket(family)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((address, port))
server.listen()
print("listening", flush=True)
while True:
    server.accept()[0].close()
"""


def free_port(address: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as taken:
        taken.bind((address, 0))
        port: int = taken.getsockname()[1]
        return port


def display(name: str, instance: int) -> str:
    return f"{name}.{instance}"


class Watched:
    """A Readiness on a driver's manager, and what it said."""

    def __init__(self, driver: ManagerDriver, **probes: Probe) -> None:
        self.driver = driver
        self.said: list[str] = []
        self.probes = probes
        self.app = Readiness(probes, self.said.append, display)
        driver.manager.apps.append(self.app)
        self.app.start(driver.raw, driver.manager)

    def serve(self, name: str, address: str, port: int, *args: str, **settings: Any) -> None:
        args = ("-S", "-c", SERVER, address, str(port), *args)
        settings = {"redirect_input": True, "redirect_output": ["out", "err"], **settings}
        self.driver.add(name, sys.executable, args=list(args), port=port, **settings)

    def go(self, name: str) -> None:
        self.driver.process(name).write(b"go\n")

    def ready(self, name: str, count: int = 1) -> Event:
        return self.driver.run_until_event("ready", name, count)

    def not_ready(self, name: str) -> str:
        reason: str = self.driver.run_until_event("not_ready", name)["reason"]
        return reason


@pytest.fixture
def watch(driver: ManagerDriver) -> Callable[..., Watched]:
    return lambda **probes: Watched(driver, **probes)


Watch = Callable[..., Watched]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_opens(watch: Watch, driver: ManagerDriver, address: str) -> None:
    watched = watch(web=Probe("port"))
    watched.serve("web", address, free_port(address))
    driver.sh("worker", "exec sleep 100")
    driver.run_for(0.2)
    assert driver.of("ready") == [] == watched.said
    assert not watched.app.is_ready(driver.process("web").id)
    watched.go("web")
    event = watched.ready("web")
    process = driver.process("web")
    assert 0.2 < event.pop("seconds") < 15
    assert event == {
        "event": "ready",
        "name": "web",
        "pid": process.id,
        "os_pid": process.pid,
        "instance": 1,
    }
    [said] = watched.said
    assert re.fullmatch(r"web\.1 is ready after \d+\.\d s", said)
    assert watched.app.is_ready(process.id)
    assert not watched.app.is_ready(driver.process("worker").id)
    driver.stop()
    assert not watched.app.is_ready(process.id)
    assert len(driver.of("ready")) == 1 and driver.of("not_ready") == []


def test_no_timer_is_left_once_it_is_ready(
    watch: Watch, driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers = Timers(driver)
    monkeypatch.setattr(driver.loop, "call_later", timers.call_later)
    watched = watch(web=Probe("port"))
    watched.serve("web", "127.0.0.1", free_port())
    driver.run_until(lambda: timers.begun > 5 and timers.open)
    watched.go("web")
    watched.ready("web")
    assert timers.open == set()


class Timers:
    """The timers of a loop that are still to come, but for the driver's own looks."""

    def __init__(self, driver: ManagerDriver) -> None:
        self.open: set[int] = set()
        self.begun = 0
        self._call_later = driver.loop.call_later

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        if callback.__name__ == "look":
            return self._call_later(delay, callback, *args)
        self.begun += 1
        number = self.begun
        self.open.add(number)

        def fire() -> None:
            self.open.discard(number)
            callback(*args)

        timer = self._call_later(delay, fire)
        opened = self.open

        class Timer:
            def cancel(self) -> None:
                opened.discard(number)
                timer.cancel()

        return Timer()


def test_one_that_takes_too_long(watch: Watch, driver: ManagerDriver) -> None:
    port = free_port()
    watched = watch(web=Probe("port", timeout=0.2))
    watched.serve("web", "127.0.0.1", port)
    assert watched.not_ready("web") == f"nothing listens on port {port}"
    event = driver.of("not_ready")[0]
    assert 0.199 < event["seconds"] < 15 and event["instance"] == 1
    [said] = watched.said
    assert re.fullmatch(
        rf"web\.1 is not ready after \d+\.\d s: nothing listens on port {port}", said
    )
    watched.go("web")  # too late
    driver.run_for(0.2)
    assert driver.of("ready") == []


def test_each_instance_and_each_successor_is_probed(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch(web=Probe("log", "up"))
    driver.sh("web", "echo up; exec sleep 100", numprocesses=2, redirect_output=["out"])
    watched.ready("web", 2)
    assert {event["instance"] for event in driver.of("ready")} == {1, 2}
    driver.manager.restart_process(driver.process("web").id)
    assert watched.ready("web", 3)["instance"] == 1
    assert len({event["pid"] for event in driver.of("ready")}) == 3
    driver.manager.ttin("web")
    assert watched.ready("web", 4)["instance"] == 3


def test_one_that_ends_first_is_neither(watch: Watch, driver: ManagerDriver) -> None:
    watch(web=Probe("port", timeout=0.2))
    driver.sh("web", "exit 3", restart="never", port=free_port())
    driver.run_until_event("exit", "web")
    driver.run_for(0.4)
    assert driver.of("ready") == driver.of("not_ready") == []


def test_one_that_was_stopped_is_not_waited_for(watch: Watch, driver: ManagerDriver) -> None:
    watch(web=Probe("port", timeout=0.3))
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    driver.sh("web", script, port=free_port(), redirect_output=["out"], stop_timeout=1)
    output = driver.capture(driver.process("web"))
    driver.run_until(lambda: output.data)
    driver.manager.stop_process("web")
    driver.run_until_event("exit", "web")
    assert driver.of("not_ready") == []


def test_a_port_is_needed(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch(web=Probe("port", timeout=0.1))
    driver.sh("web", "exec sleep 100", env={"PORT": ""})
    assert watched.not_ready("web") == "it has no PORT"


def test_a_given_port_is_another_than_its_own(watch: Watch, driver: ManagerDriver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        watched = watch(web=Probe("port", port=other.getsockname()[1]))
        driver.sh("web", "exec sleep 100", port=free_port())
        watched.ready("web")


def test_a_stop_while_some_are_probed(watch: Watch, driver: ManagerDriver, tmp_path: Path) -> None:
    kinds = {
        "a": Probe("port"),
        "b": Probe("http", "/"),
        "c": Probe("log", "never"),
        "d": Probe("exec", "sleep 100"),
        "e": Probe("file", "never"),
        "f": Probe("notify"),
        "g": Probe("listens"),
    }
    watch(**kinds)
    for name in kinds:
        driver.sh(name, "exec sleep 100", port=free_port(), cwd=str(tmp_path))
    driver.run_for(0.1)
    driver.stop()
    assert driver.of("ready") == driver.of("not_ready") == []


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (Probe("port"), [5, 7.5, 11.2, 16.9, 25.3, 38, 40, 40]),
        (Probe("http", "/"), [5, 7.5, 11.2, 16.9, 25.3, 38, 40, 40]),
        (Probe("port", interval=0.01), [5, 7.5, 10, 10, 10, 10, 10, 10]),
        (Probe("port", interval=0.001), [1] * 8),
        (Probe("exec", "x"), [50, 75, 112.5, 168.8, 253.1, 379.7, 569.5, 854.3]),
        (Probe("exec", "x", interval=0.1), [50, 75, 100, 100, 100, 100, 100, 100]),
    ],
)
def test_how_long_it_waits_between_looks(probe: Probe, expected: list[float]) -> None:
    delays: list[float] = []

    class Loop:
        def call_later(self, delay: float, callback: Callable[[], object]) -> None:
            delays.append(round(1000 * delay, 1))
            if len(delays) < len(expected):
                callback()

    class Attempt:
        is_answered = False

        def __init__(self, *args: Any) -> None:
            self.start = lambda: args[3]("not yet")

    loop, attempt = Loop(), Attempt
    Polling(loop, None, probe, attempt, lambda: None).start()  # type: ignore[arg-type]
    assert delays == pytest.approx(expected, abs=0.11)

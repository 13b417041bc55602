"""A manager on each kind of loop, driven by deadlines, and a look at what every test leaves behind."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from gaffer_procfile.loop import adapt
from gaffer_procfile.loop.selector import SelectorLoop
from gaffer_procfile.manager import Manager
from gaffer_procfile.posix import system
from gaffer_procfile.process import Process

if TYPE_CHECKING:
    from gaffer_procfile.loop import Loop

MARK = "GAFFER_TEST_MARK"
DEADLINE = float(os.environ.get("GAFFER_TEST_DEADLINE", "15"))  # seconds for anything awaited
LOOK_INTERVAL = 0.005  # seconds between two looks at a condition that no event announces
GRACE = 5.0  # seconds for what is on its way out when a test has ended

Event = dict[str, Any]


def loop_kinds() -> list[Any]:
    """The loops to test on: all, or the one that GAFFER_LOOP names, and asyncio beside ours."""
    chosen = os.environ.get("GAFFER_LOOP")
    kinds = [chosen] if chosen else ["selectors", "pyuv"]
    without_pyuv = importlib.util.find_spec("pyuv") is None
    skip = pytest.mark.skipif(without_pyuv, reason="pyuv is not installed")
    params: list[Any] = [pytest.param(k, marks=skip) if k == "pyuv" else k for k in kinds]
    return params if chosen in ("asyncio", "pyuv") else [*params, "asyncio"]


def new_loop(kind: str) -> Any:
    """A fresh loop, as a program that embeds the manager would make it."""
    if kind == "selectors":
        return SelectorLoop()
    if kind == "pyuv":
        import pyuv

        return pyuv.Loop()
    import asyncio

    return asyncio.new_event_loop()


def close_loop(kind: str, raw: Any) -> None:
    """Let go of a loop that nobody uses any more."""
    if kind == "asyncio":
        raw.close()
    elif kind == "pyuv":
        import pyuv

        for _ in range(4):  # the adapter's last handle closes in a turn of the loop
            raw.run(pyuv.UV_RUN_NOWAIT)


class LoopDriver:
    """Runs a loop until something is true, and never longer than until a deadline."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.raw = new_loop(kind)
        self.loop: Loop = adapt(self.raw)
        self.faults: list[object] = []
        if kind == "asyncio":  # which logs what a callback raises, and goes on
            self.raw.set_exception_handler(lambda _loop, context: self.faults.append(context))

    def run_until(
        self, condition: Callable[[], object], deadline: float = DEADLINE, what: str = ""
    ) -> None:
        """Run the loop until `condition()` is true; past the deadline (seconds) the test fails."""
        end = time.monotonic() + deadline
        is_met = False

        def look() -> None:
            nonlocal is_met
            is_met = bool(condition())
            if is_met or self.faults or time.monotonic() > end:
                self.loop.call_soon(self.loop.stop)  # after what has been published by now
            else:
                self.loop.call_later(LOOK_INTERVAL, look)

        self.loop.call_soon(look)
        self.loop.run()
        assert not self.faults, self.faults
        if not is_met:
            pytest.fail(f"not within {deadline} s: {what or condition}\n{self.report()}")

    def run_for(self, seconds: float) -> None:
        """Run the loop for a while, to see that something does not happen."""
        end = time.monotonic() + seconds
        self.run_until(lambda: time.monotonic() >= end)

    def report(self) -> str:
        return ""

    def close(self) -> None:
        self.loop.close()
        close_loop(self.kind, self.raw)


class ManagerDriver(LoopDriver):
    """A started manager on a loop of its own. `events` has all that it published, in order."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.manager = Manager(self.raw)
        self.events: list[Event] = []
        self.is_stopped = False
        self.manager.subscribe(".", self._record)
        self.manager.start()

    def _record(self, _evtype: str, event: Event) -> None:
        if not event["event"].startswith("proc."):  # the twin of one that is here already
            self.events.append(event)

    def report(self) -> str:
        return "\n".join(map(str, self.events))

    def add(self, name: str, cmd: str, **settings: Any) -> None:
        """Add a template whose processes carry the mark by which those left behind are found."""
        settings.setdefault("os_env", True)
        self.manager.add_process(name, cmd, **settings)

    def sh(self, name: str, script: str, **settings: Any) -> None:
        self.add(name, "/bin/sh", args=["-c", script], **settings)

    def of(self, evtype: str, name: str | None = None) -> list[Event]:
        """The events of a type so far, of one template or of all."""
        return [
            event
            for event in self.events
            if event["event"] == evtype and name in (None, event["name"])
        ]

    def kinds(self, name: str | None = None) -> list[str]:
        return [event["event"] for event in self.events if name in (None, event["name"])]

    def run_until_event(
        self, evtype: str, name: str | None = None, count: int = 1, deadline: float = DEADLINE
    ) -> Event:
        """Run until there have been `count` events of this type; the last one of these."""
        what = f"{count} times {evtype} of {name or 'anything'}"
        self.run_until(lambda: len(self.of(evtype, name)) >= count, deadline, what)
        return self.of(evtype, name)[count - 1]

    def process(self, name: str, index: int = 0) -> Any:
        return self.manager.processes[name].running[index]

    def capture(self, process: Any, label: str = ".") -> Capture:
        """What the process writes from now on."""
        capture = Capture()
        process.monitor_io(label, capture)
        return capture

    def call_until(self, function: Callable[[], object], condition: Callable[[], object]) -> None:
        """Call `function` from the loop, and run until the condition is met."""
        self.loop.call_soon(function)
        self.run_until(condition)

    def stop(self) -> None:
        """Stop the manager, in order."""
        self.manager.stop(lambda _manager: self._note_stopped())
        self.run_until(lambda: self.is_stopped, what="the manager's end")

    def _note_stopped(self) -> None:
        self.is_stopped = True

    def close(self) -> None:
        if not self.is_stopped:
            for process in self.manager.running_processes().values():
                process.kill(signal.SIGKILL, tree=True)
            self.stop()
        super().close()


class Capture:
    """A listener of `monitor_io` or of a stream that keeps what it hears."""

    def __init__(self) -> None:
        self.messages: list[Event] = []

    def __call__(self, _label: str, message: Event) -> None:
        self.messages.append(message)

    @property
    def data(self) -> bytes:
        return b"".join(message["data"] for message in self.messages)

    @property
    def ended(self) -> bool:
        return any(message["data"] == b"" for message in self.messages)


def open_descriptors() -> int:
    gc.collect()  # what an earlier test left to the collector
    return len(os.listdir("/dev/fd"))


class Made:
    """A process on its own, without a manager, and what it told."""

    def __init__(self, driver: LoopDriver, script: str, **settings: Any) -> None:
        self.driver = driver
        self.exits: list[tuple[int, int]] = []
        self.gone: list[Process] = []
        self.closed: list[Process] = []
        settings.setdefault("env", dict(os.environ))
        self.process = Process(
            driver.raw,
            7,
            "web",
            "/bin/sh",
            args=["-c", script],
            on_exit_cb=lambda _process, status, signum: self.exits.append((status, signum)),
            on_gone_cb=self.gone.append,
            on_closed_cb=self.closed.append,
            **settings,
        )
        self.capture = Capture()
        self.process.monitor_io(".", self.capture)

    def run(self) -> Made:
        self.process.spawn()
        self.driver.run_until(lambda: self.closed)
        return self


@pytest.fixture(params=loop_kinds())
def loop_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def loop_driver(loop_kind: str) -> Iterator[LoopDriver]:
    driver = LoopDriver(loop_kind)
    yield driver
    driver.close()


@pytest.fixture
def driver(loop_kind: str) -> Iterator[ManagerDriver]:
    driver = ManagerDriver(loop_kind)
    yield driver
    driver.close()


def is_alive(pid: int) -> bool:
    """Whether `pid` runs: a zombie doesn't, whoever has yet to reap it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_what_was_let_go(process: Process) -> None:
    """Kill and reap a process that its manager has let run on."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)


def session_members(leader: int) -> list[int]:
    """The living processes of the session that `leader` began."""
    found = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == leader and is_alive(pid):
                found.append(pid)
        except ProcessLookupError:
            continue  # gone meanwhile
    return found


def marked_processes(mark: str, before: set[int]) -> list[psutil.Process]:
    """The living processes that weren't there `before` and carry `mark` in their environment."""
    found = []
    for pid in set(psutil.pids()) - before:
        try:
            process = psutil.Process(pid)
            if process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    return found


def zombies() -> list[int]:
    """Our children that have ended and were not reaped."""
    if sys.platform == "linux":
        rows = map(system.process_row, system.children_of(os.getpid()))
        return [row.pid for row in rows if row is not None and row.has_ended]
    children = psutil.Process().children()
    return [child.pid for child in children if child.status() == psutil.STATUS_ZOMBIE]


# Modules that say the same on every loop: none runs in them, or what they are about is beside it.
LOOPLESS = frozenset(
    f"test_{name}.py"
    for name in (
        "ansi cgroup ci_docs ci_kept ci_log ci_reports ci_workflow cli_check cli_compat "
        "cli_env cli_errors cli_foreman cli_plan cli_ports cli_run cli_secrets "
        "cli_views_of_runs client commands completion config config_files config_libyaml "
        "config_nodes config_schema disk_logs docs_services docs_verbs environment formation "
        "http_docs http_log_ring json_lines keyboard lines listening log_directory "
        "log_reader mutations names packaging page_files prefix probes_listeners procfile "
        "project raw_files recipes redact restart sample_monorepo sample_noisy screen services "
        "simulation slots spawn startup_imports tail text_file watch_selection"
    ).split()
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--loops", action="store_true", help="leave out what is the same on every loop"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.getoption("--loops") and collection_path.name in LOOPLESS:
        return True
    return None


def pytest_configure() -> None:
    """Under nohup, or in a script's background, signals are ignored, and children inherit that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def garbage_is_collected() -> Iterator[None]:
    """A verb that is called here leaves that off, and then no loop's descriptors are given back."""
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Fail the test that leaves a process running or a child unreaped. The value is its mark."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    before = set(
        psutil.pids()
    )  # to look at all of them after each test would take half of its time
    yield mark
    end = time.monotonic() + GRACE
    while (left := marked_processes(mark, before)) and time.monotonic() < end:
        time.sleep(LOOK_INTERVAL)  # they may be nobody's children: there is nothing to wait for
    names = [f"{process.pid} {process.name()}" for process in left]
    for process in left:
        process.kill()
    assert not left, f"left running: {names}"
    unreaped = zombies()
    for pid in unreaped:
        os.waitpid(pid, 0)  # or every later test would find it
    assert not unreaped, f"ended and not reaped: {unreaped}"

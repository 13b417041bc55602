"""Idle, a manager makes no system call, nor does a whole gaffer: no polling, no thread that wakes up.

GAFFER_IDLE_SECONDS says for how long that is watched (3 by default, 60 for the whole truth).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from cli import MakeProject
from cli import project as project  # the fixture
from conftest import DEADLINE

import gaffer_procfile

SECONDS = float(os.environ.get("GAFFER_IDLE_SECONDS", "3"))
SETTLING = 0.3  # seconds after the last child's start
IMPORT_ROOT = Path(gaffer_procfile.__file__).parents[1]

PROGRAM = """
import sys
from conftest import new_loop
from gaffer_procfile.loop import adapt
from gaffer_procfile.manager import Manager

manager = Manager(new_loop(sys.argv[1]))
manager.start()
manager.add_process(
    "sleeper", "/bin/sleep", args=["1000"], os_env=True, numprocesses=10,
    redirect_output=["out", "err"], redirect_input=True,
)
seen = []
def count(*_):
    seen.append(1)
    if len(seen) == 10:
        print("ready", flush=True)
manager.subscribe("spawn", count)
if sys.argv[2] == "ticking":
    loop = adapt(manager.loop)
    def tick():
        loop.call_later(0.1, tick)
    tick()
manager.run()
"""


def can_trace() -> bool:
    strace = shutil.which("strace")
    if strace is None:
        return False
    tried = subprocess.run([strace, "-o", os.devnull, "/bin/true"], capture_output=True)
    return tried.returncode == 0


needs_strace = pytest.mark.skipif(not can_trace(), reason="no strace here, or not allowed to trace")


@contextmanager
def running(loop_kind: str, manner: str) -> Iterator[int]:
    """The pid of a program whose manager has ten children, once they all run."""
    env = {**os.environ, "PYTHONPATH": f"{IMPORT_ROOT}{os.pathsep}{Path(__file__).parent}"}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, loop_kind, manner],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children: list[int] = []
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        children = children_of(program.pid)
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(SETTLING)
        yield program.pid
    finally:
        program.kill()
        program.communicate(timeout=DEADLINE)
        for child in children:
            os.kill(child, signal.SIGKILL)


@needs_strace
def test_an_idle_manager_makes_no_system_call(loop_kind: str, tmp_path: Path) -> None:
    with running(loop_kind, "idle") as pid:
        children = children_of(pid)
        assert len(children) == 10
        assert calls_of([pid, *children], tmp_path / "trace", SECONDS) == []


@needs_strace
def test_a_timer_would_be_seen(loop_kind: str, tmp_path: Path) -> None:
    with running(loop_kind, "ticking") as pid:
        assert len(calls_of([pid, *children_of(pid)], tmp_path / "trace", 0.5)) > 2


@needs_strace
@pytest.mark.parametrize("pty", [False, True], ids=["pipe", "terminal"])
def test_an_idle_gaffer_start_makes_no_system_call(
    project: MakeProject, tmp_path: Path, pty: bool
) -> None:
    files = {"Procfile": "sleeper: echo up; exec sleep 1000\n"}
    gaffer = project(files).spawn("start", "-c", "sleeper=10", pty=pty)
    for _ in range(10):
        gaffer.read_until(r"up\r?$")
    with pytest.raises(subprocess.TimeoutExpired):
        gaffer.popen.wait(SETTLING)
    outer = psutil.Process(gaffer.pid)
    own = {outer.pid, gaffer.gaffer.ppid(), gaffer.gaffer.pid}
    children = {child.pid for child in gaffer.processes()}
    traced = [outer.pid, *(each.pid for each in outer.children(recursive=True))]
    assert len(children) == 10
    assert set(traced) == own | children, "the outer process, the guard, gaffer and its children"
    assert calls_of(traced, tmp_path / "trace", SECONDS) == []
    gaffer.signal(signal.SIGINT)
    assert gaffer.wait() == -signal.SIGINT


def calls_of(pids: Sequence[int], trace: Path, seconds: float) -> list[str]:
    """The system calls that processes and their threads begin within some seconds."""
    tracer = subprocess.Popen(
        ["strace", "-f", *(f"-p{pid}" for pid in pids), "-o", str(trace)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    try:
        for _ in pids:
            assert "attached" in tracer.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            tracer.wait(seconds)
    finally:
        tracer.terminate()
        tracer.wait(DEADLINE)
        tracer.stderr.close()
    return begun(trace.read_text())


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def begun(trace: str) -> list[str]:
    """The lines of those who did more than to wait in the one call that they were found in."""
    lines: dict[str, list[str]] = {}
    for line in trace.splitlines():
        lines.setdefault(line.split(None, 1)[0], []).append(line)
    return [line for of_one in lines.values() if len(of_one) > 1 for line in of_one]

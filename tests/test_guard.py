"""The guard by itself: what it hears, what it reaps, and how the three end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cli import PACKAGE_ROOT, MakeProject, Running, wait_until
from cli import project as project
from conftest import DEADLINE, is_alive

from gaffer_procfile.posix import system

pytestmark = pytest.mark.skipif(not system.has_subreaper(), reason="needs a subreaper")

# What runs in the place of gaffer proper.
HEAD = """
import os, signal, sys, time
from gaffer_procfile.guard import end_by, enter
guarded = enter()
"""


class Three:
    """The three processes of a program that is guarded."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.popen = popen
        assert popen.stdout is not None
        self.gaffer = psutil.Process(int(popen.stdout.readline()))  # it says so when it is ready
        self.outer = psutil.Process(popen.pid)
        (self.guard,) = self.outer.children()

    @property
    def living(self) -> list[str]:
        found = {"outer": self.outer, "guard": self.guard, "gaffer": self.gaffer}
        return [name for name, it in found.items() if it.is_running() and is_alive(it.pid)]


class Guarding:
    """Starts programs under a guard, and leaves nothing of them."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def run(self, script: str, **settings: object) -> subprocess.Popen[str]:
        popen: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
            [sys.executable, "-c", HEAD + script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": PACKAGE_ROOT, **settings.pop("env", {})},  # type: ignore[dict-item]
            **settings,
        )
        self.started.append(popen)
        return popen

    def three(self, script: str, **settings: object) -> Three:
        return Three(self.run(script, **settings))

    def close(self) -> None:
        for popen in self.started:
            if popen.poll() is None:
                tree = psutil.Process(popen.pid).children(recursive=True)
                for process in [psutil.Process(popen.pid), *tree]:
                    process.kill()
            popen.communicate()


@pytest.fixture
def guarding() -> Iterator[Guarding]:
    guarding = Guarding()
    yield guarding
    guarding.close()


WAIT = "guarded.wait()\nprint(os.getpid(), flush=True)\nwhile True: signal.pause()\n"


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("sys.exit(0)", 0),
        ("sys.exit(3)", 3),
        ("os._exit(255)", 255),
        ("end_by(signal.SIGTERM)", -signal.SIGTERM),
        ("end_by(signal.SIGINT)", -signal.SIGINT),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("signal.signal(11, 0); os.kill(os.getpid(), 11)", -signal.SIGSEGV),
        ("raise RuntimeError('a fault')", 1),
    ],
)
def test_the_outer_one_ends_as_gaffer_did(guarding: Guarding, end: str, status: int) -> None:
    popen = guarding.run(f"guarded.wait()\n{end}\n")
    assert popen.wait(DEADLINE) == status


@pytest.mark.parametrize(
    "signum",
    [
        signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
        signal.SIGUSR2, signal.SIGWINCH, signal.SIGCONT,
    ],
)  # fmt: skip
def test_what_the_outer_one_gets_is_passed_on(guarding: Guarding, signum: signal.Signals) -> None:
    three = guarding.three(
        "guarded.wait()\n"
        f"signal.signal({int(signum)}, lambda *_: sys.exit(77))\n"
        "print(os.getpid(), flush=True)\n"
        "while True: signal.pause()\n"
    )
    three.outer.send_signal(signum)
    assert three.popen.wait(DEADLINE) == 77


def test_nothing_that_is_for_gaffer_ends_the_guard(guarding: Guarding) -> None:
    three = guarding.three(WAIT)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        three.guard.send_signal(signum)
    assert os.getsid(three.guard.pid) == three.guard.pid
    assert three.living == ["outer", "guard", "gaffer"]
    assert three.guard.status() != psutil.STATUS_STOPPED


def test_the_guard_reaps_while_gaffer_runs(guarding: Guarding) -> None:
    """What gaffer loses is the guard's: no zombie stays."""
    three = guarding.three(
        "guarded.wait()\n"
        "if not os.fork():\n"
        "    if not os.fork():\n"
        "        os.execvp('cat', ['cat'])\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(os.getpid(), flush=True)\n"
        "while True: signal.pause()\n",
        stdin=subprocess.PIPE,
    )
    (orphan,) = [it for it in three.guard.children() if it.pid != three.gaffer.pid]
    assert three.popen.stdin is not None
    three.popen.stdin.close()  # which ends it
    three.popen.stdin = None
    wait_until(lambda: three.guard.children() == [three.gaffer], f"the end of {orphan}")
    assert three.living == ["outer", "guard", "gaffer"]


def test_a_bomb_that_goes_on_forking_is_swept(guarding: Guarding) -> None:
    """Each child leaves another in a session of its own and ends: the sweep has to be faster."""
    popen = guarding.run(
        "guarded.wait()\n"
        "if not os.fork():\n"
        "    for _ in range(300):\n"
        "        if os.fork():\n"
        "            time.sleep(0.01)\n"
        "            os._exit(0)\n"
        "        os.setsid()\n"
        "    time.sleep(60)\n"
        "time.sleep(0.1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert popen.wait(DEADLINE) == -signal.SIGKILL


def test_who_reads_the_output_sees_its_end_with_gaffers(guarding: Guarding) -> None:
    """Neither the guard nor the outer one may keep it open when gaffer closes it."""
    popen = guarding.run("guarded.wait()\nsys.stdout.close()\nos.close(2)\nsys.exit(0)\n")
    out, _err = popen.communicate(timeout=DEADLINE)
    assert (out, popen.returncode) == ("", 0)


@pytest.mark.parametrize("killed", ["outer", "guard"])
def test_gaffer_learns_that_another_is_gone(guarding: Guarding, killed: str) -> None:
    three = guarding.three(
        "import select\n"
        "guarded.wait()\n"
        "print(os.getpid(), flush=True)\n"
        "ready, _, _ = select.select(guarded.fds, [], [], 60)\n"
        "print([guarded.fds.index(fd) for fd in ready], flush=True)\n"
    )
    (three.outer if killed == "outer" else three.guard).kill()
    assert three.popen.stdout is not None
    # Without the guard the outer one ends as well, perhaps before gaffer looks.
    expected = ["[0]\n"] if killed == "outer" else ["[1]\n", "[0, 1]\n"]
    assert three.popen.stdout.readline() in expected
    wait_until(lambda: not three.living, "the end of the three")
    assert three.popen.wait(DEADLINE) == (-signal.SIGKILL if killed == "outer" else 1)


def test_without_prctl_there_is_no_guard(guarding: Guarding) -> None:
    popen = guarding.run("print(guarded, os.getpid())\n", env={"GAFFER_WITHOUT": "prctl"})
    out, _err = popen.communicate(timeout=DEADLINE)
    assert out == f"None {popen.pid}\n"


def test_where_no_process_can_be_had_there_is_no_guard(guarding: Guarding) -> None:
    popen = guarding.run(
        "before = len(os.listdir('/proc/self/fd'))\n"
        "def fail(): raise BlockingIOError(11, 'EAGAIN')\n"
        "os.fork = fail\n"
        "print(enter(), len(os.listdir('/proc/self/fd')) - before, signal.pthread_sigmask(0, []))\n",
        env={},
    )
    out, err = popen.communicate(timeout=DEADLINE)
    assert out == "None 0 set()\n", err


def test_what_was_ignored_stays_ignored_but_ctrl_c(guarding: Guarding) -> None:
    """A shell's background job ignores SIGINT and SIGQUIT; `kill -INT` stops it all the same."""

    def ignore() -> None:
        for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)

    three = guarding.three(
        "guarded.wait()\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(77))\n"
        "print(os.getpid(), flush=True)\n"
        "while True: signal.pause()\n",
        preexec_fn=ignore,
    )
    three.outer.send_signal(signal.SIGHUP)
    three.outer.send_signal(signal.SIGQUIT)
    three.outer.send_signal(signal.SIGINT)
    assert three.popen.wait(DEADLINE) == 77


# ---- of `gaffer start`


def start(project: MakeProject) -> Running:
    made = project({"Procfile": "web: echo ready; exec sleep 60\n"})
    running = made.spawn("start")
    running.read_until("ready$")
    return running


def test_nothing_of_gaffers_is_kept_open_by_the_guard(project: MakeProject) -> None:
    running = start(project)
    (guard,) = psutil.Process(running.pid).children()
    directory = Path(f"/proc/{guard.pid}/fd")
    targets = {os.readlink(path) for path in directory.iterdir()}
    assert {it for it in targets if not it.startswith("pipe:")} == {os.devnull}
    assert len([it for it in targets if it.startswith("pipe:")]) == 2
    assert os.readlink(f"/proc/{guard.pid}/cwd") == "/"
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM


def test_the_children_see_nothing_of_the_guard(project: MakeProject) -> None:
    running = project({"Procfile": "web: ls -l /proc/self/fd; exit 0\n"}).spawn("start")
    assert running.wait() == 0
    numbers = {
        line.split(" -> ")[0].split()[-1] for line in running.text.split("\n") if "->" in line
    }
    assert numbers <= {"0", "1", "2", "3"}, running.text  # 3: the directory that ls reads

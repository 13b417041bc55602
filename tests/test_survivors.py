"""Nothing that gaffer started outlives it: six kinds of children, and every kind of end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from cli import MakeProject, Project, Running, wait_until
from cli import project as project
from conftest import DEADLINE, is_alive

from gaffer_procfile.posix import system

pytestmark = pytest.mark.skipif(not system.has_subreaper(), reason="needs a subreaper")

ROUNDS = int(os.environ.get("GAFFER_SURVIVOR_ROUNDS", "2"))
GONE_WITHIN = 2.0  # seconds after gaffer was killed

# Tells of itself by a file with its number in its name, and stays.
LINGER = f"""#!{sys.executable} -SE
import os, signal, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "daemon" in sys.argv:
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
path = f"pids/{{sys.argv[1]}}-{{os.getpid()}}"
open(path + ".new", "w").close()
os.rename(path + ".new", path)
while True:
    time.sleep(60)
"""

KINDS = {
    "plain": "./linger plain &",
    "stubborn": "./linger stubborn stubborn &",
    "session": "setsid ./linger session &",
    "daemon": "./linger daemon daemon;",
    "naked": "env -i setsid ./linger naked &",
    "nohup": "nohup ./linger nohup >/dev/null 2>&1 &",
}
PROCFILE = f"web: {' '.join(KINDS.values())} exec ./linger leader\n"
COUNT = len(KINDS) + 1


class Crowd:
    """A gaffer with all kinds of children. `pids` are those that must not survive."""

    def __init__(self, made: Project, running: Running) -> None:
        self.directory = made.directory / "pids"
        self.running = running
        self.outer = psutil.Process(running.pid)
        self.gaffer = running.gaffer
        self.pids: dict[str, psutil.Process] = {}
        wait_until(lambda: len(self._files()) == COUNT, "all kinds of children")
        for file in self._files():
            kind, pid = file.name.split("-")
            self.pids[kind] = psutil.Process(int(pid))

    def _files(self) -> list[Path]:
        return [path for path in self.directory.iterdir() if path.suffix != ".new"]

    def survivors(self) -> list[str]:
        gaffer = [("gaffer", self.gaffer), ("outer", self.outer)]
        return [
            kind
            for kind, process in [*self.pids.items(), *gaffer]
            if process.is_running() and is_alive(process.pid)
        ]


def start(project: MakeProject, *args: str, pty: bool = False) -> Crowd:
    made = project({"Procfile": PROCFILE, "linger": LINGER, "pids/": ""})
    return Crowd(made, made.spawn("start", *args, pty=pty))


def kill_outer(crowd: Crowd) -> None:
    crowd.outer.kill()


def kill_gaffer(crowd: Crowd) -> None:
    crowd.gaffer.kill()


def kill_group(crowd: Crowd) -> None:
    os.killpg(crowd.running.pid, signal.SIGKILL)


def kill_guard(crowd: Crowd) -> None:
    (guard,) = crowd.outer.children()
    guard.kill()


@pytest.mark.parametrize("round_number", range(ROUNDS))
@pytest.mark.parametrize("kill", [kill_outer, kill_gaffer, kill_group])
def test_sigkill(project: MakeProject, kill: Callable[[Crowd], None], round_number: int) -> None:
    # The stubborn one would be killed in order only after the time to stop.
    crowd = start(project, "--stop-timeout", "0.2")
    assert crowd.survivors(), round_number
    kill(crowd)
    wait_until(lambda: not crowd.survivors(), "the end of all", GONE_WITHIN)
    assert crowd.running.wait() == -signal.SIGKILL


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal(project: MakeProject, signum: signal.Signals) -> None:
    crowd = start(project, "--stop-timeout", "0.3")
    crowd.running.signal(signum)
    assert crowd.running.popen.wait(DEADLINE) == -signum
    assert crowd.survivors() == []


def test_ctrl_c_on_a_terminal(project: MakeProject) -> None:
    crowd = start(project, "--stop-timeout", "0.3", pty=True)
    crowd.running.send(b"\x03")
    assert crowd.running.wait() == -signal.SIGINT
    assert crowd.survivors() == []


def test_a_terminal_that_is_closed(project: MakeProject) -> None:
    crowd = start(project, "--stop-timeout", "0.3", pty=True)
    crowd.running.close_output()
    assert crowd.running.popen.wait(DEADLINE) == -signal.SIGHUP
    assert crowd.survivors() == []


def test_a_second_ctrl_c(project: MakeProject) -> None:
    crowd = start(project, "--stop-timeout", "600")
    crowd.running.signal(signal.SIGINT)
    crowd.running.read_until("Ctrl-C: stopping")
    crowd.running.press_ctrl_c_until_it_ends()
    assert crowd.running.wait() == -signal.SIGINT
    assert crowd.survivors() == []


def test_the_guard_is_killed(project: MakeProject) -> None:
    """What is marked is stopped in order; nothing else can be known by then."""
    crowd = start(project, "--stop-timeout", "0.3")
    kill_guard(crowd)
    assert crowd.running.wait() == 1
    wait_until(lambda: set(crowd.survivors()) <= {"naked"}, "the end of all", GONE_WITHIN)
    if crowd.pids["naked"].is_running():
        crowd.pids["naked"].kill()


def test_gaffer_has_a_fault(project: MakeProject) -> None:
    """Something that is not handled, in the midst of a run."""
    made = project({"Procfile": PROCFILE, "linger": LINGER, "pids/": ""})
    made.write({
        "faulty.py": (
            "import signal, sys\n"
            "from gaffer_procfile import cli\n"
            "from gaffer_procfile.apps.signals import Signals\n"
            "def fail(*_): raise RuntimeError('a fault of gaffer')\n"
            "Signals._handle_end = fail\n"
            "sys.exit(cli.main(['start']))\n"
        )
    })  # fmt: skip
    crowd = Crowd(made, made._spawn([sys.executable, "faulty.py"]))
    crowd.running.signal(signal.SIGTERM)
    assert crowd.running.wait() == 1
    assert "a fault of gaffer" in crowd.running.text
    assert crowd.survivors() == []


def test_killed_at_any_moment(project: MakeProject) -> None:
    """From before the first process until all run."""
    made = project({"Procfile": PROCFILE, "linger": LINGER, "pids/": ""})
    for delay in (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15):
        running = made.spawn("start")
        time.sleep(delay)  # whatever that hits
        os.killpg(running.pid, signal.SIGKILL)
        assert running.popen.wait(DEADLINE) == -signal.SIGKILL
        wait_until(lambda: not _working_in(made.directory), "the end", GONE_WITHIN)


def _working_in(directory: Path) -> list[int]:
    """The living processes that have this working directory."""
    found = []
    for pid in psutil.pids():
        try:
            if os.readlink(f"/proc/{pid}/cwd") == str(directory) and is_alive(pid):
                found.append(pid)
        except OSError:
            continue  # gone meanwhile, or a kernel thread
    return found


def test_as_outsiders_see_it(project: MakeProject) -> None:
    """The guard is out of the reach of the group and of the terminal."""
    crowd = start(project, "--stop-timeout", "0.2")
    (guard,) = crowd.outer.children()
    assert os.getsid(guard.pid) == guard.pid
    assert os.getpgid(crowd.gaffer.pid) == os.getpgid(crowd.outer.pid) == crowd.running.pid
    crowd.outer.kill()
    wait_until(lambda: not crowd.survivors(), "the end of all", GONE_WITHIN)

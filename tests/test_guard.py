"""The guard by itself: what it hears, what it reaps, and how the three end."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cli import MakeProject, Running, wait_until
from cli import project as project
from conftest import DEADLINE, is_alive
from guarded import WAIT, Guarding
from guarded import guarding as guarding

from gaffer_procfile.posix import system

pytestmark = pytest.mark.skipif(not system.has_subreaper(), reason="needs a subreaper")


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
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        env={"GAFFER_WITHOUT": "cgroup"},
    )
    assert popen.wait(DEADLINE) == -signal.SIGKILL


def test_what_is_below_what_is_killed_is_killed_too(guarding: Guarding) -> None:
    """It becomes the guard's child only then: one round of the sweep doesn't see it."""
    three = guarding.three(
        "guarded.wait()\n"
        "print(os.getpid(), flush=True)\n"
        "for _ in range(3):\n"
        "    if os.fork():\n"
        "        break\n"
        "    os.setsid()\n"
        "else:\n"
        "    print(os.getpid(), flush=True)\n"
        "os.read(0, 1)\n",  # whatever isn't killed ends with the test
        stdin=subprocess.PIPE,
        env={"GAFFER_WITHOUT": "cgroup"},
    )
    assert three.popen.stdout is not None
    lowest = int(three.popen.stdout.readline())
    three.gaffer.kill()
    assert three.popen.wait(DEADLINE) == -signal.SIGKILL
    assert not is_alive(lowest)


def test_gaffer_waits_for_a_guard_that_is_slow(guarding: Guarding, tmp_path: Path) -> None:
    popen = guarding.run(
        "guarded.wait()\nprint(os.path.exists(ready))\n",
        before=(
            "from gaffer_procfile.posix import system\n"
            f"ready = {str(tmp_path / 'ready')!r}\n"
            "def become_slowly():\n"
            "    time.sleep(0.2)\n"
            "    open(ready, 'w').close()\n"
            "system.become_subreaper = become_slowly\n"
        ),
    )
    out, err = popen.communicate(timeout=DEADLINE)
    assert out == "True\n", err


def test_sigchld_that_is_ignored_takes_no_status(guarding: Guarding) -> None:
    before = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    popen = guarding.run("guarded.wait()\nsys.exit(3)\n", before)
    assert popen.wait(DEADLINE) == 3


def test_the_outer_one_halts_after_gaffer(guarding: Guarding) -> None:
    """It would pass nothing on, and who waits for its halt would take gaffer for halted."""
    three = guarding.three(
        "guarded.wait()\n"
        "signal.signal(signal.SIGTSTP, lambda *_: print('told', flush=True))\n"
        "signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getpid(), signal.SIGSTOP))\n"
        "print(os.getpid(), flush=True)\n"
        "while True: signal.pause()\n"
    )
    assert three.popen.stdout is not None
    three.outer.send_signal(signal.SIGTSTP)
    assert three.popen.stdout.readline() == "told\n"
    three.outer.send_signal(signal.SIGUSR1)
    wait_until(lambda: three.outer.status() == psutil.STATUS_STOPPED, "the outer one's halt")
    assert three.gaffer.status() == psutil.STATUS_STOPPED
    three.outer.send_signal(signal.SIGCONT)
    wait_until(lambda: three.gaffer.status() != psutil.STATUS_STOPPED, "gaffer's going on")


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


# ---- on a terminal


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both sides of a pty: ours and the guarded program's."""
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def take_terminal() -> None:
    """Make stdin the terminal that keys come from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_key_is_heard_once(guarding: Guarding, terminal: tuple[int, int]) -> None:
    """Gaffer and the outer one both get the key's signal."""
    three = guarding.three(
        "guarded.wait()\n"
        "signal.signal(signal.SIGINT, lambda *_: print('key', flush=True))\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(77))\n"
        "print(os.getpid(), flush=True)\n"
        "while True: signal.pause()\n",
        stdin=terminal[1],
        preexec_fn=take_terminal,
    )
    assert three.popen.stdout is not None
    three.outer.suspend()  # until gaffer has heard it: two that wait are one
    os.write(terminal[0], b"\x03")
    assert three.popen.stdout.readline() == "key\n"
    three.outer.send_signal(signal.SIGTERM)
    three.outer.resume()  # which takes them in the order of their numbers: SIGINT, SIGTERM
    out, err = three.popen.communicate(timeout=DEADLINE)
    assert (out, three.popen.returncode) == ("", 77), err


def test_a_killed_gaffers_terminal_is_put_back(
    guarding: Guarding, terminal: tuple[int, int]
) -> None:
    before = termios.tcgetattr(terminal[1])
    three = guarding.three(
        "import tty\n"
        "guarded.wait()\n"
        "tty.setraw(0)\n"
        "print(os.getpid(), flush=True)\n"
        "while True: signal.pause()\n",
        stdin=terminal[1],
        preexec_fn=take_terminal,
    )
    assert termios.tcgetattr(terminal[1]) != before
    three.gaffer.kill()
    assert three.popen.wait(DEADLINE) == -signal.SIGKILL
    assert termios.tcgetattr(terminal[1]) == before


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

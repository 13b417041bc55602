"""The guard by itself: what it hears, what it reaps, and how the three end."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cli import MakeProject, Running, wait_until
from cli import project as project
from conftest import DEADLINE, is_alive
from guarded import WAIT, Guarding
from guarded import guarding as guarding

from gaffer_procfile.guard import _Wishes
from gaffer_procfile.posix import system

pytestmark = pytest.mark.skipif(not system.has_subreaper(), reason="needs a subreaper")

WAYS_TO_SWEEP = ["cgroup", "cgroup,proc"]  # with /proc, and by asking number after number
# A gaffer that has stopped hearing anything.
HANG = (
    "guarded.wait()\n"
    "for it in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(it, signal.SIG_IGN)\n"
    "print(os.getpid(), flush=True)\n"
    "while True: signal.pause()\n"
)


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


@pytest.mark.parametrize("without", WAYS_TO_SWEEP)
def test_a_bomb_that_goes_on_forking_is_swept(guarding: Guarding, without: str) -> None:
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
        env={"GAFFER_WITHOUT": without},
    )
    assert popen.wait(DEADLINE) == -signal.SIGKILL


@pytest.mark.parametrize("without", WAYS_TO_SWEEP)
def test_what_is_below_what_is_killed_is_killed_too(guarding: Guarding, without: str) -> None:
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
        env={"GAFFER_WITHOUT": without},
    )
    assert three.popen.stdout is not None
    lowest = int(three.popen.stdout.readline())
    three.gaffer.kill()
    assert three.popen.wait(DEADLINE) == -signal.SIGKILL
    assert not is_alive(lowest)


@pytest.mark.parametrize(
    ("ours", "found"),
    [
        ([], []),
        ([1], [1]),
        ([2, 4000, 5000, 6000], [2, 4000]),
        ([9000, -5, -1], [9000]),
        ([-5000, -5, -1], [-5000]),
        ([-5, -1], [-5, -1]),
    ],
)
def test_children_are_found_by_asking_number_after_number(
    monkeypatch: pytest.MonkeyPatch, ours: list[int], found: list[int]
) -> None:
    """The block of numbers after our own that has any; then those from before it."""
    own = 7000
    with monkeypatch.context() as patch:
        patch.setattr(system, "_WITHOUT", frozenset({"proc"}))
        patch.setattr(system, "_PID_LIMIT", 20_000)
        patch.setattr(system, "_is_own_child", lambda pid: pid - own in ours)
        patch.setattr(os, "getpid", lambda: own)
        assert [pid - own for pid in system.own_children()] == found


def test_what_can_not_be_killed_is_told_and_takes_no_status(guarding: Guarding) -> None:
    popen = guarding.run(
        "guarded.wait()\n"
        "for _ in range(2):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os.close(1), os.close(2)\n"
        "        os.read(0, 1)\n"
        "        os._exit(0)\n"
        "print(child)\n"
        "sys.exit(3)\n",
        before=(
            "kill = os.kill\n"
            "def refuse(pid, signum):\n"
            "    if pid == max(os_children()): raise PermissionError(1, 'EPERM')\n"
            "    kill(pid, signum)\n"
            "os.kill = refuse\n"
            "def os_children():\n"
            "    return system.own_children()\n"
            "from gaffer_procfile.posix import system\n"
        ),
        stdin=subprocess.PIPE,
        env={"GAFFER_WITHOUT": "cgroup"},
    )
    assert popen.wait(DEADLINE) == 3
    assert popen.stdout is not None and popen.stderr is not None
    left = popen.stdout.read().strip()
    assert popen.stderr.read() == f"gaffer: left running, and can't be killed: {left}\n"


def test_what_does_not_end_when_killed_keeps_nobody_waiting(guarding: Guarding) -> None:
    """As one that waits for a disk that isn't there any more."""
    popen = guarding.run(
        "guarded.wait()\n"
        "if not os.fork():\n"
        "    os.close(1), os.close(2)\n"
        "    os.read(0, 1)\n"
        "    os._exit(0)\n"
        "sys.exit(3)\n",
        before="import gaffer_procfile.guard as it\nit._DYING = 0.1\nos.kill = lambda *_: None\n",
        stdin=subprocess.PIPE,
        env={"GAFFER_WITHOUT": "cgroup"},
    )
    assert popen.wait(DEADLINE) == 3
    assert popen.stderr is not None
    assert "can't be killed" in popen.stderr.read()


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


@pytest.mark.parametrize("end", ["os._exit(7)", "os.kill(os.getpid(), signal.SIGINT)"])
def test_a_gaffer_that_ends_before_its_guard_is_ready_has_its_status(
    guarding: Guarding, end: str
) -> None:
    before = (
        "from gaffer_procfile.posix import system\n"
        "def become_late():\n"
        "    (gaffer,) = system.children_of(os.getpid())\n"
        "    os.waitid(os.P_PID, gaffer, os.WEXITED | os.WNOWAIT)\n"
        "system.become_subreaper = become_late\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    )
    popen = guarding.run(end, before)
    assert popen.wait(DEADLINE) == (7 if "7" in end else -signal.SIGINT)


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


def test_a_gaffer_that_does_not_hear_that_the_outer_one_is_gone_is_killed(
    guarding: Guarding,
) -> None:
    three = guarding.three(HANG, "import gaffer_procfile.guard as it\nit._HEARING = 0.2\n")
    three.gaffer.suspend()
    wait_until(lambda: three.outer.status() == psutil.STATUS_STOPPED, "the outer one's halt")
    three.outer.kill()  # now that the guard waits
    wait_until(lambda: not three.living, "the end of the three")


def test_a_gaffer_that_hears_it_takes_its_time(guarding: Guarding) -> None:
    three = guarding.three(
        "import select\n"
        "guarded.wait()\n"
        "print(os.getpid(), flush=True)\n"
        "select.select(guarded.fds, [], [], 60)\n"
        "for fd in guarded.fds: os.close(fd)\n"
        "time.sleep(1)\n"
        "print('in order', flush=True)\n",
        "import gaffer_procfile.guard as it\nit._HEARING = 0.2\n",
    )
    three.outer.kill()
    assert three.popen.stdout is not None
    assert three.popen.stdout.readline() == "in order\n"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_gaffer_that_hangs_ends_when_told_for_the_third_time(
    guarding: Guarding, signum: signal.Signals
) -> None:
    three = guarding.three(HANG)
    began = time.monotonic()

    def has_ended() -> bool:
        if three.popen.poll() is None:
            three.popen.send_signal(signum)
        return three.popen.returncode is not None

    wait_until(has_ended, "the end")
    assert time.monotonic() - began > 2.2  # before that it may be about to end
    assert three.popen.wait(DEADLINE) == -signal.SIGKILL
    assert three.popen.stderr is not None
    assert three.popen.stderr.read() == "gaffer: it didn't end, and was killed\n"
    assert three.living == []


@pytest.mark.parametrize(
    ("told", "are_urgent"),
    [
        ([("TERM", 0), ("TERM", 1), ("TERM", 3)], True),
        ([("INT", 0), ("QUIT", 1), ("TERM", 2.9)], False),
        ([("TERM", 0), ("TERM", 0.1), ("TERM", 3)], False),  # the first two are one
        ([("INT", 0), *[("INT", 0.3 + n / 10) for n in range(20)]], False),  # impatience
        ([("INT", 0), *[("INT", 0.3 + n / 10) for n in range(22)]], True),
        ([("TERM", 0), ("HUP", 10), ("HUP", 20), ("HUP", 30)], False),  # of a closed terminal
        ([("HUP", 0), ("HUP", 10), ("TERM", 20), ("INT", 22.5)], True),
        ([("TERM", 0), ("HUP", 10), ("TERM", 10.1), ("TERM", 12.2)], False),
    ],
)
def test_which_wish_to_stop_is_the_third(told: list[tuple[str, float]], are_urgent: bool) -> None:
    wishes = _Wishes()
    for name, at in told:
        wishes.add(signal.Signals[f"SIG{name}"], 1000 + at)
    assert wishes.are_urgent == are_urgent


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


def test_where_no_pipe_can_be_had_there_is_no_guard(guarding: Guarding) -> None:
    popen = guarding.run(
        "before = len(os.listdir('/proc/self/fd'))\n"
        "pipe, left = os.pipe, [2]\n"
        "def make():\n"
        "    if not left: raise OSError(24, 'EMFILE')\n"
        "    left.pop()\n"
        "    return pipe()\n"
        "os.pipe = make\n"
        "print(enter(), len(os.listdir('/proc/self/fd')) - before, signal.pthread_sigmask(0, []))\n",
        env={},
    )
    out, err = popen.communicate(timeout=DEADLINE)
    assert out == "None 0 set()\n", err


def test_a_guard_that_can_have_no_gaffer_is_reaped(guarding: Guarding) -> None:
    """By the outer one: in a container there may be nobody else who does."""
    adopt = "import ctypes; assert not ctypes.CDLL(None).prctl(36, 1)\n"  # PR_SET_CHILD_SUBREAPER
    popen = guarding.run(
        "",
        before=adopt + "first = os.fork()\n"
        "if first:\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]))\n"
        "    try: print('left:', os.waitpid(-1, 0))\n"
        "    except ChildProcessError: print('nobody is left')\n"
        "    sys.exit()\n"
        "fork, left = os.fork, [1]\n"
        "def make():\n"
        "    if not left: raise BlockingIOError(11, 'no more')\n"
        "    left.pop()\n"
        "    return fork()\n"
        "os.fork = make\n",
        env={},
    )
    out, err = popen.communicate(timeout=DEADLINE)
    assert (out, err) == ("1\nnobody is left\n", "gaffer: can't start a process: no more\n")


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
        "heard = (signal.SIGINT, signal.SIGTERM)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, heard)\n"
        "print(os.getpid(), flush=True)\n"
        "while signal.sigwait(heard) == signal.SIGINT: print('key', flush=True)\n"
        "sys.exit(77)\n",
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


def test_keys_end_a_gaffer_that_hangs(guarding: Guarding, terminal: tuple[int, int]) -> None:
    three = guarding.three(HANG, stdin=terminal[1], preexec_fn=take_terminal)

    def has_ended() -> bool:
        os.write(terminal[0], b"\x03")
        return three.popen.poll() is not None

    wait_until(has_ended, "the end")
    assert three.popen.returncode == -signal.SIGKILL


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

CAN_UNSHARE = shutil.which("unshare") is not None and not subprocess.call(
    ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/dev"], stderr=subprocess.DEVNULL
)


def start(project: MakeProject) -> Running:
    made = project({"Procfile": "web: echo ready; exec sleep 60\n"})
    running = made.spawn("start")
    running.read_until("ready$")
    return running


@pytest.mark.skipif(not CAN_UNSHARE, reason="no directory can be hidden here")
@pytest.mark.parametrize("hidden", ["/proc", "/dev"])
def test_a_run_where_the_system_hides_much(project: MakeProject, hidden: str) -> None:
    made = project({"Procfile": "web: (sleep 60 & ) ; exit 3\n"})
    script = f"mount -t tmpfs none {hidden}; exec $gaffer start"
    running = made.spawn_shell(f"exec unshare -m sh -c {shlex.quote(script)}")
    assert running.wait() == 3, running.text
    assert "killed" not in running.text


def test_nothing_of_gaffers_is_kept_open_by_the_guard(project: MakeProject) -> None:
    running = start(project)
    (guard,) = psutil.Process(running.pid).children()
    directory = Path(f"/proc/{guard.pid}/fd")
    targets = {int(path.name): os.readlink(path) for path in directory.iterdir()}
    assert all(target.startswith("pipe:") for target in targets.values())
    (nothing,) = {targets.pop(fd) for fd in (0, 1, 2)}
    assert len({*targets.values()} - {nothing}) == len(targets) == 2
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


def test_a_gaffer_that_hangs_in_a_pattern_can_be_ended(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": f"web: echo {'a' * 60}b; exec sleep 60\n",
            "gaffer.yaml": "processes:\n  web:\n    ready: {log: '(a+)+$'}\n",
        }
    )
    running = made.spawn("start")
    running.read_until("web.1 started")
    gaffer = running.gaffer
    wait_until(lambda: gaffer.cpu_times().user > 0.5, "its being busy")

    def has_ended() -> bool:
        running.signal(signal.SIGTERM)
        return not is_alive(running.pid)

    wait_until(has_ended, "the end")
    assert running.wait() == -signal.SIGKILL

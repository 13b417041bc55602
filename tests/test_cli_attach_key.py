"""The key `a`: the terminal of `gaffer start` is lent to `gaffer attach`, and comes back in any case."""

from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import signal
import struct
import termios

import psutil
import pytest
from cli import MakeProject, Project, Running, wait_until
from cli import project as project
from conftest import DEADLINE

from gaffer_procfile.control import Run, runs_in

REPL = "repl: echo repl up; while read x; do echo has $x; done\n"
SIZES = "trap 'stty size <&1' WINCH; echo trap is set; while :; do sleep 0.02; done"
PLAIN, TTY = "{}", "{tty: true}"

needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")


def make(project: MakeProject, more: str = "", settings: str = PLAIN) -> Project:
    return project({"Procfile": REPL + more, "gaffer.yaml": f"processes: {{repl: {settings}}}\n"})


def start(made: Project) -> Running:
    running = made.spawn("start", pty=True)
    running.read_until("keys: r restart")
    running.read_until("repl up")
    find_run(made)
    return running


def start_in_bash(made: Project) -> tuple[Running, psutil.Process]:
    """A shell with job control, and the process that it has started."""
    shell = made.spawn_shell("PS1='$ ' exec bash --norc --noprofile -i", pty=True)
    shell.read_until(r"\$ ")
    shell.send(b"$gaffer start\n")
    shell.read_until("keys: r restart")
    shell.read_until("repl up")
    return shell, psutil.Process(find_run(made).pid)


def find_run(made: Project) -> Run:
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    return runs_in(str(made.directory))[0]


def attach(running: Running, keys: bytes = b"a") -> None:
    running.send(keys)
    running.read_until("detaches")
    running.read_until("repl up")


def quit_from(shell: Running) -> None:
    """End gaffer by its key, and then the shell."""
    shell.send(b"q")
    shell.read_until("q: stopping")
    shell.read_until(r"\$ ")  # what is typed before that is gaffer's
    shell.send(b"echo status $?; exit\n")
    shell.read_until("status 0")
    shell.wait()


def echoes(running: Running) -> bool:
    return bool(termios.tcgetattr(running._fd)[3] & termios.ECHO)


def resize(running: Running, rows: int) -> None:
    fcntl.ioctl(running._fd, termios.TIOCSWINSZ, struct.pack("4H", rows, 102, 0, 0))


def assert_all_end(processes: list[psutil.Process]) -> None:
    _gone, left = psutil.wait_procs(processes, timeout=DEADLINE)
    assert left == []


# ---- the shell has its terminal back before who is attached


@needs_bash
@pytest.mark.parametrize("settings", [PLAIN, TTY])
def test_nothing_is_left_when_the_outer_process_is_killed(
    project: MakeProject, settings: str
) -> None:
    shell, outer = start_in_bash(make(project, settings=settings))
    attach(shell)
    processes = outer.children(recursive=True)
    outer.kill()
    shell.read_until("Killed")
    assert_all_end(processes)
    shell.send(b"echo it is $((40 + 2)); exit\n")
    shell.read_until("it is 42")
    shell.wait()


@needs_bash
@pytest.mark.parametrize("settings", [PLAIN, TTY])
def test_who_is_attached_is_halted_and_goes_on_with_gaffer(
    project: MakeProject, settings: str
) -> None:
    shell, outer = start_in_bash(make(project, settings=settings))
    attach(shell)
    is_raw = settings == TTY
    for typed in ("Bob", "Eve"):
        outer.send_signal(signal.SIGTSTP)
        shell.read_until("Stopped")
        shell.send(b"echo it is $((40 + 2))\n")
        shell.read_until("it is 42")
        shell.send(b"fg\n")
        shell.read_until(r"start\r?$")
        wait_until(lambda: echoes(shell) != is_raw, "the modes of who is attached")
        shell.send(typed.encode() + (b"\r" if is_raw else b"\n"))
        shell.read_until(f"has {typed}")
    shell.send(b"\x1d" if is_raw else b"\x03")
    shell.read_until(r"what the others wrote meanwhile")
    wait_until(lambda: not echoes(shell), "the keys")
    quit_from(shell)


@needs_bash
def test_nothing_is_left_when_the_run_ends_in_the_background(project: MakeProject) -> None:
    shell, outer = start_in_bash(make(project))
    attach(shell)
    processes = [outer, *outer.children(recursive=True)]
    outer.send_signal(signal.SIGTSTP)
    shell.read_until("Stopped")
    outer.send_signal(signal.SIGTERM)
    outer.send_signal(signal.SIGCONT)
    shell.send(b"wait\n")
    assert_all_end(processes)
    shell.send(b"exit\n")
    shell.wait()


# ---- others


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="there is no prlimit")
def test_an_attach_that_cant_be_started_ends_nothing(project: MakeProject) -> None:
    running = start(make(project))
    gaffer = running.gaffer.pid
    used = {int(fd) for fd in os.listdir(f"/proc/{gaffer}/fd")}
    free = next(number for number in range(len(used) + 1) if number not in used)
    soft, hard = resource.prlimit(gaffer, resource.RLIMIT_NOFILE)
    resource.prlimit(gaffer, resource.RLIMIT_NOFILE, (free, hard))
    running.send(b"a")
    running.read_until(r"can't attach to repl\.1: too many open files")
    resource.prlimit(gaffer, resource.RLIMIT_NOFILE, (soft, hard))
    assert not echoes(running)
    attach(running)
    running.send(b"Bob\n")
    running.read_until(r"has Bob")
    running.send(b"\x03")
    running.read_until(r"what the others wrote meanwhile")
    running.send(b"q")
    assert running.wait() == 0


def test_the_end_of_a_run_that_is_attached_to(project: MakeProject) -> None:
    """What was kept comes when the terminal has its modes, and sends nobody to what has ended."""
    slow = "trap 'sleep 0.3; exit' TERM; while :; do sleep 0.01; done"
    made = make(project, f"web: {slow}\n", TTY)
    running = start(made)
    attach(running, b"a1")
    assert made.run("down").status == 0
    assert running.wait() == 0
    told = running.text.rpartition("detaches")[2]
    assert "web.1 stopped" in told and "repl.1 stopped" in told
    assert not re.search(r"(?<!\r)\n", told), told
    assert "what the others wrote meanwhile" not in told


# ---- the window


def test_a_window_that_is_resized_meanwhile(project: MakeProject) -> None:
    running = start(make(project, f"web: {SIZES}\n"))
    if "trap is set" not in running.text:
        running.read_until("trap is set")
    attach(running, b"a1")
    resize(running, 33)
    running.send(b"Bob\n")
    running.read_until(r"has Bob")
    running.send(b"\x03")
    running.read_until(r"web\.1 .*33 \d+\r")
    running.send(b"q")
    assert running.wait() == 0


@needs_bash
def test_a_window_that_is_resized_during_a_halt(project: MakeProject) -> None:
    shell, _outer = start_in_bash(make(project, f"web: {SIZES}\n"))
    if "trap is set" not in shell.text:
        shell.read_until("trap is set")
    shell.send(b"\x1a")
    shell.read_until("Stopped")
    resize(shell, 33)
    shell.send(b"fg\n")
    shell.read_until(r"web\.1 .*33 \d+\r")
    quit_from(shell)

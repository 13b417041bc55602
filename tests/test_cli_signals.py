"""Signals to a running `gaffer start`: everything ends in order, and gaffer by the signal itself."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cli import GAFFER, PACKAGE_ROOT, MakeProject, Project, Running, wait_until
from cli import project as project
from conftest import DEADLINE, is_alive

POLITE = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.01; done"
DEBOUNCE = 0.3  # seconds after which a second signal is one of its own


def started(made: Project, *args: str, count: int, pty: bool = False) -> Running:
    """`gaffer start` when `count` processes have said that they are ready."""
    running = made.spawn("start", *args, pty=pty)
    for _ in range(count):
        running.read_until("ready")
    return running


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_and_then_gaffer(project: MakeProject, signum: signal.Signals) -> None:
    made = project({"Procfile": f"web: {POLITE}\nworker: {POLITE}\n"})
    running = started(made, count=2)
    running.signal(signum)
    assert running.wait() == -signum
    assert running.text.count("| bye") == 2, running.text
    for name in ("web.1", "worker.1"):
        assert f"{name} stopped" in running.text
    said = "Ctrl-C" if signum == signal.SIGINT else signum.name
    assert f"gaffer   | {said}: stopping" in running.text
    assert "Traceback" not in running.text


def test_ctrl_c_on_a_terminal(project: MakeProject) -> None:
    running = started(project({"Procfile": f"web: {POLITE}\n"}), count=1, pty=True)
    running.send(b"\x03")
    assert running.wait() == -signal.SIGINT
    assert running.text.count("bye") == 1


def test_the_terminal_is_left_as_it_was(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {POLITE}\n"})
    script = "trap : INT; stty -g >before; $gaffer start; stty -g >after"
    running = made.spawn_shell(script, pty=True)
    running.read_until("ready")
    running.send(b"\x03")
    running.wait()
    before = made.path("before").read_text()
    assert before and made.path("after").read_text() == before


@pytest.mark.parametrize("then", ["exec sleep 60", "while echo more; do sleep 0.01; done"])
def test_a_terminal_that_is_closed(project: MakeProject, then: str) -> None:
    running = started(project({"Procfile": f"web: echo ready; {then}\n"}), count=1, pty=True)
    running.close_output()
    assert running.popen.wait(DEADLINE) == -signal.SIGHUP


@pytest.mark.parametrize(
    ("settings", "how"),
    [("tty: true", ""), ("stop_signal: INT", ""), ("stop_timeout: 0.5s", " (killed by SIGKILL)")],
)
def test_how_an_interactive_shell_stops(project: MakeProject, settings: str, how: str) -> None:
    """It ignores SIGTERM, but not that its terminal is closed."""
    trap = "trap '' TERM; echo ready; exec sleep 100" if "tty" not in settings else "exec sh -i"
    made = project(
        {
            "gaffer.yaml": f'processes: {{web: {{command: "{trap}", {settings}}}}}\n',
            ".env": 'PS1="ready\\n"\n',
        }
    )
    running = started(made, count=1)
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert f"web.1 stopped{how}\n" in running.text
    assert "goes on" not in running.text


def test_a_terminal_of_its_own_is_closed_in_a_test_too(project: MakeProject) -> None:
    made = project(
        {"gaffer.yaml": "processes: {web: {command: exec sh -i, tty: true, ready: {log: ready}}}\n"}
    )
    result = made.run("test", "--", "true", env={"PS1": "ready\n"})
    assert result.status == 0, result


SLOW_TO_STOP = (
    "trap 'sleep 0.5; echo bye >bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
)


# Python forgets a KeyboardInterrupt that comes in a callback, and its import system has some.
INTERRUPTED_IMPORT = """
import os, signal, sys, weakref

class Something:
    pass

def interrupt(_reference):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            something = Something()
            reference = weakref.ref(something, interrupt)
            del something
        return None

sys.meta_path.insert(0, Finder())
from gaffer_procfile.__main__ import main
sys.argv[1:] = [VERB]
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("verb", "module"),
    [
        *(("start", module) for module in ("cli", "guard", "project", "manager", "apps.console")),
        *(("logs", module) for module in ("cli", "cli.logs", "client")),
    ],
)
def test_a_ctrl_c_while_it_is_loaded_is_not_lost(
    project: MakeProject, verb: str, module: str
) -> None:
    made = project({"Procfile": "web: sleep 100\n"})
    program = INTERRUPTED_IMPORT.replace("MODULE", repr(f"gaffer_procfile.{module}"))
    program = program.replace("VERB", repr(verb))
    made.write({"program.py": program})
    running = made.spawn_shell(f"exec {sys.executable} program.py")
    assert running.wait() == -signal.SIGINT, running.text
    assert "Exception ignored" not in running.text


def test_a_terminal_that_is_closed_leaves_the_time_to_stop(project: MakeProject) -> None:
    """Its output is broken a moment before SIGHUP comes, or a moment after."""
    for _ in range(3):
        made = project({"Procfile": f"web: {SLOW_TO_STOP}\n"})
        running = started(made, "--log-dir", "log", count=1, pty=True)
        running.close_output()
        assert running.popen.wait(DEADLINE) == -signal.SIGHUP
        log = made.path("log/gaffer.log").read_text()
        assert "stopping" in log and "killing" not in log, log
        assert made.path("bye").read_text() == "bye\n"


def test_several_hangups_are_one(project: MakeProject) -> None:
    """The kernel tells of a closed terminal, the shell in it too, and so does a multiplexer."""
    slow = "trap 'sleep 0.8; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    running = started(project({"Procfile": f"web: {slow}\n"}), count=1)
    running.signal(signal.SIGHUP)
    running.read_until("SIGHUP: stopping")
    first = time.monotonic()
    wait_until(lambda: time.monotonic() - first > DEBOUNCE, "a moment")
    running.signal(signal.SIGHUP)
    running.read_until("SIGHUP: stopping already")
    assert running.wait() == -signal.SIGHUP
    assert "| bye" in running.text and "killing" not in running.text


def test_it_has_stopped_when_nothing_is_left_of_it(project: MakeProject) -> None:
    """A shell in front ends at once; the program behind it takes its time, and tells of it."""
    made = project(
        {
            "Procfile": "web: sh program; true\n",
            "program": "trap 'sleep 0.5; echo bye; exit 0' TERM; echo ready;"
            " while :; do sleep 0.01; done\n",
        }
    )
    running = started(made, count=1)
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert running.text.count("web.1 stopped") == 1
    assert running.text.index("| bye") < running.text.index("web.1 stopped")


def test_who_goes_on_is_told_when_a_shell_in_front_has_ended(project: MakeProject) -> None:
    made = project({"Procfile": "web: sh program; true\n", "program": STUBBORN})
    running = started(made, "-t", "2.2", count=1)
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    told = ["web.1 goes on after SIGTERM, killing it in 1 s", "killing web.1", "web.1 stopped"]
    assert sorted(told, key=running.text.index) == told


def test_a_script_around_it_ends_as_well(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {POLITE}\n"})
    running = made.spawn_shell("$gaffer start; echo went on", pty=True)
    running.read_until("ready")
    running.send(b"\x03")
    running.wait()
    assert "went on" not in running.text


def test_the_shell_sees_130(project: MakeProject) -> None:
    made = project({"Procfile": "web: kill -INT $PPID; exec sleep 60\n"})
    result = made.shell("trap : INT; $gaffer start; echo status $?")
    assert result.lines[-1] == "status 130", result


def test_grandchildren_end_too(project: MakeProject) -> None:
    made = project({"Procfile": "web: sleep 600 & sleep 600 & echo ready; wait\n"})
    running = started(made, count=1)
    tree = running.processes()
    assert len(tree) == 3
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert [child.pid for child in tree if is_alive(child.pid)] == []


def test_an_ignored_sighup_stays_ignored(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {POLITE}\n"})
    running = made.spawn_shell("trap '' HUP; exec $gaffer start")
    running.read_until("ready")
    # Of two signals that wait, the one with the lower number is taken first: SIGHUP.
    running.signal(signal.SIGHUP)
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert "SIGHUP" not in running.text
    assert "SIGTERM: stopping" in running.text


def test_children_start_with_default_signals(project: MakeProject) -> None:
    made = project({"Procfile": "web: exec grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status\n"})
    result = made.shell("trap '' INT QUIT; exec $gaffer start --no-prefix -q")
    masks = {line.split(":")[0]: int(line.split()[1], 16) for line in result.lines}
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGTSTP):
        assert not masks["SigIgn"] & 1 << signum - 1, signum.name
    assert masks["SigBlk"] == 0


def test_a_failure_keeps_its_status_when_ctrl_c_hastens_the_end(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {STUBBORN}\nworker: echo ready; sleep 0.2; exit 3\n"})
    running = started(made, "--stop-timeout", "600", count=2)
    running.read_until("stopping the others")
    running.press_ctrl_c_until_it_ends()
    assert running.wait() == 3


def test_a_success_that_came_first_does_not(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {STUBBORN}\nworker: echo ready; sleep 0.2; exit 0\n"})
    running = started(made, "--stop-timeout", "600", count=2)
    running.read_until("stopping the others")
    running.press_ctrl_c_until_it_ends()
    assert running.wait() == -signal.SIGINT


def test_a_second_ctrl_c_does_not_wait(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {STUBBORN}\nworker: {STUBBORN}\n"})
    running = started(made, "--stop-timeout", "600", count=2)
    running.signal(signal.SIGINT)
    running.read_until("Ctrl-C: stopping")
    assert is_alive(running.pid)
    first = time.monotonic()
    wait_until(lambda: time.monotonic() - first > DEBOUNCE, "a moment")
    running.signal(signal.SIGINT)
    running.read_until("killing what is left")
    assert running.wait() == -signal.SIGINT
    assert running.text.count("stopped (killed by SIGKILL)") == 2


def test_one_keypress_counts_once(project: MakeProject) -> None:
    # gaffer's terminal and a program that passes signals on (npm, make) may both send one.
    slow = "trap 'sleep 0.4; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    running = started(project({"Procfile": f"web: {slow}\n"}), count=1)
    running.signal(signal.SIGINT)
    running.read_until("Ctrl-C: stopping")
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    assert "| bye" in running.text
    assert "killing" not in running.text


@pytest.mark.parametrize("timeout", ["0", "0.2"])
@pytest.mark.parametrize("option", ["--stop-timeout", "-t"])
def test_what_does_not_stop_in_time_is_killed(
    project: MakeProject, option: str, timeout: str
) -> None:
    running = started(project({"Procfile": f"web: {STUBBORN}\n"}), option, timeout, count=1)
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert "web.1 stopped (killed by SIGKILL)" in running.text


def test_a_process_that_ignores_sigterm_is_killed_after_another_has_failed(
    project: MakeProject,
) -> None:
    made = project({"Procfile": f"web: {STUBBORN}\nworker: echo ready; sleep 0.2; exit 3\n"})
    running = started(made, "-t", "0.2", count=2)
    assert running.wait() == 3
    assert "web.1 stopped (killed by SIGKILL)" in running.text


# ---- Ctrl-Z, in a real shell on a real terminal


class Terminal:
    """A shell under tmux."""

    def __init__(self, directory: Path) -> None:
        self._socket = f"gaffer-{uuid.uuid4().hex}"
        self.directory = directory
        shell = "exec env PS1='$ ' bash --norc --noprofile -i"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "160", "-y", "50", shell)

    def _tmux(self, *args: str) -> str:
        environ = {name: value for name, value in os.environ.items() if name != "TMUX"}
        environ |= {"PYTHONPATH": PACKAGE_ROOT, "TERM": "xterm"}
        done = subprocess.run(
            ["tmux", "-L", self._socket, *args],
            cwd=self.directory,
            env=environ,
            check=True,
            capture_output=True,
            text=True,
            timeout=15,
        )
        return done.stdout

    def type(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def wait_for(self, pattern: str) -> None:
        wait_until(lambda: re.search(pattern, self.screen(), re.MULTILINE), pattern)

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def terminal(project: MakeProject) -> Iterator[Terminal]:
    counting = "echo $$ >pid; n=0; while :; do n=$((n+1)); echo $n >count; sleep 0.02; done"
    terminal = Terminal(project({"Procfile": f"web: {counting}\n"}).directory)
    yield terminal
    terminal.close()


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_ctrl_z_stops_the_children_too_and_fg_wakes_them(terminal: Terminal) -> None:
    directory = terminal.directory
    terminal.wait_for(r"^\$")
    terminal.type(f"{' '.join(GAFFER)} start", "Enter")
    terminal.wait_for("web.1 started")
    wait_until(lambda: (directory / "count").exists(), "the first count")
    child = psutil.Process(int((directory / "pid").read_text()))
    gaffer = child.parent()
    assert gaffer is not None

    terminal.type("C-z")
    terminal.wait_for("Stopped")
    stopped = psutil.STATUS_STOPPED
    wait_until(lambda: gaffer.status() == stopped, "gaffer's halt")
    wait_until(lambda: child.status() == stopped, "the child's halt")

    counted = (directory / "count").read_text()
    terminal.type("fg", "Enter")
    wait_until(lambda: (directory / "count").read_text() not in (counted, ""), "counting again")
    assert gaffer.status() != stopped

    terminal.type("C-c")
    wait_until(lambda: not is_alive(gaffer.pid), "gaffer's end")
    terminal.type("echo status $?", "Enter")
    terminal.wait_for("^status 130")
    assert not is_alive(child.pid)


def test_ctrl_z_and_then_the_end(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {POLITE}\n"})
    running = started(made, count=1)
    gaffer = psutil.Process(running.pid)
    running.signal(signal.SIGTSTP)
    wait_until(lambda: gaffer.status() == psutil.STATUS_STOPPED, "gaffer's halt")
    running.signal(signal.SIGTERM)
    running.signal(signal.SIGCONT)
    assert running.wait() == -signal.SIGTERM
    assert "| bye" in running.text


def test_a_halt_is_over_when_gaffer_itself_has_halted(project: MakeProject) -> None:
    """Else what continues it at once comes before its halt, and it halts for good."""
    running = project({"Procfile": "web: echo ready; exec sleep 100\n"}).spawn("start")
    running.read_until(r"web\.1 +\| ready")
    outer, gaffer = psutil.Process(running.pid), running.gaffer
    # Slow to halt: it is stopped before it can look at the signal.
    gaffer.send_signal(signal.SIGSTOP)
    wait_until(lambda: outer.status() == psutil.STATUS_STOPPED, "the outer process's halt")
    running.signal(signal.SIGCONT)
    wait_until(lambda: gaffer.status() != psutil.STATUS_STOPPED, "gaffer's going on")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM

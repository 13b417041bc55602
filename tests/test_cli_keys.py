"""Keys in the terminal of `gaffer start`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import termios
from typing import Any

import psutil
import pytest
from cli import MakeProject, Project, Running, wait_until
from cli import project as project
from test_cli_reload import change_until

from gaffer_procfile.control import runs_in

TWO = {
    "Procfile": "web: echo web up; exec sleep 100\nworker: echo worker up; exec sleep 100\n",
}


def start(made: Project, *args: str, **settings: Any) -> Running:
    running = made.spawn("start", *args, pty=True, **settings)
    running.read_until("keys: r restart")
    running.read_until("worker up|repl up")
    return running


def echoes(running: Running) -> bool:
    return bool(termios.tcgetattr(running._fd)[3] & termios.ECHO)


def test_restart_one_and_all(project: MakeProject) -> None:
    running = start(project(TWO))
    running.send(b"r")
    running.read_until(r"restart: 1 web, 2 worker, 0 all")
    running.send(b"2")
    running.read_until(r"worker\.1 stopped")
    running.read_until(r"worker up")
    running.send(b"r0")
    running.read_until(r"web up")
    running.send(b"q")
    running.read_until(r"q: stopping")
    assert running.wait() == 0
    assert running.text.count("web up") == 2
    assert running.text.count("worker up") == 3


def test_a_restart_of_all_starts_nobody_who_waits(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  db: {command: 'echo worker up; exec sleep 100', ready: {file: go}}
  web: {command: 'echo web up; exec sleep 100', depends_on: db}
"""
        }
    )
    running = start(made)
    running.send(b"r0")
    running.read_until("worker up")
    running.send(b"s")
    running.read_until(r"web +waits")
    running.send(b"r2")
    running.read_until("web up")
    running.send(b"q")
    assert running.wait() == 0


def test_status_and_help(project: MakeProject) -> None:
    running = start(
        project({"Procfile": TWO["Procfile"] + "clock: exec sleep 100\n"}), "-c", "clock=0"
    )
    running.send(b"s")
    running.read_until(r"gaffer +.*\| .*web\.1 +running, pid \d+, up \d+ s")
    running.read_until(r"worker\.1 +running, pid \d+, up \d+ s")
    running.read_until(r"clock +is scaled to 0")
    running.send(b"?")
    running.read_until(r"q  stop everything, as Ctrl-C does")
    running.send(b"rx")
    running.read_until(r"'x' is none of these")
    running.send(b"\x03")
    assert running.wait() == -signal.SIGINT


def test_a_filter_hides_the_others_for_a_while(project: MakeProject) -> None:
    script = "while read line; do echo $line; done"
    made = project(
        {
            "Procfile": "web: echo web up; while sleep 0.05; do echo web goes on; done\n"
            f"worker: echo worker up; {script}\n",
        }
    )
    running = start(made)
    running.read_until("web goes on")
    running.send(b"f2")
    running.read_until("showing only worker")
    running.send(b"f0")
    running.read_until("showing all")
    shown = running.text.rpartition("showing only worker")[2].partition("showing all")[0]
    assert "web goes on" not in shown
    running.read_until("web goes on")
    running.send(b"q")
    assert running.wait() == 0


@pytest.mark.parametrize("options", [("--hide", "web"), ("--only", "worker"), ()])
def test_a_filter_shows_what_it_says(project: MakeProject, options: tuple[str, ...]) -> None:
    goes_on = "while sleep 0.05; do echo $PS goes on; done"
    made = project(
        {
            "gaffer.yaml": "processes: {web: {log: false}}\n" if not options else "port: 6000\n",
            "Procfile": f"web: {goes_on}\nworker: echo worker up; {goes_on}\n",
        }
    )
    running = start(made, *options)
    running.read_until(r"worker\.1 goes on")
    assert "web.1 goes on" not in running.text
    running.send(b"f1")
    running.read_until("showing only web")
    running.read_until(r"web\.1 goes on")
    running.send(b"f0")
    running.read_until("showing all")
    running.read_until(r"worker\.1 goes on")
    shown = running.text.rpartition("showing all")[2]
    assert "web.1 goes on" not in shown
    running.send(b"q")
    assert running.wait() == 0


def test_a_filter_ends_with_what_it_shows(project: MakeProject) -> None:
    web = "web: echo web up; while sleep 0.05; do echo web goes on; done\n"
    made = project(
        {
            "gaffer.yaml": "watch_config: true\n",
            "Procfile": web + "worker: echo worker up; exec sleep 100\n",
        }
    )
    running = start(made)
    running.send(b"f2")
    running.read_until("showing only worker")
    change_until(running, made, "Procfile", web, r"Procfile changed: without worker")
    running.read_until(r"worker was removed, showing all")
    running.read_until("web goes on")
    running.send(b"q")
    assert running.wait() == 0


def test_attach_answers_a_prompt(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": "repl: echo repl up; printf 'name? '; "
            "while read name; do echo hello $name; done\n",
        }
    )
    running = start(made)
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    running.send(b"a")
    running.read_until(r"Ctrl-C detaches")
    running.read_until(r"name\? ")
    running.send(b"Bob\n")
    running.read_until(r"hello Bob")
    running.send(b"\x1a")  # Ctrl-Z halts nobody: no shell could wake it
    running.send(b"Eve\n")
    running.read_until(r"hello Eve")
    running.send(b"\x03")  # it detaches, and ends nothing
    running.read_until(r"what the others wrote meanwhile")
    running.send(b"s")
    running.read_until(r"repl\.1 +running")
    running.send(b"q")
    assert running.wait() == 0


def test_attach_to_one_of_several(project: MakeProject) -> None:
    made = project({"Procfile": "repl: echo repl up; while read x; do echo $PS has $x; done\n"})
    running = start(made, "-c", "repl=2")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    running.send(b"a")
    running.read_until(r"attach to: 1 repl\.1, 2 repl\.2")
    running.send(b"2")
    running.read_until(r"Ctrl-C detaches")
    running.send(b"Bob\n")
    running.read_until(r"repl\.2 has Bob")
    running.send(b"\x03")
    running.read_until(r"what the others wrote meanwhile")
    running.send(b"q")
    assert running.wait() == 0


def test_what_is_typed_ahead_of_an_attach_is_no_key(project: MakeProject) -> None:
    made = project(TWO)
    running = start(made)
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    running.send(b"a2q")
    running.read_until(r"Ctrl-C detaches")
    running.send(b"\x03")
    running.read_until(r"what the others wrote meanwhile")
    assert "q: stopping" not in running.text
    running.send(b"q")
    running.read_until("q: stopping")
    assert running.wait() == 0


def test_the_terminal_is_ours_again_when_all_end_while_one_is_attached_to(
    project: MakeProject,
) -> None:
    made = project(TWO)
    shell = made.spawn_shell("$gaffer start; echo status $?; read x && echo got $x", pty=True)
    [pid] = shell.read_until(r"web\.1 started \(pid (\d+)\)").groups()
    shell.read_until("worker up")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    shell.send(b"a2")
    shell.read_until(r"Ctrl-C detaches")
    os.kill(int(pid), signal.SIGKILL)
    shell.read_until(r"status 137")
    shell.send(b"this\n")
    shell.read_until("got this")
    assert shell.wait() == 0


def test_nothing_of_gaffers_disturbs_who_is_attached(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": "repl: echo repl up; while read x; do echo has $x; done\n"
            "web: echo web up; exec sleep 100\n"
        }
    )
    running = start(made)
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    running.send(b"a1")
    running.read_until(r"Ctrl-C detaches")
    assert made.run("restart", "web").status == 0
    running.send(b"Bob\n")
    running.read_until(r"has Bob")
    assert "web.1 stopped" not in running.text
    running.send(b"\x03")
    running.read_until(r"web\.1 stopped")
    running.read_until(r"web\.1 started")
    running.read_until(r"what the others wrote meanwhile")
    running.send(b"q")
    assert running.wait() == 0


def test_more_processes_than_keys(project: MakeProject) -> None:
    lines = [f"w{number}: exec sleep 100\n" for number in range(1, 37)]
    made = project({"Procfile": "".join(lines) + "worker: echo worker up; exec sleep 100\n"})
    running = start(made)
    running.send(b"r")
    running.read_until(r"z w35, \+ more, 0 all")
    running.send(b"+")
    running.read_until(r"restart: 1 w36, 2 worker, \+ more, 0 all")
    running.send(b"3")
    running.read_until(r"'3' is none of these")
    running.send(b"r++")
    running.read_until(r"restart: 1 w1, ")
    running.send(b"+2")
    running.read_until(r"worker\.1 stopped")
    running.read_until(r"worker up")
    running.send(b"q")
    assert running.wait() == 0


def test_the_terminal_is_as_before(project: MakeProject) -> None:
    running = start(project(TWO))
    assert not echoes(running)
    running.send(b"\x1a")  # Ctrl-Z
    outer = psutil.Process(running.pid)
    wait_until(lambda: outer.status() == psutil.STATUS_STOPPED, "the halt")
    assert echoes(running)
    os.killpg(running.pid, signal.SIGCONT)
    wait_until(lambda: not echoes(running), "going on")
    running.send(b"q")
    assert running.wait() == 0
    assert echoes(running)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_keys_after_bg_and_fg(project: MakeProject) -> None:
    """Of `fg` nobody tells what runs already."""
    made = project(TWO)
    shell = made.spawn_shell("PS1='$ ' exec bash --norc --noprofile -i", pty=True)
    shell.read_until(r"\$ ")
    shell.send(b"$gaffer start\n")
    shell.read_until("keys: r restart")
    shell.read_until("worker up")
    shell.send(b"\x1a")  # Ctrl-Z
    shell.read_until("Stopped")
    shell.send(b"bg\n")
    shell.read_until(r"\[1\]\+ .*start &")
    # In the background it looks, and leaves the shell's terminal alone.
    shell.send(b"sleep 0.7; fg\n")
    shell.read_until(r"start\r?$")
    wait_until(lambda: not echoes(shell), "the keys")
    shell.send(b"s")
    shell.read_until(r"worker\.1 +running, pid \d+, up \d+ s")
    shell.send(b"\x1a")
    shell.read_until("Stopped")
    shell.send(b"fg\n")
    shell.read_until(r"start\r?$")
    wait_until(lambda: not echoes(shell), "the keys")
    shell.send(b"q")
    shell.read_until("q: stopping")
    shell.read_until(r"\$ ")  # before that, what is typed are keys
    shell.send(b"echo status $?; exit\n")
    shell.read_until("status 0")
    shell.wait()


def test_what_is_pasted_counts_as_no_key(project: MakeProject) -> None:
    running = start(project(TWO), env={"TERM": "xterm"})
    wait_until(lambda: not echoes(running), "the keys")
    running.send(b"\x1b[200~r0 quit q\nq" + b"q" * 2000 + b"\x1b[201~s")
    running.read_until(r"worker\.1 +running, pid \d+, up \d+ s")
    assert "restart:" not in running.text and "q: stopping" not in running.text
    running.send(b"\x1b[Af")  # an arrow is no answer either
    running.read_until(r"show only: 1 web")
    running.send(b"\x1b[B\x1b[200~2\x1b[201~1")
    running.read_until("showing only web")
    running.send(b"q")
    assert running.wait() == 0


def test_pastes_are_marked_while_keys_are_heard(project: MakeProject) -> None:
    running = start(project(TWO), env={"TERM": "xterm"})
    outer = psutil.Process(running.pid)
    assert running.text.count("\x1b[?2004h") == 1
    running.send(b"\x1a")  # Ctrl-Z
    running.read_until(r"\x1b\[\?2004l")
    wait_until(lambda: outer.status() == psutil.STATUS_STOPPED, "the halt")
    os.killpg(running.pid, signal.SIGCONT)
    running.read_until(r"\x1b\[\?2004h")
    running.send(b"q")
    assert running.wait() == 0
    modes = re.findall(r"\x1b\[\?2004(.)", running.text)
    assert modes == ["h", "l", "h", "l"]


def test_a_dumb_terminal_is_sent_no_sequence(project: MakeProject) -> None:
    running = start(project(TWO), env={"TERM": "dumb"})
    running.send(b"q")
    assert running.wait() == 0
    assert "\x1b" not in running.text


def test_even_when_gaffer_was_killed(project: MakeProject) -> None:
    running = start(project(TWO), env={"TERM": "xterm"})
    running.gaffer.kill()
    assert running.wait() == -signal.SIGKILL
    assert echoes(running)
    assert running.read_all().endswith("\x1b[?2004l")


def test_no_keys_where_nobody_presses_them(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo up\n"})
    for args, settings in [
        (["--no-keys"], {"pty": True}),
        (["-q"], {"pty": True}),
        ([], {}),
    ]:
        running = made.spawn("start", *args, **settings)
        assert running.wait() == 0
        assert "keys:" not in running.text


@pytest.mark.skipif(shutil.which("setsid") is None, reason="there is no setsid")
def test_no_keys_from_the_terminal_of_another_session(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo up\n"})
    running = made.spawn_shell("setsid -w $gaffer start", pty=True)
    assert running.wait() == 0, running.text
    assert "web.1 started" in running.text and "keys:" not in running.text

"""`gaffer attach`: the terminal of a process for ours, and ours given back as it was."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import termios
from pathlib import Path

import pytest
from cli import MakeProject, Running, wait_until
from cli import project as project
from hypothesis import given
from hypothesis import strategies as st
from served import Serve, Served
from served import runtime as runtime
from served import serve as serve

from gaffer_procfile.cli.attach import detach_key
from gaffer_procfile.cli.terminal import Modes, Returns
from gaffer_procfile.errors import UsageError

STAYS = "exec sleep 600"
ASKS = 'printf "name? "; read -r name; echo "hello $name"; read -r more; exit 5'
TTY = {"web": {"tty": True}}


def set_size(running: Running, rows: int, columns: int) -> None:
    fcntl.ioctl(running._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def attach(served: Served, *args: str, before: str = "stty rows 30 cols 100") -> Running:
    """Attach from a shell on a terminal, which says how it ended and how the terminal is then."""
    script = (
        f"{before}; stty -g; trap : INT; $gaffer attach {' '.join(args)} web; "
        "echo status $?; stty -g"
    )
    return served.project.spawn_shell(script, pty=True, env={"TERM": "xterm"})


def assert_restored(running: Running) -> None:
    running.wait()
    states = re.findall(r"^[0-9a-f]+(?::[0-9a-f]+)+", running.text, re.MULTILINE)
    assert len(states) == 2 and states[0] == states[1], running.text


def test_keys_go_to_its_terminal_and_a_key_detaches(serve: Serve) -> None:
    served = serve(f"web: {ASKS}\n", settings=TTY)
    running = attach(served)
    running.read_until(r"attached to web\.1, Ctrl-\] detaches\r\n")
    running.read_until(r"name\? ")  # what it wrote before
    running.send(b"Jo\r")
    running.read_until(r"hello Jo\r\n")  # ours doesn't echo: that is for its own
    running.send(b"\x1d")
    running.read_until(r"detached from web\.1\r\nstatus 0\r\n")
    assert_restored(running)
    assert served.state("web.1") == "running"


def test_ctrl_c_is_for_the_process(serve: Serve) -> None:
    command = "trap 'echo interrupted' INT; echo trap is set; while :; do sleep 0.05; done"
    served = serve(f"web: {command}\n", settings=TTY)
    running = attach(served, "--detach-key", "ctrl-q")
    running.read_until("trap is set")
    running.send(b"\x03")
    running.read_until(r"interrupted\r\n")
    running.send(b"\x11")
    running.read_until("status 0")
    assert_restored(running)


def test_the_window_is_the_size_of_ours_and_follows(serve: Serve) -> None:
    command = "trap 'stty size' WINCH; echo trap is set; while :; do sleep 0.05; done"
    served = serve(f"web: {command}\n", settings=TTY)
    wait_until(lambda: "trap is set" in served.run("logs").stdout, "the trap")
    running = attach(served)
    running.read_until(r"\b30 100\b")
    set_size(running, 20, 70)
    running.read_until(r"\b20 70\b")
    running.send(b"\x1d")
    assert_restored(running)


def test_the_end_of_the_process_is_its_status(serve: Serve) -> None:
    served = serve(f"web: {ASKS}\n", settings=TTY)
    running = attach(served)
    running.read_until(r"name\? ")
    running.send(b"a\rb\r")
    running.read_until(r"web\.1 exited with status 5")
    running.read_until(r"status 5\r\n")
    assert_restored(running)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_restored_when_a_signal_ends_it(serve: Serve, signum: int) -> None:
    command = rf"printf '\033[?1049h\033[?25l\033[?1000hfull screen'; {STAYS}"
    served = serve(f"web: {command}\n", settings=TTY)
    running = attach(served, before="echo $$ > shell; stty rows 30 cols 100")
    running.read_until("full screen")
    shell = int(served.project.path("shell").read_text())
    [child] = [int(pid) for pid in Path(f"/proc/{shell}/task/{shell}/children").read_text().split()]
    os.kill(child, signum)
    running.read_until(r"\x1b\[\?25h")
    running.read_until(r"\x1b\[\?1000l")
    running.read_until(r"\x1b\[\?1049l")
    running.read_until(rf"status {128 + signum}")
    assert_restored(running)


def test_the_terminal_is_restored_when_gaffer_is_killed(serve: Serve) -> None:
    served = serve(f"web: echo here; {STAYS}\n", settings=TTY)
    [web] = served.ps()
    running = attach(served)
    running.read_until("here")
    served.running.popen.kill()
    running.read_until(r"gaffer has ended meanwhile\r\nstatus 3")
    assert_restored(running)
    served.shell(f"kill -KILL {web['os_pid']}")  # nobody else is left to do it


def test_without_a_terminal_lines_are_sent(serve: Serve) -> None:
    served = serve(f"web: {ASKS}\n")
    running = attach(served)
    running.read_until(r"web\.1 has no terminal: lines go to it, Ctrl-C detaches\r\n")
    running.read_until(r"name\? ")
    running.send(b"Jo\r")
    running.read_until(r"Jo\r\nhello Jo\r\n")  # echoed by ours
    running.send(b"\x04")
    running.read_until(r"status 0\r\n")
    assert_restored(running)
    assert served.state("web.1") == "running"


def test_without_a_terminal_ctrl_c_detaches(serve: Serve) -> None:
    served = serve(f"web: {ASKS}\n")
    running = attach(served)
    running.read_until(r"name\? ")
    running.send(b"\x03")
    running.read_until(r"status 130\r\n")
    assert_restored(running)
    assert served.state("web.1") == "running"


def test_from_a_pipe(serve: Serve) -> None:
    served = serve(f"web: {ASKS}\n")
    result = served.shell("printf 'Jo\\nmore\\n' | $gaffer attach web")
    assert (result.status, result.stdout) == (5, "name? hello Jo\n")
    assert result.stderr == "gaffer: web.1 exited with status 5\n"


def test_without_input_it_only_shows(serve: Serve) -> None:
    served = serve(f"web: echo here; {STAYS}\n", has_input=False)
    running = served.spawn("attach", "web")
    running.read_until("web.1 takes no input: only what it writes is shown")
    running.read_until("here\n")
    served.run("stop", "web")
    running.read_until("web.1 killed by SIGTERM")
    assert running.wait() == 128 + signal.SIGTERM


def test_scrollback(serve: Serve) -> None:
    served = serve(f"web: seq 1 2000; {STAYS}\n", settings=TTY)
    wait_until(lambda: "2000" in served.run("logs", "-n", "1").stdout, "the lines")
    running = attach(served, "--scrollback", "12")
    running.read_until(r"1999\r\n2000\r\n")
    assert "1998" not in running.text
    running.send(b"\x1d")
    assert_restored(running)


def test_one_of_several_has_to_be_named(serve: Serve) -> None:
    served = serve(f"web: echo I am $PS; {STAYS}\n", settings={"web": {"numprocesses": 2}})
    result = served.run("attach", "web")
    assert (result.status, result.error()) == (
        1,
        "'web' is several: web.1, web.2 (name one of them)",
    )
    running = served.spawn("attach", "web.2")
    running.read_until(r"I am web\.2\n")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM


def test_what_does_not_run(serve: Serve) -> None:
    served = serve("web: exit 3\n")
    wait_until(lambda: served.state("web.1") == "failed", "the end")
    assert served.run("attach", "web").error() == "web.1 isn't running"


@pytest.mark.parametrize(
    ("text", "key"),
    [("ctrl-]", b"\x1d"), ("Ctrl-Q", b"\x11"), ("^]", b"\x1d"), ("^a", b"\x01"), ("none", b"")],
)
def test_detach_keys(text: str, key: bytes) -> None:
    assert detach_key(text) == key


@pytest.mark.parametrize("text", ["", "q", "ctrl-", "ctrl-qq", "ctrl-1", "f1"])
def test_what_is_no_detach_key(text: str) -> None:
    with pytest.raises(UsageError):
        detach_key(text)


def test_a_detach_key_that_there_is_not(runtime: str, project: MakeProject) -> None:
    result = project({}).run("attach", "web", env={"GAFFER_DETACH_KEY": "x"})
    assert result.status == 2


# ---- modes


@pytest.mark.parametrize(
    ("output", "undone"),
    [
        (b"plain \x1b[31mred", b""),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?25l\x1b[?25h", b""),
        (b"\x1b[?1049h\x1b[?1h\x1b=", b"\x1b[?1l\x1b[?1049l\x1b>"),
        (b"\x1b[?1002;1006h", b"\x1b[?1002l\x1b[?1006l"),
        (b"\x1b[?7l", b"\x1b[?7h"),
    ],
)
def test_modes_are_undone(output: bytes, undone: bytes) -> None:
    modes = Modes()
    modes.feed(output)
    assert modes.undo() == undone + b"\x1b[0m"


@given(
    st.lists(
        st.sampled_from([b"\x1b[?25l", b"\x1b[?1049h", b"\x1b[?1049l", b"x", b"\x1b=", b"\x1b>"])
    ),
    st.lists(st.integers(min_value=0), max_size=20),
)
def test_modes_may_be_cut_anywhere(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    whole, cut = Modes(), Modes()
    whole.feed(data)
    places = sorted({each % (len(data) + 1) for each in cuts} | {0, len(data)})
    for start, end in zip(places, places[1:] or places, strict=False):
        cut.feed(data[start:end])
    assert cut.undo() == whole.undo()


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b"a\nb\r\nc\n"], b"a\r\nb\r\nc\r\n"),
        ([b"a\r", b"\nb"], b"a\r\nb"),
        ([b"a", b"\nb"], b"a\r\nb"),
        ([b"\n\n"], b"\r\n\r\n"),
        ([b"\r", b"", b"\n"], b"\r\n"),
    ],
)
def test_newlines_get_returns(chunks: list[bytes], expected: bytes) -> None:
    returns = Returns()
    assert b"".join(map(returns.add, chunks)) == expected

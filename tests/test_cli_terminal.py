"""`gaffer start` on a terminal: prompts, bars, colours, and pseudo-terminals for the processes."""

from __future__ import annotations

import fcntl
import re
import signal
import struct
import termios
import time

import pytest
from cli import MakeProject, Running, wait_until
from cli import project as project

PLAIN = ("-q", "--no-timestamps", "--colour", "never")


def set_size(running: Running, rows: int, columns: int) -> None:
    fcntl.ioctl(running._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_a_prompt_is_shown_soon(project: MakeProject) -> None:
    command = "sleep 0.2; date +%s.%N >begun; printf 'Password: '; exec sleep 60"
    made = project({"Procfile": f"web: {command}\n"})
    running = made.spawn("start", *PLAIN, pty=True)
    running.read_until(r"web\.1  \| Password: \Z")
    assert time.time() - float(made.path("begun").read_text()) < 0.15 + 0.15  # and a busy machine
    running.signal(signal.SIGTERM)
    running.wait()


def test_a_prompt_is_broken_by_others_and_goes_on_with_a_mark(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": "ask: printf '(Pdb) '; while [ ! -e told ]; do sleep 0.01; done; "
            "sleep 0.3; echo continued; exec sleep 60\n"
            "web: sleep 0.4; echo hello; touch told; exec sleep 60\n"
        }
    )
    running = made.spawn("start", *PLAIN, pty=True)
    running.read_until(r"ask\.1  \| \(Pdb\) \r\nweb\.1  \| hello\r\nask\.1  \+ continued\r\n")
    running.signal(signal.SIGTERM)
    running.wait()


def test_a_bar_is_one_line(project: MakeProject) -> None:
    command = r"for n in 1 2 3 4 5; do printf '\r%d0%%' $n; sleep 0.15; done; echo"
    running = project({"Procfile": f"web: {command}\n"}).spawn("start", *PLAIN, pty=True)
    running.wait()
    [*_, last] = running.text.removesuffix("\r\n").split("\n")
    assert re.sub(r"\x1b\[K", "", last).split("\r")[-1] == "web.1  | 50%"
    assert running.text.count("\n") == 1


TTY = "for fd in 0 1 2; do test -t $fd && printf 'tty ' || printf 'no '; done; echo"


@pytest.mark.parametrize(
    ("pty", "args", "expected"),
    [
        (True, [], "no tty tty"),
        (True, ["--no-pty"], "no no no"),
        (True, ["--json"], "no no no"),
        (False, [], "no no no"),
        (False, ["--pty"], "no tty tty"),
        (False, ["--json", "--pty"], "no tty tty"),
    ],
)
def test_what_the_processes_get(
    project: MakeProject, pty: bool, args: list[str], expected: str
) -> None:
    running = project({"Procfile": f"web: {TTY}\n"}).spawn("start", "-q", *args, pty=pty)
    running.wait()
    assert expected in running.text, running.text


@pytest.mark.parametrize(
    ("args", "env", "dotenv", "expected"),
    [
        ([], {}, "", "1"),
        ([], {"PYTHONUNBUFFERED": "x"}, "", "x"),
        ([], {}, "PYTHONUNBUFFERED=\n", ""),
        (["--pty"], {}, "", "unset"),
    ],
)
def test_python_is_unbuffered_on_a_pipe(
    project: MakeProject, args: list[str], env: dict[str, str], dotenv: str, expected: str
) -> None:
    made = project({"Procfile": "web: echo is ${PYTHONUNBUFFERED-unset}.\n", ".env": dotenv})
    script = "unset PYTHONUNBUFFERED; exec env $MORE $gaffer start --no-prefix -q " + " ".join(args)
    more = " ".join(f"{name}={value}" for name, value in env.items())
    assert made.shell(script, env={"MORE": more}).stdout == f"is {expected}.\n"


def test_the_window_is_smaller_by_the_prefix_and_follows(project: MakeProject) -> None:
    command = "trap 'stty size <&1' WINCH; sleep 0.2; stty size <&1; while :; do sleep 0.05; done"
    made = project({"Procfile": f"web: {command}\n"})
    script = "stty rows 30 cols 100; exec $gaffer start -q --no-timestamps --colour never"
    running = made.spawn_shell(script, pty=True)
    margin = len("web.1  | ")
    running.read_until(rf"\b30 {100 - margin}\b")
    set_size(running, 20, 70)
    running.read_until(rf"\b20 {70 - margin}\b")
    running.signal(signal.SIGTERM)
    running.wait()


def test_the_terminal_is_left_as_it_was(project: MakeProject) -> None:
    made = project({"Procfile": "web: stty raw -echo <&1; printf '\\033[?1049h\\033[?25lx\\n'\n"})
    running = made.spawn_shell("stty -g; $gaffer start -q; stty -g; exit 0", pty=True)
    running.wait()
    states = re.findall(r"^[0-9a-f]+(?::[0-9a-f]+)+", running.text, re.MULTILINE)
    assert len(states) == 2 and states[0] == states[1]
    assert "\x1b[?" not in running.text


def test_colours_do_not_bleed(project: MakeProject) -> None:
    command = r"printf '\033[31mred\nstill\033[0m\nplain\n'"
    made = project({"Procfile": f"web: {command}\n"})
    result = made.run("start", "-q", "--no-timestamps", "--colour", "always")
    texts = [re.sub(r"^.*?\| \x1b\[0m", "", line) for line in result.lines]
    assert texts == ["\x1b[31mred\x1b[0m", "\x1b[31mstill\x1b[0m", "plain"]
    assert "\x1b" not in made.run("start", "-q").stdout


def test_what_damages_the_screen_is_dropped_but_for_raw(project: MakeProject) -> None:
    command = r"printf 'a\033[2Jb\033]0;title\007c\033[?1000hd\n'"
    made = project({"Procfile": f"web: {command}\n"})
    assert made.run("start", "-q", "--no-prefix", "--colour", "always").stdout == "abcd\n"
    raw = made.run("start", "-q", "--no-prefix", "--raw").stdout
    assert raw == "a\x1b[2Jb\x1b]0;title\x07c\x1b[?1000hd\n"


def test_the_last_words_on_a_pty_are_complete(project: MakeProject) -> None:
    made = project({"Procfile": "web: seq 1 20000; printf end; kill -KILL $$\n"})
    running = made.spawn("start", *PLAIN, "--no-prefix", pty=True)
    assert running.wait() == 128 + signal.SIGKILL
    assert running.text.split() == [*map(str, range(1, 20001)), "end"]


def test_ctrl_s_holds_it_and_ctrl_q_goes_on(project: MakeProject) -> None:
    made = project({"Procfile": "web: seq 1 50000; exec sleep 60\n"})
    running = made.spawn("start", *PLAIN, pty=True)
    running.read_until(r"\| 100\r")
    running.send(b"\x13")
    gaffer = running.gaffer
    running.signal(signal.SIGINT)  # Ctrl-C from the terminal would let it go on
    wait_until(lambda: not gaffer.children(), "an end that nobody reads of")
    running.send(b"\x11")
    assert running.wait() == -signal.SIGINT
    numbers = [int(n) for n in re.findall(r"\| (\d+)\r", running.text)]
    assert numbers[:-1] == list(range(1, len(numbers)))

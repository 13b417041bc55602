"""What `gaffer start` writes: whole lines, aligned, in colour where that is wanted, to any stdout."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli import MakeProject, Project, Running, wait_until
from cli import project as project
from conftest import DEADLINE

LINE = re.compile(r"(\d\d:\d\d:\d\d) (\S+ *) ([|!+]) (.*)")
ESCAPE = re.compile(r"\x1b\[[\d;]*m")
# Ends when as many processes as the Procfile has lines have said that they are done.
ALL_DONE = "touch done.$PS; while [ $(ls done.* | wc -l) -lt {} ]; do sleep 0.01; done"


def together(*commands: str) -> str:
    """A Procfile of p0, p1 … none of which ends before all are done."""
    end = ALL_DONE.format(len(commands))
    return "".join(f"p{n}: {command}; {end}\n" for n, command in enumerate(commands))


def written(text: str) -> list[tuple[str, str, str]]:
    """Name, mark and text of every line of `start -q --no-timestamps`."""
    lines = []
    for line in text.split("\n")[:-1]:
        match = re.fullmatch(r"(\S+) +([|!+]) (.*)", line)
        assert match, line
        lines.append((match[1], match[2], match[3]))
    return lines


def test_every_line_has_a_time_and_a_name_in_one_column(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo hello\nlong-worker-name: exec sleep 60\n"})
    result = made.run("start", "-c", "web=1")
    texts: dict[str, list[str]] = {}
    columns = set()
    for line in result.lines:
        match = LINE.fullmatch(line)
        assert match, line
        texts.setdefault(match[2].rstrip(), []).append(match[4])
        columns.add(match.start(3))
    assert len(columns) == 1, result
    assert texts["web.1"] == ["hello"]
    system = texts["gaffer"]
    assert re.fullmatch(r"web\.1 started \(pid \d+\)", system[0])
    assert re.fullmatch(r"long-worker-name\.1 started \(pid \d+\)", system[1])
    assert system[2:] == [
        "web.1 exited with status 0",
        "stopping the others because web.1 has ended (--exit-policy first)",
        "long-worker-name.1 stopped",
    ]
    assert set(texts) == {"web.1", "gaffer"}


def test_the_pid_is_the_processs(project: MakeProject) -> None:
    result = project({"Procfile": "web: echo mine is $$\n"}).run("start")
    started = re.search(r"web\.1 started \(pid (\d+)\)", result.stdout)
    written = re.search(r"mine is (\d+)", result.stdout)
    assert started and written and started[1] == written[1], result


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (["-q"], r"\d\d:\d\d:\d\d web\.1 +\| hello\n"),
        (["-q", "--no-timestamps"], r"web\.1 +\| hello\n"),
        (["--no-prefix", "-q"], r"hello\n"),
        (["--no-prefix", "-q", "--colour", "always"], r"hello\n"),
        (["--no-timestamps"], r"gaffer \| .*\nweb\.1  \| hello\ngaffer \| .*\n"),
    ],
)
def test_less_of_it_on_request(project: MakeProject, args: list[str], pattern: str) -> None:
    result = project({"Procfile": "web: echo hello\n"}).run("start", *args)
    assert re.fullmatch(pattern, result.stdout), result


def test_stderr_is_in_stdout_and_can_be_told_apart(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo out; sleep 0.1; echo err >&2\n"})
    plain = made.run("start", "-q", "--no-timestamps")
    assert written(plain.stdout) == [("web.1", "|", "out"), ("web.1", "|", "err")]
    assert plain.stderr == ""
    marked = made.run("start", "-q", "--no-timestamps", "--mark-stderr")
    assert written(marked.stdout) == [("web.1", "|", "out"), ("web.1", "!", "err")]


# ---- colour


@pytest.mark.parametrize(
    ("args", "env", "pty", "is_coloured"),
    [
        ([], {}, False, False),
        ([], {}, True, True),
        (["--colour", "auto"], {}, True, True),
        (["--colour", "auto"], {}, False, False),
        (["--colour", "always"], {}, False, True),
        (["--color=always"], {}, False, True),
        (["--colour", "never"], {}, True, False),
        (["--no-colour"], {}, True, False),
        (["--no-color"], {}, True, False),
        ([], {"NO_COLOR": "1"}, True, False),
        ([], {"NO_COLOR": ""}, True, True),
        ([], {"FORCE_COLOR": "1"}, False, True),
        ([], {"FORCE_COLOR": "0"}, True, False),
        ([], {"FORCE_COLOR": ""}, False, False),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        (["--colour", "always"], {"NO_COLOR": "1"}, False, True),
        (["--colour", "never"], {"FORCE_COLOR": "1"}, False, False),
        ([], {"TERM": "dumb"}, True, False),
    ],
)
def test_when_there_is_colour(
    project: MakeProject, args: list[str], env: dict[str, str], pty: bool, is_coloured: bool
) -> None:
    made = project({"Procfile": "web: echo hello\n"})
    running = made.spawn("start", *args, env={"TERM": "xterm"} | env, pty=pty)
    assert running.wait() == 0
    assert "hello" in running.text
    assert bool(ESCAPE.search(running.text)) == is_coloured, running.text


def test_colours_are_one_per_entry_and_end_before_the_text(project: MakeProject) -> None:
    procfile = "".join(
        f"{name}: echo from $PS; {ALL_DONE.format(4)}\n" for name in ("web", "worker", "clock")
    )
    made = project({"Procfile": procfile})
    result = made.run("start", "-c", "web=2", "-q", "--no-timestamps", "--colour", "always")
    colours = {}
    for line in result.lines:
        match = re.fullmatch(r"(?:\x1b\[0m)?(\x1b\[\d+m)(\S+) +\| \x1b\[0m(from \S+)", line)
        assert match, repr(line)
        colours[match[2]] = match[1]
    assert colours["web.1"] == colours["web.2"] == "\x1b[36m"
    assert colours["worker.1"] == "\x1b[33m"
    assert colours["clock.1"] == "\x1b[32m"


# ---- whole lines


def test_lines_are_whole_though_they_are_written_in_pieces(project: MakeProject) -> None:
    pieces = "for i in 1 2 3 4 5; do printf 'a'; sleep 0.02; printf 'b'; sleep 0.01; echo; done"
    made = project({"Procfile": together(pieces, pieces, "echo; printf 'no newline'")})
    result = made.run("start", "-q", "--no-timestamps")
    lines = [("p0.1", "|", "ab"), ("p1.1", "|", "ab")] * 5
    lines += [("p2.1", "|", ""), ("p2.1", "|", "no newline")]
    assert sorted(written(result.stdout)) == sorted(lines), result


def test_a_flood_of_lines_arrives_complete_and_in_order(project: MakeProject) -> None:
    flood = "seq -f '%06.0f of the lines that this process writes' 1 20000"
    made = project({"Procfile": together(flood, f"{flood} >&2", flood)})
    result = made.run("start", "-q", "--no-timestamps")
    lines = written(result.stdout)
    expected = [f"{n:06} of the lines that this process writes" for n in range(1, 20001)]
    for name in ("p0.1", "p1.1", "p2.1"):
        assert [text for who, _mark, text in lines if who == name] == expected, name
    assert len(lines) == 60_000


def test_bytes_pass_as_they_are(project: MakeProject) -> None:
    made = project({"Procfile": r"web: printf '\377\000\tx\342\200\250\014y\n'" + "\n"})
    result = made.run("start", "-q", "--no-prefix")
    assert result.raw == b"\xff\x00\tx\xe2\x80\xa8\x0cy\n"


def test_a_line_of_a_megabyte_goes_on_with_a_mark(project: MakeProject) -> None:
    made = project({"Procfile": "web: head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next\n"})
    result = made.run("start", "-q", "--no-timestamps")
    first, *others, last = written(result.stdout)
    assert first[:2] == ("web.1", "|")
    assert others and all(line[:2] == ("web.1", "+") for line in others)
    assert last == ("web.1", "|", "next")
    assert "".join(text for _name, _mark, text in [first, *others]) == "x" * 1_000_000


def test_what_is_written_last_is_not_lost(project: MakeProject) -> None:
    # The grandchild writes after its parent has ended.
    made = project({"Procfile": "web: (sleep 0.05; echo late) & echo early; wait\n"})
    assert made.run("start", "--no-prefix", "-q").lines == ["early", "late"]


# ---- whatever stdout is


def test_a_reader_that_leaves_ends_it_quietly(project: MakeProject) -> None:
    made = project({"Procfile": "web: while echo line; do sleep 0.01; done\n"})
    result = made.shell("{ $gaffer start; echo status $? >&2; } | head -1")
    assert len(result.lines) == 1
    assert result.stderr == f"status {128 + signal.SIGPIPE}\n"


@pytest.mark.parametrize("command", ["echo one; exec sleep 60", "exec sleep 60"])
def test_a_reader_that_leaves_ends_it_though_nothing_more_is_written(
    project: MakeProject, command: str
) -> None:
    made = project({"Procfile": f"web: {command}\n"})
    result = made.shell("{ $gaffer start; echo status $? >&2; } | head -1")
    assert len(result.lines) == 1
    assert result.stderr == f"status {128 + signal.SIGPIPE}\n"


def test_a_failure_keeps_its_status_though_the_reader_leaves(project: MakeProject) -> None:
    made = project({"Procfile": "web: exit 3\nworker: trap '' TERM; sleep 0.5\n"})
    running = made.spawn("start", "-t", "0.2", stderr=None)
    running.read_until("stopping the others")
    running.close_output()
    assert running.popen.wait(DEADLINE) == 3


def test_a_full_disk_is_one_line(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo one; exec sleep 60\n"})
    with open("/dev/full", "wb") as full:
        result = made.run("start", stdout=full)
    assert result.error() == "can't write to standard output: No space left on device"
    assert result.status == 1


def test_a_file_is_appended_to_and_shared(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo hello\n"})
    script = "echo before >log; $gaffer start --no-prefix -q >>log; echo after >>log"
    assert made.shell(script).status == 0
    assert made.path("log").read_text() == "before\nhello\nafter\n"
    script = "{ echo before; $gaffer start --no-prefix -q; echo after; } >log"
    assert made.shell(script).status == 0
    assert made.path("log").read_text() == "before\nhello\nafter\n"


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket(project: MakeProject, kind: socket.SocketKind) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with ours, theirs:
        result = project({"Procfile": "web: echo hello\n"}).run(
            "start", "--no-prefix", "-q", stdout=theirs.fileno()
        )
        ours.settimeout(DEADLINE)
        assert ours.recv(100) == b"hello\n"
    assert result.status == 0
    assert result.stderr == ""


def test_nothing_is_lost_in_dev_null(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo hello; exit 3\n"})
    assert made.shell("$gaffer start >/dev/null").status == 3


FLOOD = {"Procfile": "web: echo ready; exec yes\n"}


@pytest.fixture(params=["pipe", "file", "pty"])
def stdout_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Two ends of what is to be stdout: the one to read from, the one that gaffer gets."""
    if request.param == "pipe":
        ours, theirs = os.pipe()
    elif request.param == "pty":
        ours, theirs = os.openpty()
    else:
        theirs = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
        ours = os.open(tmp_path / "out", os.O_RDONLY)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def test_stdout_stays_blocking_for_those_who_share_it(
    project: MakeProject, stdout_pair: tuple[int, int]
) -> None:
    """Nobody reads: what is asked for is the state while gaffer waits to go on writing."""
    ours, theirs = stdout_pair
    flags = fcntl.fcntl(theirs, fcntl.F_GETFL)
    made = project({"Procfile": "web: seq 1 30000; exec sleep 60\n"})
    running = made.spawn("start", stdout=theirs)
    wait_until(lambda: os.fstat(ours).st_size or is_readable(ours), "the first output")
    assert fcntl.fcntl(theirs, fcntl.F_GETFL) == flags
    running.signal(signal.SIGTERM)
    drain_until_it_ends(running, ours)
    assert running.popen.returncode == -signal.SIGTERM
    assert fcntl.fcntl(theirs, fcntl.F_GETFL) == flags


def is_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def drain_until_it_ends(running: Running, fd: int) -> None:
    """Read `fd` so that gaffer isn't held up by us."""

    def look() -> bool:
        while is_readable(fd) and os.read(fd, 65536):
            pass
        return running.popen.poll() is not None

    wait_until(look, "gaffer's end")


def stalled(made: Project) -> Running:
    """A gaffer whose process writes for ever, and nobody reads it."""
    running = made.spawn("start", "-q", "--no-timestamps")
    wait_until(lambda: running.pending() > 32 * 1024, "a pipe with much in it")
    return running


def test_ctrl_c_works_though_nobody_reads(project: MakeProject) -> None:
    running = stalled(project(FLOOD))
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    first, *others = written(running.text)
    assert first == ("web.1", "|", "ready")
    assert set(others) == {("web.1", "|", "y")}  # whole to the last one


def test_another_ctrl_c_does_not_wait_for_the_reader(project: MakeProject) -> None:
    running = stalled(project(FLOOD))
    children = running.processes()
    assert children
    running.signal(signal.SIGINT)
    wait_until(lambda: not any(child.is_running() for child in children), "the processes' end")
    assert running.popen.poll() is None
    running.press_ctrl_c_until_it_ends()
    assert running.popen.poll() == -signal.SIGINT
    assert "Traceback" not in running.read_all()

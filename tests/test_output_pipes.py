"""The console between real processes and a real descriptor, against the slow model.

Each process replays a script: chunks of bytes, each written at once, to stdout or to stderr. When
which of them is read, and together with what, is up to the kernel and the loop.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
from collections.abc import Sequence
from typing import Any

import output_model
import pytest
from conftest import LoopDriver, loop_kinds
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gaffer_procfile.apps.console import ConsoleOutput
from gaffer_procfile.manager import Manager
from gaffer_procfile.output.ansi import strip
from gaffer_procfile.output.json_lines import JsonLines
from gaffer_procfile.output.prefix import Clock, Prefixes
from gaffer_procfile.output.screen import Screen

STREAMS = ("stdout", "stderr")
# Each stream of each process has letters of its own, which no escape has: a torn line shows.
LETTERS = {
    ("p0", "stdout"): b"abc",
    ("p0", "stderr"): b"def",
    ("p1", "stdout"): b"ghi",
    ("p1", "stderr"): b"jkl",
    ("p2", "stdout"): b"nou",
    ("p2", "stderr"): b"pqr",
}
NAMES = ("p0", "p1", "p2")
PIPE_SIZE = 1024 * 1024  # bytes: all that a run writes waits there until it is read

Chunk = tuple[str, bytes]  # a stream, and what is written to it at once; or a pause, in seconds
Scripts = dict[str, list[Chunk]]
Written = dict[tuple[str, str], bytes]


def scripts(parts: Sequence[bytes], *, pauses: bool = False) -> st.SearchStrategy[Scripts]:
    """What each process writes: its letters, newlines, and some of `parts`."""
    pause = [st.sampled_from([("pause", b"0.06"), ("pause", b"0.13")])] if pauses else []

    def chunk(name: str, stream: str) -> st.SearchStrategy[Chunk]:
        letters = [bytes([letter]) for letter in LETTERS[name, stream]]
        data = st.lists(
            st.sampled_from([*letters, b"\n", b"\n", *parts]), min_size=1, max_size=6
        ).map(b"".join)
        return st.tuples(st.just(stream), data)

    return st.fixed_dictionaries(
        {
            name: st.lists(st.one_of(*[chunk(name, it) for it in STREAMS], *pause), max_size=12)
            for name in NAMES
        }
    )


def shell_of(script: list[Chunk]) -> str:
    """A shell script that writes each chunk by one call of write."""
    commands = []
    for stream, data in script:
        if stream == "pause":
            commands.append(f"sleep {data.decode()}")
            continue
        octal = "".join(f"\\{byte:03o}" for byte in data)
        commands.append(f"printf '{octal}'" + (" >&2" if stream == "stderr" else ""))
    return "; ".join(commands) or ":"


def replay(kind: str, form: str, made: Scripts, *, pty: bool = False) -> bytes:
    """What comes out on the console's descriptor when the processes have written all of it."""
    driver = LoopDriver(kind)
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    try:
        console = ConsoleOutput(
            writer,
            lambda loop, write: view(form, loop, write),
            display=lambda name, _instance: name,
            on_broken=driver.faults.append,
            quiet=True,
        )
        manager = Manager(driver.raw)
        ended: list[str] = []
        stopped: list[object] = []
        manager.subscribe("exit", lambda _evtype, event: ended.append(event["name"]))
        manager.start([console])
        for name, script in made.items():
            manager.add_process(
                name,
                "/bin/sh",
                args=["-c", shell_of(script)],
                os_env=True,
                restart="never",
                redirect_output=list(STREAMS),
                pty=pty,
            )
        driver.run_until(lambda: len(ended) == len(made), what="the processes' ends")
        manager.stop(stopped.append)
        driver.run_until(lambda: stopped, what="the manager's end")
        console.finish()
    finally:
        driver.close()
        os.close(writer)
    with open(reader, "rb") as pipe:
        return pipe.read()


def view(form: str, loop: Any, write: Any) -> Any:
    if form == "json":
        return JsonLines(write)
    prefixes = Prefixes(Clock("off"), template="{name} {stream} {mark} ")
    return Screen(
        loop, write, prefixes, interactive=form == "terminal", colour=False, raw=form == "raw"
    )


def written(made: Scripts) -> Written:
    found = dict.fromkeys(LETTERS, b"")
    for name, script in made.items():
        for stream, data in script:
            if stream == "pause":
                continue
            found[name, stream] += data
    return found


def lines_of(shown: Sequence[bytes]) -> dict[tuple[str, str], list[bytes]]:
    """The lines by stream, those that were broken put together again; none has another's letters."""
    found: dict[tuple[str, str], list[bytes]] = {key: [] for key in LETTERS}
    for line in shown:
        match = re.fullmatch(rb"(\w+) +(stdout|stderr) ([|+]) (.*)", line, re.DOTALL)
        assert match, f"no prefix in {line!r}"
        key, text = (match[1].decode(), match[2].decode()), match[4]
        others = {letter for it, letters in LETTERS.items() if it != key for letter in letters}
        assert others.isdisjoint(strip(text)), f"another's text in {line!r}"
        if match[3] == b"+":
            found[key][-1] += text
        else:
            found[key].append(text)
    return found


def whole(data: bytes) -> list[bytes]:
    """The lines of a text that ends with a newline."""
    *lines, rest = data.split(b"\n")
    assert rest == b""
    return lines


FUZZ = settings(
    max_examples=120,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a race doesn't shrink
    suppress_health_check=[HealthCheck.too_slow],
)
PARTS = (b"\r\n", b"\r", b"\x1b[1G", b"\x1b[2J", b"\x1b[31m", b"\x1b", b"[1m", b"\xff", b"\xc3\xa9")


@pytest.fixture(params=loop_kinds(), scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@FUZZ
@given(made=scripts(PARTS), pty=st.booleans())
def test_on_a_pipe_each_stream_is_the_models(kind: str, made: Scripts, pty: bool) -> None:
    shown = lines_of(whole(replay(kind, "pipe", made, pty=pty)))
    for key, data in written(made).items():
        assert shown[key] == [strip(line) for line in output_model.lines(data)]


@FUZZ
@given(made=scripts((*PARTS, b"\x1b[2A", b"\x1b[2K", b"\0")))
def test_raw_each_stream_is_what_was_written(kind: str, made: Scripts) -> None:
    shown = lines_of(whole(replay(kind, "raw", made)))
    for key, data in written(made).items():
        assert shown[key] == output_model.raw_lines(data)


@FUZZ
@given(made=scripts((*PARTS, b"\x1b[2A", b"\0")))
def test_as_json_each_stream_is_what_was_written(kind: str, made: Scripts) -> None:
    shown: dict[tuple[str, str], list[bytes]] = {key: [] for key in LETTERS}
    for line in whole(replay(kind, "json", made)):
        said = json.loads(line)
        text = said["line"].encode()
        if "line_base64" in said:
            text = base64.b64decode(said["line_base64"])
        shown[said["process"], said["stream"]].append(text)
    for key, data in written(made).items():
        assert shown[key] == output_model.raw_lines(data)


@FUZZ
@given(made=scripts(()), pty=st.booleans())
def test_on_a_terminal_each_stream_is_the_models(kind: str, made: Scripts, pty: bool) -> None:
    shown = lines_of(output_model.rows(replay(kind, "terminal", made, pty=pty))[:-1])
    for key, data in written(made).items():
        assert shown[key] == output_model.lines(data)


@settings(FUZZ, max_examples=15)
@given(made=scripts((), pauses=True))
def test_on_a_terminal_lines_that_are_broken_are_whole_in_the_end(kind: str, made: Scripts) -> None:
    shown = lines_of(output_model.rows(replay(kind, "terminal", made))[:-1])
    for key, data in written(made).items():
        assert shown[key] == output_model.lines(data)


def test_a_torn_line_would_be_seen() -> None:
    with pytest.raises(AssertionError, match="another's text"):
        lines_of([b"p0 stdout | abg"])
    with pytest.raises(AssertionError, match="no prefix"):
        lines_of([b"abc"])

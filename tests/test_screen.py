"""The screen: many streams as one, each line whole, open lines for those who watch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import output_model
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from output_model import FakeLoop, pieces

from gaffer_procfile.output import screen as screen_module
from gaffer_procfile.output.ansi import strip
from gaffer_procfile.output.lines import BOUND, Lines
from gaffer_procfile.output.prefix import Clock, Prefixes
from gaffer_procfile.output.screen import Screen, ScreenStream
from gaffer_procfile.output.source import Source

RECORDED = Path(__file__).parent / "recorded"


class Stage:
    """A screen, the streams of some processes, and what has been written."""

    def __init__(
        self, names: Sequence[str] = ("a", "b"), *, interactive: bool = True, raw: bool = False
    ) -> None:
        self.loop = FakeLoop()
        self.written: list[bytes] = []
        self.prefixes = Prefixes(Clock("off"))
        self.screen = Screen(
            self.loop,  # type: ignore[arg-type]  # it has the timers, which are all that is used
            self.written.append,
            self.prefixes,
            interactive=interactive,
            colour=False,
            raw=raw,
        )
        self.streams = {
            name: self.screen.open(Source(name, name, 1, 1, "stdout")) for name in names
        }

    def __getitem__(self, name: str) -> ScreenStream:
        return self.streams[name]

    @property
    def output(self) -> bytes:
        return b"".join(self.written)

    def take(self) -> str:
        """What has been written since the last time, with the name's padding taken out."""
        text = re.sub(r"(\w) +([|+]) ", r"\1\2", self.output.decode())
        self.written.clear()
        return text

    def end(self) -> None:
        for stream in self.streams.values():
            stream.end()
        self.screen.finish()


def test_lines_are_whole_and_in_order() -> None:
    stage = Stage(interactive=False)
    stage["a"].feed(b"one\ntw")
    stage["b"].feed(b"x\ny\n")
    stage["a"].feed(b"o\nthree")
    assert stage.take() == "a|one\nb|x\nb|y\na|two\n"
    stage.loop.advance(10)
    assert stage.take() == ""
    stage["a"].end()
    assert stage.take() == "a|three\n"


def test_an_open_line_is_shown_after_a_moment_and_goes_on_at_once() -> None:
    stage = Stage()
    stage["a"].feed(b"Password: ")
    stage.loop.advance(0.09)
    assert stage.take() == ""
    stage.loop.advance(0.06)
    assert stage.take() == "a|Password: "
    stage["a"].feed(b"*")
    assert stage.take() == "*"
    stage["a"].feed(b"*\nok\n")
    assert stage.take() == "*\na|ok\n"
    assert stage.loop.timers == 0


def test_others_wait_for_an_open_line_and_then_break_it() -> None:
    stage = Stage()
    stage["a"].feed(b"(Pdb) ")
    stage.loop.advance(0.1)
    stage["b"].feed(b"x\n")
    assert stage.take() == "a|(Pdb) "
    stage.loop.advance(0.1)
    assert stage.take() == "\nb|x\n"
    stage["a"].feed(b"continue\nmore\n")
    assert stage.take() == "a+continue\na|more\n"


def test_others_go_on_at_once_when_the_open_line_ends() -> None:
    stage = Stage()
    stage["a"].feed(b"50%")
    stage.loop.advance(0.1)
    stage["b"].feed(b"x\n")
    stage["a"].feed(b" 100%\n")
    assert stage.take() == "a|50% 100%\nb|x\n"
    assert stage.loop.timers == 0


def test_a_line_that_was_broken_just_before_its_end_leaves_no_empty_one() -> None:
    stage = Stage()
    stage["a"].feed(b"open")
    stage.loop.advance(0.1)
    stage["b"].feed(b"x\n")
    stage.loop.advance(0.1)
    stage["a"].feed(b"\nnext\n")
    assert stage.take() == "a|open\nb|x\na|next\n"


def test_an_open_line_that_ends_with_its_stream() -> None:
    stage = Stage()
    stage["a"].feed(b"bye")
    stage.loop.advance(0.1)
    stage["b"].feed(b"x\n")
    stage["a"].end()
    assert stage.take() == "a|bye\nb|x\n"


def test_two_prompts_are_both_shown() -> None:
    stage = Stage()
    stage["a"].feed(b"A? ")
    stage["b"].feed(b"B? ")
    stage.loop.advance(0.5)
    assert stage.take() == "a|A? \nb|B? "


def test_gaffers_own_lines_wait_for_a_prompt_too() -> None:
    stage = Stage()
    stage["a"].feed(b"A? ")
    stage.loop.advance(0.1)
    stage.screen.say("web started", "spawn", {})
    assert stage.take() == "a|A? "
    stage.loop.advance(0.1)
    assert stage.take() == "\ngaffer|web started\n"


def test_a_flood_does_not_wait_for_a_prompt_in_memory() -> None:
    stage = Stage()
    stage["a"].feed(b"A? ")
    stage.loop.advance(0.1)
    stage.take()
    line = b"x" * 1023 + b"\n"
    for _ in range(2048):  # 2 MB
        stage["b"].feed(line)
    assert len(stage.output) > 1024 * 1024


def test_a_bar_is_redrawn_in_its_line() -> None:
    stage = Stage()
    stage["a"].feed(b"10%\r")
    stage.loop.advance(0.1)
    stage["a"].feed(b"100%\r")
    stage["a"].feed(b"99%\rdone\n")
    assert output_model.rows(stage.output) == [b"a      | done", b""]


def test_a_bar_that_is_interrupted_does_not_come_back_at_once() -> None:
    stage = Stage()
    lines = 0
    for percent in range(100):
        stage["a"].feed(b"%d%%\r" % percent)
        stage.loop.advance(0.05)
        stage["b"].feed(b"x\n")
        stage.loop.advance(0.05)
    stage.end()
    shown = output_model.rows(stage.output)
    assert sum(row.startswith(b"b ") for row in shown) == 100
    lines = sum(row.startswith(b"a ") for row in shown)
    assert lines <= 5
    assert b"a      | 99%" in shown


@pytest.mark.parametrize("first", [b"\r", b""])
@pytest.mark.parametrize("last", [b"\n", b"\rall of it: " + b"=" * 100 + b"\n"])
def test_a_bar_that_is_wider_than_the_window_stays_in_its_row(first: bytes, last: bytes) -> None:
    stage = Stage()
    stage["a"].feed(first + b"0% " + b"-" * 9)
    for percent in range(1, 100):
        stage.loop.advance(0.1)
        stage["a"].feed(b"\r%d%% " % percent + b"=" * 100)
        if percent % 3 == 0:
            stage["a"].feed(b"=")
    stage["a"].feed(last)
    shown = output_model.rows(stage.output, 40)
    # The last state is there as a whole, in as many rows as that takes, and no other.
    text = b"all of it: " + b"=" * 100 if len(last) > 1 else b"99% " + b"=" * 101
    assert b"".join(shown) == b"a      | " + text
    assert len(shown) == 4


def test_a_wide_bar_that_is_interrupted_is_left_whole() -> None:
    stage = Stage()
    stage["a"].feed(b"\r1%% " + b"=" * 100)
    stage.loop.advance(0.1)
    stage["b"].feed(b"x\n")
    stage.loop.advance(0.1)
    assert output_model.rows(stage.output, 40)[-2:] == [b"b      | x", b""]
    assert stage.output.count(b"=") == 200


def test_a_bar_that_goes_on_without_an_end_is_not_kept() -> None:
    stage = Stage()
    stage["a"].feed(b"\r0%\r1%")
    stage.loop.advance(0.1)
    for _ in range(100):
        stage["a"].feed(b"=" * 1000)
    stage["a"].feed(b"\nnext\n")
    assert stage.screen._bar is None
    assert len(stage.output) < 150_000
    assert output_model.rows(stage.output)[0] == b"a      | 1%" + b"=" * 100_000


def test_a_bar_that_is_erased_leaves_nothing_of_it() -> None:
    loop, written = FakeLoop(), list[bytes]()
    screen = Screen(loop, written.append, None, interactive=True, colour=False)  # type: ignore[arg-type]
    stream = screen.open(Source("a", "a", 1, 1, "stdout"))
    stream.feed(b"\r50%")
    loop.advance(0.1)
    stream.feed(b"\r\x1b[2K\nnext\n")
    assert output_model.rows(b"".join(written)) == [b"", b"next", b""]


def test_what_the_terminal_echoed_of_ctrl_c_is_written_over() -> None:
    stage = Stage()
    stage.written.append(b"^C")
    stage.screen.say("Ctrl-C: stopping", "notice", {})
    stage["a"].feed(b"(Pdb) ")
    stage.loop.advance(0.1)
    stage.written.append(b"^C")
    stage.screen.say("Ctrl-C: stopping", "notice", {})
    stage.end()
    shown = output_model.rows(stage.output)
    assert shown == [
        b"gaffer | Ctrl-C: stopping",
        b"a      | (Pdb) ^C",
        b"gaffer | Ctrl-C: stopping",
        b"",
    ]


def test_what_cannot_be_seen_is_no_open_line() -> None:
    stage = Stage()
    stage["a"].feed(b"\x1b[?25l")
    stage.loop.advance(1)
    assert stage.take() == ""
    stage["a"].feed(b"text\n\x1b[?25h")
    stage.end()
    assert stage.take() == "a|text\n"


def test_a_long_line_is_cut_with_a_mark() -> None:
    stage = Stage(interactive=False)
    for _ in range(8):
        stage["a"].feed(b"y" * (BOUND // 4))
    stage["a"].feed(b"\nnext\n")
    first, *others, last = stage.take().splitlines()
    assert first.startswith("a|y") and all(line.startswith("a+y") for line in others)
    assert sum(line.count("y") for line in [first, *others]) == 2 * BOUND
    assert last == "a|next"


def test_raw_keeps_all_of_it() -> None:
    stage = Stage(interactive=False, raw=True)
    stage["a"].feed(b"10%\r20%\x1b[2Jx\n")
    assert stage.take() == "a|10%\r20%\x1b[2Jx\n"


class Plain(Stage):
    """A screen that shows everything as it is."""

    def __init__(self) -> None:
        super().__init__(interactive=False)
        self.screen = Screen(
            self.loop,  # type: ignore[arg-type]
            self.written.append,
            None,
            interactive=False,
            colour=False,
            raw=True,
        )
        for name in self.streams:
            self.streams[name] = self.screen.open(Source(name, name, 1, 1, "stdout"))


def test_no_break_is_put_into_a_line_that_is_shown_as_it_is() -> None:
    stage = Plain()
    for _ in range(9):
        stage["a"].feed(b"y" * (BOUND // 4))
        stage["b"].feed(b"another line\n")
    before = b"another line\n" * 4  # until that one is too long to be kept
    assert stage.output == before + b"y" * (BOUND // 4 * 5)
    stage["a"].feed(b"\nnext\n")
    line = b"y" * (BOUND // 4 * 9) + b"\n"
    assert stage.output == before + line + b"next\n" + b"another line\n" * 5


def test_who_waits_for_a_line_that_is_shown_as_it_is_waits_for_a_moment() -> None:
    stage = Plain()
    stage["a"].feed(b"y" * (BOUND + 1))
    stage["b"].feed(b"another line\n")
    stage.loop.advance(screen_module.PATIENCE)
    stage["a"].feed(b"z\n")
    stage.end()
    assert stage.output == b"y" * (BOUND + 1) + b"\nanother line\nz\n"


def test_no_prefix() -> None:
    written: list[bytes] = []
    screen = Screen(
        FakeLoop(),  # type: ignore[arg-type]
        written.append,
        None,
        interactive=False,
        colour=True,
    )
    stream = screen.open(Source("a", "a", 1, 1, "stdout"))
    stream.feed(b"\x1b[31ma\nb\n")
    stream.end()
    assert b"".join(written) == b"\x1b[31ma\x1b[0m\n\x1b[31mb\x1b[0m\n"


def test_the_delta_of_the_lines_of_one_read_is_nothing() -> None:
    now = [0.0]
    written: list[bytes] = []
    screen = Screen(
        FakeLoop(),  # type: ignore[arg-type]
        written.append,
        Prefixes(Clock("delta", lambda: now[0])),
        interactive=False,
        colour=False,
    )
    stream = screen.open(Source("a", "a", 1, 1, "stdout"))
    now[0] = 2.5
    stream.feed(b"one\ntwo\n")
    assert [line.split()[0] for line in b"".join(written).splitlines()] == [b"+2.500", b"+0.000"]


# ---- rows that are painted again and again


def painted(frames: int, rows: int, end: bytes = b"") -> bytes:
    """Rows that are erased and written anew, in the simplest way."""
    data = b""
    for frame in range(frames):
        data += b"\x1b[%dA" % rows if frame else b""
        data += b"".join(b"\x1b[2Kpart %d: %d%%\n" % (row, frame) for row in range(rows))
    return data + end


def composed(frames: int, rows: int, width: int = 60) -> list[bytes]:
    """Rows as docker compose and BuildKit paint them: an imitation, tests/recorded has its README."""
    painted = []
    shown = 0
    for frame in range(frames):
        is_last = frame == frames - 1
        data = b"\x1b[1A" * (shown + 1) + (b"" if frame else b"\x1b[1B") + b"\x1b[0G\x1b[?25l"
        data += b"[+] Running %d/%d\n" % (rows if is_last else 0, rows)
        shown = min(rows, frame + 1)
        for row in range(shown):
            state = " ✔ shop-%d Started" if is_last else " ⠿ shop-%d Starting"
            timer = f"{frame / 10:.1f}s\n"
            line = (state % row).ljust(width - len(timer)) + timer
            data += b"\x1b[34m" + line.encode() + b"\x1b[0m"
        painted.append(data + b"\x1b[?25h")
    return painted


@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_rows_as_docker_compose_paints_them(interactive: bool, pause: float) -> None:
    stage = Stage(interactive=interactive)
    stage["a"].feed(b"before\n")
    for data in composed(40, 2):
        stage["a"].feed(data)
        stage.loop.advance(pause)
    stage["a"].feed(b"after\n")
    stage.end()
    shown = [b" ".join(row.split()[2:]).decode() for row in output_model.rows(stage.output)[:-1]]
    assert shown == [
        "before",
        "[+] Running 2/2",
        "✔ shop-0 Started 3.9s",
        "✔ shop-1 Started 3.9s",
        "after",
    ]


def test_rows_are_shown_at_first_and_at_last() -> None:
    stage = Stage(interactive=False)
    stage["a"].feed(painted(50, 2, b"done\n"))
    assert stage.take() == "a|part 0: 0%\na|part 1: 0%\n"
    stage.loop.advance(1.5)
    assert stage.take() == "a|part 0: 49%\na|part 1: 49%\na|done\n"
    stage["a"].feed(b"served\n")
    assert stage.take() == "a|served\n"
    assert stage.loop.timers == 0


def test_rows_that_are_painted_for_long_are_shown_now_and_then() -> None:
    stage = Stage(interactive=False)
    for frame in range(200):  # 20 s
        stage["a"].feed(b"\x1b[2A" if frame else b"")
        stage["a"].feed(b"\x1b[2Kbuilding %d\n\x1b[2Kcached\n" % frame)
        stage.loop.advance(0.1)
    stage.end()
    shown = stage.take().splitlines()
    assert shown[0] == "a|building 0" and shown[-1] == "a|building 199"
    assert shown.count("a|cached") <= 2
    assert 4 <= len(shown) <= 9


def test_rows_that_are_added_come_in_their_order() -> None:
    stage = Stage(interactive=False)
    data = b"#1 a\n"
    for count in range(2, 6):
        data += b"\x1b[%dA" % (count - 1) + b"".join(
            b"#%d %s\n" % (row, b"abcdefg"[count : count + 1]) for row in range(1, count + 1)
        )
    stage["a"].feed(data)
    stage.end()
    assert stage.take() == "a|#1 a\n" + "".join(f"a|#{row} f\n" for row in range(1, 6))


def test_a_row_painted_from_below_as_docker_pull_does() -> None:
    stage = Stage(interactive=False)
    stage["a"].feed(b"one: 0%\ntwo: 0%\n")
    for percent in (50, 100):
        stage["a"].feed(b"\x1b[2A\x1b[2K\rone: %d%%\r\x1b[2B" % percent)
        stage["a"].feed(b"\x1b[1A\x1b[2K\rtwo: %d%%\r\x1b[1B" % percent)
    stage["a"].feed(b"pulled\n")
    stage.end()
    assert stage.take() == "a|one: 0%\na|two: 0%\na|one: 100%\na|two: 100%\na|pulled\n"


def test_more_rows_than_a_window_has_are_not_kept() -> None:
    stage = Stage(interactive=False)
    stage["a"].feed(b"\x1b[1A" + b"".join(b"row %d\n" % row for row in range(1000)))
    assert len(stage.take().splitlines()) >= 899
    stage["a"].feed(b"\x1b[99999999A" + b"x" * 100_000)
    assert len(stage.output) < 110_000
    stage["a"].feed(b"\n")
    stage.end()
    assert strip(stage.output).count(b"x") == 100_000


@pytest.mark.parametrize(
    "part", [b"\x1b[31m", b"x\x1b[31m", b"\x1b[A", b"\n\n\x1b[A", b"\r", b"\x1b[J"]
)
def test_no_painting_is_kept_for_ever(part: bytes) -> None:
    lines = Lines(clock=lambda: 0.0)
    lines.feed(b"\x1b[A")
    for _ in range(50):
        lines.feed(part * 1000)
    repaint = lines._repaint
    if repaint is not None:
        assert sum(map(len, repaint._rows)) + len(repaint._lead) < 200 * 4096


def test_a_sequence_that_is_cut_where_the_painting_is_over() -> None:
    stage = Stage(interactive=False)
    stage["a"].feed(b"\x1b[A" + b"c" * 5000 + b" \x1b[3")
    stage["a"].feed(b"1md\n")
    stage.end()
    assert stage.take() == "a|" + "c" * 5000 + " d\n"


def test_absurd_movements_are_no_error() -> None:
    stage = Stage(interactive=False)
    stage["a"].feed(b"\x1b[" + b"9" * 5000 + b"Ax\n\x1b[A\x1b[" + b"9" * 5000 + b"By\n")
    stage.end()
    assert stage.take().splitlines() == ["a|x", "a|y"]  # each moves by nothing


RECORDINGS = {
    "pip": 10,
    "npm": 2,
    "tqdm": 3,
    "tqdm_nested": 4,
    "rich": 5,
    "wget": 10,
    "curl": 3,
    "curl_bar": 1,
    "cargo": 6,
    "docker_pull": 9,
}


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_recorded_tools_end_up_as_a_few_readable_lines(
    name: str, interactive: bool, size: int
) -> None:
    data = (RECORDED / f"{name}.bin").read_bytes()
    stage = Stage(interactive=interactive)
    for start in range(0, len(data), size):
        stage["a"].feed(data[start : start + size])
    stage.end()
    shown = output_model.rows(stage.output)[:-1]
    assert all(row.startswith(b"a      | ") for row in shown), shown
    assert len(shown) == RECORDINGS[name], shown
    text = b"\n".join(shown).decode()
    assert "\x1b" not in text
    assert {
        "pip": "8.0/8.0 MB",
        "npm": "added 1 package",
        "tqdm": "load: 100%",
        "tqdm_nested": "epoch: 100%",
        "rich": "unpack   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100%",
        "wget": "/dev/null           100%[===================>] 390.62K   198KB/s    in 2.0s",
        "curl": "100  390k  100  390k    0     0   197k      0  0:00:01  0:00:01 --:--:--  197k",
        "curl_bar": "#" * 72 + " 100.0%",
        "cargo": "   Compiling shop v0.1.0 (/src/shop)",
        "docker_pull": "3b4c5d6e7f80: Pull complete",
    }[name] in text


@given(st.lists(st.integers(0, 10_000), max_size=20), st.sampled_from(sorted(RECORDINGS)))
@settings(max_examples=150, deadline=None)
def test_recorded_tools_give_the_same_lines_in_any_reads(cuts: list[int], name: str) -> None:
    data = (RECORDED / f"{name}.bin").read_bytes()
    whole, cut = Stage(interactive=False), Stage(interactive=False)
    whole["a"].feed(data)
    whole.end()
    for part in pieces(data, cuts):
        cut["a"].feed(part)
    cut.end()
    assert cut.output == whole.output


@given(
    st.lists(
        st.sampled_from(
            [
                b"a",
                b"b",
                b"\n",
                b"\r",
                b"\x1b[A",
                b"\x1b[2A",
                b"\x1b[B",
                b"\x1b[2K",
                b"\x1b[J",
                b"\x1b[K",
                b"\x1b[31m",
                b"\x1b[0m",
                b"\x1b[?25l",
                b"c" * 5000,
                b"\x1b[150A",
                "é".encode(),
            ]
        ),
        max_size=30,
    ).map(b"".join),
    st.lists(st.integers(0, 200), max_size=10),
)
@settings(max_examples=600, deadline=None)
def test_painted_rows_are_the_same_in_any_reads(data: bytes, cuts: list[int]) -> None:
    whole, cut = Stage(interactive=False), Stage(interactive=False)
    whole["a"].feed(data)
    whole.end()
    for part in pieces(data, cuts):
        cut["a"].feed(part)
    cut.end()
    assert cut.output == whole.output
    assert b"\x1b" not in whole.output


# ---- against the model

# Each stream has letters of its own, so that a torn line shows.
ALPHABETS = {"a": b"abc", "b": b"xyz", "c": b"123"}
Action = tuple[str, str, bytes]


def actions(parts: Sequence[bytes]) -> st.SearchStrategy[list[Action]]:
    def feed(name: str) -> st.SearchStrategy[Action]:
        letters = [bytes([letter]) for letter in ALPHABETS[name]]
        data = st.lists(st.sampled_from([*letters, b"\n", *parts]), max_size=6).map(b"".join)
        return st.tuples(st.just("feed"), st.just(name), data)

    advance = st.sampled_from([b"0.04", b"0.11", b"0.3"])
    return st.lists(
        st.one_of(
            *[feed(name) for name in ALPHABETS],
            st.tuples(st.just("advance"), st.just(""), advance),
        ),
        max_size=25,
    )


def play(stage: Stage, script: list[Action]) -> dict[str, bytes]:
    """What each stream wrote."""
    wrote = dict.fromkeys(ALPHABETS, b"")
    for action, name, data in script:
        if action == "feed":
            wrote[name] += data
            stage[name].feed(data)
        else:
            stage.loop.advance(float(data))
    stage.end()
    return wrote


PARTS = (b"\r\n", b"\r", b"\x1b[1G", b"\x1b[2J", b"\x1b[31m", b"\x1b", b"[1m")


@given(actions(PARTS))
@settings(max_examples=700, deadline=None)
def test_on_a_pipe_the_text_is_the_models(script: list[Action]) -> None:
    stage = Stage(tuple(ALPHABETS), interactive=False)
    expected = b""
    rest = dict.fromkeys(ALPHABETS, b"")
    for action, name, data in script:
        if action != "feed":
            continue
        *whole, rest[name] = (rest[name] + data).split(b"\n")
        for line in whole:
            [shown] = output_model.lines(line + b"\n")
            expected += b"%-6s | %s\n" % (name.encode(), strip(shown))
    for name in ALPHABETS:
        for line in output_model.lines(rest[name]):
            expected += b"%-6s | %s\n" % (name.encode(), strip(line))
    play(stage, script)
    shown = stage.output
    if any(output_model.has_push(_fed(script, name)) for name in ALPHABETS):
        # How many empty lines are left out before a screen is cleared depends on the reads.
        expected, shown = (re.sub(rb"(?m)^\w+ +\| \n", b"", text) for text in (expected, shown))
    assert shown == expected


def _fed(script: list[Action], stream: str) -> bytes:
    return b"".join(data for action, name, data in script if (action, name) == ("feed", stream))


def lines_on(output: bytes) -> dict[str, list[bytes]]:
    """The lines of each stream as they stand on a terminal, the broken ones put together again."""
    found: dict[str, list[bytes]] = {name: [] for name in ALPHABETS}
    *shown, last = output_model.rows(output)
    assert last == b""
    for row in shown:
        match = re.fullmatch(rb"(\w) +([|+]) (.*)", row)
        assert match, row
        name, mark, text = match[1].decode(), match[2], match[3]
        assert set(text) <= set(ALPHABETS[name]), f"another's text in {row!r}"
        if mark == b"+":
            found[name][-1] += text
        else:
            found[name].append(text)
    return found


@given(actions(()))
@settings(max_examples=600, deadline=None)
def test_on_a_terminal_every_byte_is_shown_once_and_no_line_is_shared(
    script: list[Action],
) -> None:
    stage = Stage(tuple(ALPHABETS))
    wrote = play(stage, script)
    shown = lines_on(stage.output)
    for name, data in wrote.items():
        assert shown[name] == output_model.lines(data)
    assert stage.loop.timers == 0


@given(actions((b"\r", b"\r\n", b"\x1b[G", b"\x1b[2K")))
@settings(max_examples=600, deadline=None)
def test_on_a_terminal_every_last_state_is_shown_in_order(script: list[Action]) -> None:
    stage = Stage(tuple(ALPHABETS))
    wrote = play(stage, script)
    shown = lines_on(stage.output)
    for name, data in wrote.items():
        rest = iter(shown[name])
        for line in output_model.lines(data):
            assert strip(line) in rest, (name, shown[name])


def test_patience_is_what_the_terminal_is_promised() -> None:
    assert screen_module.PATIENCE <= 0.1

"""samples/noisy: everything that is hard to show, on the real command line."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from cli import MakeProject
from cli import project as project  # the fixture

SAMPLE = Path(__file__).parent.parent / "samples" / "noisy"


def files() -> dict[str, str | bytes]:
    return {path.name: path.read_bytes() for path in SAMPLE.iterdir() if path.is_file()}


def test_each_line_is_whole_and_fit_for_a_shared_screen(project: MakeProject) -> None:
    made = project(files())
    running = made.spawn("start", "--no-timestamps", "--redact", "--hide", "bytes")
    for expected in (
        r"^ticker\.1   \| tick 2$",
        r"^progress\.1 \| fetching 100% #{20}$",
        r"^prompt\.1   \| \(Pdb\) continue$",
    ):
        running.read_until(expected)
    running.signal(signal.SIGINT)
    text = running.read_all()
    assert running.wait() == -signal.SIGINT
    assert "\x1b" not in text, "colours are off on a pipe"
    assert "\r" not in text
    assert re.search(r"^colours\.1  \| still red$", text, re.MULTILINE)
    assert re.search(r"^secret\.1   \| using token \[redacted\]$", text, re.MULTILINE)
    assert "tok-5f3a9c71" not in text
    bars = re.findall(r"^progress\.1 .*$", text, re.MULTILINE)
    assert len(bars) < 10, "a bar is one line, not one for each state"


def test_a_terminal_gets_colours_marks_and_no_row_twice(project: MakeProject) -> None:
    made = project(files())
    options = ("--no-timestamps", "--mark-stderr", "--hide", "bytes")
    running = made.spawn("start", *options, pty=True, env={"TERM": "xterm-256color"})
    running.read_until(r"tick 4\r$")  # some thirty paintings later
    running.signal(signal.SIGINT)
    text = running.read_all()
    assert running.wait() == -signal.SIGINT

    for words in ("red, and no end of it", "still red"):
        shown = re.findall(rf"^(.*){words}(.*)\n", text, re.MULTILINE)
        assert shown
        for before, after in shown:
            assert before.endswith("\x1b[31m"), "red goes on from line to line"
            assert after == "\x1b[0m\r", "and doesn't reach what follows"
    assert re.search(r"stderr\.1   \| \x1b\[0mall is well\r\n", text)
    assert re.search(r"stderr\.1   ! \x1b\[0mno, it isn't\r\n", text)
    rows = re.findall(r"painter\.1  . \x1b\[0m(.*)\r\n", text)
    assert re.fullmatch(r"two: \d+", rows[-1]), "the last painting is there"
    assert len(rows) < 20, "rows are shown when they stay, not with each painting"
    assert "\x1b[2J" not in text, "the screen is everybody's"


def test_a_very_long_line_is_complete_in_pieces(project: MakeProject) -> None:
    running = project(files()).spawn("start", "--no-timestamps", "--only", "bytes")
    running.read_until(r"^bytes\.1    \+ x+$")
    running.signal(signal.SIGINT)
    text = running.read_all()
    assert running.wait() == -signal.SIGINT
    pieces = re.findall(r"^bytes\.1    ([|+]) (x+)$", text, re.MULTILINE)
    marks = "".join(mark for mark, _ in pieces)
    assert re.fullmatch(r"\|\++", marks), "each but the first says that it goes on"
    assert "".join(piece for _, piece in pieces) == "x" * 500_000
    others = {line.split()[0] for line in text.splitlines()} - {"bytes.1"}
    assert others == {"gaffer"}

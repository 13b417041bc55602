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

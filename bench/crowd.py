"""Five hundred processes that each print a line a second: what gaffer itself needs for that."""

from __future__ import annotations

import collections
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contestants import Contestants
from bench.flood import GATE, GATE_CLOSED, GATE_OPEN, held
from bench.measure import Comparison, project, running
from bench.report import Goal, Row

PROCESSES = 500
LINES = 10  # of each, one a second
NUMBERS = " ".join(map(str, range(LINES)))
SPEAK = f"for n in {NUMBERS}; do echo line number $n; sleep 1; done"
PROCFILE = f"one: {GATE_CLOSED}; {SPEAK}; {GATE_OPEN}\n"
LINE = re.compile(rb"(one\.\d+) .*line number (\d+)$")


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU until every process had spoken, and until all had said all; bytes of memory."""

    start: float
    whole: float
    resident: int


def rows(contestants: Contestants) -> Iterator[Row]:
    with project({"Procfile": PROCFILE}) as directory:
        os.mkfifo(directory / GATE)
        cost = measure([*contestants.gaffer, "start", "-c", f"one={PROCESSES}"], directory)
    figure = f"{PROCESSES} processes, {LINES} s"
    yield Row(f"{figure}: CPU to start", "", "s", Comparison(cost.start))
    yield Row(f"{figure}: CPU", "", "s", Comparison(cost.whole), Goal("ours", "≤", 0.5))
    yield Row(f"{figure}: memory", "", "MB", Comparison(cost.resident / 1e6), Goal("ours", "≤", 40))


def measure(command: Sequence[str], directory: Path) -> Cost:
    """What it costs until the last line is here: every process's, each in its order."""
    next_of: collections.Counter[bytes] = collections.Counter()
    start = 0.0
    rest = b""
    # Held: nobody ends before it has been measured.
    with held(directory / GATE), running(command, directory) as run:
        while next_of.total() < PROCESSES * LINES:
            chunk = run.read()
            if not chunk:
                raise run.error(f"ended after {next_of.total()} lines")
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if spoken := LINE.search(line):
                    name, number = spoken[1], int(spoken[2])
                    if number != next_of[name]:
                        raise run.error(f"{line!r} where number {next_of[name]} was due")
                    next_of[name] += 1
            if not start and len(next_of) == PROCESSES:
                start = run.cpu()
        return Cost(start, run.cpu(), run.memory())

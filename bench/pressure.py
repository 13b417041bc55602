"""Memory while the reader of the output has stopped and the processes would go on writing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from bench.contestants import Contestants
from bench.flood import BAR, NAMES, Flood, flood, held
from bench.measure import BenchError, Comparison, running
from bench.report import Goal, Row

LINES = 200_000  # of each process
STOPPED = 5.0  # seconds
STEP = 0.1  # seconds between two looks at the memory
START = "start"  # a fifo: the processes write as soon as it has a writer
MARKER = b"ready to write"


def rows(contestants: Contestants) -> Iterator[Row]:
    with flood(LINES, before=f"echo ready' to 'write; : <{START}; ") as work:
        os.mkfifo(work.directory / START)
        grown = growth([*contestants.gaffer, "start"], work)
    figure = f"memory grown, reader stopped {STOPPED:g} s"
    yield Row(figure, "", "MB", Comparison(grown), Goal("ours", "≤", 4))


def growth(command: Sequence[str], work: Flood) -> float:
    """Megabytes (10**6 bytes) from before the first line to the most of the time without a reader."""
    with running(command, work.directory) as run:
        run.wait_for(MARKER, len(NAMES))
        before = most = run.memory()
        with held(work.directory / START):
            for _ in range(round(STOPPED / STEP)):
                time.sleep(STEP)
                most = max(most, run.memory())
            with (work.directory / "out").open("wb") as out:
                while chunk := run.read():
                    out.write(chunk)
        run.wait()
    if problem := work.problem(BAR):
        raise BenchError(f"{' '.join(command)}: {problem}")
    return (most - before) / 1e6

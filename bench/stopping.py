"""From Ctrl-C to the end: what gaffer takes beyond the slowest of its children."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.contestants import Contestants
from bench.measure import Comparison, project, running
from bench.report import Goal, Row

MARKER = b"up and polite"
TAKES = 0.1  # seconds that the slowest sleeps before it ends
PROCFILE = "".join(
    f"quick{number}: echo up' 'and' 'polite; exec sleep 600\n" for number in range(4)
) + (f"slow: trap 'sleep {TAKES:g}; exit 0' TERM; echo up' 'and' 'polite; sleep 600 & wait\n")
CHILDREN = PROCFILE.count("\n")


def rows(contestants: Contestants) -> Iterator[Row]:
    with project({"Procfile": PROCFILE}) as directory:
        measured = [
            beyond_the_slowest([*contestants.gaffer, "start"], directory)
            for _ in range(contestants.pairs)
        ]
    figure = f"Ctrl-C to exit, {CHILDREN} children"
    yield Row(figure, "", "ms", Comparison(statistics.median(measured)), Goal("ours", "≤", 50))
    yield Row(f"{figure}: the longest", "", "ms", Comparison(max(measured)))


def beyond_the_slowest(command: Sequence[str], directory: Path) -> float:
    """Milliseconds from the key, which goes to the whole group, to the end, less the child's own."""
    with running(command, directory) as run:
        run.wait_for(MARKER, CHILDREN)
        begun = time.perf_counter()
        os.killpg(run.process.pid, signal.SIGINT)
        run.process.communicate()
        return 1000 * (time.perf_counter() - begun - TAKES)

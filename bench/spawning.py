"""Starting many processes: beside a bare loop that spawns the same, and beside honcho."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.contestants import Contestants
from bench.measure import DEADLINE, compare, project, running
from bench.report import Goal, Row

UP = "up"  # a fifo: each process writes a byte there, past the runner, and sleeps
COMMAND = f"echo >{UP}; exec sleep 600"
MANY = 500
MANY_OF_HONCHO = 100
LOOP = f"""\
import os, signal
for _ in range({MANY}):
    os.posix_spawn("/bin/sh", ["/bin/sh", "-c", {COMMAND!r}], os.environ, setsid=True)
signal.pause()
"""
PAIRS = 7


def rows(contestants: Contestants) -> Iterator[Row]:
    pairs = min(PAIRS, contestants.pairs)
    with project({"Procfile": f"one: {COMMAND}\n", "loop.py": LOOP}) as directory:
        os.mkfifo(directory / UP)
        measured = compare(
            lambda: until_up([*contestants.gaffer, "start", "-c", f"one={MANY}"], directory, MANY),
            lambda: until_up([sys.executable, "loop.py"], directory, MANY),
            pairs,
        )
        yield Row(f"{MANY} processes up", "posix_spawn", "ms", measured, Goal("ratio", "≤", 1.5))

        formation = ["start", "-c", f"one={MANY_OF_HONCHO}"]
        measured = compare(
            lambda: until_up([*contestants.gaffer, *formation], directory, MANY_OF_HONCHO),
            lambda: until_up([*contestants.honcho, *formation], directory, MANY_OF_HONCHO),
            pairs,
        )
        figure = f"{MANY_OF_HONCHO} processes up"
        yield Row(figure, "honcho", "ms", measured, Goal("ratio", "≤", 0.5))


def until_up(command: Sequence[str], directory: Path, count: int) -> float:
    """Milliseconds from exec until `count` processes have said that they run."""
    descriptor = os.open(directory / UP, os.O_RDWR)
    try:
        with running(command, directory) as run:
            while count > 0:
                ready, _, _ = select.select([descriptor], [], [], DEADLINE)
                if not ready:
                    raise run.error(f"{count} processes not up within {DEADLINE:g} s")
                count -= len(os.read(descriptor, count))
            return 1000 * run.elapsed()
    finally:
        os.close(descriptor)

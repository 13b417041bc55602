"""Resident memory of a runner whose children sleep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.contestants import Contestants
from bench.measure import compare, project, running
from bench.report import Goal, Row

CHILDREN = 10
MARKER = b"up and asleep"
PROCFILE = "".join(f"w{n}: echo up' 'and' 'asleep; exec sleep 600\n" for n in range(CHILDREN))
PAIRS = 5  # memory hardly varies from run to run


def rows(contestants: Contestants) -> Iterator[Row]:
    with project({"Procfile": PROCFILE}) as directory:
        measured = compare(
            lambda: resident([*contestants.gaffer, "start"], directory),
            lambda: resident([*contestants.honcho, "start"], directory),
            min(PAIRS, contestants.pairs),
        )
    yield Row(f"memory, {CHILDREN} children", "honcho", "MB", measured, Goal("ours", "≤", 20))


def resident(command: Sequence[str], directory: Path) -> float:
    """Megabytes (10**6 bytes) once every child has spoken."""
    with running(command, directory) as run:
        run.wait_for(MARKER, CHILDREN)
        return run.memory() / 1e6

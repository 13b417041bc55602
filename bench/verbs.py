"""The commands that ask a gaffer that runs: the whole command, from exec to its end."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.contestants import Contestants
from bench.measure import compare, project, running
from bench.report import Goal, Row
from bench.startup import whole_run

COUNT = 10  # processes
PROCFILE = "".join(f"p{number}: exec sleep 600\n" for number in range(COUNT))


def rows(contestants: Contestants) -> Iterator[Row]:
    ours, pairs = contestants.gaffer, contestants.pairs
    verbs = {
        f"gaffer ps on {COUNT} processes": [*ours, "ps"],
        f"gaffer logs of {COUNT} processes": [*ours, "logs"],
        "completion of a process's name": [*ours, "__complete", "stop", "p"],
    }
    bare = [sys.executable, "-c", "pass"]
    with project({"Procfile": PROCFILE}) as directory, running_gaffer(ours, directory):
        for figure, command in verbs.items():
            measured = compare(
                lambda command=command: whole_run(command, directory),  # type: ignore[misc]
                lambda: whole_run(bare, directory),
                pairs,
            )
            yield Row(figure, "python -c pass", "ms", measured, Goal("ratio", "≤", 4))


@contextlib.contextmanager
def running_gaffer(gaffer: list[str], directory: Path) -> Iterator[None]:
    """A `gaffer start` in `directory`, once all its processes run."""
    with running([*gaffer, "start"], directory) as run:
        run.wait_for(b"started", COUNT)
        yield

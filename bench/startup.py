"""From exec to the first child's first line on a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.contestants import Contestants
from bench.measure import compare, project, running
from bench.report import Goal, Row

MARKER = b"first line"
# The quotes keep the marker out of the command, which a runner may print.
PROCFILE = "web: echo first' 'line; exec sleep 600\n"
DOTENV = """\
# As in a small web application.
DATABASE_URL=postgres://localhost:5432/shop
REDIS_URL="redis://localhost:6379/0"
SECRET_KEY='not a secret'
DEBUG=1
LOG_LEVEL=info
"""


def rows(contestants: Contestants) -> Iterator[Row]:
    ours, honcho, pairs = contestants.gaffer, contestants.honcho, contestants.pairs
    with project({"Procfile": PROCFILE}) as directory:
        measured = compare(
            lambda: first_line([*ours, "start"], directory),
            lambda: first_line([*honcho, "start"], directory),
            pairs,
        )
        yield Row("first line, no .env", "honcho", "ms", measured, Goal("ratio", "≤", 0.45))

        measured = compare(
            lambda: first_line([*ours, "start"], directory),
            lambda: whole_run([sys.executable, "-c", "pass"], directory),
            pairs,
        )
        yield Row("first line, no .env", "python -c pass", "ms", measured, Goal("ratio", "≤", 3))

    with project({"Procfile": PROCFILE, ".env": DOTENV}) as directory:
        measured = compare(
            lambda: first_line([*ours, "start"], directory),
            lambda: first_line([*honcho, "start"], directory),
            pairs,
        )
        yield Row("first line, with .env", "honcho", "ms", measured, Goal("ratio", "≤", 0.7))


def first_line(command: Sequence[str], directory: Path) -> float:
    """Milliseconds until the child's line is here."""
    with running(command, directory) as run:
        return 1000 * run.wait_for(MARKER)


def whole_run(command: Sequence[str], directory: Path) -> float:
    """Milliseconds until the program has ended."""
    with running(command, directory) as run:
        return 1000 * run.wait()

"""`gaffer plan` of a large project, from exec to its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.contestants import Contestants
from bench.measure import compare, project
from bench.report import Goal, Row
from bench.startup import whole_run

GROUPS = 20
PROCESSES = 10  # in each
CONFIG = "groups:\n  all: services/*\n"
DOTENV = "DATABASE_URL=postgres://localhost:5432/shop\nLOG_LEVEL=info\nSECRET='not a secret'\n"


def rows(contestants: Contestants) -> Iterator[Row]:
    figure = f"plan of {GROUPS * PROCESSES} processes in {GROUPS} groups"
    for dotenv, goal in ((None, Goal("ratio", "≤", 3)), (DOTENV, None)):
        with project({"gaffer.yaml": CONFIG}) as directory:
            _make_services(directory, dotenv)
            measured = compare(
                lambda: whole_run([*contestants.gaffer, "plan"], directory),
                lambda: whole_run([sys.executable, "-c", "pass"], directory),
                contestants.pairs,
            )
        with_files = "" if dotenv is None else ", each with .env"
        yield Row(figure + with_files, "python -c pass", "ms", measured, goal)


def _make_services(directory: Path, dotenv: str | None) -> None:
    procfile = "".join(f"p{number}: exec sleep 600\n" for number in range(PROCESSES))
    for number in range(GROUPS):
        service = directory / "services" / f"s{number:02}"
        service.mkdir(parents=True)
        (service / "Procfile").write_text(procfile)
        if dotenv is not None:
            (service / ".env").write_text(dotenv)

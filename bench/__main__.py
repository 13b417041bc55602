"""`python -m bench [FAMILY ...]`: measure, print the table, end with 1 if a goal was missed."""

from __future__ import annotations

import argparse
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from bench import (
    crowd,
    followers,
    fuzz,
    http,
    idle,
    latency,
    memory,
    planning,
    pressure,
    readiness,
    spawning,
    startup,
    stopping,
    survivors,
    throughput,
    verbs,
)
from bench.contestants import Contestants, compile_all, installed, on_path
from bench.measure import BenchError, adopt_orphans
from bench.report import Row, table

FAMILIES: dict[str, Callable[[Contestants], Iterator[Row]]] = {
    "startup": startup.rows,
    "planning": planning.rows,
    "memory": memory.rows,
    "throughput": throughput.rows,
    "latency": latency.rows,
    "pressure": pressure.rows,
    "crowd": crowd.rows,
    "spawning": spawning.rows,
    "idle": idle.rows,
    "stopping": stopping.rows,
    "survivors": survivors.rows,
    "readiness": readiness.rows,
    "verbs": verbs.rows,
    "http": http.rows,
    "followers": followers.rows,
    "fuzz": fuzz.rows,
}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("family", nargs="*", metavar="FAMILY", help=f"of {', '.join(FAMILIES)}")
    parser.add_argument("--pairs", type=int, default=21, help="measurements of each (21)")
    parser.add_argument("--rounds", type=int, default=60, help="of killing gaffer (60)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of idling (10)")
    parser.add_argument("--requests", type=int, default=100_000, help="of fuzzing (100000)")
    parser.add_argument("--gaffer", help="another gaffer, say that of an older checkout's venv")
    return parser


def measure(families: Sequence[str], contestants: Contestants) -> Iterator[Row]:
    for family in families:
        began = time.monotonic()
        print(f"{family} ...", end="", file=sys.stderr, flush=True)
        yield from FAMILIES[family](contestants)
        print(f" {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def main() -> int:
    arguments = parser().parse_args()
    families = arguments.family or list(FAMILIES)
    if unknown := set(families) - set(FAMILIES):
        parser().error(f"no such family: {', '.join(sorted(unknown))}")
    if min(arguments.pairs, arguments.rounds, arguments.requests) < 1:
        parser().error("--pairs, --rounds and --requests: at least 1")
    try:
        contestants = Contestants(
            gaffer=shlex.split(arguments.gaffer) if arguments.gaffer else installed("gaffer"),
            honcho=installed("honcho"),
            concurrently=on_path("concurrently"),
            pairs=arguments.pairs,
            rounds=arguments.rounds,
            seconds=arguments.seconds,
            requests=arguments.requests,
        )
        compile_all()
        adopt_orphans()
        rows = list(measure(families, contestants))
    except BenchError as error:
        print(f"\nbench: {error}", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, {platform.platform()}, {arguments.pairs} pairs")
    print(table(rows))
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

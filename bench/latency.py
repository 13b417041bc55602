"""How late a quiet process's line is beside a flood."""

from __future__ import annotations

import os
import re
import shlex
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.contestants import Contestants
from bench.measure import Comparison, project, running
from bench.report import Goal, Row

SAMPLES = 400  # lines, one every 50 ms
RUNS = 3
QUIET = """\
import time
for _ in range(1000):
    time.sleep(0.05)
    print("tick", time.monotonic_ns(), flush=True)
"""
PROCFILE = f"quiet: exec {shlex.quote(sys.executable)} quiet.py\nloud: exec yes {'x' * 79}\n"
TICK = re.compile(rb"quiet.*tick (\d+)\n")
LONGEST = 100  # bytes of a quiet line with its prefix, at the most


def rows(contestants: Contestants) -> Iterator[Row]:
    with project({"Procfile": PROCFILE, "quiet.py": QUIET}) as directory:
        delays = [delay for _ in range(RUNS) for delay in sample(contestants.gaffer, directory)]
    p50 = statistics.median(delays)
    p99 = statistics.quantiles(delays, n=100)[98]
    yield Row("a line beside a flood, p50", "", "ms", Comparison(p50))
    yield Row("a line beside a flood, p99", "", "ms", Comparison(p99), Goal("ours", "≤", 4))


def sample(gaffer: Sequence[str], directory: Path) -> list[float]:
    """Milliseconds of each quiet line from just before its write to just after it was read here."""
    delays: list[float] = []
    with running([*gaffer, "start"], directory) as run:
        run.wait_for(b"tick")  # it has begun
        assert run.process.stdout is not None
        descriptor = run.process.stdout.fileno()
        rest = b""
        while len(delays) < SAMPLES:
            chunk = os.read(descriptor, 65536)
            now = time.monotonic_ns()
            if not chunk:
                raise run.error("ended under a flood")
            text = rest + chunk
            end = 0
            for tick in TICK.finditer(text):
                delays.append((now - int(tick[1])) / 1e6)
                end = tick.end()
            rest = text[max(end, len(text) - LONGEST) :]
    return delays

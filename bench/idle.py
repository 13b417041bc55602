"""A hundred processes that sleep: what gaffer costs that has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.contestants import Contestants
from bench.measure import Comparison, project, running
from bench.report import Goal, Row

CHILDREN = 100
MARKER = b"up and asleep"
PROCFILE = "one: echo up' 'and' 'asleep; exec sleep 6000\n"
SETTLING = 1.0  # seconds after the last child has spoken


def rows(contestants: Contestants) -> Iterator[Row]:
    seconds = contestants.seconds
    with (
        project({"Procfile": PROCFILE}) as directory,
        running([*contestants.gaffer, "start", "-c", f"one={CHILDREN}"], directory) as run,
    ):
        run.wait_for(MARKER, CHILDREN)
        time.sleep(SETTLING)
        cpu, wakeups = run.cpu(), run.wakeups()
        time.sleep(seconds)
        cpu, wakeups = run.cpu() - cpu, run.wakeups() - wakeups
        memory = run.memory() / 1e6
    figure = f"idle, {CHILDREN} children"
    yield Row(f"{figure}: CPU in {seconds:g} s", "", "s", Comparison(cpu), Goal("ours", "≤", 0))
    yield Row(f"{figure}: wake-ups", "", "", Comparison(wakeups), Goal("ours", "≤", 0))
    yield Row(f"{figure}: memory", "", "MB", Comparison(memory), Goal("ours", "≤", 20))

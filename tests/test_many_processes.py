"""Five hundred processes at once, some of which write a byte at a time: every line, once."""

from __future__ import annotations

import re

from cli import MakeProject
from cli import project as project

TICKERS = 490
DRIPS = 10
FILES: dict[str, str | bytes] = {
    "Procfile": "tick: exec /bin/sh tick.sh\ndrip: exec /bin/sh drip.sh\n",
    # A line each second.
    "tick.sh": 'for n in 1 2 3; do echo "$PS says $n"; test $n = 3 || sleep 1; done\n',
    # Fifty lines, each byte by a call of write of its own.
    "drip.sh": (
        "for n in 1 2 3 4 5; do for m in 0 1 2 3 4 5 6 7 8 9; do\n"
        "for c in l i n e - $n $m; do printf $c; done; printf '\\n'\n"
        "done; done\n"
    ),
}


def test_every_line_of_five_hundred_processes(project: MakeProject) -> None:
    made = project(FILES)
    formation = f"tick={TICKERS},drip={DRIPS}"
    args = ("-c", formation, "--port-step", "1000", "-q", "--no-timestamps", "--exit-policy", "all")
    result = made.run("start", *args, timeout=60)
    assert result.status == 0, result.stderr
    expected = [f"tick.{i} | tick.{i} says {n}" for i in range(1, TICKERS + 1) for n in (1, 2, 3)]
    expected += [
        f"drip.{i} | line-{n}{m}"
        for i in range(1, DRIPS + 1)
        for n in range(1, 6)
        for m in range(10)
    ]
    shown = [re.sub(r" +\|", " |", line) for line in result.lines]
    assert sorted(shown) == sorted(expected)
    for name in ("tick.7", "drip.7"):
        assert [line for line in shown if line.startswith(f"{name} ")] == [
            line for line in expected if line.startswith(f"{name} ")
        ]

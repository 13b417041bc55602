"""Lines a second: gaffer beside plain pipes, which know no prefixes, and beside its peers."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from functools import partial

from bench import sketch
from bench.contestants import Contestants
from bench.flood import BAR, NAMES, Flood, flood
from bench.measure import compare
from bench.report import Goal, Row

LINES = 500_000  # of each process
LINES_OF_HONCHO = 12_500  # which takes a hundred times as long over each
PAIRS = 7
PAIRS_TO_READ = 3  # of rows without a goal
FIGURE = "a line of a flood"
SED = "sed 's/^/12:00:00 a.1 | /'"
SECRETS = (
    "API_TOKEN=c0ffee-c0ffee-c0ffee\nDB_PASSWORD=correct-horse\nSESSION_KEY=0123456789abcdef\n"
)
VARIANTS = (
    ("--timestamps", "relative"),
    ("--timestamps", "delta"),
    ("--timestamps", "%F %T"),
    ("--log-dir", "logs"),
    ("--redact", "-e", "secrets.env"),
    ("--pty",),
)


def rows(contestants: Contestants) -> Iterator[Row]:
    with flood(LINES) as work:
        yield from beside_others(work, contestants)
        yield from beside_itself(work, contestants)


def beside_others(work: Flood, contestants: Contestants) -> Iterator[Row]:
    ours = partial(work.checked, [*contestants.gaffer, "start"], BAR)

    def row(peer: str, run: Callable[[], float], limit: float) -> Row:
        measured = compare(ours, run, min(PAIRS, contestants.pairs))
        return Row(FIGURE, peer, "ns", measured, Goal("ratio", "≤", limit))

    yield row("(…) | cat", partial(work.run, f"{work.shell()} | cat >out"), 2.0)
    sketched = shlex.join([sys.executable, sketch.__file__, *work.commands.values()])
    run = partial(work.run, f"{sketched} | cat >out")
    # What is left of the two in any Python: the row above can't be less than this one's share of it.
    yield Row(FIGURE, "sketch", "ns", compare(ours, run, min(PAIRS, contestants.pairs)))
    beside_plain = compare(
        run,
        partial(work.run, f"{work.shell()} | cat >out"),
        min(PAIRS, contestants.pairs),
    )
    yield Row(f"{FIGURE} of the sketch", "(…) | cat", "ns", beside_plain)
    yield row("(…) | sed", partial(work.run, f"{work.shell()} | {SED} >out"), 0.9)
    if contestants.concurrently is None:
        print(" (no concurrently: see bench/README.md)", end="", file=sys.stderr)
    else:
        command = [*contestants.concurrently, "-n", ",".join(NAMES), *work.commands.values()]
        # Not checked: it tears lines.
        run = partial(work.run, f"{shlex.join(command)} | cat >out")
        yield row("concurrently", run, 0.5)
    with flood(LINES_OF_HONCHO) as less:
        yield row("honcho", partial(less.checked, [*contestants.honcho, "start"], BAR), 0.02)


def beside_itself(work: Flood, contestants: Contestants) -> Iterator[Row]:
    """What each way to show the lines costs beside the default."""
    (work.directory / "secrets.env").write_text(SECRETS)
    command = [*contestants.gaffer, "start"]
    default = partial(work.checked, command, BAR)
    measured = compare(
        default,
        partial(work.checked, [*command, "--no-timestamps"], BAR),
        min(PAIRS, contestants.pairs),
    )
    yield Row(FIGURE, "--no-timestamps", "ns", measured, Goal("ratio", "≤", 1.1))
    pairs = min(PAIRS_TO_READ, contestants.pairs)
    for options in VARIANTS:
        measured = compare(partial(work.checked, [*command, *options], BAR), default, pairs)
        yield Row(f"{FIGURE}, {shlex.join(options)}", "without", "ns", measured)
    json = partial(work.checked, [*command, "--json"], b'"line": "', b'"}\n')
    yield Row(f"{FIGURE}, --json", "without", "ns", compare(json, default, pairs))

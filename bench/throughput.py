"""Lines a second: gaffer beside plain pipes, which don't even prefix, and beside its peers."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence

from bench.contestants import Contestants
from bench.flood import BAR, NAMES, Flood, flood
from bench.measure import compare
from bench.report import Goal, Row

LINES = 500_000  # of each process
LINES_OF_HONCHO = 12_500  # which takes fifty times as long over each
PAIRS = 5
SED = "sed 's/^/12:00:00 a.1 | /'"
SECRETS = (
    "API_TOKEN=c0ffee-c0ffee-c0ffee\nDB_PASSWORD=correct-horse\nSESSION_KEY=0123456789abcdef\n"
)
# What each costs, beside what is on by default.
VARIANTS = {
    "--timestamps relative": ("--timestamps", "relative"),
    "--timestamps delta": ("--timestamps", "delta"),
    "--timestamps '%F %T'": ("--timestamps", "%F %T"),
    "--log-dir": ("--log-dir", "logs"),
    "--redact": ("--redact", "-e", "secrets.env"),
    "--pty": ("--pty",),
}


def rows(contestants: Contestants) -> Iterator[Row]:
    with flood(LINES) as work:
        (work.directory / "secrets.env").write_text(SECRETS)
        yield from beside_pipes(work, contestants)
        yield from beside_concurrently(work, contestants)
        yield from beside_itself(work, contestants)
    yield beside_honcho(contestants)


def beside_pipes(work: Flood, contestants: Contestants) -> Iterator[Row]:
    for peer, tail, limit in (("cat", "| cat >out", 2.0), ("sed", f"| {SED} >out", 0.9)):
        measured = compare(
            lambda: work.checked([*contestants.gaffer, "start"], BAR),
            lambda tail=tail: work.run(f"{work.shell()} {tail}"),  # type: ignore[misc]
            min(PAIRS, contestants.pairs),
        )
        yield Row("a line of a flood", f"(…) | {peer}", "ns", measured, Goal("ratio", "≤", limit))


def beside_concurrently(work: Flood, contestants: Contestants) -> Iterator[Row]:
    if contestants.concurrently is None:
        print(" (no concurrently: see bench/README.md)", end="", file=sys.stderr)
        return
    command = [*contestants.concurrently, "-n", ",".join(NAMES), *work.commands.values()]
    measured = compare(
        lambda: work.checked([*contestants.gaffer, "start"], BAR),
        lambda: work.run(f"{shlex.join(command)} | cat >out"),
        min(PAIRS, contestants.pairs),
    )
    peer = "concurrently" + (", lines torn" if work.problem(b"] ") else "")
    yield Row("a line of a flood", peer, "ns", measured, Goal("ratio", "≤", 0.5))


def beside_honcho(contestants: Contestants) -> Row:
    with flood(LINES) as work, flood(LINES_OF_HONCHO) as less:
        measured = compare(
            lambda: work.checked([*contestants.gaffer, "start"], BAR),
            lambda: less.checked([*contestants.honcho, "start"], BAR),
            min(PAIRS, contestants.pairs),
        )
    return Row("a line of a flood", "honcho", "ns", measured, Goal("ratio", "≤", 0.02))


def beside_itself(work: Flood, contestants: Contestants) -> Iterator[Row]:
    gaffer = [*contestants.gaffer, "start"]

    def variant(options: Sequence[str], marker: bytes = BAR, end: bytes = b"\n") -> float:
        return work.checked([*gaffer, *options], marker, end)

    pairs = min(PAIRS, contestants.pairs)
    measured = compare(lambda: variant(()), lambda: variant(["--no-timestamps"]), pairs)
    yield Row("with timestamps", "without", "ns", measured, Goal("ratio", "≤", 1.1))
    for name, options in VARIANTS.items():
        measured = compare(lambda o=options: variant(o), lambda: variant(()), pairs)  # type: ignore[misc]
        yield Row(f"with {name}", "without", "ns", measured)
    measured = compare(
        lambda: variant(["--json"], b'"line": "', b'"}\n'), lambda: variant(()), pairs
    )
    yield Row("with --json", "without", "ns", measured)

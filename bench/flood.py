"""The flood: processes that each write a long file as fast as they are let, and what came of it."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.measure import project, running

NAMES = ("alpha", "beta", "gamma", "delta")
BAR = b"| "  # the end of a prefix, as gaffer and honcho write it
WIDTH = 80  # bytes of a line, its newline included
GATE = "gate"  # a fifo: `GATE_OPEN` ends for each process when all have done what is in between
GATE_CLOSED = f"exec 3<>{GATE} 4<{GATE}"
GATE_OPEN = "exec 3>&-; exec cat <&4"


class Flood:
    """Four processes, of `lines` lines each, in a project that keeps everything in memory.

    Each waits for the others at its end: runners stop all when the first exits, and what they then
    leave out would be no fault of theirs. `before` is a command that each begins with.
    """

    def __init__(self, directory: Path, lines: int, before: str) -> None:
        self.directory = directory
        self.lines = lines
        self.commands = {name: f"{before}{GATE_CLOSED}; cat {name}; {GATE_OPEN}" for name in NAMES}
        os.mkfifo(directory / GATE)
        procfile = "".join(f"{name}: {command}\n" for name, command in self.commands.items())
        (directory / "Procfile").write_text(procfile)
        for name in NAMES:
            filler = "x" * (WIDTH - len(f"{name} 0000000 \n"))
            text = "".join(f"{name} {number:07} {filler}\n" for number in range(lines))
            (directory / name).write_text(text)

    def shell(self) -> str:
        """The same without a runner: all at once, lines mixed as it happens."""
        return "(" + " & ".join(f"cat {name}" for name in NAMES) + " & wait)"

    def run(self, command: str, check: Callable[[], str | None] = lambda: None) -> float:
        """Run a shell command that leaves its result in the file `out`; nanoseconds a line."""
        with running(["/bin/sh", "-c", command], self.directory) as run:
            took = run.wait()
            if problem := check():
                raise run.error(problem)
        return 1e9 * took / (self.lines * len(NAMES))

    def problem(self, marker: bytes, end: bytes = b"\n") -> str | None:
        """What is wrong with the file `out`; None if each process's lines are there, in order.

        A line is a prefix with the process's name, `marker`, what the process wrote, `end`. Lines of
        anybody else are the runner's.
        """
        with contextlib.ExitStack() as stack:
            wanted = {
                name[:1].encode(): (
                    name.encode(),
                    stack.enter_context((self.directory / name).open("rb")),
                )
                for name in NAMES
            }
            for line in stack.enter_context((self.directory / "out").open("rb")):
                prefix, _, text = line.partition(marker)
                name, file = wanted.get(text[:1], (b"", None))
                if file is None or name not in prefix:
                    continue
                expected = file.readline()
                if text[: -len(end)] != expected[:-1] or not text.endswith(end):
                    return f"{line!r} where {expected!r} was due"
            for name, file in wanted.values():
                if missing := len(file.read()) // WIDTH:
                    return f"the last {missing} lines of {name.decode()} are missing"
        return None

    def checked(self, command: Sequence[str], marker: bytes, end: bytes = b"\n") -> float:
        """Run a command through `cat`, insist on every line; nanoseconds a line."""
        return self.run(f"{shlex.join(command)} | cat >out", lambda: self.problem(marker, end))


@contextlib.contextmanager
def held(fifo: Path) -> Iterator[None]:
    """Be a writer of a fifo, so that opening it to read doesn't wait and reading it does."""
    descriptor = os.open(fifo, os.O_RDWR)
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def flood(lines: int, before: str = "") -> Iterator[Flood]:
    with project({}, in_memory=True) as directory:
        yield Flood(directory, lines, before)

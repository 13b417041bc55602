"""The measuring core: projects on disk, programs that run for a while, pairs of measurements."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

DEADLINE = 30.0  # seconds for anything that is measured
GRACE = 2.0  # seconds to end in after SIGTERM; honcho, stopped this early, sometimes never does
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
MEMORY = "/dev/shm"  # Linux's file system in memory
TAG = "BENCH_RUN"  # in the environment of all that one run starts


class BenchError(Exception):
    """A measurement that could not be made; the message says which program and what it printed."""


@dataclass(frozen=True)
class Comparison:
    """Medians over all pairs: of ours, of the peer's, and of the pairs' ratios (ours / peer).

    Without a peer, our figure alone.
    """

    ours: float
    peer: float | None = None
    ratio: float | None = None


def compare(ours: Callable[[], float], peer: Callable[[], float], pairs: int) -> Comparison:
    """Measure both in turn, `pairs` times, after a warm-up of each that doesn't count.

    What disturbs the machine for a while disturbs both halves of a pair; hence ratios pair by pair.
    """
    ours()
    peer()
    measured = [(ours(), peer()) for _ in range(pairs)]
    return Comparison(
        ours=statistics.median(a for a, _ in measured),
        peer=statistics.median(b for _, b in measured),
        ratio=statistics.median(a / b for a, b in measured),
    )


@contextlib.contextmanager
def project(files: Mapping[str, str], *, in_memory: bool = False) -> Iterator[Path]:
    """A temporary directory with these files: `{"Procfile": "web: ..."}`.

    `in_memory` keeps it off the disk where there is a place for that.
    """
    parent = MEMORY if in_memory and os.path.isdir(MEMORY) else None
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name:
        directory = Path(name)
        for file, text in files.items():
            (directory / file).write_text(text)
        yield directory


def clean_environment() -> dict[str, str]:
    """Ours without what would change how a Python starts or what a runner runs."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name not in ("PORT", "PROCFILE")
    }


class Run:
    """A program under measurement: its stdout comes here, its stderr into a file, for complaints.

    `started` is the `time.perf_counter()` of just before its exec.
    """

    def __init__(self, command: Sequence[str], directory: Path, stderr: IO[bytes]) -> None:
        self.command = command
        self._tag = uuid.uuid4().hex
        environment = clean_environment() | {TAG: self._tag}
        self._stderr = stderr
        self._tail = b""
        self.started = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise self.error(f"can't be run: {error.strerror}") from error

    def read(self) -> bytes:
        """A chunk of its stdout; nothing when that has ended."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        remaining = self.started + DEADLINE - time.perf_counter()
        ready, _, _ = select.select([descriptor], [], [], max(0.0, remaining))
        if not ready:
            raise self.error(f"not done within {DEADLINE:g} s")
        return os.read(descriptor, 65536)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def wait_for(self, marker: bytes, count: int = 1) -> float:
        """Read stdout up to the `count`th line with `marker`; the seconds since the start."""
        while True:
            chunk = self.read()
            now = time.perf_counter()
            if not chunk:
                raise self.error(f"ended before a line with {marker!r}")
            *lines, self._tail = (self._tail + chunk).split(b"\n")
            count -= sum(marker in line for line in lines)
            if count <= 0:
                return now - self.started

    def wait(self) -> float:
        """Wait for its end, which must be a success; the seconds since the start."""
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired as error:
            raise self.error(f"not done within {DEADLINE:g} s") from error
        now = time.perf_counter()
        if status != 0:
            raise self.error(f"ended with {status}")
        return now - self.started

    def own(self) -> list[psutil.Process]:
        """The program itself and those it forked to be more of itself, parents first.

        They have its command line still; what it starts for its user has another.
        """
        program = psutil.Process(self.process.pid)
        command = _command_line(program)
        forks = program.children(recursive=True)
        return [program, *(fork for fork in forks if _command_line(fork) == command)]

    def memory(self) -> int:
        """Bytes that the program itself has resident now; what several share counts once."""
        return sum(_memory(process) for process in self.own())

    def cpu(self) -> float:
        """Seconds of CPU that the program itself, without its children, has taken so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.own())

    def wakeups(self) -> int:
        """How often the program itself has gone to sleep so far: idle, once for each wake-up."""
        return sum(process.num_ctx_switches().voluntary for process in self.own())

    def descendants(self) -> list[psutil.Process]:
        """All that runs because of this run, wherever in the process tree it has got to."""
        return [process for process in psutil.process_iter() if _has_tag(process, self._tag)]

    def error(self, message: str) -> BenchError:
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace").strip()
        return BenchError(f"{' '.join(self.command)}: {message}\n{said}".rstrip())

    def end(self) -> None:
        """Stop the program, reap it, and kill whatever it left behind."""
        self.process.terminate()
        try:
            # Its output is read to the end, or the last words of some would be a broken pipe.
            self.process.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        while left := self.descendants():
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            for process in left:
                _reap(process.pid)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        _reap_orphans()


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended meanwhile
        return []


def _memory(process: psutil.Process) -> int:
    full = process.memory_full_info()
    size: int = getattr(full, "pss", full.rss)  # Linux knows the proportional size
    return size


def _has_tag(process: psutil.Process, tag: str) -> bool:
    try:
        return process.environ().get(TAG) == tag
    except psutil.Error:  # gone, a zombie, or somebody else's
        return False


def adopt_orphans() -> None:
    """Have orphans of our runs become our children, for us to reap: a container's init may not.

    On Linux only; elsewhere init does it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(pid: int) -> None:
    """Wait until a killed process is gone, whoever its parent is by now."""
    end = time.monotonic() + GRACE
    while psutil.pid_exists(pid) and time.monotonic() < end:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.001)


def _reap_orphans() -> None:
    """Take the statuses of those that became our children and have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


@contextlib.contextmanager
def running(command: Sequence[str], directory: Path) -> Iterator[Run]:
    """Run the program for as long as the `with` block lasts."""
    with tempfile.TemporaryFile() as stderr:
        run = Run(command, directory, stderr)
        try:
            yield run
        finally:
            run.end()

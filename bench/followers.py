"""Memory while many clients follow the log of a flood: all that is kept for them is the ring."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import psutil

from bench.contestants import Contestants
from bench.flood import NAMES, Flood, flood, held
from bench.measure import BenchError, Comparison, Run, running
from bench.report import Goal, Row
from gaffer_procfile.control import runs_in

LINES = 500_000  # of each process
FOLLOWERS = 20
STEP = 0.1  # seconds between two looks at the memory
DEADLINE = 10.0  # seconds
START = "start"  # a fifo: the processes write as soon as it has a writer
MARKER = b"ready to write"
FOLLOW = b"GET /logs?follow=1 HTTP/1.1\r\nHost: gaffer\r\n\r\n"
MOST = 12  # MB: a ring of 4 MiB that is full, what serves it, and what each client hasn't taken yet


def rows(contestants: Contestants) -> Iterator[Row]:
    command = [*contestants.gaffer, "start"]
    with flood(LINES, before=f"echo ready' to 'write; : <{START}; ") as work:
        os.mkfifo(work.directory / START)
        alone = growth(command, work, 0)
        grown = growth(command, work, FOLLOWERS)
    figure = f"memory grown in a flood, {FOLLOWERS} following"
    measured = Comparison(grown, alone, grown / alone)
    yield Row(figure, "none", "MB", measured, Goal("ours", "≤", MOST))


def growth(command: Sequence[str], work: Flood, followers: int) -> float:
    """Megabytes (10**6 bytes) from before the first line to the most of the flood's time."""
    with running(command, work.directory) as run:
        run.wait_for(MARKER, len(NAMES))
        with following(str(work.directory), followers) as seen:
            before = most = run.memory()
            with held(work.directory / START):
                due = time.monotonic()
                while run.read():
                    if time.monotonic() > due:
                        most = max(most, memory(run, most))
                        due = time.monotonic() + STEP
            run.wait()
        if any(not each for each in seen):
            raise BenchError("a follower has seen nothing of the flood")
    return (most - before) / 1e6


def memory(run: Run, otherwise: int) -> int:
    """What the run takes now; it may have just ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return run.memory()
    return otherwise


@contextlib.contextmanager
def following(directory: str, count: int) -> Iterator[list[int]]:
    """So many clients follow the log of the run there to its end; what each has read, in bytes."""
    seen = [0] * count
    end = time.monotonic() + DEADLINE
    while not (runs := runs_in(directory)):
        if time.monotonic() > end:
            raise BenchError(f"no run in {directory}")
        time.sleep(0.005)
    with selectors.DefaultSelector() as selector:
        for number in range(count):
            client = socket.socket(socket.AF_UNIX)
            client.connect(runs[0].path)
            client.sendall(FOLLOW)
            client.recv(65536)  # it is served
            selector.register(client, selectors.EVENT_READ, number)
        reader = threading.Thread(target=_read, args=(selector, seen), daemon=True)
        reader.start()
        yield seen
        reader.join(DEADLINE)


def _read(selector: selectors.BaseSelector, seen: list[int]) -> None:
    while selector.get_map():
        for key, _mask in selector.select():
            assert isinstance(key.fileobj, socket.socket)
            data = key.fileobj.recv(1 << 20)
            seen[key.data] += len(data)
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()

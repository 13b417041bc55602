"""How soon it is seen that a process is ready, after its port has opened."""

from __future__ import annotations

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

INSTANCES = 25
# One after the other, and each in another phase of the delays between two looks at it.
SERVER = """\
import os, socket, time
number = int(os.environ["GAFFER_PROCESS_NAME"].rpartition(".")[2])
time.sleep(1 + 0.0973 * number)
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(os.environ["PORT"])))
server.listen()
print("open", time.monotonic_ns(), flush=True)
time.sleep(600)
"""
CONFIG = f"""\
processes:
  web:
    command: exec {shlex.quote(sys.executable)} -S server.py
    scale: {INSTANCES}
    ready: port
"""
OPEN = re.compile(rb"web\.(\d+) .*open (\d+)\n")
READY = re.compile(rb"web\.(\d+) is ready")


def rows(contestants: Contestants) -> Iterator[Row]:
    with project({"gaffer.yaml": CONFIG, "server.py": SERVER}) as directory:
        delays = sample([*contestants.gaffer, "start"], directory)
    yield Row("a port open until it is said, p50", "", "ms", Comparison(statistics.median(delays)))
    yield Row("… the longest", "", "ms", Comparison(max(delays)), Goal("ours", "≤", 50))


def sample(command: Sequence[str], directory: Path) -> list[float]:
    """Milliseconds of each instance from its listen() to when the line about it was read here."""
    opened: dict[bytes, int] = {}
    said: dict[bytes, int] = {}
    with running(command, directory) as run:
        text = b""
        while len(said) < INSTANCES or len(opened) < INSTANCES:
            chunk = run.read()
            now = time.monotonic_ns()
            if not chunk:
                raise run.error("ended before all were ready")
            *lines, text = (text + chunk).split(b"\n")
            for line in lines:
                if found := OPEN.search(line + b"\n"):
                    opened[found[1]] = int(found[2])
                elif found := READY.search(line):
                    said[found[1]] = now
    return [(said[number] - opened[number]) / 1e6 for number in opened]

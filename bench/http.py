"""The HTTP API: what its being there costs, how fast an order is carried out, and 10,000 requests."""

from __future__ import annotations

import asyncio
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil

from bench.contestants import Contestants
from bench.flood import BAR, Flood, flood
from bench.measure import BenchError, Comparison, Run, compare, project, running
from bench.report import Goal, Row
from bench.startup import PROCFILE, first_line
from gaffer_procfile.control import runs_in

# `gaffer start`, with the socket or without it.
START = """\
import sys
from gaffer_procfile.cli import main, serving
arguments = [word for word in sys.argv[1:] if word != "with"]
if len(arguments) == len(sys.argv[1:]):
    serving.Serving.start = serving.Serving.stop = lambda *_: None
sys.exit(main(arguments))
"""
# A program of one's own whose process says when SIGTERM was delivered.
SERVER = """\
import sys
from gaffer_procfile.http import HttpHandler
from gaffer_procfile.manager import Manager
handler = HttpHandler(".")
manager = Manager()
manager.start(apps=[handler])
manager.add_process("web", sys.executable, args=["told.py"], redirect_output=["stdout"],
                    os_env=True)
manager.subscribe("spawn", lambda *_: manager.running[max(manager.running)].monitor_io(".", tell))
def tell(_label, message):
    sys.stdout.buffer.write(message["data"])
    sys.stdout.buffer.flush()
print(handler.socket, flush=True)
manager.run()
"""
TOLD = """\
import os, signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.write(1, b"up\\n")
signal.sigwait([signal.SIGTERM])
os.write(1, b"told %d\\n" % time.monotonic_ns())
"""
PAIRS = 7
LINES = 200_000  # of each process
REQUESTS = 10_000
AT_A_TIME = 50
FOLLOWERS = 20
RESTARTS = 200
DEADLINE = 10.0  # seconds


def rows(contestants: Contestants) -> Iterator[Row]:
    command = [sys.executable, "-c", START]
    with project({"Procfile": PROCFILE}) as directory:
        measured = compare(
            lambda: first_line([*command, "with", "start"], directory),
            lambda: first_line([*command, "start"], directory),
            contestants.pairs,
        )
    yield Row("first line, with a socket", "without", "ms", measured, Goal("ratio", "≤", 1.02))
    with flood(LINES) as work:
        yield from flooded(work, command, min(PAIRS, contestants.pairs))
    with project({"told.py": TOLD}) as directory:
        yield from asked(directory)


def flooded(work: Flood, command: list[str], pairs: int) -> Iterator[Row]:
    alone = partial(work.checked, [*command, "with", "start"], BAR)
    measured = compare(alone, partial(work.checked, [*command, "start"], BAR), pairs)
    figure = "a line of a flood, with a socket"
    yield Row(figure, "without", "ns", measured, Goal("ratio", "≤", 1.02))

    def followed() -> float:
        with ThreadPoolExecutor(1) as pool:
            follower = pool.submit(_follow, str(work.directory))
            took = alone()
            follower.result()
            return took

    figure = f"a line of a flood, {FOLLOWERS} following"
    # 0.7 times as many lines a second.
    yield Row(figure, "none", "ns", compare(followed, alone, pairs), Goal("ratio", "≤", 1 / 0.7))


def _follow(directory: str) -> None:
    """Follow the log of the run that is about to begin there, by many clients, to its end."""
    end = time.monotonic() + DEADLINE
    while not (runs := runs_in(directory)):
        if time.monotonic() > end:
            raise BenchError(f"no run in {directory}")
        time.sleep(0.005)
    with selectors.DefaultSelector() as selector:
        for _ in range(FOLLOWERS):
            client = socket.socket(socket.AF_UNIX)
            client.connect(runs[0].path)
            client.sendall(b"GET /logs?follow=1 HTTP/1.1\r\nHost: gaffer\r\n\r\n")
            selector.register(client, selectors.EVENT_READ)
        while selector.get_map():
            for key, _mask in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                if not key.fileobj.recv(1 << 20):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


def asked(directory: Path) -> Iterator[Row]:
    with running([sys.executable, "-c", SERVER], directory) as run:
        path = _next_line(run, b".sock").decode()
        _next_line(run, b"up")
        delays = asyncio.run(_restarts(run, path))
        p99 = statistics.quantiles(delays, n=100)[98]
        yield Row("restart to SIGTERM, p50", "", "ms", Comparison(statistics.median(delays)))
        yield Row("restart to SIGTERM, p99", "", "ms", Comparison(p99), Goal("ours", "≤", 5))
        asyncio.run(_requests(path, 500))  # what is loaded once doesn't count
        process = psutil.Process(run.process.pid)
        before, memory = process.num_fds(), process.memory_info().rss
        began = time.perf_counter()
        errors = asyncio.run(_requests(path, REQUESTS))
        took = time.perf_counter() - began
        figure = f"{REQUESTS} requests"
        yield Row(f"{figure}, each", "", "ms", Comparison(1000 * took / REQUESTS))
        yield Row(f"{figure}, errors", "", "", Comparison(errors), Goal("ours", "≤", 0))
        end = time.monotonic() + DEADLINE
        while (more := process.num_fds() - before) > 0 and time.monotonic() < end:
            time.sleep(0.01)  # the last ones are being let go
        yield Row(f"{figure}, descriptors more", "", "", Comparison(more), Goal("ours", "≤", 0))
        grown = (process.memory_info().rss - memory) / 1e6
        yield Row(f"{figure}, memory grown", "", "MB", Comparison(grown), Goal("ours", "≤", 1))


_lines: dict[Run, list[bytes]] = {}


def _next_line(run: Run, marker: bytes) -> bytes:
    """The next line with `marker` that the program writes."""
    waiting = _lines.setdefault(run, [b""])
    while True:
        while len(waiting) > 1:
            line = waiting.pop(0)
            if marker in line:
                return line
        chunk = run.read()
        if not chunk:
            raise run.error(f"ended before a line with {marker!r}")
        waiting[:] = (waiting[0] + chunk).split(b"\n")


async def _restarts(run: Run, path: str) -> list[float]:
    """Milliseconds from just before the request is sent to when the process has the signal."""
    delays = []
    for _ in range(RESTARTS):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(_request("POST", "/processes/web/restart"))
        began = time.monotonic_ns()
        await asyncio.wait_for(reader.read(), DEADLINE)
        writer.close()
        delays.append((int(_next_line(run, b"told").split()[1]) - began) / 1e6)
        _next_line(run, b"up")
    return delays


async def _requests(path: str, count: int) -> int:
    """Ask so many things, some at a time, each on a connection of its own; how many went wrong."""
    paths = ["/processes", "/run", "/instances", "/events?n=10", "/logs?n=10", "/readiness"]
    left = iter(range(count))
    errors = 0

    async def work() -> None:
        nonlocal errors
        for number in left:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(_request("GET", paths[number % len(paths)]))
            answer = await asyncio.wait_for(reader.read(), DEADLINE)
            errors += not answer.startswith(b"HTTP/1.1 200 ")
            writer.close()
            await writer.wait_closed()

    await asyncio.gather(*(work() for _ in range(AT_A_TIME)))
    return errors


def _request(method: str, path: str) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: gaffer\r\nConnection: close\r\n"
    return f"{head}Content-Length: 0\r\n\r\n".encode()

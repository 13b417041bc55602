"""`python -m bench.ci_runs`: the sample under `gaffer test`, many times over.

Each run places an order and waits until it is packed. All have to end with the same status, and to
leave nothing behind. The exit status is 1 if one didn't.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
SHOP = ROOT / "samples" / "shop"
MARK = "GAFFER_CI_RUNS_MARK"
DEADLINE = 60.0  # seconds for one run
STATUS = 7  # what the command ends with: nobody else would by accident

ORDER = f"""
import json, os, sys, time, urllib.request
shop = f"http://127.0.0.1:{{os.environ['GAFFER_PORT_WEB']}}"
def ask(path, body=None):
    with urllib.request.urlopen(shop + path, body, timeout=20) as response:
        return json.load(response)
order = ask("/orders", json.dumps({{"item": "tea"}}).encode())
while ask(f"/orders/{{order['id']}}")["state"] != "done":
    time.sleep(0.02)
sys.exit({STATUS})
"""


def run_once(directory: Path, mark: str) -> tuple[str, str]:
    """How one run ended, as a word for the count, and what it wrote."""
    shutil.copytree(SHOP, directory, ignore=shutil.ignore_patterns("shop.db*", "__pycache__"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), MARK: mark}
    command = [sys.executable, "-m", "gaffer_procfile", "test", "-p", str(free_port())]
    command += ["--timeout", "30s", "--", sys.executable, "-c", ORDER]
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
    except subprocess.TimeoutExpired as error:
        return "never ended", str(error.stdout)
    left = survivors(mark)
    if left:
        return f"left {', '.join(left)}", done.stdout
    return f"status {done.returncode}", done.stdout + done.stderr


def free_port() -> int:
    """A port that is free now, with room above it for the ports of the other processes."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 60_000:
            return port


def survivors(mark: str) -> list[str]:
    """Whatever has the mark of a run and still runs."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.name()} ({process.pid})")
        except psutil.Error:
            continue  # it has ended, or is somebody else's
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ci_runs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="at the most")
    arguments = parser.parse_args()
    ends: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(arguments.rounds):
        if time.monotonic() - began > arguments.seconds:
            break
        with tempfile.TemporaryDirectory() as folder:
            end, output = run_once(Path(folder) / "shop", uuid.uuid4().hex)
        ends[end] += 1
        if end != f"status {STATUS}":
            print(f"run {number + 1}: {end}\n{output}", flush=True)
    print(f"{ends.total()} runs in {time.monotonic() - began:.0f} s:")
    for end, count in ends.most_common():
        print(f"{count:5}  {end}")
    return 0 if set(ends) == {f"status {STATUS}"} else 1


if __name__ == "__main__":
    sys.exit(main())

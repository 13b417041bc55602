"""What is left when gaffer is killed at a random moment, or stopped: nothing, whoever is hit."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence

import psutil

from bench.contestants import Contestants
from bench.measure import Comparison, Run, project, running
from bench.report import Goal, Row

MOMENTS = 0.4  # seconds from exec; the signal comes at any of them, and half-way all is up
STOP_TIMEOUT = 0.5  # seconds, as gaffer is told
DEADLINE = 2.0  # seconds from the signal until nothing may be left
LOOK_INTERVAL = 0.02

# What lives is known by its arguments: the one thing that none of these processes sheds.
PROCFILE = """\
plain: sleep {token} & sleep {token} & wait
term-proof: trap '' TERM INT HUP; sleep {token} & sleep {token}
session: setsid sleep {token} & sleep {token}
daemon: setsid sh -c 'setsid sleep {token} & exit'; sleep {token}
bare: env -i setsid sleep {token} & sleep {token}
bare-daemon: env -i setsid sh -c 'setsid sleep {token} & exit'; sleep {token}
nohup: nohup sleep {token} >nohup.log & sleep {token}
"""
TARGETS = ("outer", "gaffer", "group")


def rows(contestants: Contestants) -> Iterator[Row]:
    if sys.platform != "linux":
        print(" (on Linux only)", end="", file=sys.stderr)
        return
    command = [*contestants.gaffer, "start", "-t", f"{STOP_TIMEOUT:g}"]
    # A key goes to the whole group, a signal from `kill` to whom it is meant for.
    for name, signum, targets in (
        ("SIGKILL", signal.SIGKILL, TARGETS),
        ("SIGTERM", signal.SIGTERM, TARGETS),
        ("Ctrl-C", signal.SIGINT, ("group",)),
    ):
        left = hangs = 0
        for number in range(contestants.rounds):
            survivors, hung = fire(command, signum, targets[number % len(targets)])
            left += survivors
            hangs += hung
        figure = f"{name}, {contestants.rounds} rounds"
        yield Row(f"{figure}: survivors", "", "", Comparison(left), Goal("ours", "≤", 0))
        yield Row(f"{figure}: hangs", "", "", Comparison(hangs), Goal("ours", "≤", 0))


def fire(command: Sequence[str], signum: int, target: str) -> tuple[int, bool]:
    """Send a signal at a random moment; how many processes it left, and whether gaffer hung."""
    token = f"600.{uuid.uuid4().int}"
    moment = random.uniform(0, MOMENTS)
    with (
        project({"Procfile": PROCFILE.format(token=token)}) as directory,
        running(command, directory) as run,
    ):
        time.sleep(moment)
        send(run, signum, target)
        end = time.perf_counter() + DEADLINE
        try:
            run.process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            hung = True
        else:
            hung = False
        left = living(run, token)
        # Whoever is killed can't wait for others; whoever is told to stop leaves nothing behind.
        while left and signum == signal.SIGKILL and time.perf_counter() < end:
            time.sleep(LOOK_INTERVAL)
            left = living(run, token)
        if left or hung:
            what = f"{signal.Signals(signum).name} to {target} after {moment:.3f} s"
            print(f"\n{what}: {'hung, ' * hung}left: {left}", file=sys.stderr)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    return len(left), hung


def send(run: Run, signum: int, target: str) -> None:
    if target == "group":
        os.killpg(run.process.pid, signum)
    elif target == "outer":
        run.process.send_signal(signum)
    else:
        gaffer_of(run).send_signal(signum)


def gaffer_of(run: Run) -> psutil.Process:
    """Gaffer proper: outer, guard, gaffer; before it is there, the outer process."""
    own = run.own()
    return own[2] if len(own) > 2 else own[0]


def living(run: Run, token: str) -> list[psutil.Process]:
    """What runs because of this round."""
    found = {process.pid: process for process in run.descendants()}
    for process in psutil.process_iter():
        try:
            if token in " ".join(process.cmdline()):
                found[process.pid] = process
        except psutil.Error:
            continue  # it has ended meanwhile
    return list(found.values())

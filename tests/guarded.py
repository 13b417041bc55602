"""A program under the guard, in gaffer's place, and the three processes that there are then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from cli import PACKAGE_ROOT
from conftest import is_alive

IMPORTS = """
import os, signal, sys, time
from gaffer_procfile.guard import end_by, enter
"""
# A gaffer that goes on until it is killed.
WAIT = "guarded.wait()\nprint(os.getpid(), flush=True)\nwhile True: signal.pause()\n"


class Three:
    """The three processes of a program that is guarded."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.popen = popen
        assert popen.stdout is not None
        self.gaffer = psutil.Process(int(popen.stdout.readline()))  # it says so when it is ready
        self.outer = psutil.Process(popen.pid)
        (self.guard,) = self.outer.children()

    @property
    def living(self) -> list[str]:
        found = {"outer": self.outer, "guard": self.guard, "gaffer": self.gaffer}
        return [name for name, it in found.items() if it.is_running() and is_alive(it.pid)]


class Guarding:
    """Starts programs under a guard, and leaves nothing of them."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []
        self.known: list[psutil.Process] = []

    def run(self, script: str, before: str = "", **settings: object) -> subprocess.Popen[str]:
        """Run `script` in the place of gaffer proper; `before` runs before there is a guard."""
        popen: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
            [sys.executable, "-c", f"{IMPORTS}{before}\nguarded = enter()\n{script}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": PACKAGE_ROOT, **settings.pop("env", {})},  # type: ignore[dict-item]
            **settings,
        )
        self.started.append(popen)
        return popen

    def three(self, script: str, before: str = "", **settings: object) -> Three:
        three = Three(self.run(script, before, **settings))
        self.known += [three.guard, three.gaffer]
        return three

    def close(self) -> None:
        for popen in self.started:
            if popen.poll() is None:
                tree = psutil.Process(popen.pid).children(recursive=True)
                self.known += [psutil.Process(popen.pid), *tree]
        for process in self.known:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue  # as it should be
        for popen in self.started:
            popen.communicate()


@pytest.fixture
def guarding() -> Iterator[Guarding]:
    guarding = Guarding()
    yield guarding
    guarding.close()

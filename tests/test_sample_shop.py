"""samples/shop, as a newcomer runs it: started, used, and ended by Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import gaffer_procfile

SHOP = Path(__file__).parent.parent / "samples" / "shop"
DEADLINE = 20.0  # seconds for anything that a loaded machine should manage
PROCESSES = ("web.1", "worker.1", "clock.1")


class Shop:
    """A running copy of the sample, its output in a file."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = directory.with_suffix(".log")
        # `python3` in the Procfile is to be the Python that runs the tests.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        package_root = str(Path(gaffer_procfile.__file__).parent.parent)
        with self.log.open("wb") as log:
            self.gaffer = subprocess.Popen(
                [sys.executable, "-m", "gaffer_procfile", "start", "-p", str(port)],
                cwd=directory,
                env=os.environ | {"PATH": path, "PYTHONPATH": package_root},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.tree = [psutil.Process(self.gaffer.pid)]

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, what: str, condition: Callable[[], bool]) -> None:
        """Look every 20 ms; fail with the output so far when it takes too long or gaffer ends."""
        end = time.monotonic() + DEADLINE
        while not condition():
            if self.gaffer.poll() is not None:
                pytest.fail(f"gaffer ended before {what}:\n{self.output()}")
            if time.monotonic() > end:
                pytest.fail(f"not within {DEADLINE:g} s: {what}\n{self.output()}")
            time.sleep(0.02)

    def note_tree(self) -> None:
        """Remember who runs under gaffer now: afterwards nobody can tell whose they were."""
        gaffer = self.tree[0]
        self.tree = [gaffer, *gaffer.children(recursive=True)]

    def running(self) -> list[psutil.Process]:
        return [process for process in self.tree if is_running(process)]

    def is_open(self) -> bool:
        try:
            self.get("/")
        except OSError:
            return False
        return True

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=DEADLINE) as response:
            text: str = response.read().decode()
        return text

    def order(self, item: str) -> dict[str, Any]:
        body = json.dumps({"item": item}).encode()
        with urllib.request.urlopen(f"{self.url}/orders", body, timeout=DEADLINE) as response:
            assert response.status == 202
            placed: dict[str, Any] = json.load(response)
        return placed

    def state_of(self, number: int) -> str:
        state: str = json.loads(self.get(f"/orders/{number}"))["state"]
        return state


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    """A port that is free now, with room above it for the ports of the other processes."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 65_000:
            return port


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    directory = tmp_path / "shop"
    shutil.copytree(SHOP, directory, ignore=shutil.ignore_patterns("shop.db*", "__pycache__"))
    shop = Shop(directory, free_port())
    try:
        yield shop
    finally:
        if is_running(shop.tree[0]):
            shop.note_tree()
        for process in shop.running():
            process.kill()
        shop.gaffer.wait()


def test_an_order_is_taken_packed_and_reported_and_ctrl_c_ends_it_all(shop: Shop) -> None:
    shop.wait_until("the shop is open", shop.is_open)
    assert "Welcome to the Corner Shop!" in shop.get("/")  # interpolated in .env

    order = shop.order("tea")
    assert order["item"] == "tea"
    shop.wait_until("the order is done", lambda: shop.state_of(order["id"]) == "done")
    done_line = f"order {order['id']} (tea) is done"
    shop.wait_until("the worker has said so", lambda: done_line in shop.output())
    shop.wait_until("everyone has spoken", lambda: all(p in shop.output() for p in PROCESSES))

    shop.note_tree()
    assert len(shop.running()) > len(PROCESSES)  # gaffer and at least one process for each
    shop.gaffer.send_signal(signal.SIGINT)
    status = shop.gaffer.wait(DEADLINE)

    assert status == -signal.SIGINT, shop.output()
    assert shop.running() == [], shop.output()
    assert not shop.is_open()
    for name in PROCESSES:
        assert any(name in line and "closing on" in line for line in shop.output().splitlines())
    assert "Traceback" not in shop.output()

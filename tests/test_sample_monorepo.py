"""samples/monorepo, as a newcomer runs it: in order, talking to each other, and in order down."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest
from cli import MakeProject, Project, Running, wait_until
from cli import project as project
from conftest import loop_kinds

from gaffer_procfile.project import Options, load

SAMPLE = Path(__file__).parents[1] / "samples" / "monorepo"
DEADLINE = 40.0  # seconds: a dozen interpreters have to start, some after the others
SERVICES = 5  # with a block of a thousand ports each


def files() -> dict[str, str | bytes]:
    """The sample as it is in git, but with a db that is up sooner."""
    found = {
        str(path.relative_to(SAMPLE)): path.read_bytes()
        for path in SAMPLE.rglob("*")
        if path.is_file() and not {"data", "__pycache__"} & set(path.parts)
    }
    slow = found["infra/gaffer.yaml"]
    quick = slow.replace(b"DB_RECOVERY: 1 ", b"DB_RECOVERY: 0.3 ")
    assert quick != slow
    return {**found, "infra/gaffer.yaml": quick}


def free_base() -> int:
    """A port such that the first ones of all blocks from there on are free now."""
    first = 10_000 + os.getpid() % 500 * 10  # not that of a test that runs beside this one
    for base in range(first, first + 10_000, 10):
        offsets = (block * 1000 + port for block in range(SERVICES) for port in (0, 1, 100))
        if all(_is_free(base + offset) for offset in offsets):
            return base
    pytest.fail("no ports are free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(params=loop_kinds())
def env(request: pytest.FixtureRequest) -> dict[str, str]:
    """`python3` of the sample is the Python that runs the tests, and gaffer has each loop once."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "GAFFER_LOOP": request.param}


@pytest.fixture
def monorepo(project: MakeProject) -> Project:
    return project(files())


def get(port: int, path: str = "/") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as answer:
        text: str = answer.read().decode()
    return text


def read_in_order(running: Running, *patterns: str) -> None:
    """Read on until each line has come, in this order."""
    for pattern in patterns:
        running.read_until(rf"^{pattern}$", DEADLINE)


def place(text: str, line: str) -> int:
    found = re.search(rf"^{line}", text, re.MULTILINE)
    assert found is not None, f"no {line!r} in:\n{text}"
    return found.start()


@pytest.mark.timeout(120)
def test_all_come_up_in_order_work_together_and_go_in_reverse(
    monorepo: Project, env: dict[str, str]
) -> None:
    base = free_base()
    options = ("--no-timestamps", "--profile", "load", "-p", str(base))
    running = monorepo.spawn("start", *options, env=env)
    own = r"gaffer       \| "
    read_in_order(
        running,
        own + r"db\.1 started \(pid \d+\)",
        own + r"db\.1 is ready after .*",
        own + r"migrate\.1 started .*",
        r"migrate\.1    \| 2: count the orders",
        own + r"migrate\.1 exited with status 0",
        own + r"api:server\.1 is ready after .*",
        own + r"web:server\.1 started .*",
        own + r"web:server\.1 is ready after .*",
        own + r"customers\.1 started .*",
        r"api:server\.1 \| order 1: \w+",
    )
    wait_until(
        lambda: json.loads(get(base + 2000, "/orders/1"))["state"] == "done", "an order is packed"
    )
    assert "Welcome to the Corner Shop!" in get(base + 3000)  # of services/web/.env
    assert '<button name="item" value="tea">' in get(base + 3000)  # of the api

    page = "services/web/templates/page.html"
    monorepo.write({page: "<h1>Closing sale at the $name</h1>$items"})
    read_in_order(running, r"web:server\.1 \| the page is read anew")
    assert "Closing sale at the Corner Shop" in get(base + 3000)

    started = running.processes()
    assert len(started) >= 6  # db, api, web, two workers, customers
    running.signal(signal.SIGINT)
    assert running.wait(DEADLINE) == -signal.SIGINT
    assert [process for process in started if is_running(process)] == []
    text = running.text
    assert "Traceback" not in text
    for worker in ("worker.1", "worker.2"):
        assert place(text, own + "migrate.1 exited") < place(text, own + f"{worker} started")
        assert place(text, own + f"{worker} is ready") < place(text, own + "customers.1 started")
        assert place(text, own + "customers.1 stopped") < place(text, own + f"{worker} stopped")
        assert place(text, own + f"{worker} stopped") < place(text, own + "db.1 stopped")
    down = [
        place(text, f"{own}{name}.1 stopped")
        for name in ("customers", "web:server", "api:server", "db")
    ]
    assert down == sorted(down), text


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.timeout(120)
def test_the_smoke_test_passes(monorepo: Project, env: dict[str, str]) -> None:
    command = ("test", "-p", str(free_base()), "--", "python3", "smoke.py")
    result = monorepo.run(*command, env=env, timeout=2 * DEADLINE)
    assert result.status == 0, result
    assert "order 1 was placed and packed" in result.stdout, result


def test_nothing_is_wrong_with_its_files(monorepo: Project) -> None:
    result = monorepo.run("check")
    assert (result.status, result.stdout) == (0, "gaffer.yaml: nothing is wrong\n"), result


def test_the_local_example_can_be_used(monorepo: Project) -> None:
    example = monorepo.path("gaffer.local.yaml.example").read_bytes()
    assert b"gaffer.local.yaml" in monorepo.path(".gitignore").read_bytes()
    directories = [str(monorepo.directory)]
    before = {one.full_name: one for one in load(Options(directories=directories)).templates}
    monorepo.write({"gaffer.local.yaml": example})
    after = {one.full_name: one for one in load(Options(directories=directories)).templates}
    customers = f"{monorepo.directory.name}:customers"
    assert after.keys() - before.keys() == {customers}
    assert (before["infra:db"].port, after["infra:db"].port) == (6000, 16000)
    assert after["jobs:worker"].environment["JOBS_PACKING"] == "1"

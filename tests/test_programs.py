"""Programs as users of the Manager write them, run whole: what they print and what they leave.

Every program and its children carry a mark in their environment, by which survivors are found.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import gaffer_procfile

TESTS = Path(__file__).parent
PROGRAMS = TESTS / "programs"
EMBED = TESTS.parent / "samples" / "embed"
IMPORT_ROOT = Path(gaffer_procfile.__file__).parents[1]
MARK = "GAFFER_TEST_MARK"
TIMEOUT = 20.0  # seconds for a program
GRACE = 2.0  # seconds for what is on its way out when the program has ended

needs_pyuv = pytest.mark.skipif(
    importlib.util.find_spec("pyuv") is None, reason="pyuv is not installed"
)
LOOPS = ["default", "selectors", "asyncio", pytest.param("pyuv", marks=needs_pyuv)]


class Runner:
    """Runs a program under a mark of its own and knows who still carries it."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.mark = uuid.uuid4().hex

    def run(self, program: Path, loop: str = "default") -> list[str]:
        """The lines that `program` printed, once it has ended well and left nobody behind."""
        env = {key: value for key, value in os.environ.items() if key != "GAFFER_LOOP"}
        env |= {MARK: self.mark, "PYTHONPATH": str(IMPORT_ROOT)}
        if loop != "default":
            env["GAFFER_LOOP"] = loop
        done = subprocess.run(
            [sys.executable, str(program)],
            cwd=self.cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        report = f"stdout:\n{done.stdout}\nstderr:\n{done.stderr}"
        assert done.returncode == 0, report
        assert "Traceback" not in done.stderr, report
        _, alive = psutil.wait_procs(self.survivors(), timeout=GRACE)
        assert not alive, report
        return done.stdout.splitlines()

    def survivors(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark:
                    found.append(process)
            except (psutil.Error, OSError):
                continue  # gone meanwhile, or another user's
        return found


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(tmp_path)
    yield runner
    for process in runner.survivors():
        process.kill()


def test_survivors_are_found(runner: Runner) -> None:
    sleeper = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: runner.mark})
    try:
        assert [process.pid for process in runner.survivors()] == [sleeper.pid]
    finally:
        sleeper.kill()
        sleeper.wait()
    assert runner.survivors() == []


LIFECYCLE = """\
add
  create web
  spawn web 1 detached=False
  spawn web 2 detached=False
  start web
  status: [('active', 'active'), ('max_processes', 2), ('running', 2)]
  running: [1, 2]
  info: ['web', '/bin/sleep', ['60'], 2]
  template: ('web', 2, [1, 2])
  process: (2, 'web', '/bin/sleep', True)
  a second web: …'web'…
  status of another: …'other'…
  start of another: …'other'…
  update of another: …'other'…
stats
  of all: 1
  of the template: dict
  of a process: dict
  of another: …77…
  a sample came
ttin
  processes: 3
  spawn web 3 detached=False
  update web
ttou
  processes: 1
  exit web 2 signal 15
  exit web 3 signal 15
  reap web 2
  reap web 3
  update web
  running: [1]
signals
  exit web 1 signal 9
  spawn web 4 detached=False
  exit web 4 signal 1
  spawn web 5 detached=False
update
  exit web 5 signal 15
  spawn web 6 detached=False
  spawn web 7 detached=False
  update web
  args: ['61']
stop by id
  exit web 6 signal 15
  stop_pid web 6
  status: [('active', 'active'), ('max_processes', 2), ('running', 1)]
  spawn web 8 detached=False
restart
  exit web 7 signal 15
  exit web 8 signal 15
  spawn web 10 detached=False
  spawn web 9 detached=False
  running: [9, 10]
stop
  exit web 10 signal 15
  exit web 9 signal 15
  stop web
  stop_pid web 10
  stop_pid web 9
  status: [('active', 'stopped'), ('max_processes', 2), ('running', 0)]
start
  spawn web 11 detached=False
  spawn web 12 detached=False
  start web
  status: [('active', 'active'), ('max_processes', 2), ('running', 2)]
restart of all
  exit web 11 signal 15
  exit web 12 signal 15
  restarted: True
  spawn web 13 detached=False
  spawn web 14 detached=False
a task
  create task
  status: 0
  exit task 15 status 3
  spawn task 15 detached=False
  start task
remove
  delete web
  exit web 13 signal 15
  exit web 14 signal 15
  stop web
  stop_pid web 13
  stop_pid web 14
  delete task
  running: []
  templates: []
  status of the removed: …'web'…
end
  stopped: True
  left the loop, twins alike: True
  heard once: [1, 1]
  surplus: []
"""


def assert_printed(lines: list[str], expected: str) -> None:
    """Line by line; `…` in what is expected stands for any text."""
    wanted = expected.splitlines()
    for line, pattern in zip(lines, wanted, strict=False):
        assert re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), line), (line, pattern)
    assert len(lines) == len(wanted), lines


@pytest.mark.parametrize("loop", LOOPS)
def test_lifecycle(runner: Runner, loop: str) -> None:
    assert_printed(runner.run(PROGRAMS / "lifecycle.py", loop), LIFECYCLE)


GROUPS = """\
added: alone=1, mail:web=1, shop:db=1, shop:web=2
groups: ['mail', 'shop']
shop: ['shop:web', 'shop:db'] shop
shop still: ['shop:web', 'shop:db']
mail: ['mail:web']
alone: None
get_group: …nobody…, lock free
start_group: …nobody…, lock free
stop_group: …nobody…, lock free
restart_group: …nobody…, lock free
remove_group: …nobody…, lock free
shop stopped: alone=1, mail:web=1
shop:web is stopped
mail:web is active
shop started: alone=1, mail:web=1, shop:db=1, shop:web=2
shop restarted: alone=1, mail:web=1, shop:db=1, shop:web=2
kept: ['alone', 'mail:web']
shop removed: alone=1, mail:web=1
groups: ['mail'] templates: ['mail:web', 'alone']
groups: ['mail', 'shop'] ['shop:web']
all stopped: nothing
all started: alone=1, mail:web=1, shop:web=1
manager stopped: nothing
left the loop
"""


@pytest.mark.parametrize("loop", LOOPS)
def test_groups(runner: Runner, loop: str) -> None:
    assert_printed(runner.run(PROGRAMS / "groups.py", loop), GROUPS)


FLAPPING = """\
given up: stopped, 0 running
every retry waited: True
every start ended: True
no start once called off: True
never: 1 started, 1 ended
clean: 1 started, 1 ended
failing: 2 started, 2 ended
returning: 2 started, 1 ended
steady: 1 started, 0 ended
missing: 1 ended with 127
unfit: 1 ended with 126
status: 3
left the loop
"""


@pytest.mark.parametrize("loop", LOOPS)
def test_flapping(runner: Runner, loop: str) -> None:
    lines = runner.run(PROGRAMS / "flapping.py", loop)

    flaps = [line for line in lines if line.startswith("flap ")]
    assert flaps.count("flap crasher: stopped, 0 running") == 3  # the first, and one for each retry
    assert flaps.count("flap called-off: stopped, 0 running") == 1
    assert len(flaps) == 4

    (rounds,) = [line.split()[1:] for line in lines if line.startswith("rounds:")]
    assert len(rounds) == 3
    assert rounds[0] in ("2", "3")  # two attempts, or two besides the first start
    assert all(1 <= int(starts) <= 3 for starts in rounds)

    assert_printed([line for line in lines if not line.startswith(("flap ", "rounds:"))], FLAPPING)


STREAMS = """\
cat: b'one\\ntwo\\nthree\\n', alike
control: b'got control\\n', alike
data: b'had data\\n', alike
echo: b'hello dear world\\n', alike
flood: '1048576 bytes', alike
left the loop
talker: [('alarm', 'alarm', b'bad news\\n'), ('alarm', 'alarm', b'bad news\\n'), \
('news', 'news', b'good news\\n'), ('news', 'news', b'good news\\n')]
the streams' ids differ: True
worker: status 0, b'done\\n'
"""


@pytest.mark.parametrize("loop", LOOPS)
def test_streams(runner: Runner, loop: str) -> None:
    lines = runner.run(PROGRAMS / "streams.py", loop)
    assert lines[-1] == "left the loop"
    assert_printed(sorted(lines), STREAMS)


OWN_LOOP = """\
the manager's loop is ours: True
app started, on the manager's loop: True
spawn first, in the loop's thread: True
spawn second, in the loop's thread: True
exit …, in the loop's thread: True
exit …, in the loop's thread: True
app stopped
stopped, in the loop's thread: True, running: 0
the loop had nothing left to do after 6 ticks
"""


@needs_pyuv
def test_own_loop(runner: Runner) -> None:
    lines = runner.run(PROGRAMS / "own_loop.py")
    assert_printed(lines, OWN_LOOP)
    assert {line.split(",")[0] for line in lines[4:6]} == {"exit first", "exit second"}


PYUV_DEFAULT_LOOP = """\
worker is up as process 1
worker ended with status 0
worker is up as process 2
worker ended with status 0
worker is up as process 3
worker ended with status 0
worker is up as process 4
worker ended with status 0
the app stops last
"""


@needs_pyuv
def test_embedded_on_the_default_loop_of_pyuv(runner: Runner) -> None:
    assert_printed(runner.run(EMBED / "pyuv_default_loop.py"), PYUV_DEFAULT_LOOP)


def test_the_sample_for_pyuv_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pyuv.py").write_text("raise ImportError(\"No module named 'pyuv'\")\n")
    done = subprocess.run(
        [sys.executable, str(EMBED / "pyuv_default_loop.py")],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{IMPORT_ROOT}"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "No module named 'pyuv': docs/pyuv.md has the command that installs pyuv\n"
    )


def test_embedded_on_selectors(runner: Runner) -> None:
    lines = runner.run(EMBED / "selectors_loop.py")
    assert lines == ["clock says tick on out"] * 3 + ["stopped"]


def test_embedded_in_asyncio(runner: Runner) -> None:
    assert runner.run(EMBED / "asyncio_program.py") == [
        "worker is up as process 1",
        "worker is up as process 2",
        "the program counts 1",
        "the program counts 2",
        "the program counts 3",
        "stopped, running: 0",
    ]

"""The real command line on a directory made from a dict of files, run to its end or talked to."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import DEADLINE, LOOK_INTERVAL

import gaffer_procfile
from gaffer_procfile.posix import system

PACKAGE_ROOT = str(Path(gaffer_procfile.__file__).parent.parent)
GAFFER = (sys.executable, "-m", "gaffer_procfile")

# Variables that change what gaffer does: a test that wants one sets it.
_OURS = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "PORT", "PROCFILE", "PS")

Files = Mapping[str, str | bytes]


class Result:
    """How a run ended: its exit status (negative: the signal) and what it wrote."""

    def __init__(self, status: int, stdout: bytes, stderr: bytes) -> None:
        self.status = status
        self.raw = stdout
        self.stdout = stdout.decode(errors="backslashreplace")
        self.stderr = stderr.decode(errors="backslashreplace")

    def __repr__(self) -> str:
        return f"status {self.status}\nstdout:\n{self.stdout}\nstderr:\n{self.stderr}"

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    def error(self) -> str:
        """What the one line on stderr says, where nothing else may have been written."""
        assert self.stdout == "", self
        assert re.fullmatch(r"gaffer: [^\n]+\n", self.stderr), self
        return self.stderr.removeprefix("gaffer: ").removesuffix("\n")


class Running:
    """A gaffer that runs; its output is read from `fd` as it comes, by a deadline."""

    def __init__(self, popen: subprocess.Popen[bytes], fd: int) -> None:
        self.popen = popen
        self.pid = popen.pid
        self.text = ""
        self._fd = fd
        self._taken = 0  # characters of `text` that `read_until` has passed
        self._ended = False

    @property
    def gaffer(self) -> psutil.Process:
        """Gaffer proper: the first child of the guard, which is the outer process's only one."""
        outer = psutil.Process(self.pid)
        if not system.has_subreaper():
            return outer
        found: list[psutil.Process] = []

        def look() -> bool:
            found[:] = [child for guard in outer.children() for child in guard.children()]
            return bool(found)

        wait_until(look, "gaffer proper")
        return min(found, key=lambda child: child.create_time())

    def processes(self) -> list[psutil.Process]:
        """What gaffer has started."""
        return self.gaffer.children(recursive=True)

    def read_until(self, pattern: str, deadline: float = DEADLINE) -> re.Match[str]:
        """Read on to the first match of `pattern` behind the last one."""
        compiled = re.compile(pattern, re.MULTILINE)
        end = time.monotonic() + deadline
        while (match := compiled.search(self.text, self._taken)) is None:
            if not self._read_some(end):
                pytest.fail(f"no {pattern!r} within {deadline} s:\n{self.text}")
        self._taken = match.end()
        return match

    def read_all(self, deadline: float = DEADLINE) -> str:
        """Read to the end of the output."""
        end = time.monotonic() + deadline
        while self._read_some(end):
            pass
        assert self._ended, f"the output didn't end within {deadline} s:\n{self.text}"
        return self.text

    def _read_some(self, end: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
        if not ready or self._ended:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # EIO: the other side of a pty is closed
            data = b""
        self._ended = not data
        self.text += data.decode(errors="backslashreplace")
        return bool(data)

    def wait(self, deadline: float = DEADLINE) -> int:
        """The exit status; output goes on being read, so that nobody waits for us."""
        self.read_all(deadline)
        return self.popen.wait(deadline)

    def pending(self) -> int:
        """How many bytes wait to be read."""
        answer = bytearray(4)
        fcntl.ioctl(self._fd, termios.FIONREAD, answer)
        return int.from_bytes(answer, sys.byteorder)

    def signal(self, signum: int) -> None:
        self.popen.send_signal(signum)

    def press_ctrl_c_until_it_ends(self) -> None:
        """As an impatient person does, with time enough between for each to count."""
        end = time.monotonic() + DEADLINE
        while self.popen.poll() is None and time.monotonic() < end:
            self.signal(signal.SIGINT)
            try:
                self.popen.wait(0.3)
            except subprocess.TimeoutExpired:
                continue

    def send(self, data: bytes) -> None:
        """Type into the pty."""
        os.write(self._fd, data)

    def close_output(self) -> None:
        """Stop reading, as `head` does."""
        os.close(self._fd)
        self._fd = -1

    def end(self) -> None:
        """Leave nothing behind, however the test went."""
        if self.popen.poll() is None:
            tree = psutil.Process(self.pid).children(recursive=True)
            self.popen.kill()
            for process in tree:
                if process.is_running():
                    process.kill()
        self.popen.wait()
        if self._fd >= 0:
            os.close(self._fd)


class Project:
    """A directory with files in it, on which `gaffer` is run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.spawned: list[Running] = []

    def write(self, files: Files) -> None:
        """Write files; a name that ends in a slash is a directory, text with `#!` is executable."""
        for name, content in files.items():
            path = self.directory / name
            if name.endswith("/"):
                path.mkdir(parents=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else content.encode()
            path.write_bytes(data)
            if data.startswith(b"#!"):
                path.chmod(0o755)

    def path(self, name: str) -> Path:
        return self.directory / name

    def run(self, *args: str, **settings: Any) -> Result:
        """Run `gaffer ARGS` to its end; `settings` as for `_run`."""
        return self._run([*GAFFER, *args], **settings)

    def shell(self, script: str, **settings: Any) -> Result:
        """Run a shell script, in which `$gaffer` is the command, to its end."""
        return self._run(["/bin/sh", "-c", script], **settings)

    def spawn(self, *args: str, **settings: Any) -> Running:
        """Start `gaffer ARGS`; `settings` as for `_spawn`."""
        return self._spawn([*GAFFER, *args], **settings)

    def spawn_shell(self, script: str, **settings: Any) -> Running:
        """Start a shell script, in which `$gaffer` is the command."""
        return self._spawn(["/bin/sh", "-c", script], **settings)

    def _run(
        self,
        command: Sequence[str],
        timeout: float = DEADLINE,
        env: Mapping[str, str] | None = None,
        **popen: Any,
    ) -> Result:
        """`env` is added to the environment; `popen` are more arguments of Popen."""
        started = self._popen(command, env, {"stdout": subprocess.PIPE} | popen)
        try:
            stdout, stderr = started.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            Running(started, -1).end()
            pytest.fail(f"{command} didn't end within {timeout} s")
        return Result(started.returncode, stdout or b"", stderr or b"")

    def _spawn(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        pty: bool = False,
        **popen: Any,
    ) -> Running:
        """Its stdout and stderr come as one; with `pty` it has a terminal of its own."""
        ours, theirs = os.openpty() if pty else os.pipe()
        streams: dict[str, Any] = {"stdout": theirs, "stderr": theirs}
        if pty:
            streams |= {"stdin": theirs, "preexec_fn": _take_terminal}
        started = self._popen(command, env, streams | popen)
        os.close(theirs)
        running = Running(started, ours)
        self.spawned.append(running)
        return running

    def _popen(
        self, command: Sequence[str], env: Mapping[str, str] | None, popen: dict[str, Any]
    ) -> subprocess.Popen[bytes]:
        environ = {name: value for name, value in os.environ.items() if name not in _OURS}
        environ |= {"PYTHONPATH": PACKAGE_ROOT, "gaffer": " ".join(GAFFER)}
        settings: dict[str, Any] = {
            "cwd": self.directory,
            "env": environ | dict(env or {}),
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.PIPE,
            "start_new_session": True,
        }
        started: subprocess.Popen[bytes] = subprocess.Popen(command, **settings | popen)
        return started

    def close(self) -> None:
        for running in self.spawned:
            running.end()


def _take_terminal() -> None:
    """Make stdin, a pty, the terminal that Ctrl-C comes from; in the child, a new session."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


MakeProject = Callable[[Files], Project]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[MakeProject]:
    """Makes a project directory from its files, by name."""
    projects: list[Project] = []
    # Tests that run in the background or under nohup ignore some: gaffer would inherit that.
    ignored = [
        signum
        for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
        if signal.getsignal(signum) == signal.SIG_IGN
    ]
    for signum in ignored:
        signal.signal(signum, signal.SIG_DFL)

    def make(files: Files) -> Project:
        directory = tmp_path / f"project{len(projects) or ''}"
        directory.mkdir()
        made = Project(directory)
        made.write(files)
        projects.append(made)
        return made

    yield make
    for signum in ignored:
        signal.signal(signum, signal.SIG_IGN)
    for made in projects:
        made.close()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where logs are kept that have no --log-dir."""
    path = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(path))
    return path


@pytest.fixture
def down() -> Iterator[list[Project]]:
    """Projects of which nothing may run any more in the end."""
    projects: list[Project] = []
    yield projects
    for made in projects:
        made.run("down", "--kill")


def wait_until(condition: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
    """Wait for what nothing announces: a state of another process, a file."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {deadline} s: {what}")
        time.sleep(LOOK_INTERVAL)

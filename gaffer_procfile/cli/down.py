"""`gaffer down`: stop everything, and see it gone."""

from __future__ import annotations

import os
import select
import time

from ..client import Follower, Gone, Stream
from ..control import server_pid
from ..errors import GafferError
from ..posix import system
from .options import Option
from .remote import find_remotes
from .streams import complain, show
from .verb import CONTROL, seconds_of, show_json, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..control import Run
    from .remote import Remote

DESCRIPTION = """\
Stop all processes of this project in order, and gaffer itself. Returns when all is gone."""

EXAMPLES = """\
  gaffer down
  gaffer down --timeout 10    kill what is left after ten seconds
  gaffer down --kill          at once"""

OPTIONS = (
    *CONTROL,
    Option(
        "-t",
        "--timeout",
        metavar="SECONDS",
        help="kill what is left then (default: each process's own time-out)",
    ),
    Option("--kill", action="store_true", help="kill everything at once"),
)

LOOK_INTERVAL = 0.02  # seconds, where the end of a process isn't told of
AFTER_KILL = 10.0  # seconds for the end after a SIGKILL


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "down", OPTIONS, usage="[OPTIONS]", description=DESCRIPTION, examples=EXAMPLES
    )
    args = made.parse_args(argv)
    timeout = seconds_of(args.timeout, "--timeout")
    remotes = find_remotes(args.directory, verb="down")
    ends = [_End(remote) for remote in remotes]
    for remote in remotes:
        _ask(remote, kill=args.kill)
    limit = AFTER_KILL if args.kill else timeout
    is_gone = _wait(ends, limit)
    if not is_gone and not args.kill:
        complain(f"not within {args.timeout} s: killing what is left")
        for remote in remotes:
            _ask(remote, kill=True)
        is_gone = _wait(ends, AFTER_KILL)
    pids = [remote.run.pid for remote in remotes]
    if args.json:
        show_json({"ended": is_gone, "gaffers": pids})
    elif is_gone:
        show("".join(f"gaffer has ended (pid {pid})\n" for pid in pids))
    if not is_gone:
        raise GafferError(f"gaffer (pid {', '.join(map(str, pids))}) doesn't end")
    return 0


def _ask(remote: Remote, *, kill: bool) -> None:
    try:
        remote.connection.post("/shutdown", {"kill": kill})
    except Gone:
        pass  # that is what is wanted


class _End:
    """The end of one run: of all the processes that are gaffer."""

    def __init__(self, remote: Remote) -> None:
        self._pids = _pids_of(remote.run)
        self._fds: list[int] = []
        self._stream: Stream | None = None
        has_pidfds = True
        for pid in self._pids:
            try:
                fd = system.open_pidfd(pid)
            except ProcessLookupError:
                continue  # it has just ended
            if fd is not None:
                self._fds.append(fd)
            else:
                has_pidfds = False
        if not has_pidfds:
            try:
                self._stream = Stream(remote.run.path, "/events?follow=1")
            except Gone:
                pass  # the run has just ended

    def wait(self, end: float | None) -> bool:
        """Wait until it has come, until `end` at the most; whether it has."""
        for fd in list(self._fds):
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            if not poll.poll(None if end is None else max(0.0, end - time.monotonic()) * 1000):
                return False
            self._fds.remove(fd)
            os.close(fd)
        return self._stream is None or self._wait_for_stream(self._stream, end)

    def _wait_for_stream(self, stream: Stream, end: float | None) -> bool:
        """As `wait`, where there are no pidfds."""
        if not stream.has_ended:
            follower = Follower([stream], lambda _stream, _message: None)
            while not follower.has_ended:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return False
                follower.wait(left)
        while any(map(_exists, self._pids)):
            if end is not None and time.monotonic() > end:
                return False
            time.sleep(LOOK_INTERVAL)
        return True


def _wait(ends: Sequence[_End], timeout: float | None) -> bool:
    end = None if timeout is None else time.monotonic() + timeout
    return all(each.wait(end) for each in ends)


def _pids_of(run: Run) -> list[int]:
    """Gaffer proper, the guard, which kills what that has left, and the outer process.

    The outer one is the run's pid; where that was killed it may be anybody's by now.
    """
    gaffer = server_pid(run.path) or run.pid
    guards = _guard_of(gaffer)
    if not guards:
        return list(dict.fromkeys((gaffer, run.pid)))
    row = system.process_row(guards[0])
    has_outer = row is not None and row.parent == run.pid
    return [gaffer, *guards, *([run.pid] if has_outer else [])]


def _guard_of(pid: int) -> list[int]:
    """The guard is gaffer's parent, and a fork of the same program; elsewhere there is none."""
    if not system.has_process_table():
        return []
    row = system.process_row(pid)
    if row is None or row.parent <= 1:
        return []
    is_fork = _command_line(row.parent) == _command_line(pid) != b""
    return [row.parent] if is_fork else []


def _command_line(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""  # it has ended, or is somebody else's


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # somebody else's has the number by now
    return True

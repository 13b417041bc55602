"""`gaffer start -D`: a run in the background, and the wait until all of it has come up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

from ..apps.announcement import DONE, FAILED
from ..control import project_hash
from ..errors import GafferError, UsageError
from ..guard import end_by
from ..output.tail import Tail
from .options import BACKGROUND
from .start import parse, prepare
from .streams import ANNOUNCE, STDERR, complain, printable, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import IO

    from ..planning.plan import Plan

LAST_LINES = 30
LOG = "gaffer.log"


def run(argv: Sequence[str]) -> int:
    args = parse(argv)
    if args.json or args.raw:
        raise UsageError("-D shows no output that could be --json or --raw")
    plan = prepare(args)
    return _Start(plan, args, [word for word in argv if word not in BACKGROUND]).run()


class _Start:
    """The start of a run, as it is seen from here."""

    def __init__(self, plan: Plan, args: Namespace, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        self._log_dir = args.log_dir
        if self._log_dir is None:
            self._log_dir = _state_directory(plan.directory)
            self._argv = ["--log-dir", self._log_dir, *self._argv]

    def run(self) -> int:
        log = os.path.join(self._log_dir, LOG)
        before = os.path.getsize(log) if os.path.exists(log) else 0
        # Its complaints come by a file: whoever reads our own stderr waits until all have closed it.
        with tempfile.TemporaryFile() as complaints:
            popen, last_line = self._start(complaints)
            complaints.seek(0)
            os.write(STDERR, complaints.read())
        if last_line == FAILED:
            _show_end(log, before)
            popen.returncode = 0  # it is let go
            complaint = f"not all is up, the rest runs on (pid {popen.pid}); `gaffer down` ends it"
            raise GafferError(f"{complaint}, the log is {log}")
        if last_line == DONE:
            show(f"gaffer runs in the background (pid {popen.pid}), its log is {log}\n")
            show("`gaffer logs -f` shows it, `gaffer ps` how it is, `gaffer down` ends it\n")
            popen.returncode = 0  # it is let go
            return 0
        status = popen.wait()
        _show_end(log, before)
        complain(f"it has ended before all was up, the log is {log}")
        return status if status > 0 else 128 - status if status < 0 else 1

    def _start(self, complaints: IO[bytes]) -> tuple[subprocess.Popen[bytes], bytes | None]:
        """Start it, and show what it tells; the last line, or None if it ended before that."""
        ours, theirs = os.pipe()
        popen = subprocess.Popen(
            [sys.executable, "-m", __package__.partition(".")[0], "start", *self._argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,  # our terminal is none of its business
            pass_fds=[theirs],
            env={**os.environ, ANNOUNCE: str(theirs)},
        )
        os.close(theirs)
        try:
            return popen, _show_until_the_last(ours)
        except KeyboardInterrupt:
            popen.terminate()
            popen.wait()
            end_by(signal.SIGINT)
        finally:
            os.close(ours)


def _show_until_the_last(fd: int) -> bytes | None:
    """Show the lines that come, until DONE or FAILED; None if neither does."""
    with open(fd, "rb", closefd=False) as stream:
        for line in stream:
            text = line.rstrip(b"\n")
            if text in (DONE, FAILED):
                return text
            show(printable(text.decode("utf-8", "surrogateescape")) + "\n")
    return None


def _show_end(log: str, start: int) -> None:
    """The last lines that the run has logged."""
    try:
        with open(log, "rb") as file:
            file.seek(start)
            tail = Tail()
            tail.feed("log", file.read())
    except OSError:
        return  # it hasn't come so far
    for line in tail.lines(LAST_LINES):
        show(line.decode("utf-8", "surrogateescape") + "\n")


def _state_directory(directory: str) -> str:
    """Where the log of a project is kept that has no --log-dir."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    name = f"{os.path.basename(directory) or 'root'}-{project_hash(directory)[:8]}"
    path = os.path.join(base, "gaffer", name)
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise GafferError(
            f"can't make {path} for the log: {error.strerror}", hint="--log-dir names another place"
        ) from error
    return path

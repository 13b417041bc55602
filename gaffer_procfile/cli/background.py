"""`gaffer start -D`: a run in the background, and the wait until all of it has come up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time

from ..apps.announcement import BEGUN, DONE, FAILED
from ..apps.outcome import signal_name
from ..apps.signals import SAME_ACTION
from ..client import Connection
from ..control import runs_in
from ..errors import GafferError, UsageError, unreadable
from ..guard import end_by
from ..output.tail import Tail
from .last_run import LOG, remember, state_directory
from .options import BACKGROUND
from .start import parse, prepare
from .streams import ANNOUNCE, STDERR, complain, pass_on, printable, show
from .twins import refuse_twins
from .verb import directory_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import IO

    from ..planning.plan import Plan

LAST_LINES = 30
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def run(argv: Sequence[str]) -> int:
    args = parse(argv)
    if args.json or args.raw:
        raise UsageError("-D shows no output that could be --json or --raw")
    plan = prepare(args)
    refuse_twins(plan)
    return _Start(plan, args, [word for word in argv if word not in BACKGROUND]).run()


class _Start:
    """The start of a run, as it is seen from here."""

    def __init__(self, plan: Plan, args: Namespace, argv: Sequence[str]) -> None:
        self._directory = plan.directory
        self._option = directory_option(_as_typed(plan.directory))  # for the verbs
        self._has_page = args.http is not None
        self._argv = list(argv)
        self._has_begun = False
        log_dir = args.log_dir
        if log_dir is None:
            log_dir = _make_state_directory(plan.directory)
            self._argv = ["--log-dir", log_dir, *self._argv]
        self._log = os.path.join(log_dir, LOG)
        self._popen: subprocess.Popen[bytes] | None = None
        self._received: int | None = None  # the first signal that was to end us
        self._received_at = 0.0  # the last one

    def run(self) -> int:
        log = self._log
        before = _make_log(log)
        # Its complaints come by a file: whoever reads our own stderr waits until all have closed it.
        with tempfile.TemporaryFile() as complaints:
            popen, last_line = self._start(complaints)
            if self._has_begun:
                remember(self._directory, log, before)
            if self._received is not None:
                popen.wait()
                end_by(self._received)
            complaints.seek(0)
            complaint = complaints.read()
            pass_on(complaint)
        option = self._option
        if last_line == FAILED:
            _show_end(log, before)
            popen.returncode = 0  # it is let go
            said = (
                f"not all is up, the rest runs on (pid {popen.pid}); `gaffer down{option}` ends it"
            )
            raise GafferError(f"{said}, the log is {log}")
        if last_line == DONE:
            show(f"gaffer runs in the background (pid {popen.pid}), its log is {printable(log)}\n")
            if self._has_page:
                self._show_address(popen.pid)
            show(
                f"`gaffer logs{option} -f` shows it, `gaffer ps{option}` how it is, "
                f"`gaffer down{option}` ends it\n"
            )
            popen.returncode = 0  # it is let go
            return 0
        status = popen.wait()
        if self._has_begun or not complaint:
            _show_end(log, before)
            if status == 0:
                show(f"it has ended, the log is {printable(log)}\n")
                return 0
            complain(f"it has ended before all was up, the log is {log}")
        return status if status > 0 else 128 - status if status < 0 else 1

    def _show_address(self, pid: int) -> None:
        """Where the web page of the run is."""
        for run in runs_in(self._directory):
            if run.pid == pid:
                connection = Connection(run.path)
                url = connection.get("/run")["url"]
                connection.close()
                show(f"open at {printable(url)}, or by `gaffer open{self._option}`\n")

    def _start(self, complaints: IO[bytes]) -> tuple[subprocess.Popen[bytes], bytes | None]:
        """Start it, and show what it tells; the last line, or None if it ended before that."""
        ours, theirs = os.pipe()
        before = {signum: signal.getsignal(signum) for signum in ENDS}
        for signum, handler in before.items():
            if handler != signal.SIG_IGN:
                signal.signal(signum, self._handle_end)
        self._popen = popen = subprocess.Popen(
            [sys.executable, "-m", __package__.partition(".")[0], "start", *self._argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,  # our terminal is none of its business
            pass_fds=[theirs],
            env={**os.environ, ANNOUNCE: str(theirs)},
        )
        os.close(theirs)
        if self._received is not None:
            popen.terminate()  # it wasn't there yet
        try:
            return popen, self._show_until_the_last(ours)
        finally:
            os.close(ours)
            if self._received is None:
                for signum, handler in before.items():
                    signal.signal(signum, handler)

    def _handle_end(self, signum: int, _frame: object) -> None:
        """Pass a wish to end on. The second one is for those that don't stop, as in the run itself."""
        now = time.monotonic()
        is_first = self._received is None
        if not is_first and (signum == signal.SIGHUP or now - self._received_at < SAME_ACTION):
            return
        self._received_at = now
        if is_first:
            self._received = signum
        name = "Ctrl-C" if signum == signal.SIGINT else signal_name(signum)
        over = "\r" if os.isatty(STDERR) else ""  # over the ^C that the terminal has echoed
        what = "stopping what has been started" if is_first else "killing what is left"
        pass_on(f"{over}{name}: {what}\n".encode())
        if self._popen is not None:
            self._popen.terminate()

    def _show_until_the_last(self, fd: int) -> bytes | None:
        """Show the lines that come, until DONE or FAILED; None if neither does."""
        with open(fd, "rb", closefd=False) as stream:
            for line in stream:
                text = line.rstrip(b"\n")
                if text in (DONE, FAILED):
                    return text
                if text == BEGUN:
                    self._has_begun = True
                else:
                    show(printable(text.decode("utf-8", "surrogateescape")) + "\n")
        return None


def _as_typed(directory: str) -> str:
    """A directory from here, if it is below, as a person would type it."""
    relative = os.path.relpath(directory)
    return directory if relative.startswith(os.pardir) else relative


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


def _make_log(log: str) -> int:
    """Have a log that can be written to; how long it is. GafferError without one: who would tell?"""
    try:
        os.makedirs(os.path.dirname(log) or os.curdir, exist_ok=True)
        with open(log, "ab") as file:
            return file.tell()
    except OSError as error:
        raise GafferError(
            f"can't write the log {log}: {unreadable(error)}",
            hint="--log-dir names another place",
        ) from error


def _make_state_directory(directory: str) -> str:
    """Where the log of a project is kept that has no --log-dir."""
    path = state_directory(directory)
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise GafferError(
            f"can't make {path} for the log: {error.strerror}", hint="--log-dir names another place"
        ) from error
    return path

"""`gaffer attach NAME`: a process's terminal becomes ours, until it ends or a key detaches."""

from __future__ import annotations

import errno
import os
import select
import signal

from ..apps.outcome import describe, shell_status
from ..client import Connection, Gone, Refused
from ..errors import GafferError, UsageError
from .options import Option, whole_number
from .progress import Progress
from .remote import choose, choose_one, find_remotes, quoted
from .streams import STDOUT, complain, printable, write_all
from .terminal import Modes, RawMode, Returns, ending_by_signals
from .verb import DIRECTORY, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .remote import Remote

    Json = dict[str, Any]

DESCRIPTION = """\
Show what a process writes, its last screenful first, and give it what you type.

A process with a terminal of its own (tty: true in gaffer.yaml) gets each key, Ctrl-C included,
and the size of your window; Ctrl-] detaches. Any other gets whole lines, and Ctrl-C detaches.
The process goes on in either case."""

EXAMPLES = """\
  gaffer attach console
  gaffer attach web.2
  gaffer attach --detach-key ctrl-q console"""

STATUSES = """\
0 after detaching; the process's when it ends (128 + n if signal n killed it); 1 if it can't be
  attached to, 2 if the command line is wrong, 3 if nothing is running or gaffer ends meanwhile."""

OPTIONS = (
    DIRECTORY,
    Option(
        "--detach-key",
        metavar="KEY",
        help="ctrl-] (default, or GAFFER_DETACH_KEY), another ctrl-…, or none",
    ),
    Option("--scrollback", metavar="BYTES", help="show so much of the past (default: 65536)"),
)

STDIN = 0
SCROLLBACK = 65536  # bytes
MOST_SCROLLBACK = 16 * 1024 * 1024
PATIENCE = 2.0  # seconds from the end of the output to that of the process
DETACHED = 0


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "attach",
        OPTIONS,
        usage="[OPTIONS] NAME",
        description=DESCRIPTION,
        examples=EXAMPLES,
        statuses=STATUSES,
    )
    made.add_argument("name", metavar="NAME", help="a process, or an instance of it (web.2)")
    args = made.parse_intermixed_args(argv)
    key = detach_key(args.detach_key or os.environ.get("GAFFER_DETACH_KEY") or "ctrl-]")
    scrollback = min(whole_number(args.scrollback, "--scrollback", SCROLLBACK), MOST_SCROLLBACK)
    remote, instance = choose_one(choose(find_remotes(args.directory), [args.name]), args.name)
    settings = remote.connection.get(f"/processes/{quoted(instance['name'])}")["settings"]
    session = _Session(remote, instance, scrollback)
    with ending_by_signals():
        if settings.get("tty") and instance["input"] and os.isatty(STDIN):
            with RawMode(STDIN) as mode:
                detached = session.run_raw(key, args.detach_key or "Ctrl-]", mode)
        else:
            detached = session.run_plain()
    return DETACHED if detached else _end(remote, instance)


def detach_key(text: str) -> bytes:
    """The byte that a terminal sends for a key; none for `none`. Raises UsageError."""
    word = text.lower()
    if word == "none":
        return b""
    letter = word.removeprefix("ctrl-").removeprefix("^")
    if letter != word and len(letter) == 1 and letter in "@abcdefghijklmnopqrstuvwxyz[\\]^_":
        return bytes([ord(letter.upper()) & 0x1F])
    raise UsageError(f"--detach-key doesn't know {text!r}", hint="ctrl-], ctrl-q, … or none")


class _Session:
    """What goes on between the terminal and one process."""

    def __init__(self, remote: Remote, instance: Json, scrollback: int) -> None:
        self._name = printable(instance["process"])
        self._instance = instance
        self._path = f"/instances/{instance['id']}"
        self._input = remote.connection
        self._output = Connection(remote.run.path)
        try:
            self._response = self._output.open(f"{self._path}/output?scrollback={scrollback}")
        except Refused as error:
            if error.status == 404:
                raise GafferError(f"{self._name} has just ended") from error
            raise
        self._is_open = True
        self._modes = Modes()
        self._returns: Returns | None = None  # while our terminal is raw
        self._poll = select.poll()
        self._poll.register(self._output.fileno(), select.POLLIN)

    def run_raw(self, key: bytes, key_name: str, mode: RawMode) -> bool:
        """Pass keys on; whether it was detached from (else it has ended)."""
        self._note(f"attached to {self._name}" + (f", {key_name} detaches" if key else ""))
        self._returns = Returns()
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        heard = (signal.SIGWINCH, signal.SIGCONT)
        old_handlers = [signal.signal(each, lambda _signum, _frame: None) for each in heard]
        old_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            self._poll.register(STDIN, select.POLLIN)
            self._poll.register(reader, select.POLLIN)
            self._send_window()
            if not self._write(self._response.take()):  # it came with the head
                return False
            while True:
                ready = [fd for fd, _events in self._poll.poll()]
                if reader in ready:
                    if signal.SIGCONT in os.read(reader, 512):
                        mode.enter()
                    self._send_window()
                if self._output.fileno() in ready and not self._show():
                    return False
                if STDIN in ready:
                    keys = _read(STDIN)
                    before, found, _after = keys.partition(key) if key else (keys, b"", b"")
                    if before and not self._send(before):
                        return False
                    if found or not keys:
                        self._undo()
                        self._note(f"detached from {self._name}")
                        return True
        finally:
            signal.set_wakeup_fd(old_fd)
            for signum, handler in zip(heard, old_handlers, strict=True):
                signal.signal(signum, handler)
            os.close(reader)
            os.close(writer)
            self._undo()

    def run_plain(self) -> bool:
        """Pass lines on, as the terminal, or what else is our standard input, gives them."""
        has_terminal = os.isatty(STDIN)
        if not self._instance["input"]:
            complain(f"{self._name} takes no input: only what it writes is shown, Ctrl-C detaches")
        else:
            self._poll.register(STDIN, select.POLLIN)
            if has_terminal:
                complain(f"{self._name} has no terminal: lines go to it, Ctrl-C detaches")
        try:
            if not self._write(self._response.take()):
                return False
            while True:
                ready = [fd for fd, _events in self._poll.poll()]
                if self._output.fileno() in ready and not self._show():
                    return False
                if STDIN in ready:
                    data = _read(STDIN)
                    if data and not self._send(data):
                        return False
                    if not data and has_terminal:  # Ctrl-D
                        return True
                    if not data:
                        self._poll.unregister(STDIN)
        finally:
            self._undo()

    def _note(self, text: str) -> None:
        if os.isatty(2):
            write_all(2, f"gaffer: {text}\r\n".encode())

    def _show(self) -> bool:
        """Show what it has written; False if that was all."""
        try:
            return self._write(self._output.receive(self._response))
        except Gone:
            return False

    def _write(self, data: bytes) -> bool:
        if data:
            self._modes.feed(data)
            # gaffer's terminals give newlines as they are written. What paints the whole screen means
            # them so.
            if self._returns is not None and not self._modes.has_other_screen:
                data = self._returns.add(data)
            write_all(STDOUT, data)
        return not self._response.is_complete

    def _send(self, data: bytes) -> bool:
        """Give it what was typed; False if it isn't there any more."""
        try:
            self._input.post_bytes(f"{self._path}/input", data)
        except Gone:
            return False
        except Refused as error:
            if error.status == 404:
                return False
            raise
        return True

    def _send_window(self) -> None:
        try:
            columns, rows = os.get_terminal_size(STDIN)
            if rows and columns:
                self._input.post(f"{self._path}/window", {"rows": rows, "columns": columns})
        except (Refused, Gone, OSError):
            pass  # it has just ended, which its output tells, or the terminal doesn't know its size

    def _undo(self) -> None:
        """Leave the terminal as a program expects it that knows nothing of this one."""
        self._output.close()
        if self._is_open and os.isatty(STDOUT):
            self._is_open = False
            try:
                write_all(STDOUT, self._modes.undo() + b"\r\n")
            except OSError:
                pass  # it has hung up


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError as error:
        if error.errno == errno.EIO:  # the terminal has hung up
            return b""
        raise


def _end(remote: Remote, instance: Json) -> int:
    """How it has ended; the status that says so."""

    def current() -> Json | None:
        if remote.has_ended:
            raise Gone
        return remote.instance(instance["name"], instance["instance"])

    def is_over() -> bool:
        found = current()
        return found is None or found["id"] != instance["id"]

    with Progress([remote]) as progress:
        is_in_time = progress.wait(is_over, PATIENCE)
    name = printable(instance["process"])
    found = current()
    if not is_in_time:
        raise GafferError(f"{name} has closed its output, and goes on")
    if found is None or found["exit_status"] is None:
        complain(f"{name} has ended")
        return GafferError.exit_status
    complain(f"{name} {describe(found)}")
    return shell_status(found)

"""The keys of gaffer's own terminal, one at a time, and its modes as they were afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios

from ..loop import adapt
from ..posix.exits import ChildWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..loop import Cancellable, Loop

CHUNK = 1024  # bytes
LOOK_INTERVAL = 0.5  # seconds, while we are in the background
LOCAL_FLAGS = 3  # their place in what tcgetattr gives
# Bracketed paste (xterm's control sequences): the terminal marks where what is pasted begins and ends.
MARK_PASTES = b"\x1b[?2004h"
MARK_NO_PASTES = b"\x1b[?2004l"
PASTE_BEGINS = b"\x1b[200~"
PASTE_ENDS = b"\x1b[201~"
_SEQUENCE = rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)"  # what an arrow sends, or a function key
_UNFINISHED = rb"\x1b\[[0-?]*[ -/]*\Z"


class Typed:
    """Finds the keys in what a terminal sends: all that is neither pasted nor a key's sequence."""

    def __init__(self) -> None:
        self._is_pasting = False
        self._rest = b""

    def feed(self, data: bytes, *, is_cut: bool = False) -> str:
        """The keys in `data`. `is_cut`: there may be more of it, so an ESC at its end is no key yet."""
        data = self._rest + data
        self._rest = b""
        keys = b""
        while data:
            if self._is_pasting:
                _pasted, mark, after = data.partition(PASTE_ENDS)
                if not mark:
                    self._rest = data[1 - len(PASTE_ENDS) :]  # half of the mark may be in it
                    break
                self._is_pasting = False
                data = after
            elif found := re.search(_SEQUENCE, data, re.DOTALL):
                keys += data[: found.start()]
                self._is_pasting = found[0] == PASTE_BEGINS
                data = data[found.end() :]
            else:
                found = re.search(_UNFINISHED, data)
                end = found.start() if found else len(data) - (is_cut and data.endswith(b"\x1b"))
                keys += data[:end]
                self._rest = data[end:]
                break
        return keys.decode("utf-8", "replace")


class Keyboard:
    """Reads keys from the terminal at `path`, without waiting for a line and without echo.

    Ctrl-C and Ctrl-Z go on being signals. What is pasted counts as no key, where the terminal marks
    it. The terminal is opened anew: what others share isn't changed, save its modes, which `close`
    puts back.
    """

    def __init__(self, loop: Loop, path: str, on_key: Callable[[str], object]) -> None:
        self._loop = loop
        self._path = path
        self._on_key = on_key
        self._typed = Typed()
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        self._modes: list[Any] = termios.tcgetattr(self._fd)
        self._is_taken = False
        self._borrower: int | None = None  # the group that has the terminal from us
        self._is_closed = False
        self._look: Cancellable | None = None
        self.take()

    @property
    def is_ours(self) -> bool:
        """Whether what is typed is meant for us: we are in the foreground."""
        return self._foreground() == os.getpgrp()

    def _foreground(self) -> int | None:
        """The group that is; None where the terminal has hung up."""
        try:
            return os.tcgetpgrp(self._fd)
        except OSError:
            return None

    def take(self) -> None:
        """Have the keys from now on, or from when we are in the foreground; or who borrows them has."""
        self._stop_looking()
        if self._is_taken:
            return
        foreground = self._foreground()
        if foreground is None:
            return
        if foreground not in (os.getpgrp(), self._borrower):
            # To get what runs into the foreground a shell sends no signal, nor does anything else.
            self._look = self._loop.call_later(LOOK_INTERVAL, self.take)
            return
        if self._borrower is not None:
            self._hand_over(self._borrower)
            return
        self._modes = termios.tcgetattr(self._fd)
        modes = list(self._modes)
        modes[LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(self._fd, termios.TCSADRAIN, modes)
        self._send(MARK_PASTES)
        self._typed = Typed()  # a paste that was under way was somebody else's
        self._loop.add_reader(self._fd, self._read)
        self._is_taken = True

    def give_back(self) -> None:
        """Leave the terminal as it was."""
        self._stop_looking()
        if not self._is_taken:
            return
        self._is_taken = False
        self._loop.remove_reader(self._fd)
        if self.is_ours:
            self._send(MARK_NO_PASTES)
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, self._modes)
            except termios.error:
                pass  # it has hung up: there is nothing to put back

    def halt(self) -> None:
        """Leave the terminal as it was, and halt whoever has it from us."""
        self.give_back()
        if self._borrower is not None:
            _signal_group(self._borrower, signal.SIGSTOP)

    def _stop_looking(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _send(self, data: bytes) -> None:
        """Tell the terminal something, unless it takes nothing now: no wait may hold up the loop."""
        if os.environ.get("TERM") == "dumb":
            return  # it would show that
        try:
            # A description of its own: the other one is lent to those who know no O_NONBLOCK.
            fd = os.open(self._path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return  # it has hung up
        try:
            os.write(fd, data)
        except OSError:
            pass  # it has hung up, or is held by Ctrl-S; shells set this mode as they want it
        finally:
            os.close(fd)

    def close(self) -> None:
        """Read no more keys. Whoever is lent the terminal is waited for: the loop goes on till then."""
        self.give_back()
        self._is_closed = True
        if self._borrower is None:
            os.close(self._fd)
        else:
            self._await_end(self._borrower)

    def _await_end(self, borrower: int) -> None:
        """See to it that a borrower ends, now that what it is attached to does."""
        if self._foreground() != borrower:
            # The terminal is somebody else's by now, and would only halt it.
            _signal_group(borrower, signal.SIGKILL)
        else:
            _signal_group(borrower, signal.SIGCONT)
            self._look = self._loop.call_later(LOOK_INTERVAL, self._await_end, borrower)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:  # it has hung up, which a signal tells of, too
            data = b""
        if not data:
            self.give_back()
            return
        for key in self._typed.feed(data, is_cut=len(data) == CHUNK):
            if self._is_taken:  # else the one before has lent the terminal: this is for who has it
                self._on_key(key)

    def lend(self, command: Sequence[str], on_end: Callable[[], object]) -> None:
        """Let a program have the terminal, in the foreground, and take it back when it ends.

        `on_end()` is called then, unless this has been closed meanwhile. Raises OSError, and keeps the
        terminal, where no process can be had.
        """
        self.give_back()
        own_group: dict[str, Any] = (
            {"process_group": 0} if sys.version_info >= (3, 11) else {"preexec_fn": os.setpgrp}
        )
        # No shell looks after it: halted by Ctrl-Z it would keep the terminal, and nobody could wake it.
        unhalted = ["/bin/sh", "-c", 'trap "" TSTP; exec "$@"', "sh", *command]
        try:
            popen = subprocess.Popen(
                unhalted, stdin=self._fd, stdout=self._fd, stderr=self._fd, **own_group
            )
        except OSError:
            self.take()
            raise
        self._borrower = popen.pid
        self._hand_over(popen.pid)
        loop = adapt(self._loop)  # in use until then, whoever else lets go of it

        def handle_end() -> bool:
            # A shell that has halted or lost us has the terminal for itself, and keeps it.
            has_terminal = self._foreground() == popen.pid
            if popen.poll() is None:
                return False
            if has_terminal:
                self._set_foreground(os.getpgrp())
            self._borrower = None
            self._stop_looking()
            if self._is_closed:
                os.close(self._fd)
            else:
                self.take()
                on_end()
            loop.call_soon(loop.close)
            return True

        ChildWatch(loop, popen.pid, handle_end)

    def _hand_over(self, borrower: int) -> None:
        self._set_foreground(borrower)
        # It was halted with us, or for want of the terminal.
        _signal_group(borrower, signal.SIGCONT)

    def _set_foreground(self, group: int) -> None:
        # It is a reason to be halted for who isn't in the foreground himself.
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.tcsetpgrp(self._fd, group)
        except OSError:
            pass  # it has hung up, or the other has ended meanwhile
        finally:
            signal.signal(signal.SIGTTOU, before)


def _signal_group(group: int, signum: int) -> None:
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended, and isn't reaped yet

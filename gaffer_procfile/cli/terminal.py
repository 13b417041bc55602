"""The terminal while a verb has it for itself: raw, or full-screen, and given back as it was."""

from __future__ import annotations

import os
import re
import signal
import termios
import tty

from ..guard import end_by
from .streams import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?7l"  # the other screen, no cursor, lines are cut
_LEAVE = b"\x1b[?7h\x1b[?25h\x1b[?1049l"
_USUAL_ROWS = 24  # of a terminal that doesn't know
_HOME = b"\x1b[H"
_CLEAR_LINE = b"\x1b[K"
_CLEAR_BELOW = b"\x1b[J"


class Ended(BaseException):
    """A signal that would end us: what is open is put right first."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class ending_by_signals:  # noqa: N801 - it is used as a statement
    """In its block a signal that would end us raises `Ended`; at its end we end by that signal."""

    def __enter__(self) -> None:
        self._old = {
            signum: signal.signal(signum, self._handle)
            for signum in _ENDING
            if signal.getsignal(signum) != signal.SIG_IGN
        }

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        for each in self._old:
            signal.signal(each, signal.SIG_IGN)  # a second one must not disturb the first
        raise Ended(signum)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for signum, handler in self._old.items():
            signal.signal(signum, handler)
        if isinstance(error, Ended):
            end_by(error.signum)


class RawMode:
    """Gives a terminal's keys as they are pressed, and shows what is written as it is.

    Use: `with RawMode(fd)`.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> RawMode:
        self._old = termios.tcgetattr(self._fd)
        self.enter()
        return self

    def enter(self) -> None:
        """Once more, after a halt: a shell has had the terminal meanwhile."""
        tty.setraw(self._fd, termios.TCSANOW)

    def __exit__(self, *_error: object) -> None:
        # What was typed and nobody has read must not become a command of the shell's.
        termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._old)


class FullScreen:
    """Shows lines that change, on the terminal's other screen. Ctrl-Z gives that back for a while."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._is_in = False

    def enter(self) -> None:
        self._is_in = True
        write_all(self._fd, _ENTER)
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, self._halt)

    def _halt(self, signum: int, _frame: FrameType | None) -> None:
        self.leave()
        signal.raise_signal(signum)  # here we are halted, and go on
        self.enter()

    def draw(self, lines: Sequence[str]) -> None:
        rows = os.get_terminal_size(self._fd).lines or _USUAL_ROWS
        shown = list(lines)
        if len(shown) > rows:
            shown[rows - 1 :] = [f"… and {len(shown) - rows + 1} more"]
        text = (_CLEAR_LINE + b"\r\n").join(line.encode("utf-8", "replace") for line in shown)
        write_all(self._fd, _HOME + text + _CLEAR_LINE + _CLEAR_BELOW)

    def leave(self) -> None:
        if self._is_in:
            self._is_in = False
            if signal.getsignal(signal.SIGTSTP) == self._halt:
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            write_all(self._fd, _LEAVE)


_MODE = re.compile(rb"\x1b\[\?([0-9;]{1,40})([hl])|\x1b(=|>)")
_LONGEST_MODE = 48  # bytes
_AT_FIRST = {7, 25}  # modes that are on in a terminal that nobody has changed: wrapping, the cursor
_OTHER_SCREENS = (47, 1047, 1049)


class Modes:
    """What the output of a program has changed of a terminal's modes, and how that is undone.

    Such as the other screen, reports of the mouse, a hidden cursor (DEC's private modes).
    """

    def __init__(self) -> None:
        self._changed: dict[int, bool] = {}
        self._has_keypad = False
        self._tail = b""

    @property
    def has_other_screen(self) -> bool:
        return any(mode in self._changed for mode in _OTHER_SCREENS)

    def feed(self, data: bytes) -> None:
        data = self._tail + data
        end = 0
        for found in _MODE.finditer(data):
            end = found.end()
            if found[3] is not None:
                self._has_keypad = found[3] == b"="
                continue
            for number in found[1].split(b";"):
                if number:
                    self._note(int(number), found[2] == b"h")
        # A sequence may have been read by half.
        self._tail = data[max(end, len(data) - _LONGEST_MODE) :]

    def _note(self, mode: int, is_on: bool) -> None:
        if is_on == (mode in _AT_FIRST):
            self._changed.pop(mode, None)
        else:
            self._changed[mode] = is_on

    def undo(self) -> bytes:
        """What puts the terminal back, and ends colours."""
        # The other screen last: what belongs to it is undone on it.
        order = sorted(self._changed, key=lambda mode: mode in _OTHER_SCREENS)
        parts = [b"\x1b[?%d%s" % (mode, b"l" if self._changed[mode] else b"h") for mode in order]
        if self._has_keypad:
            parts.append(b"\x1b>")
        return b"".join(parts) + b"\x1b[0m"


class Returns:
    """Puts a return before each newline that has none: a raw terminal only goes down by it."""

    def __init__(self) -> None:
        self._ended_in_return = False

    def add(self, data: bytes) -> bytes:
        if not data:
            return data
        start = 1 if self._ended_in_return and data.startswith(b"\n") else 0
        self._ended_in_return = data.endswith(b"\r")
        return data[:start] + re.sub(rb"(?<!\r)\n", b"\r\n", data[start:])

"""Pseudo-terminals: what makes a process colour its output and write each line at once."""

from __future__ import annotations

import fcntl
import os
import struct
import termios

OUTPUT_FLAGS, LOCAL_FLAGS = 1, 3  # where they are in what tcgetattr gives


def open_pty(rows: int, columns: int, *, echo: bool = False) -> tuple[int, int]:
    """A pty that passes bytes on as they are: our end and the process's. Raises OSError.

    Without a CR before each LF, and without `echo` of what is written to it, unless somebody is to type
    into it. It controls no session by itself: then the end of the session's leader would hang up on
    what its children still write.
    """
    ours, theirs = os.openpty()
    attributes = termios.tcgetattr(theirs)
    attributes[OUTPUT_FLAGS] &= ~termios.OPOST
    if not echo:
        attributes[LOCAL_FLAGS] &= ~(termios.ECHO | termios.ECHONL)
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    set_size(ours, rows, columns)
    return ours, theirs


def set_size(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def control(fd: int) -> None:
    """Make the terminal `fd` the controlling one of the calling process, a session's leader."""
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)

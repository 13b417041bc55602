"""What gaffer itself says on its standard streams, and how it ends by a signal.

Straight to the descriptors: what Python keeps in a buffer it tries to write once more at its own
end, and complains in its own way where it can't.
"""

from __future__ import annotations

import os
import signal

from ..errors import GafferError
from ..guard import end_by

STDOUT = 1
STDERR = 2


def open_missing() -> None:
    """Make a standard stream that is closed (`>&-`) /dev/null, before a file gets its number."""
    for fd in (0, STDOUT, STDERR):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def show(text: str) -> None:
    """Write `text` to standard output. GafferError if that fails; SIGPIPE if nobody reads it."""
    try:
        _write(STDOUT, text.encode("utf-8", "surrogateescape"))
    except BrokenPipeError:
        end_by(signal.SIGPIPE)
    except OSError as error:
        raise GafferError(f"can't write to standard output: {error.strerror}") from error


def complain(text: str) -> None:
    """Write one line to standard error, whatever the names in it are made of."""
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
    try:
        _write(STDERR, f"gaffer: {shown}\n".encode())
    except OSError:
        pass  # nobody is left to tell


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]

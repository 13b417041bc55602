"""What gaffer itself says on its standard streams, and how it ends by a signal.

Straight to the descriptors: what Python keeps in a buffer it tries to write once more at its own
end, and complains in its own way where it can't.
"""

from __future__ import annotations

import os

from ..errors import GafferError
from ..lean import signal

STDOUT = 1
STDERR = 2
ANNOUNCE = "GAFFER_ANNOUNCE"  # the variable with the descriptor of whoever waits for us to be up


def open_missing() -> None:
    """Make a standard stream that is closed (`>&-`) /dev/null, before a file gets its number."""
    for fd in (0, STDOUT, STDERR):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def take_descriptor() -> int | None:
    """The descriptor that ANNOUNCE names, None if there is none; neither is for our processes."""
    text = os.environ.pop(ANNOUNCE, None)
    if text is None:
        return None
    os.set_inheritable(int(text), False)
    return int(text)


def show(text: str) -> None:
    """Write `text` to standard output. GafferError if that fails; SIGPIPE if nobody reads it."""
    try:
        write_all(STDOUT, text.encode("utf-8", "surrogateescape"))
    except BrokenPipeError:
        from ..guard import end_by

        end_by(signal.SIGPIPE)
    except OSError as error:
        raise GafferError(f"can't write to standard output: {error.strerror}") from error


def complain(text: str) -> None:
    """Write one line to standard error, whatever the names in it are made of."""
    pass_on(f"gaffer: {printable(text)}\n".encode())


def pass_on(data: bytes) -> None:
    """Write to standard error, as it is."""
    try:
        write_all(STDERR, data)
    except OSError:
        pass  # nobody is left to tell


def wants_colour(choice: str | None) -> bool:
    """Whether stdout gets colours: as asked for, as the environment says, or if it is a terminal."""
    if choice in ("always", "never"):
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR")
    if forced:
        return forced != "0"
    return os.isatty(STDOUT) and os.environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """`text` in one line that does nothing to a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else _escaped(character) for character in text
    )


def _escaped(character: str) -> str:
    """A character that can't be shown, as it would be typed; of a file name, also a stray byte."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, however little of it the descriptor takes at once."""
    while data:
        data = data[os.write(fd, data) :]

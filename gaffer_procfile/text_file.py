"""Reading a file that a person has named: a file, or a pipe that somebody writes to."""

from __future__ import annotations

import errno
import os
import stat

PATIENCE = 1.0  # seconds until a pipe has to have a writer
CHUNK = 65536  # bytes


def read(path: str) -> bytes:
    """All of the file at `path`. OSError if it can't be had.

    A pipe (`-f <(...)`) is read to its end, but not waited for if nobody writes to it. /dev/null is
    an empty file, and any other device none: a terminal would wait for a person.
    """
    if os.path.isfile(path):
        with open(path, "rb") as stream:
            return stream.read()
    # It is opened at once, and not with its writer.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return _read_special(fd)
    finally:
        os.close(fd)


def _read_special(fd: int) -> bytes:
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISFIFO(status.st_mode):
        return _read_pipe(fd)
    if status.st_rdev == os.stat(os.devnull).st_rdev:
        return b""
    raise OSError(errno.EINVAL, "neither a file nor a pipe")


def _read_pipe(fd: int) -> bytes:
    import select

    poll = select.poll()
    poll.register(fd, select.POLLIN)
    chunks: list[bytes] = []
    has_writer = has_waited = False
    while True:
        try:
            chunk = os.read(fd, CHUNK)
        except BlockingIOError:
            has_writer = True
            poll.poll()  # it may think for as long as it likes
            continue
        if chunk:
            chunks.append(chunk)
        elif chunks or has_writer:
            return b"".join(chunks)
        elif has_waited:
            raise OSError(errno.EPIPE, "a pipe, and nobody writes to it")
        else:
            # A shell opens a pipe a moment after it was named. Of a writer that says nothing yet
            # only the next read tells.
            has_writer = bool(poll.poll(PATIENCE * 1000))
            has_waited = True

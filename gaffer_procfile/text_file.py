"""Reading a file that a person has named: a file, or a pipe that somebody writes to."""

from __future__ import annotations

import errno
import os
import stat

PATIENCE = 1.0  # seconds until a pipe has to have a writer
CHUNK = 65536  # bytes

_DESCRIPTORS = ("/dev/fd/", "/proc/")
_kept: dict[tuple[int, int], bytes] = {}  # of pipes, by device and inode


def read(path: str) -> bytes:
    """All of the file at `path`. OSError if it can't be had.

    A pipe (`-f <(...)`) is read to its end, but not waited for if nobody writes to it. /dev/null is
    an empty file, and any other device none: a terminal would wait for a person. What came by a
    descriptor is kept: it comes once, and who runs an entry of a Procfile reads that twice.
    """
    if os.path.isfile(path):
        with open(path, "rb") as stream:
            return stream.read()
    # It is opened at once, and not with its writer.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        if not os.path.islink(path):
            raise
        # Somebody wanted it to be there, so it isn't simply missing.
        target = f"a link to {os.readlink(path)}, which isn't there"
        raise OSError(errno.ENOLINK, target) from error
    try:
        return _read_special(fd, is_kept=path.startswith(_DESCRIPTORS))
    finally:
        os.close(fd)


def _read_special(fd: int, *, is_kept: bool) -> bytes:
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISFIFO(status.st_mode):
        key = status.st_dev, status.st_ino
        data = _kept.get(key) if is_kept else None
        if data is None:
            data = _read_pipe(fd)
            if is_kept:
                _kept[key] = data
        return data
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

"""The file of a report: there when its run has ended, and until then none of an older run is."""

from __future__ import annotations

import errno
import os
import stat

from ..errors import GafferError, unreadable
from .streams import STDERR, STDOUT, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPTION = "--junit"


class ReportFile:
    """A file that is written once, at the end. It may be a stream: a pipe, one of our own."""

    def __init__(self, path: str) -> None:
        self._path = path

    def claim(self) -> None:
        """Remove an older report. GafferError if this run's couldn't be written."""
        if not self._is_pipe():  # whoever reads that reads to its first end
            self.write(b"")
        self.remove()

    def remove(self) -> None:
        """Remove an older report. A link to it stays."""
        path = os.path.realpath(self._path)
        streams = [os.fstat(stream) for stream in (STDOUT, STDERR)]
        if os.path.isfile(path) and not any(
            os.path.samestat(os.stat(path), stream) for stream in streams
        ):
            try:
                os.unlink(path)
            except OSError:
                pass  # nothing in its directory may be removed: `claim` has emptied it

    def write(self, report: bytes) -> None:
        """Write all of it. GafferError if that can't be."""
        try:
            os.makedirs(os.path.dirname(os.path.realpath(self._path)), exist_ok=True)
            # To open a pipe that nobody reads would wait for a reader, for ever if none comes.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            fd = os.open(self._path, flags | os.O_NONBLOCK, 0o666)
            try:
                os.set_blocking(fd, True)
                write_all(fd, report)
            finally:
                os.close(fd)
        except OSError as error:
            is_unread = error.errno == errno.ENXIO
            why = "nobody reads it" if is_unread else unreadable(error)
            raise GafferError(why, file=self._path) from error

    def _is_pipe(self) -> bool:
        try:
            return stat.S_ISFIFO(os.stat(self._path).st_mode)
        except OSError:
            return False  # it isn't there, or can't be


def find_reports(options: Sequence[str]) -> Iterator[ReportFile]:
    """The reports that options ask for which can't be parsed."""
    for word, following in zip(options, [*options[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        path = value if equals else following
        if name == OPTION and path and (equals or not path.startswith("-")):
            yield ReportFile(path)

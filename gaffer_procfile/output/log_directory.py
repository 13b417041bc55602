"""Log files: what each process wrote in a file of its own, and everything in `gaffer.log`."""

from __future__ import annotations

import os

from .ansi import strip
from .lines import Lines, prefixed
from .source import report, system_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .lines import Block
    from .prefix import Prefixes
    from .source import Source

ALL = "gaffer.log"
PATTERNS = ("*.log", "*.log.*")  # all that is written
DEFAULT_SIZE = 10 * 1024 * 1024  # bytes after which a file is rotated
DEFAULT_KEPT = 5  # rotated files: web.1.log.1 is the newest


class LogDirectory:
    """Writes log files into `path`. The first failure is told by `warn(text)`, and ends it.

    `<name>.log` has the bytes of one process as they are, `gaffer.log` the lines of all with their
    prefix, without escape sequences unless `ansi`.
    """

    def __init__(
        self,
        path: str,
        prefixes: Prefixes,
        warn: Callable[[str], object],
        *,
        size: int = DEFAULT_SIZE,
        kept: int = DEFAULT_KEPT,
        ansi: bool = False,
    ) -> None:
        self._path = path
        self._prefixes = prefixes
        self._warn = warn
        self._size = size
        self._kept = kept
        self._ansi = ansi
        self._files: dict[str, _RotatedFile] = {}
        self._failed = False
        self._system = self.open(system_source())

    def open(self, source: Source) -> LogStream:
        self._prefixes.assign(source.name, source.template)
        return LogStream(self, source)

    def say(
        self, text: str, _event: str, _details: object, last_lines: Sequence[bytes] = ()
    ) -> None:
        self._system.feed(report(text, last_lines))

    def finish(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def write_raw(self, source: Source, data: bytes) -> None:
        self._write(f"{source.name.replace(os.sep, '-').replace(':', '-')}.log", data)

    def write_block(self, source: Source, block: Block) -> None:
        text = block.text if self._ansi else strip(block.text)
        continued = block.continued
        if block.partial:
            text += b"\n"
        if continued and text.startswith(b"\n"):
            # All of the line is there, only its end was not.
            text = text[1:]
            continued = False
        if text:
            first = self._prefixes.get(source, continued=continued)
            self._write(ALL, prefixed(text, first, self._prefixes.get(source)))

    def forget(self, source: Source) -> None:
        """`source` has ended."""
        self._prefixes.forget(source)

    def _write(self, name: str, data: bytes) -> None:
        if self._failed:
            return
        path = os.path.join(self._path, name)
        try:
            if name not in self._files:
                self._make_directory()
                self._files[name] = _RotatedFile(path, self._size, self._kept)
            self._files[name].write(data)
        except _NoDirectoryError as error:
            self._fail(str(error))
        except OSError as error:
            self._fail(f"no more log files: {path} can't be written: {error.strerror}")

    def _make_directory(self) -> None:
        try:
            os.makedirs(self._path, exist_ok=True)
        except OSError as error:
            reason = error.strerror
            if isinstance(error, (FileExistsError, NotADirectoryError)):
                reason = "a file is in the way"
            text = f"no log files: the directory {self._path} can't be made: {reason}"
            raise _NoDirectoryError(text) from error

    def _fail(self, text: str) -> None:
        self._failed = True
        self.finish()
        self._warn(text)


class _NoDirectoryError(Exception):
    """There is no place for log files."""


class LogStream:
    """One stream on its way to the log files."""

    def __init__(self, logs: LogDirectory, source: Source) -> None:
        self.source = source
        self._logs = logs
        self._lines = Lines()

    def feed(self, data: bytes) -> None:
        if self.source.pid is not None:
            self._logs.write_raw(self.source, data)
        for block in self._lines.feed(data):
            self._logs.write_block(self.source, block)

    def end(self) -> None:
        for block in self._lines.end():
            self._logs.write_block(self.source, block)
        self._logs.forget(self.source)


class _RotatedFile:
    """A file that is appended to, and moved aside when it has reached `size`."""

    def __init__(self, path: str, size: int, kept: int) -> None:
        self._path = path
        self._size = size
        self._kept = kept
        self._fd = -1
        self._written = 0
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o666)
        self._written = os.fstat(self._fd).st_size

    def write(self, data: bytes) -> None:
        if self._written and self._written + len(data) > self._size:
            self._rotate()
        view = memoryview(data)
        while view:
            count = os.write(self._fd, view)
            self._written += count
            view = view[count:]

    def _rotate(self) -> None:
        self.close()
        for number in range(self._kept, 0, -1):
            older = f"{self._path}.{number}"
            newer = f"{self._path}.{number - 1}" if number > 1 else self._path
            if os.path.exists(newer):
                os.replace(newer, older)
        if not self._kept:
            os.unlink(self._path)
        self._open()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

"""A copy of what a process writes, as it is, in a file of its own choice."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .source import Source


class RawFiles:
    """Appends what the templates in `paths` write to the file of each, all instances to one.

    A file that can't be written is told by `warn(text)`, once, and left alone then.
    """

    def __init__(self, paths: Mapping[str, str], warn: Callable[[str], object]) -> None:
        self._paths = paths
        self._warn = warn
        self._fds: dict[str, int] = {}
        self._failed: set[str] = set()

    def open(self, source: Source) -> RawStream:
        return RawStream(self, self._paths.get(source.template))

    def say(self, text: str, event: str, details: object, last_lines: Sequence[bytes] = ()) -> None:
        """What gaffer says isn't theirs."""

    def finish(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()

    def write(self, path: str, data: bytes) -> None:
        if path in self._failed:
            return
        try:
            if path not in self._fds:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                # It may be a pipe that nobody reads: no wait may hold up the loop.
                self._fds[path] = os.open(path, flags | os.O_NONBLOCK, 0o666)
            view = memoryview(data)
            while view:
                view = view[os.write(self._fds[path], view) :]
        except OSError as error:
            self._failed.add(path)
            self._warn(f"no more of the log {path}: {error.strerror}")


class RawStream:
    """One stream on its way to its file; to none, where no path was chosen."""

    __slots__ = ("_files", "_path")

    def __init__(self, files: RawFiles, path: str | None) -> None:
        self._files = files
        self._path = path

    def feed(self, data: bytes) -> None:
        if self._path is not None:
            self._files.write(self._path, data)

    def end(self) -> None:
        """The other stream may go on."""

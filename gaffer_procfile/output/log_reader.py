"""Log files read back: the last lines of `gaffer.log` and of what was rotated, found from the end on."""

from __future__ import annotations

import os
import re

from .log_directory import ALL
from .prefix import CONTINUATION, LINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Wanted = Callable[[str], bool]

PIECE = 64 * 1024  # bytes that are looked at in one go
MOST_BYTES = 64 * 1024 * 1024  # that are gone through for one reader
LONG = 64 * 1024  # bytes; only a longer line may have been written in pieces
LONGEST = 1024 * 1024  # bytes; a longer one isn't put together
STAMP = "%Y-%m-%d %H:%M:%S"

_HEAD = 512  # bytes; no prefix is longer
_PREFIX = re.compile(
    rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([^\n]{1,300}?) +([%b%b]) "
    % (re.escape(LINE.encode()), re.escape(CONTINUATION.encode())),
    re.MULTILINE,
)


class LoggedLine:
    """A line as it was logged: when (to the second, as STAMP has it), by whom, and what."""

    __slots__ = ("partial", "process", "stamp", "text")

    def __init__(self, stamp: str, process: str, text: bytes, *, partial: bool = False) -> None:
        self.stamp = stamp
        self.process = process
        self.text = text
        self.partial = partial


class LogFiles:
    """`gaffer.log` and its rotated files, as one text; what comes later isn't in it.

    They stay open, so it doesn't matter where they are moved meanwhile.
    """

    def __init__(self, directory: str) -> None:
        self._files: list[tuple[int, int, int]] = []  # descriptor, where it begins, size
        self.size = 0
        newest_first: list[int] = []
        try:
            while (fd := _open(directory, len(newest_first))) is not None:
                newest_first.append(fd)
        except OSError:
            for fd in newest_first:
                os.close(fd)
            raise
        for fd in reversed(newest_first):
            size = os.fstat(fd).st_size
            self._files.append((fd, self.size, size))
            self.size += size

    def read(self, start: int, end: int) -> bytes:
        parts = []
        for fd, begin, size in self._files:
            low, high = max(start - begin, 0), min(end - begin, size)
            if low < high:
                parts.append(os.pread(fd, high - low, low))
        return b"".join(parts)

    def close(self) -> None:
        for fd, _begin, _size in self._files:
            os.close(fd)
        self._files.clear()


def _open(directory: str, number: int) -> int | None:
    path = os.path.join(directory, ALL) + (f".{number}" if number else "")
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


class LogReader:
    """The last `count` lines of those that are wanted, by the names of their processes.

    None is older than `since`, none newer than `until`, and of those at `until` the last `surplus`
    are left out. First `look_back` until it is true, then `read_on` until it is None: each does a
    bounded piece of work.
    """

    def __init__(
        self,
        files: LogFiles,
        wanted: Wanted,
        count: int,
        since: str,
        until: str,
        surplus: float = 0,
    ) -> None:
        self._files = files
        self._wanted = wanted
        self._count = count
        self._since = since.encode()
        self._until = until.encode()
        self._surplus = surplus
        self._known: dict[bytes, str | None] = {}  # names, decoded if they are wanted
        self._place = self._start = self._end = files.size
        self._bottom: int | None = None
        self._head = b""  # of the line in the middle of which `_place` is
        self._open: dict[str, LoggedLine] = {}

    def look_back(self) -> bool:
        """Go one piece towards the beginning; whether the first line has been found."""
        if self._count <= 0 or self._place <= (self._bottom or 0):
            self._place = self._start
            return True
        start = max(self._bottom or 0, self._place - PIECE)
        text = self._files.read(start, self._place) + self._head
        self._place = start
        cut = text.find(b"\n") + 1 if start else 0
        self._head = text[: cut or len(text)][:_HEAD] if start else b""
        if start and not cut:
            return False
        first = _PREFIX.search(text, cut)
        if first is not None and first[1] > self._until:
            self._end = start + first.start()
            return False
        if self._bottom is None:
            self._bottom = max(0, start - MOST_BYTES)
        for match in reversed(list(_PREFIX.finditer(text, cut))):
            if match[3] == LINE.encode() and self._name(match[2]) is not None:
                self._take(match[1], start + match.start())
                if self._count <= 0:
                    break
        return False

    def _take(self, stamp: bytes, place: int) -> None:
        """A line that is wanted, unless it is too new or too old."""
        if stamp > self._until or (stamp == self._until and self._surplus > 0):
            self._surplus -= stamp == self._until
            self._end = place
        elif stamp < self._since:
            self._count = 0
        else:
            self._count -= 1
            self._start = place

    def _name(self, name: bytes) -> str | None:
        if name not in self._known:
            text = name.decode("utf-8", "surrogateescape")
            self._known[name] = text if self._wanted(text) else None
        return self._known[name]

    def read_on(self) -> list[LoggedLine] | None:
        """The lines of one piece; None at the end."""
        if self._place >= self._end:
            left = list(self._open.values())
            self._open.clear()
            return left or None
        parts: list[bytes] = []
        at = self._place
        while at < self._end and (not parts or b"\n" not in parts[-1]):
            parts.append(self._files.read(at, min(at + PIECE, self._end)))
            if not parts[-1]:
                break  # somebody has cut it off
            at += len(parts[-1])
        text = b"".join(parts)
        cut = text.rfind(b"\n") + 1
        if not cut:
            at = self._end
            cut = len(text)
        self._place = at - (len(text) - cut)
        return list(self._lines(text[:cut]))

    def _lines(self, text: bytes) -> Iterator[LoggedLine]:
        for match in _PREFIX.finditer(text):
            name = self._name(match[2])
            if name is None:
                continue
            end = text.find(b"\n", match.end())
            data = text[match.end() : end if end >= 0 else len(text)]
            if match[3] == CONTINUATION.encode() and name in self._open:
                line = self._open[name]
                if len(line.text) + len(data) <= LONGEST:
                    line.text += data
                    continue
                line.partial = True
                yield self._open.pop(name)
            elif name in self._open:
                yield self._open.pop(name)
            line = LoggedLine(match[1].decode(), name, data)
            if len(data) > LONG:
                self._open[name] = line
            else:
                yield line

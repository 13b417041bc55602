"""LogRing: the last lines of every process, in a bounded memory, for whoever asks.

Output is kept in the blocks in which it came: lines are told apart only when somebody reads them.
"""

from __future__ import annotations

import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Protocol

    from ..manager import Manager

    Wanted = Callable[["LogSource"], bool]

    class Redactor(Protocol):
        """What takes secrets out of one stream (see `output.redact`)."""

        def feed(self, data: bytes) -> bytes: ...
        def end(self) -> bytes: ...


BYTES = 4 * 1024 * 1024  # more doesn't stay in the caches, and a flood feels it
LONGEST = 64 * 1024  # bytes; a longer line is kept in pieces
OVERHEAD = 200  # bytes that a block takes beside its text, nearly


class LogBlock:
    """Some lines of one stream that came at once; without a newline at its end, its last is cut.

    Its lines are numbered from `first` on; the next block's begin at `end`. There are gaps between
    the numbers: to count the lines of a flood would take longer than all else that is done with it.
    `time` is seconds since the epoch, `size` the bytes that it takes.
    """

    __slots__ = ("_chunk", "_count", "_head", "end", "first", "size", "source", "time")

    def __init__(
        self, source: LogSource, first: int, when: float, head: bytes, chunk: bytes, cut: int
    ) -> None:
        self.source = source
        self.first = first
        self.time = when
        # As they were read: to join what nobody looks at would be a copy too many.
        self._head = head
        self._chunk = chunk
        self.end = first + len(head) + cut
        self.size = len(head) + len(chunk) + OVERHEAD
        self._count = 0

    @property
    def text(self) -> bytes:
        if self._head or len(self._chunk) != self.end - self.first:
            cut = self.end - self.first - len(self._head)
            self._head, self._chunk = b"", self._head + self._chunk[:cut]
        return self._chunk

    @property
    def count(self) -> int:
        """How many lines there are."""
        if not self._count:
            # Twice as fast as `bytes.count`.
            text = self.text
            newlines = len(text) - len(text.replace(b"\n", b""))
            self._count = newlines + self.is_cut
        return self._count

    @property
    def is_cut(self) -> bool:
        return not self.text.endswith(b"\n")

    def lines(self) -> list[bytes]:
        """Its lines, without their newlines."""
        return (self.text if self.is_cut else self.text[:-1]).split(b"\n")


class LogSource:
    """A stream of one process: what is known of each of its lines, and the line that has begun."""

    __slots__ = ("id", "instance", "label", "name", "os_pid", "redactor", "rest")

    def __init__(
        self,
        name: str,
        instance: int,
        id: int,
        os_pid: int,
        label: str,
        redactor: Redactor | None,
    ) -> None:
        self.name = name
        self.instance = instance
        self.id = id
        self.os_pid = os_pid
        self.label = label
        self.redactor = redactor
        self.rest = b""


class LogCursor:
    """A reader's place in a ring. `skipped` counts the lines that were gone before it came there.

    The ring knows it from `LogRing.open` to `close`.
    """

    def __init__(self, ring: LogRing, since: int, wanted: Wanted | None) -> None:
        self.since = since
        self.skipped = 0
        self._ring = ring
        self._wanted = wanted

    def take(self) -> Iterator[tuple[LogBlock, int]]:
        """The blocks that come next, each with how many of its lines are known already."""
        for block in self._ring.blocks(self.since, self._wanted):
            known = max(0, self.since - block.first)
            self.since = block.end
            if known == 0 or known < block.count:
                yield block, known

    def skip_to(self, number: int) -> None:
        """Leave out what comes before `number`."""
        for block in self._ring.blocks(self.since, self._wanted):
            if block.end > number:
                self.skipped += max(0, number - max(self.since, block.first))
                break
            self.lose(block)
        self.since = max(self.since, number)

    def lose(self, block: LogBlock) -> None:
        """Count what it hasn't read of a block."""
        if block.end > self.since and (self._wanted is None or self._wanted(block.source)):
            self.skipped += max(0, block.count - max(0, self.since - block.first))

    def close(self) -> None:
        self._ring.close(self)


class _Shelf:
    """The blocks of one instance, and what they take."""

    __slots__ = ("blocks", "size")

    def __init__(self) -> None:
        self.blocks: deque[LogBlock] = deque()
        self.size = 0

    def add(self, block: LogBlock) -> None:
        self.blocks.append(block)
        self.size += block.size

    def drop(self) -> LogBlock:
        block = self.blocks.popleft()
        self.size -= block.size
        return block


class LogRing:
    """Keeps the last output of all processes, at most `size` bytes of it.

    When there is too much, the instance with the most loses its oldest: one that is chatty never takes
    a quiet one's share. `redact()` makes what takes the secrets out of a stream.
    """

    def __init__(
        self, *, redact: Callable[[], Redactor | None] | None = None, size: int = BYTES
    ) -> None:
        self._redact = redact
        self._most = size
        self._size = 0
        self._shelves: dict[tuple[str, int], _Shelf] = {}
        self._sources: dict[tuple[int, str], LogSource] = {}
        self._listeners: list[Callable[[], object]] = []
        self._cursors: list[LogCursor] = []
        # Of each instance that has lost something: the last stream that did, and up to where.
        self._dropped: dict[tuple[str, int], tuple[LogSource, int]] = {}
        self.next = 1
        """The number that the next line gets."""

    def start(self, _loop: Any, manager: Manager) -> None:
        self._manager = manager
        manager.subscribe("spawn", self.handle_spawn)

    def stop(self) -> None:
        self._manager.unsubscribe("spawn", self.handle_spawn)

    def restart(self) -> None:
        """What was written stays written."""

    def make_redactor(self) -> Redactor | None:
        """What takes the secrets out of one more stream."""
        return self._redact() if self._redact is not None else None

    # ---- what is written

    def handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        """There is one process more."""
        try:
            process = self._manager.get_process(event["pid"])
        except KeyError:
            return  # it has been and gone, and wrote nothing: it was never read
        self.add_streams(event, process.redirect_output)
        process.monitor_io(".", self.handle_output)

    def add_streams(self, event: dict[str, Any], labels: Iterable[str]) -> None:
        """The process that was spawned so has these streams."""
        for label in labels:
            self._sources[event["pid"], label] = LogSource(
                event["name"],
                event["instance"],
                event["pid"],
                event["os_pid"],
                label,
                self.make_redactor(),
            )

    def handle_output(self, label: str, message: dict[str, Any]) -> None:
        """A process has written something, or, with no data, closed a stream."""
        data: bytes = message["data"]
        source = self._sources[message["pid"], label]
        if not data:
            del self._sources[message["pid"], label]
            data = source.redactor.end() if source.redactor is not None else b""
            data, source.rest = source.rest + data, b""
            if data:
                self._keep(source, b"", data, len(data))
            return
        if source.redactor is not None:
            data = source.redactor.feed(data)
        cut = data.rfind(b"\n") + 1
        rest = source.rest
        if cut == 0:
            source.rest = rest + data
            if len(source.rest) > LONGEST:
                text, source.rest = source.rest, b""
                self._keep(source, b"", text, len(text))
        else:
            source.rest = data[cut:]
            self._keep(source, rest, data, cut)

    def _keep(self, source: LogSource, head: bytes, chunk: bytes, cut: int) -> None:
        block = LogBlock(source, self.next, time.time(), head, chunk, cut)
        self.next = block.end
        key = (source.name, source.instance)
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = _Shelf()
        shelf.add(block)
        self._size += block.size
        while self._size > self._most:
            self._make_room(shelf)
        for listener in self._listeners:
            listener()

    def _make_room(self, shelf: _Shelf) -> None:
        """Drop the oldest block of whoever has the most, or at least more than its share."""
        if shelf.size * len(self._shelves) <= self._most or len(shelf.blocks) < 2:
            shelf = max(self._shelves.values(), key=lambda each: each.size)
        block = shelf.drop()
        self._size -= block.size
        key = (block.source.name, block.source.instance)
        self._dropped[key] = block.source, block.end
        if not shelf.blocks:
            del self._shelves[key]
        for cursor in self._cursors:
            cursor.lose(block)

    # ---- what is read

    def listen(self, listener: Callable[[], object]) -> None:
        """Call `listener()` whenever there is more."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], object]) -> None:
        self._listeners.remove(listener)

    def open(self, since: int, wanted: Wanted | None) -> LogCursor:
        """A cursor that stands before the line of number `since`, for those lines that are wanted."""
        cursor = LogCursor(self, since, wanted)
        if wanted is None:
            cursor.skipped = self._count_gone(since)
        self._cursors.append(cursor)
        return cursor

    def _count_gone(self, since: int) -> int:
        """About how many lines from number `since` on are gone: nobody has counted them.

        They had the numbers that no block has, from the oldest of a chatty one and in between.
        """
        kept = list(self.blocks(since))
        numbers = self.next - since - sum(block.end - max(block.first, since) for block in kept)
        if numbers <= 0 or not kept:
            return 0
        lines = sum(block.count for block in kept)
        return max(1, numbers * lines // sum(block.end - block.first for block in kept))

    def close(self, cursor: LogCursor) -> None:
        self._cursors.remove(cursor)

    def blocks(self, since: int, wanted: Wanted | None = None) -> Iterator[LogBlock]:
        """The blocks with a line from number `since` on, in the order in which they came."""
        from heapq import merge

        shelves = [_from(shelf.blocks, since) for shelf in self._shelves.values()]
        for block in merge(*shelves, key=lambda block: block.first):
            if wanted is None or wanted(block.source):
                yield block

    def whole_from(self, wanted: Wanted | None = None) -> int:
        """The number from which on all that is wanted is still there."""
        dropped = self._dropped.values()
        return max((end for source, end in dropped if wanted is None or wanted(source)), default=1)

    def begins(self, count: int, wanted: Wanted | None = None) -> int:
        """The number at which the last `count` lines of those wanted begin."""
        since = self.next
        for block in self._backwards(wanted):
            if count <= 0:
                break
            since = block.first + max(0, block.count - count)
            count -= block.count
        return since

    def has(self, count: int, since: int, wanted: Wanted | None = None) -> bool:
        """Whether there are so many lines from number `since` on."""
        for block in self._backwards(wanted):
            if count <= 0 or block.first < since:
                break
            count -= block.count
        return count <= 0

    def _backwards(self, wanted: Wanted | None) -> Iterator[LogBlock]:
        from heapq import merge

        shelves = [reversed(shelf.blocks) for shelf in self._shelves.values()]
        for block in merge(*shelves, key=lambda block: block.first, reverse=True):
            if wanted is None or wanted(block.source):
                yield block

    def begins_at(self, when: float) -> int:
        """The number of the first line that came at `when` or later."""
        found = [
            block.first
            for shelf in self._shelves.values()
            for block in shelf.blocks
            if block.time >= when
        ]
        return min(found, default=self.next)

    def scrollback(self, id: int, size: int) -> bytes:
        """The last `size` bytes that one process wrote, with the line that it has begun."""
        parts = [source.rest for (owner, _label), source in self._sources.items() if owner == id]
        missing = size - sum(map(len, parts))
        for shelf in self._shelves.values():
            for block in reversed(shelf.blocks):
                if missing <= 0:
                    break
                if block.source.id == id:
                    parts.append(block.text)
                    missing -= len(block.text)
        return b"".join(reversed(parts))[-size:] if size > 0 else b""


def _from(blocks: deque[LogBlock], since: int) -> list[LogBlock]:
    """The end of a shelf: found from behind, where a reader that keeps up has to look."""
    found = []
    for block in reversed(blocks):
        if block.end <= since:
            break
        found.append(block)
    found.reverse()
    return found

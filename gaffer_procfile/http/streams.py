"""What has no end to be known beforehand: events and lines as they come, and long histories.

A stream is asked for its next piece when the client has taken the last one. So nothing is kept for
a client that is slow: it finds what the rings still have, and is told what it has missed.
"""

from __future__ import annotations

from .answers import encode
from .views import event_view, line_views

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..apps.log_ring import LogBlock, LogRing, Wanted
    from ..loop import Loop
    from ..process import Process
    from .answers import Client
    from .disk_logs import DiskLines
    from .feed import Feed
    from .names import Display
    from .record import Record

    EventFilter = Callable[[dict[str, Any]], bool]

PIECE = 64 * 1024  # bytes of log, nearly, that are made into JSON at once
MOST_BLOCKS = 500  # in a piece
FAR_BEHIND = 2 * 1024 * 1024  # bytes of log; who is further behind is put near the end
NEAR_END = 1000  # lines
EVENTS = 200  # in a piece
VIEWS = 16  # blocks whose JSON is kept for the next reader
HEARTBEAT = b": \n\n"


def message(kind: str, data: bytes, id: str | None = None) -> bytes:
    """One server-sent event. JSON has no newline in it."""
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {kind}\ndata: ".encode() + data + b"\n\n"


class _Followed:
    """A stream of server-sent events that a feed serves."""

    content_type = "text/event-stream"
    heartbeat = HEARTBEAT

    def __init__(self, feed: Feed, run: str) -> None:
        self.is_behind = True
        self._feed = feed
        self._run = run
        self._client: Client | None = None
        self._has_begun = False

    @property
    def can_take(self) -> bool:
        return self._client is not None and self._client.is_free

    def open(self, client: Client) -> None:
        self._client = client
        self._feed.add(self)

    def serve(self) -> None:
        if self._client is not None:
            self._client.pump()

    def handle_sent(self) -> None:
        if self.is_behind:
            self._feed.note()

    def farewell(self) -> bytes:
        rest = self.pull()
        return rest + message("bye", b"{}")

    def close(self) -> None:
        self._feed.remove(self)
        self._client = None

    def pull(self) -> bytes:
        if self._has_begun:
            return self._next_piece()
        self._has_begun = True
        hello = {"run": self._run, "next": f"{self._run}-{self._next_number()}"}
        return message("hello", encode(hello)) + self._next_piece()

    def _next_piece(self) -> bytes:
        raise NotImplementedError

    def _next_number(self) -> int:
        raise NotImplementedError


class EventStream(_Followed):
    """The events from number `since` on."""

    def __init__(
        self,
        feed: Feed,
        run: str,
        record: Record,
        since: int,
        wanted: EventFilter,
        display: Display,
    ) -> None:
        super().__init__(feed, run)
        self._record = record
        self._since = since
        self._wanted = wanted
        self._display = display

    def _next_number(self) -> int:
        return self._record.next

    def _next_piece(self) -> bytes:
        parts = []
        if self._since < self._record.oldest:
            skipped = self._record.oldest - self._since
            self._since = self._record.oldest
            parts.append(message("skipped", encode({"skipped": skipped})))
        self.is_behind = False
        events = self._record.events(self._since)
        for count, (number, when, event) in enumerate(events):
            if count == EVENTS:
                self.is_behind = True
                break
            self._since = number + 1
            if self._wanted(event):
                view = event_view(self._run, number, when, event, self._display)
                parts.append(message("event", encode(view), view["id"]))
        return b"".join(parts)


class LineViews:
    """Lines as JSON, made once for all who follow them."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._made: dict[tuple[int, int], bytes] = {}

    def of(self, block: LogBlock, known: int) -> bytes:
        """The lines of a block but for the first `known`."""
        key = (block.first, known)
        made = self._made.get(key)
        if made is None:
            while len(self._made) >= VIEWS:
                del self._made[next(iter(self._made))]
            made = self._made[key] = line_views(block, known, self._display)
        return made


class LogStream(_Followed):
    """The lines from number `since` on, in messages of some."""

    def __init__(
        self,
        feed: Feed,
        run: str,
        ring: LogRing,
        since: int,
        wanted: Wanted | None,
        views: LineViews,
    ) -> None:
        super().__init__(feed, run)
        self._ring = ring
        self._cursor = ring.open(since, wanted)
        self._wanted = wanted
        self._views = views

    def _next_number(self) -> int:
        return self._ring.next

    def _next_piece(self) -> bytes:
        self._skip_what_is_too_much()
        found: list[bytes] = []
        size = 0
        self.is_behind = False
        last = 0
        for block, known in self._cursor.take():
            last = block.first + block.count - 1
            found.append(self._views.of(block, known))
            size += len(block.text)
            if size >= PIECE or len(found) >= MOST_BLOCKS:
                self.is_behind = True
                break
        if not self.is_behind:
            self._cursor.since = self._ring.next
        parts = []
        if self._cursor.skipped:
            parts.append(message("skipped", encode({"skipped": self._cursor.skipped})))
            self._cursor.skipped = 0
        if found:
            parts.append(message("lines", b"[" + b",".join(found) + b"]", f"{self._run}-{last}"))
        return b"".join(parts)

    def close(self) -> None:
        super().close()
        self._cursor.close()

    def _skip_what_is_too_much(self) -> None:
        if self._ring.next - self._cursor.since > FAR_BEHIND:
            self._cursor.skip_to(self._ring.begins(NEAR_END, self._wanted))


class LogHistory:
    """The lines between two numbers, as one JSON document that is made while it is sent.

    `older` are lines that come before those.
    """

    content_type = "application/json; charset=utf-8"
    heartbeat = b" "  # as much as nothing in JSON, where it comes between two pieces

    def __init__(
        self,
        loop: Loop,
        run: str,
        ring: LogRing,
        since: int,
        wanted: Wanted | None,
        display: Display,
        older: DiskLines | None = None,
    ) -> None:
        self._loop = loop
        self._run = run
        self._cursor = ring.open(since, wanted)
        self._until = ring.next
        self._display = display
        self._older = older
        self._is_first = True
        self._is_done = False
        self._begun = False

    def open(self, client: Client) -> None:
        self._client = client

    def pull(self) -> bytes | None:
        if self._is_done:
            return None
        parts: list[bytes] = []
        if not self._begun:
            self._begun = True
            parts.append(b'{"run":' + encode(self._run) + b',"lines":[')
        if self._older is not None:
            older = self._older.pull()
            if older is not None:
                if older:
                    parts += [b"" if self._is_first else b",", older]
                    self._is_first = False
                return b"".join(parts)
            self._close_older()
        size = 0
        self._is_done = True
        for count, (block, known) in enumerate(self._cursor.take(), 1):
            if block.first >= self._until:
                break
            parts.append(b"" if self._is_first else b",")
            parts.append(line_views(block, known, self._display))
            self._is_first = False
            size += len(block.text)
            if size >= PIECE or count >= MOST_BLOCKS:
                self._is_done = False
                break
        if self._is_done:
            end = {"next": f"{self._run}-{self._until}", "skipped": self._cursor.skipped}
            parts.append(b"]," + encode(end)[1:])
        return b"".join(parts)

    def handle_sent(self) -> None:
        self._loop.call_soon(self._client.pump)

    def farewell(self) -> bytes:
        return b""  # a document that is cut can be seen to be

    def close(self) -> None:
        self._cursor.close()
        self._close_older()

    def _close_older(self) -> None:
        if self._older is not None:
            self._older.close()
            self._older = None


class OutputStream:
    """All that one process writes, as it is: for a terminal that is attached to it.

    A client that is slower than the process misses something, and reads how much.
    """

    content_type = "application/octet-stream"
    heartbeat = b""

    def __init__(
        self, loop: Loop, process: Process, ring: LogRing, scrollback: int, most: int
    ) -> None:
        self._loop = loop
        self._process = process
        self._most = most
        self._waiting = bytearray(ring.scrollback(process.id, scrollback))
        self._redactors = {label: ring.make_redactor() for label in process.redirect_output}
        self._open = set(process.redirect_output)
        self._client: Client | None = None
        self._is_due = False

    def open(self, client: Client) -> None:
        self._client = client
        self._process.monitor_io(".", self._handle_output)

    def _handle_output(self, label: str, message: dict[str, Any]) -> None:
        data: bytes = message["data"]
        redactor = self._redactors[label]
        if data:
            self._waiting += redactor.feed(data) if redactor is not None else data
        else:
            self._waiting += redactor.end() if redactor is not None else b""
            self._open.discard(label)
        if len(self._waiting) > self._most:
            kept = self._waiting[-PIECE:]
            kept = kept[kept.find(b"\n") + 1 :]
            skipped = len(self._waiting) - len(kept)
            self._waiting = bytearray(b"\r\n[%d bytes skipped]\r\n" % skipped) + kept
        self._note()

    def _note(self) -> None:
        if not self._is_due and self._client is not None:
            self._is_due = True
            self._loop.call_soon(self._serve)

    def _serve(self) -> None:
        self._is_due = False
        if self._client is not None:
            self._client.pump()

    def pull(self) -> bytes | None:
        piece = bytes(self._waiting[: 4 * PIECE])
        del self._waiting[: 4 * PIECE]
        if not piece and (not self._open or self._process.closed):
            return None
        return piece

    def handle_sent(self) -> None:
        if self._waiting or not self._open or self._process.closed:
            self._note()

    def farewell(self) -> bytes:
        return bytes(self._waiting)

    def close(self) -> None:
        self._client = None
        self._process.unmonitor_io(".", self._handle_output)

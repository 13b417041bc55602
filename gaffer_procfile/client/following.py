"""Following one or several streams of server-sent events at once."""

from __future__ import annotations

import select

from .connection import Connection
from .errors import Gone
from .messages import Message, Messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BYE = "bye"


class Stream:
    """One run's stream at `target`. `has_ended` when the run has; it then has no more messages."""

    def __init__(self, path: str, target: str) -> None:
        self.has_ended = False
        self._connection = Connection(path)
        self._messages = Messages()
        self._response = self._connection.open(target)

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def has_news(self) -> bool:
        """Whether something has come with the head of the response: nobody has to wait for it."""
        return self._response.has_body or (self._response.is_complete and not self.has_ended)

    def read(self) -> Iterator[Message]:
        """What there is, waiting until there is something."""
        try:
            data = self._connection.read(self._response)
        except Gone:
            data = b""  # it was killed, and had no time to say so
        if not data:
            self.close()
            return
        for message in self._messages.feed(data):
            if message.kind == BYE:
                self.close()
                return
            yield message

    def close(self) -> None:
        self.has_ended = True
        self._connection.close()


class Follower:
    """Calls `handle(stream, message)` for what comes on any of several streams."""

    def __init__(self, streams: list[Stream], handle: Callable[[Stream, Message], object]) -> None:
        self._handle = handle
        self._poll = select.poll()
        self._streams: dict[int, Stream] = {}
        self._first = [stream for stream in streams if stream.has_news]
        for stream in streams:
            self._poll.register(stream.fileno(), select.POLLIN)
            self._streams[stream.fileno()] = stream

    @property
    def has_ended(self) -> bool:
        """Whether all streams have."""
        return not self._streams

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until something comes, `timeout` seconds at the most; whether it has."""
        if self._first:
            first, self._first = self._first, []
            for stream in first:
                self._read(stream)
            return True
        ready = self._poll.poll(None if timeout is None else max(0.0, timeout) * 1000)
        for fd, _events in ready:
            self._read(self._streams[fd])
        return bool(ready)

    def _read(self, stream: Stream) -> None:
        fd = stream.fileno()
        for message in stream.read():
            self._handle(stream, message)
        if stream.has_ended:
            self._poll.unregister(fd)
            del self._streams[fd]

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()

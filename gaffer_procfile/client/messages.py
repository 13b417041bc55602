"""Server-sent events, whatever the pieces in which they come. Without I/O.

Source: the HTML standard's "event stream interpretation", less what only a browser does.
"""

from __future__ import annotations

import json

from .response import BadResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Message:
    """One event: its `kind`, its `data` as JSON, and the last `id` that was given, if any."""

    __slots__ = ("data", "id", "kind")

    def __init__(self, kind: str, data: Any, id: str | None) -> None:
        self.kind = kind
        self.data = data
        self.id = id

    def __repr__(self) -> str:
        return f"Message({self.kind!r}, {self.data!r}, {self.id!r})"


class Messages:
    """The messages of one stream: `feed` gives those that are complete."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of the line that has begun
        self._kind = "message"
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, data: bytes) -> Iterator[Message]:
        """Raises BadResponse for data that isn't JSON."""
        head, newline, tail = data.rpartition(b"\n")
        if not newline:
            self._pieces.append(tail)
            return
        text = b"".join([*self._pieces, head])
        self._pieces = [tail]
        for line in text.split(b"\n"):
            message = self._handle_line(line.removesuffix(b"\r").decode("utf-8", "replace"))
            if message is not None:
                yield message

    def _handle_line(self, line: str) -> Message | None:
        if not line:
            return self._finish()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
        elif name == "id":
            self._id = value
        return None

    def _finish(self) -> Message | None:
        kind, lines = self._kind, self._data
        self._kind, self._data = "message", []
        if not lines:
            return None
        try:
            data = json.loads("\n".join(lines))
        except ValueError as error:
            raise BadResponse(f"a message of it isn't JSON: {error}") from error
        return Message(kind, data, self._id)

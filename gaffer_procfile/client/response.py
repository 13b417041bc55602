"""One HTTP/1.1 response, whatever the pieces in which it comes.

Of HTTP what our own server speaks: a Content-Length or chunks, and no content coding. Without I/O.
"""

from __future__ import annotations

from ..errors import GafferError

LONGEST_HEAD = 64 * 1024  # bytes


class BadResponse(GafferError):
    """What came is no HTTP/1.1 response."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the answer can't be understood: {what}")


class Response:
    """A response, from `feed` to `is_complete`.

    `status` is 0 until the head has been read. `take` gives what there is of the body since it was
    last called; `rest` is what came after the response.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}  # by their names in lower case
        self.is_complete = False
        self.rest = b""
        self._unread = b""
        self._body: list[bytes] = []
        self._left: int | None = 0  # bytes of the body, or of this chunk; None is up to the end
        self._is_chunked = False
        self._is_in_chunk = False
        self._is_in_trailers = False

    @property
    def keeps_connection(self) -> bool:
        """Whether another request may follow on this connection."""
        return self._left is not None and self.headers.get("connection", "").lower() != "close"

    @property
    def has_body(self) -> bool:
        """Whether there is something to `take`."""
        return any(self._body)

    def take(self) -> bytes:
        body = b"".join(self._body)
        self._body.clear()
        return body

    def feed(self, data: bytes) -> None:
        """The next bytes of the connection. Raises BadResponse."""
        self._unread += data
        while not self.status:
            if not self._read_head():
                return
        if not self._is_chunked:
            self._read_body()
            return
        while not self.is_complete:
            if not (self._read_chunk() if self._is_in_chunk else self._read_line()):
                return

    def end(self) -> None:
        """The connection has ended. Raises BadResponse if the response hasn't."""
        if self.status and self._left is None:
            self._complete()
        if not self.is_complete:
            raise BadResponse("it was cut off")

    def _read_head(self) -> bool:
        head, end, rest = self._unread.partition(b"\r\n\r\n")
        if not end:
            if len(self._unread) > LONGEST_HEAD:
                raise BadResponse("its head has no end")
            return False
        self._unread = rest
        line, *fields = head.decode("latin-1").split("\r\n")
        version, _, status = line.partition(" ")
        status = status[:3]
        if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdecimal()):
            raise BadResponse(f"it begins with {line[:60]!r}")
        if status.startswith("1"):
            return True  # an interim one: the real one follows
        for field in fields:
            name, colon, value = field.partition(":")
            if not colon:
                raise BadResponse(f"a header is {field[:60]!r}")
            self.headers[name.strip().lower()] = value.strip()
        self.status = int(status)
        self._expect_body()
        return True

    def _expect_body(self) -> None:
        length = self.headers.get("content-length")
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            self._is_chunked = True
        elif length is None:
            self._left = None
        elif length.isascii() and length.isdecimal():
            self._left = int(length)
        else:
            raise BadResponse(f"its length is {length[:60]!r}")

    def _read_body(self) -> None:
        data, self._unread = self._unread, b""
        if self._left is None:
            self._body.append(data)
            return
        self._body.append(data[: self._left])
        rest = data[self._left :]
        self._left -= len(data) - len(rest)
        if not self._left:
            self._unread = rest
            self._complete()

    def _read_line(self) -> bool:
        """A line between the chunks: a chunk's size, or what comes after the last one."""
        line, end, rest = self._unread.partition(b"\r\n")
        if not end:
            if len(self._unread) > LONGEST_HEAD:
                raise BadResponse("a chunk has no size")
            return False
        self._unread = rest
        if self._is_in_trailers:
            if not line:
                self._complete()
            return True
        size = line.partition(b";")[0].strip()
        if not size or size.strip(b"0123456789abcdefABCDEF"):
            raise BadResponse(f"the size of a chunk is {line[:60]!r}")
        self._left = int(size, 16)
        self._is_in_chunk = self._left > 0
        self._is_in_trailers = not self._is_in_chunk
        return True

    def _read_chunk(self) -> bool:
        assert self._left is not None
        piece = self._unread[: self._left]
        if piece:
            self._body.append(piece)
            self._unread = self._unread[len(piece) :]
            self._left -= len(piece)
        if self._left or len(self._unread) < 2:
            return False
        if not self._unread.startswith(b"\r\n"):
            raise BadResponse("a chunk is longer than its size")
        self._unread = self._unread[2:]
        self._is_in_chunk = False
        return True

    def _complete(self) -> None:
        self.is_complete = True
        self.rest, self._unread = self._unread, b""

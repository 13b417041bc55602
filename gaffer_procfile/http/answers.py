"""What is answered: JSON, a file, a stream, or a problem."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    Headers = Sequence[tuple[str, str]]

    class Client(Protocol):
        """Who gets a stream; `is_free` says whether all that there was has been taken."""

        @property
        def is_free(self) -> bool: ...
        def pump(self) -> None:
            """Send the stream's next piece, if the client is free."""

    class Stream(Protocol):
        """The body of an answer, piece by piece. `heartbeat` means nothing, between two of them."""

        content_type: str
        heartbeat: bytes

        def open(self, client: Client) -> None: ...
        def pull(self) -> bytes | None:
            """The next piece; nothing for now (b""), or the end (None)."""

        def handle_sent(self) -> None:
            """The client is free again: there may be more to `pump`."""

        def farewell(self) -> bytes:
            """What goes out before gaffer ends, in the middle of the stream."""

        def close(self) -> None: ...


# For every answer: nothing is kept, guessed, framed, or fetched from elsewhere by a page of ours.
COMMON: Headers = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Content-Security-Policy",
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
)
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


class Problem(Exception):
    """Why a request isn't done; `hint` says what to do instead."""

    def __init__(
        self, status: int, detail: str, *, hint: str | None = None, headers: Headers = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.headers = headers


class Answer:
    """Status, headers, and a body or the stream that gives it."""

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(
        self,
        status: int,
        body: bytes,
        content_type: str | None,
        *,
        headers: Headers = (),
        stream: Stream | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.stream = stream
        self.headers: Headers = [*COMMON, *headers]
        if content_type is not None:
            self.headers = [*self.headers, ("Content-Type", content_type)]

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Answer:
        return cls(status, encode(value), "application/json; charset=utf-8")

    @classmethod
    def streamed(cls, stream: Stream) -> Answer:
        return cls(200, b"", stream.content_type, stream=stream)

    @classmethod
    def of(cls, problem: Problem) -> Answer:
        value: dict[str, Any] = {
            "type": "about:blank",
            "title": TITLES.get(problem.status, "Error"),
            "status": problem.status,
            "detail": problem.detail,
        }
        if problem.hint is not None:
            value["hint"] = problem.hint
        return cls(
            problem.status, encode(value), "application/problem+json", headers=problem.headers
        )


def encode(value: Any) -> bytes:
    """JSON in UTF-8. What came out of undecodable bytes is escaped, as JSON allows."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "backslashreplace")

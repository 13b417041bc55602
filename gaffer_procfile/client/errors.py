"""Why a request came to nothing."""

from __future__ import annotations

from ..errors import GafferError


class Refused(GafferError):
    """The run answered with a problem (RFC 9457). `status` is HTTP's."""

    def __init__(self, status: int, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Gone(GafferError):
    """The run went away before it had answered."""

    exit_status = 3  # as where nothing runs

    def __init__(self, message: str = "gaffer has ended meanwhile") -> None:
        super().__init__(message)


class NoAnswer(GafferError):
    """The run is there and says nothing: it is halted, or very busy."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"gaffer hasn't answered for {seconds:g} s", hint="is it halted? `fg`, or `kill -CONT`"
        )

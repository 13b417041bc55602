"""The errors that users see: each carries where it was found, what was meant and its exit status.

The command line renders them, once, as `gaffer: <file>:<line>: <message> (<hint>)`. Everything
below it raises them or, where all problems of a file are wanted at once, collects them as a list;
then `severity` says what is to become of each.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Literal

    # error: nothing is started. warning: `start` says it and goes on. notice: only `check` says it.
    Severity = Literal["error", "warning", "notice"]


class GafferError(Exception):
    """Something a user can put right. `file` is as the user would type it, `line` counts from 1."""

    exit_status = 1

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.hint = hint
        self.severity = severity

    def __str__(self) -> str:
        where = ""
        if self.file is not None:
            where = f"{self.file}:{self.line}: " if self.line is not None else f"{self.file}: "
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{hint}"


class UsageError(GafferError):
    """The command line itself is wrong."""

    exit_status = 2


class ProcfileError(GafferError):
    """A Procfile, or a line of one, that can't be read as a Procfile."""


class EnvironmentFileError(GafferError):
    """A `.env` file, or a line of one, that can't be read."""


class FormationError(GafferError):
    """A formation or a port assignment that can't be carried out."""


SEVERAL = "there are several processes"


class UnknownProcessError(GafferError):
    """A name that no process has, or more than one; `known` are those that they have."""

    def __init__(
        self,
        name: str,
        known: Collection[str],
        hint: str | None = None,
        what: str = "unknown process",
    ) -> None:
        hint = hint or nearest(name, known)
        if hint is None and 0 < len(known) <= 8:
            hint = f"there is {', '.join(known)}"
        super().__init__(f"{what} {name!r}", hint=hint)


def nearest(name: str, known: Collection[str]) -> str | None:
    """The hint for an unknown `name`: "did you mean 'worker'?", or None when nothing is near."""
    import difflib  # only an error needs it

    matches = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {matches[0]!r}?" if matches else None


def unreadable(error: OSError) -> str:
    """What the system says of a file that can't be opened or read, as the end of a message."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]

"""What is wrong with a gaffer.yaml: collected, so that all of it is said at once."""

from __future__ import annotations

from ..errors import GafferError, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..errors import Severity

# Nobody reads more, and looking for a near key takes its time with each.
MOST = 100

_LONGEST_SHOWN = 40


class ConfigError(GafferError):
    """A place of a gaffer.yaml that can't be read as settings. `column` counts from 1."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> None:
        super().__init__(message, file=file, line=line, hint=hint, severity=severity)
        self.column = column

    def __str__(self) -> str:
        text = super().__str__()
        if self.column is None or self.line is None:
            return text
        where = f"{self.file}:{self.line}"
        return f"{where}:{self.column}{text.removeprefix(where)}"


class Place:
    """Where something stands: the file as it is shown, its line and column from 1."""

    __slots__ = ("column", "file", "line")

    def __init__(self, file: str, line: int, column: int) -> None:
        self.file = file
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def error(
        self, message: str, hint: str | None = None, severity: Severity = "error"
    ) -> ConfigError:
        return ConfigError(
            message,
            file=self.file,
            line=self.line,
            column=self.column,
            hint=hint,
            severity=severity,
        )


class Problems:
    """The list of them; past `MOST` they are only counted."""

    def __init__(self) -> None:
        self._found: list[ConfigError] = []
        self._more = 0

    def report(
        self, place: Place, message: str, hint: str | Callable[[], str | None] | None = None
    ) -> None:
        """Add one. A hint that has to be looked for may come as a function."""
        if len(self._found) >= MOST:
            self._more += 1
            return
        self._found.append(place.error(message, hint() if callable(hint) else hint))

    def add(self, error: ConfigError) -> None:
        self._found.append(error)

    def __len__(self) -> int:
        return len(self._found)

    def in_order(self) -> list[ConfigError]:
        """All of them, file by file and from top to bottom."""
        files = list(dict.fromkeys(error.file for error in self._found))
        ordered = sorted(
            self._found,
            key=lambda error: (files.index(error.file), error.line or 0, error.column or 0),
        )
        if self._more:
            message = f"{self._more} more problems are not shown"
            ordered.append(ConfigError(message, file=files[0]))
        return ordered


def suggestion(name: str, known: Iterable[str], topic: str) -> str | None:
    """The hint for an unknown `name`; by `topic`, see foreign.py, other tools' names are known."""
    if len(name) > _LONGEST_SHOWN:
        return None
    names = list(known)
    from .foreign import ADVICE, NAMES  # only an error needs them

    advice = ADVICE.get(topic, {}).get(name.lower())
    if advice is not None:
        return advice
    ours = NAMES.get(topic, {}).get(name.lower())
    if ours is not None:
        return f"did you mean {ours!r}?"
    hint = nearest(name, names) or nearest(name.lower(), names)
    if hint is None and 0 < len(names) <= 8:
        hint = f"there is {', '.join(names)}"
    return hint


def quoted(text: str) -> str:
    """`text` for a message: short, and safe to print whatever it has in it."""
    return repr(shortened(text))


def shortened(text: str) -> str:
    """The beginning of a text that is too long for a message."""
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"

"""What may be said for a setting: each kind reads a node, and has a JSON Schema that says the same.

`read` gives the value, or UNREAD after it has reported what is wrong.
"""

from __future__ import annotations

from ..lean import signal
from .nodes import BOOL, LIST, MAPPING, NULL, NUMBER, TEXT, Node
from .problems import Place, Problems, quoted, suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Schema = dict[str, Any]
    Path = tuple[str, ...]

UNREAD = object()
LONGEST_TIME = 86_400.0  # seconds; more is a mistake

GROUP_MARKS = "_.-"
PROCESS_MARKS = "_-"

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_GROUP_CHARACTERS = frozenset(_LETTERS + GROUP_MARKS)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

# POSIX's, by name: which others there are is another matter on each system.
_SIGNALS = """
    HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM CHLD CONT STOP TSTP TTIN
    TTOU URG XCPU XFSZ VTALRM PROF WINCH IO SYS
""".split()


class Reading:
    """What is common to the reading of one configuration: its problems, and where things stand."""

    __slots__ = ("places", "problems")

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.places: dict[Path, Place] = {}


class Kind:
    """`expected` is what a value of this kind is, for messages and for the reference."""

    expected = ""
    takes_null = False
    """Whether null is a value, where otherwise it means that nothing was said."""
    merges = False
    """Whether a mapping on top of another is merged into it; otherwise it replaces it."""

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        raise NotImplementedError

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Its JSON Schema; what has a name of its own is put into `definitions`."""
        raise NotImplementedError

    def inner(self, key: str) -> Kind | None:
        """The kind of the entry `key`, for merging; None if there is no such key."""
        return None

    def refuse(
        self,
        node: Node,
        path: Path,
        reading: Reading,
        hint: str | Callable[[], str | None] | None = None,
    ) -> Any:
        name = path[-1] if path else "the file"
        message = f"{quoted(name)[1:-1]} is {self.expected}, not {node.shown()}"
        reading.problems.report(node.place, message, hint)
        return UNREAD


class Text(Kind):
    """Text that isn't blank. A subclass may want more: `matches` and `pattern` are to say the same."""

    pattern = r"\S"

    def __init__(self, expected: str = "text", hint: str | None = None) -> None:
        self.expected = expected
        self._hint = hint

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind in (NUMBER, BOOL):
            return self.refuse(node, path, reading, f'in quotes it is text: "{node.text[:40]}"')
        if node.kind != TEXT or not self.matches(node.text):
            return self.refuse(node, path, reading, self._hint)
        return node.text

    def matches(self, text: str) -> bool:
        return not text.isspace() and text != ""

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": "string", "pattern": self.pattern}


# Each of these patterns would take longer to compile than a whole file to read.


class Name(Text):
    """Of letters, digits and some `marks`; `has_group`: one of another group may be `group:name`."""

    def __init__(
        self, expected: str, marks: str, hint: str | None = None, *, has_group: bool = False
    ) -> None:
        super().__init__(expected, hint)
        self._characters = frozenset(_LETTERS + marks)
        self._has_group = has_group
        group = f"(?:[A-Za-z0-9{GROUP_MARKS}]+:)?" if has_group else ""
        self.pattern = f"^{group}[A-Za-z0-9{marks}]+$"

    def matches(self, text: str) -> bool:
        if self._has_group:
            group, colon, text = text.rpartition(":")
            if colon and not (group and _GROUP_CHARACTERS.issuperset(group)):
                return False
        return text != "" and self._characters.issuperset(text)


class VariableName(Text):
    """What an environment can have on the left of '='."""

    pattern = "^[^=]+$"

    def matches(self, text: str) -> bool:
        return text != "" and "=" not in text


class UrlPath(Text):
    pattern = r"^/\S*$"

    def matches(self, text: str) -> bool:
        return text.startswith("/") and not any(map(str.isspace, text))


class RegularExpression(Text):
    """Text that Python's `re` compiles, to be searched in bytes."""

    longest = 1000

    def __init__(self) -> None:
        super().__init__("a regular expression")

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        text = super().read(node, path, reading)
        if text is UNREAD:
            return text
        if len(text) > self.longest:
            return self.refuse(node, path, reading, f"{self.longest} characters at the most")
        import re
        import warnings

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what may mean something else one day
                re.compile(text.encode())
        except (re.error, RecursionError, OverflowError) as error:
            return self.refuse(node, path, reading, str(error))
        return text

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {**super().schema(definitions), "format": "regex", "maxLength": self.longest}


class Flag(Kind):
    expected = "true or false"

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind == BOOL:
            return node.value
        words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
        word = words.get(node.text.lower())
        return self.refuse(node, path, reading, f"write {word}" if word else None)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": "boolean"}


class Yes(Flag):
    """A key that is there or not: its only value is true."""

    expected = "true"

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.value is True:
            return True
        return self.refuse(node, path, reading, "or leave it out")

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"const": True}


class Whole(Kind):
    def __init__(self, expected: str, lowest: int, highest: int) -> None:
        self.expected = f"{expected} from {lowest} to {highest}"
        self._lowest = lowest
        self._highest = highest

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        number = node.value
        if node.kind == NUMBER and isinstance(number, (int, float)):
            # A range first: of infinity and what is no number at all there is no int().
            if self._lowest <= number <= self._highest and number == int(number):
                return int(number)
        elif node.kind == TEXT and node.text.isdigit():
            return self.refuse(node, path, reading, "leave out the quotes")
        return self.refuse(node, path, reading)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": "integer", "minimum": self._lowest, "maximum": self._highest}


class Duration(Kind):
    """Seconds, as a number or as text with a unit."""

    expected = "a time such as 10, 1.5, 500ms, 2s or 1m"

    def __init__(self, lowest: float = 0.0) -> None:
        self._lowest = lowest

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        seconds: float | None = None
        if node.kind == NUMBER and isinstance(node.value, (int, float)):
            seconds = float(node.value)
        elif node.kind == TEXT:
            seconds = _seconds(node.text)
        if seconds is None:
            return self.refuse(node, path, reading)
        if not self._lowest <= seconds <= LONGEST_TIME:
            return self.refuse(node, path, reading, f"from {self._lowest:g}s to 24h")
        return seconds

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {
            "anyOf": [
                {"type": "number", "minimum": self._lowest, "maximum": LONGEST_TIME},
                {"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,8})?(ms|s|m|h)$"},
            ]
        }


def _seconds(text: str) -> float | None:
    number = text.rstrip("msh")
    unit = _UNITS.get(text[len(number) :])
    parts = number.split(".")
    is_number = len(parts) <= 2 and all(
        part.isascii() and part.isdigit() and len(part) <= 8 for part in parts
    )
    return float(number) * unit if unit is not None and is_number else None


class Signal(Kind):
    expected = "a signal such as TERM, SIGTERM or 15"

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind == NUMBER:
            if node.value in signal.valid_signals():
                return int(node.value)  # type: ignore[call-overload]
            return self.refuse(node, path, reading, "this system has no such signal")
        names = self._names()
        if node.kind != TEXT or node.text not in names:
            return self.refuse(
                node, path, reading, lambda: suggestion(node.text.upper(), names, "")
            )
        return int(getattr(signal, "SIG" + node.text.removeprefix("SIG")))

    def _names(self) -> list[str]:
        return [*_SIGNALS, *(f"SIG{name}" for name in _SIGNALS)]

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {
            "anyOf": [{"enum": self._names()}, {"type": "integer", "minimum": 1, "maximum": 64}]
        }


class OneOf(Kind):
    """One of some words; what others call them is known by `topic`, see foreign.py."""

    def __init__(self, *words: str, topic: str = "") -> None:
        self.words = words
        self.expected = f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
        self._topic = topic

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind == TEXT and node.text in self.words:
            return node.text
        return self.refuse(
            node,
            path,
            reading,
            lambda: suggestion(node.text, self.words if node.text else (), self._topic),
        )

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"enum": list(self.words)}


class VariableValue(Kind):
    """What a variable is set to: any scalar, as it is written; null unsets it."""

    expected = "text, a number, true, false or null"
    takes_null = True

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind in (LIST, MAPPING):
            return self.refuse(node, path, reading)
        return None if node.kind == NULL else node.text

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": ["string", "number", "boolean", "null"]}

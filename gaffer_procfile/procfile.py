"""The Procfile's grammar: one `name: command` to a line.

Commands belong to the shell, so not a byte of theirs is changed, from the file to `execve`. A line
that can't be read as an entry becomes a problem, never a process that is silently missing.
"""

from __future__ import annotations

import os

from . import text_file
from .errors import ProcfileError, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .errors import Severity

EXAMPLE = "a line looks like 'web: python app.py'"

_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_BLANKS = " \t"
_BOM = b"\xef\xbb\xbf"

# What may stand after a colon where YAML goes on in deeper lines, and the keys of other runners'
# YAML files whose processes are one level down.
_BLOCK_OPENERS = frozenset(("", "|", "|-", ">", ">-"))
_FOREIGN_ROOTS = frozenset(("services", "processes"))


class Entry:
    """One process type: its name, its command as written, and the line it stands in (from 1)."""

    __slots__ = ("command", "line", "name")

    def __init__(self, name: str, command: str, line: int) -> None:
        self.name = name
        self.command = command
        self.line = line

    def __repr__(self) -> str:
        return f"Entry({self.name!r}, {self.command!r}, {self.line})"


class Procfile:
    """The entries of a file, in order, and every line of it that is none."""

    __slots__ = ("entries", "file", "problems")

    def __init__(
        self, file: str, entries: tuple[Entry, ...], problems: tuple[ProcfileError, ...] = ()
    ) -> None:
        self.file = file
        self.entries = entries
        self.problems = problems


def read(path: str, shown: str | None = None) -> Procfile:
    """Parse the file at `path`, called `shown` in messages. ProcfileError if it can't be read."""
    file = shown if shown is not None else path
    try:
        data = text_file.read(path)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and path != file
        hint = f"looked for {path}" if missing else None
        raise ProcfileError(unreadable(error), file=file, hint=hint) from error
    return parse(data, file)


def parse(data: bytes, file: str) -> Procfile:
    """Read every line of `data`; raises nothing, what is wrong is in `problems`."""
    # Decoded as the operating system will encode it again for the shell. Only a newline ends a
    # line: str.splitlines would cut commands at form feeds and at U+2028, too.
    text = os.fsdecode(data.removeprefix(_BOM))
    lines = [line.rstrip("\r") for line in text.split("\n")]
    entries: dict[str, Entry] = {}
    problems: list[ProcfileError] = []

    def report(
        line: int, message: str, hint: str | None = None, severity: Severity = "warning"
    ) -> None:
        problem = ProcfileError(message, file=file, line=line, hint=hint, severity=severity)
        problems.append(problem)

    block_end = 0
    for number, line in enumerate(lines, 1):
        if number <= block_end or not _has_content(line):
            continue
        before, colon, after = line.partition(":")
        name, command = before.strip(_BLANKS), after.lstrip(_BLANKS)
        block_end = _block_end(lines, number) if colon else number

        if block_end > number and name in _FOREIGN_ROOTS:
            message = "this looks like YAML, not like a Procfile"
            foreign = ProcfileError(message, file=file, line=number, hint=EXAMPLE)
            return Procfile(file, (), (foreign,))
        if not colon:
            report(number, f"{_quoted(line)} is no entry, left out", EXAMPLE)
        elif block_end > number:
            message = f"{_quoted(name)} opens a YAML block, lines {number} to {block_end} left out"
            report(number, message, "a command stands in the line of its name")
        elif not name or not _NAME_CHARACTERS.issuperset(name):
            unseen = unseen_beginning(name)
            hint = (
                f"it begins with {unseen}" if unseen else "a name has letters, digits, '-' and '_'"
            )
            report(number, f"{_quoted(name)} is not a process name, line left out", hint)
        elif not command.strip(_BLANKS):
            report(number, f"{_quoted(name)} has no command, left out", EXAMPLE)
        elif "\0" in command:
            report(number, f"the command of {_quoted(name)} has a NUL byte in it, left out")
        elif name in entries:
            message = f"{_quoted(name)} is already in line {entries[name].line}"
            report(number, message, "give one of them another name", severity="error")
        else:
            entries[name] = Entry(name, command, number)
    return Procfile(file, tuple(entries.values()), tuple(problems))


def write(entries: Iterable[Entry]) -> bytes:
    """The bytes of a Procfile that has these entries."""
    return b"".join(os.fsencode(f"{entry.name}: {entry.command}\n") for entry in entries)


def unseen_beginning(text: str) -> str | None:
    """What `text` begins with, if that looks like nothing, or a blank, and is none for the shell.

    It comes along with what is copied from a web page.
    """
    first = text[:1]
    if first.isascii() or first.isprintable() or "\udc80" <= first <= "\udcff":
        return None
    import unicodedata  # only here

    name = unicodedata.name(first, "")
    return f"U+{ord(first):04X}" + (f", {name}" if name else "")


def _has_content(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith("#")


def _block_end(lines: Sequence[str], number: int) -> int:
    """The last line of the YAML block that line `number` opens; `number` if it opens none."""
    opener = lines[number - 1]
    if opener.partition(":")[2].strip(_BLANKS) not in _BLOCK_OPENERS:
        return number
    indent = _indent(opener)
    end = number
    for following in range(number + 1, len(lines) + 1):
        line = lines[following - 1]
        if not _has_content(line):
            continue
        # YAML lets the items of a list stand as far left as their key.
        item = line.lstrip(_BLANKS).startswith("- ") and _indent(line) == indent
        if _indent(line) <= indent and not item:
            break
        end = following
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(_BLANKS))


def _quoted(text: str) -> str:
    """`text` for a message: short, and safe to print whatever bytes it has."""
    text = text.strip(_BLANKS)
    text = text if len(text) <= 40 else text[:39] + "…"
    if text.isprintable():
        return repr(text)
    # A byte that isn't UTF-8 is half a surrogate pair by now; shown as it would be typed.
    shown = [
        f"\\x{ord(character) - 0xDC00:02x}"
        if "\udc80" <= character <= "\udcff"
        else repr(character)[1:-1]
        for character in text
    ]
    return f"'{''.join(shown)}'"

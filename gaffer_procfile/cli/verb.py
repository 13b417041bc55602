"""What the verbs that speak with a running gaffer have in common: options, and how they answer."""

from __future__ import annotations

import json
import os

from ..errors import UsageError
from .foreman_file import find_directory
from .options import (
    Option,
    check_current_directory,
    check_directory,
    is_whole_number,
    seconds,
)
from .parser import parser
from .streams import printable, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .parser import Parser

DIRECTORY = Option(
    "-d",
    "--directory",
    "--root",
    metavar="DIR",
    help="the project, or a directory in it (default: this one)",
)
JSON = Option("--json", action="store_true", help="answer in JSON")
CONTROL = (DIRECTORY, JSON)

FEW = 100  # lines, or events, that are shown unless more are asked for
MOST = 100_000

STATUSES = "1 if it can't be done, 2 if the command line is wrong, 3 if nothing is running."


def verb_parser(
    verb: str,
    options: Iterable[Option],
    *,
    usage: str,
    description: str,
    examples: str,
    statuses: str = "0; " + STATUSES,
) -> Parser:
    """The parser of a verb."""
    return parser(
        verb,
        options,
        usage=usage,
        description=description,
        epilog=f"examples:\n{examples}\n\nexit status: {statuses}",
    )


def add_names(made: Parser, *, nargs: str = "+") -> None:
    which = "" if nargs == "+" else " (default: all)"
    made.add_argument(
        "names",
        metavar="NAME",
        nargs=nargs,
        help=f"a process, an instance of it (web.2), a group or a pattern{which}",
    )


def seconds_of(text: str | None, name: str) -> float | None:
    """The value of an option that is a time, or None if it isn't given. Raises UsageError."""
    return None if text is None else seconds(text, name)


def count_of(text: str | None, default: int, what: str) -> int:
    """The value of -n, a number or "all" of `what`. Raises UsageError."""
    if text is None:
        return default
    if text == "all":
        return MOST
    if not is_whole_number(text):
        raise UsageError(f"-n takes a number of {what} or 'all', not {text!r}")
    return min(int(text), MOST)


def directory_of(directory: str | None) -> str:
    """The directory that `-d` names, or that of `gaffer start` here. GafferError if it isn't one."""
    if directory is None:
        check_current_directory()
        return find_directory()
    check_directory(directory)
    return directory


def directory_option(directory: str) -> str:
    """` -d DIR` for a verb that is to find a run of `directory`, if it takes that from here."""
    if os.path.realpath(find_directory()) == os.path.realpath(directory):
        return ""
    from shlex import quote  # for a hint

    return f" -d {quote(printable(directory))}"


def show_json(value: Any) -> None:
    """Show one line of JSON."""
    text = json.dumps(value, ensure_ascii=False)
    # Half a surrogate pair stands for a byte that isn't text: JSON has an escape for it.
    show(text.encode("utf-8", "backslashreplace").decode() + "\n")

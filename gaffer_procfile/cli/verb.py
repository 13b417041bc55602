"""What the verbs that speak with a running gaffer have in common: options, and how they answer."""

from __future__ import annotations

import json
import os

from ..errors import GafferError, UsageError
from .options import Option
from .parser import parser
from .streams import show

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
COLOUR = Option(
    "--colour",
    "--color",
    dest="colour",
    choices=("auto", "always", "never"),
    help="auto: on a terminal (default), unless NO_COLOR or FORCE_COLOR is set",
)
CONTROL = (DIRECTORY, JSON)

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
    from .options import seconds

    return None if text is None else seconds(text, name)


def directory_of(directory: str | None) -> str:
    """The directory that `-d` names, or the current one. Raises GafferError if it isn't one."""
    if directory is None:
        try:
            os.stat(os.getcwd())
        except OSError as error:
            raise GafferError(
                "the current directory is gone", hint="cd into another one"
            ) from error
        return "."
    if not os.path.isdir(directory):
        what = "is not a directory" if os.path.exists(directory) else "doesn't exist"
        raise UsageError(f"-d {directory}: it {what}")
    return directory


def show_json(value: Any) -> None:
    """Show one line of JSON."""
    text = json.dumps(value, ensure_ascii=False)
    # Half a surrogate pair stands for a byte that isn't text: JSON has an escape for it.
    show(text.encode("utf-8", "backslashreplace").decode() + "\n")

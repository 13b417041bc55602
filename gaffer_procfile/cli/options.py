"""The options of the verbs, each written down once: for the parser and for finding the verb.

Without argparse: the verb is found, and the guard forked, before that is imported.
"""

from __future__ import annotations

import os

from ..errors import GafferError, UsageError, nearest
from ..formation import only_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from typing import Any


class Option:
    """What `add_argument` is called with."""

    __slots__ = ("names", "settings")

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names = names
        self.settings = settings

    @property
    def takes_value(self) -> bool:
        return self.settings.get("action", "store") in ("store", "append")

    @property
    def attribute(self) -> str:
        """Where a parser puts its value: its first long name, unless something else was said."""
        long = next((name for name in self.names if name.startswith("--")), self.names[0])
        return str(self.settings.get("dest") or long.lstrip("-").replace("-", "_"))

    @property
    def default(self) -> bool | None:
        """Its value where it isn't given."""
        return False if self.settings.get("action") == "store_true" else None


class Unsaid:
    """The values of a command line without options: what a parser would make, without its import."""

    def __init__(self, options: Iterable[Option], **given: object) -> None:
        vars(self).update({option.attribute: option.default for option in options}, **given)


COLOUR = Option(
    "--colour",
    "--color",
    dest="colour",
    choices=("auto", "always", "never"),
    help="auto: on a terminal (default), unless NO_COLOR or FORCE_COLOR is set",
)

COMMON = (
    Option(
        "-f", "--procfile", metavar="FILE", help="the Procfile (default: Procfile.dev or Procfile)"
    ),
    Option(
        "-d",
        "--directory",
        "--root",
        metavar="DIR",
        action="append",
        help="the project (default: that of -f, or this one); again, or a pattern, for several",
    ),
    Option(
        "-e",
        "--env",
        metavar="FILE",
        action="append",
        help="read variables from FILE instead of .env; again, or with commas, for several",
    ),
    Option("-p", "--port", metavar="N", help="the first process's PORT (default: 5000)"),
    Option(
        "--port-step", metavar="N", help="from one entry's port to the next one's (default: 100)"
    ),
    Option("--no-override", action="store_true", help="let the environment win over .env"),
)

OUTPUT = (
    Option(
        "--no-prefix", action="store_true", help="the processes' lines as they are, and no others"
    ),
    Option(
        "--timestamps",
        metavar="STYLE",
        help="on (default), off, relative (since the start), delta (since the process's last "
        "line), or a format of strftime",
    ),
    Option(
        "--no-timestamps",
        "--no-timestamp",
        action="store_true",
        help="no time in the prefix",
    ),
    # foreman's, for what is our default
    Option("--timestamp", dest="timestamps", action="store_const", const="on", help=None),
    Option(
        "--prefix",
        metavar="TEXT",
        help="with {time} {name} {index} {pid} {stream} {group} {mark}",
    ),
    Option("--mark-stderr", action="store_true", help="'!' instead of '|' before lines of stderr"),
    Option("--only", metavar="NAME", action="append", help="show only this one, run all"),
    Option("--hide", metavar="NAME", action="append", help="show all but this one, run all"),
    Option("--json", action="store_true", help="one JSON object a line"),
    Option("--raw", action="store_true", help="keep escape sequences and what was overwritten"),
    Option(
        "--pty",
        dest="pty",
        action="store_const",
        const=True,
        help="give the processes terminals (default: if this is one)",
    ),
    Option("--no-pty", dest="pty", action="store_const", const=False, help="give them pipes"),
    Option("--log-dir", metavar="DIR", help="keep logs there: one per process, and gaffer.log"),
    Option("--log-size", metavar="SIZE", help="rotate a log that would be larger (default: 10M)"),
    Option("--log-keep", metavar="N", help="keep N rotated logs of each (default: 5)"),
    Option("--log-ansi", action="store_true", help="keep escape sequences in gaffer.log"),
    Option(
        "--redact",
        action="store_true",
        help="show no secret of .env: PASSWORD, TOKEN, KEY and the like",
    ),
    Option("--redact-also", metavar="NAME", action="append", help="nor the value of this variable"),
    COLOUR,
    Option(
        "--no-colour",
        "--no-color",
        dest="colour",
        action="store_const",
        const="never",
        help=None,  # known to few, so not shown
    ),
    Option("-q", "--quiet", action="store_true", help="only what the processes write"),
)

SELECTION = (
    Option(
        "-c",
        "--concurrency",
        metavar="NAME=N,...",
        help="how many of each: web=2,worker=0; all=N for the rest, else 1",
    ),
    Option(
        "-m",
        "--formation",
        dest="concurrency",
        type=only_named,
        metavar="NAME=N,...",
        help="the same, but none of the rest",
    ),
    Option("-x", "--exclude", metavar="NAME", action="append", help="all but this one"),
    Option(
        "--profile",
        metavar="NAME",
        action="append",
        help="also the processes of this profile of gaffer.yaml",
    ),
    Option("--no-deps", action="store_true", help="not what the named processes depend on"),
)

START = (
    Option(
        "--exit-policy",
        choices=("first", "failure", "all", "never"),
        help="what ends the run: the first process that ends (default), the first that fails, "
        "the last one, or only you",
    ),
    Option(
        "--exit-on", metavar="NAME", action="append", help="only the end of this one ends the run"
    ),
    Option(
        "--restart",
        choices=("never", "on-failure", "always"),
        help="start a process again that has ended (default: never)",
    ),
    *SELECTION,
    Option(
        "-t",
        "--stop-timeout",
        "--timeout",
        metavar="SECONDS",
        help="from SIGTERM to SIGKILL when stopping (default: 5)",
    ),
)

PORTS = (
    Option(
        "--auto-port",
        action="store_true",
        help="if a port is taken, move all to free ones: the same each time, if they are free",
    ),
)

TEST = (
    Option(
        "-s",
        "--service",
        metavar="NAME",
        action="append",
        help="run only this one, and what it depends on; again, or with commas, for several",
    ),
    Option(
        "--ready-timeout",
        metavar="TIME",
        help="how long all may take until they are ready (default: 5m)",
    ),
    Option(
        "--settle",
        metavar="TIME",
        help="how long a process without `ready` has to be up to count as ready, if it doesn't "
        "listen on its PORT before (default: 1s; 5s for web, and where $PORT is used)",
    ),
    Option("--timeout", metavar="TIME", help="how long the command may take (default: for ever)"),
    Option(
        "--for",
        dest="hold",
        metavar="TIME",
        help="without a command: how long all have to stay up (default: 5s)",
    ),
    Option(
        "--allow-exit", metavar="NAME", action="append", help="this one may end whenever it likes"
    ),
    Option("--fail-fast", action="store_true", help="stop the command when a process has failed"),
    Option(
        "--logs",
        choices=("failed", "all", "none", "stream"),
        help="what is shown of the processes' output: at the end that of those that failed "
        "(default), of all, or of none; or all as it comes",
    ),
    Option("--junit", metavar="FILE", help="write a JUnit report"),
    Option("--no-redact", action="store_true", help="show the secrets of .env, too"),
    Option(
        "--workflow-commands",
        action="store_true",
        help="on GitHub: let the command write workflow commands",
    ),
    Option("-t", "--stop-timeout", metavar="TIME", help="from SIGTERM to SIGKILL (default: 5s)"),
)

BACKGROUND = ("-D", "--background")

SERVING = (
    Option("--no-keys", action="store_true", help="hear no keys from the terminal"),
    Option(
        *BACKGROUND,
        action="store_true",
        help="run in the background; returns when all is up, or with what failed",
    ),
    Option(
        "--http",
        metavar="[HOST:]PORT",
        help="serve the web page and the API there, too (0: any free port)",
    ),
    Option(
        "--http-token-file",
        metavar="FILE",
        help="the token to be known by who connects; needed for a HOST that others can reach",
    ),
)

VERB_OPTIONS = (
    *SERVING,
    *COMMON,
    *OUTPUT,
    *START,
    *PORTS,
    *TEST,
    Option("-h", "--help", action="help", help=None),
    Option("-v", "--version", action="store_true", help=None),
)


def is_background(argv: Sequence[str]) -> bool:
    """Whether `gaffer start` with these arguments is to run in the background."""
    options = argv[: argv.index("--")] if "--" in argv else argv
    return not set(BACKGROUND).isdisjoint(options)


def split_at_word(argv: Sequence[str], options: Iterable[Option]) -> tuple[list[str], list[str]]:
    """`argv` up to the first word that is neither an option nor an option's value, and the rest.

    A `--` ends the options and is dropped.
    """
    with_value = {name for option in options if option.takes_value for name in option.names}
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "--":
            return list(argv[:index]), list(argv[index + 1 :])
        if not word.startswith("-") or word == "-":
            break
        index += 2 if _wants_next(word, with_value) else 1
    return list(argv[:index]), list(argv[index:])


def _wants_next(word: str, with_value: Container[str]) -> bool:
    """Whether the value of the option `word` is the next word."""
    if word.startswith("--"):
        return word in with_value
    for index, letter in enumerate(word[1:], 1):  # -qf FILE is -q -f FILE, and -fFILE has it inside
        if f"-{letter}" in with_value:
            return index == len(word) - 1
    return False


def check_option(word: str, options: Iterable[Option]) -> None:
    """Raise UsageError if `word` is an option, and none of these."""
    known = [name for option in options for name in option.names]
    name = word.partition("=")[0] if word.startswith("--") else word[:2]
    if word.startswith("-") and name not in known:
        hint = nearest(name, known) or "see 'gaffer start --help'"
        raise UsageError(f"no such option: {name!r}", hint=hint)


def check_directory(directory: str) -> None:
    """Raise UsageError if what -d names is no directory, GafferError if it can't be one any more."""
    if not os.path.isabs(directory):
        check_current_directory()
    if not os.path.isdir(directory):
        what = "is not a directory" if os.path.exists(directory) else "doesn't exist"
        raise UsageError(f"-d {directory}: it {what}")


def check_current_directory() -> None:
    """Raise GafferError if it was removed: no name means anything from there."""
    try:
        os.stat(os.getcwd())
    except OSError as error:
        raise GafferError("the current directory is gone", hint="cd into another one") from error


def is_whole_number(text: str) -> bool:
    """Whether `text` is plain digits; int() takes other scripts' too, and refuses thousands."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def whole_number(text: str | None, name: str, default: int) -> int:
    """The value of an option that counts something. Raises UsageError."""
    if text is None:
        return default
    if not is_whole_number(text):
        raise UsageError(f"{name} takes a whole number, not {text!r}")
    return int(text)


def seconds(text: str, name: str) -> float:
    """The value of an option that is a time. Raises UsageError."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise UsageError(f"{name} takes a number of seconds, not {text!r}")
    return value


def duration(text: str, name: str) -> float:
    """The value of an option that is a time, as `90`, `1.5s`, `500ms` or `2m`, in seconds.

    Raises UsageError.
    """
    number, factor = text, 1.0
    for unit, seconds_of_it in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if text.endswith(unit):
            number, factor = text[: -len(unit)], seconds_of_it
            break
    if not (number.replace(".", "", 1).isdecimal() and number.isascii() and len(number) <= 9):
        raise UsageError(f"{name} takes a time as 90, 1.5s or 2m, not {text!r}")
    return float(number) * factor


def split_names(values: Sequence[str] | None) -> list[str]:
    """The names of an option that is given several times, with commas, or both."""
    names = [name.strip() for value in values or () for name in value.split(",")]
    return [name for name in names if name]

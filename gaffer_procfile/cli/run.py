"""`gaffer run`: one command in the project's environment, in gaffer's own place."""

from __future__ import annotations

import os
import signal

from .. import commands
from ..apps.outcome import NOT_EXECUTABLE, NOT_FOUND
from ..errors import GafferError, UsageError, nearest, unreadable
from ..project import find_members, load, locate
from .foreman_file import apply_defaults
from .options import COMMON, split_at_word
from .parser import parser
from .project import project_options
from .streams import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from ..project import Location


DESCRIPTION = """\
Run one command with the variables of .env, in the project's directory, or an entry of the
Procfile by its name. The terminal, signals and the exit status are the command's own."""

EPILOG = """\
examples:
  gaffer run python manage.py shell
  gaffer run release                      an entry of the Procfile
  gaffer run 'echo $PORT; env | sort'     one word: a shell runs it
  gaffer run -e .env.test -- pytest -x    several words: run as they are, without a shell

exit status: the command's; 127 if it can't be found, 126 if it can't be executed."""


class CannotExecute(GafferError):
    """The command can't be executed."""

    def __init__(self, message: str, exit_status: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_status = exit_status


def run(argv: Sequence[str]) -> int:
    made = parser(
        "run", COMMON, usage="[OPTIONS] COMMAND ...", description=DESCRIPTION, epilog=EPILOG
    )
    options, command = split_at_word(argv, COMMON)
    args = made.parse_args(options)
    if not command or not command[0]:
        raise UsageError("run what?", hint="gaffer run COMMAND ..., or the name of an entry")
    apply_defaults(args)
    args.concurrency = None  # a formation is for `start`
    location = locate(project_options(args))
    for problem in location.problems:
        if problem.severity == "error":
            raise problem
        if problem.severity == "warning":
            complain(str(problem))
    directory, environment = location.directory, location.environment.values()
    if len(command) == 1:
        entry = _entry(location, args, command[0])
        if entry is not None:
            command, directory, environment = entry
        command = ["/bin/sh", "-c", command[0]]
    _execute(command, directory, environment)


def _entry(
    location: Location, args: Namespace, name: str
) -> tuple[list[str], str, dict[str, str]] | None:
    """The command, the directory and the environment of the entry `name`; None if there is none."""
    members = find_members(project_options(args))
    if name not in members.entries and not any(
        name == entry.name for entry in members.entries.values()
    ):
        path = location.environment.get("PATH")
        reason = commands.unavailable(name, location.directory, path.value if path else None)
        hint = nearest(name, list(map(members.names.short, members.entries)))
        if reason is not None and hint is not None:
            raise CannotExecute(f"command not found: {name}", NOT_FOUND, hint)
        return None
    args.no_deps = True
    [template] = load(project_options(args, [name])).templates
    return [template.command], template.directory, template.environment_of(1)


def _execute(command: Sequence[str], directory: str, environment: Mapping[str, str]) -> NoReturn:
    """Become the command: its terminal, signals and exit status are then ours without our help."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it; the command shouldn't
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.chdir(directory)
    except OSError as error:
        message = f"can't run in {directory}: {unreadable(error)}"
        raise CannotExecute(message, NOT_EXECUTABLE) from error
    try:
        os.execvpe(command[0], list(command), environment)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CannotExecute(f"command not found: {command[0]}", NOT_FOUND) from error
    except OSError as error:
        message = f"can't execute {command[0]}: {error.strerror}"
        raise CannotExecute(message, NOT_EXECUTABLE) from error

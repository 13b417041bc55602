"""The command line: finds the verb, imports its module, renders the errors.

Each verb is a module of its own with `run(argv) -> exit status`, imported when it is called.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

from ..errors import GafferError, UsageError, nearest
from ..guard import end_by, enter
from .options import VERB_OPTIONS, split_at_word
from .streams import complain, open_missing, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = """\
usage: gaffer [OPTIONS] COMMAND [ARGUMENTS]

Run the processes of a project's Procfile, with the variables of its .env, until one of
them ends or you press Ctrl-C.

commands:
  start [NAME ...]   run all processes, or those named, and show what they write
  run COMMAND ...    run one command, or one entry of the Procfile, in the same environment
  check              say everything that is wrong with the Procfile and the .env, run nothing
  version            show the version
  help [COMMAND]     show this, or the options of a command

examples:
  gaffer start                     everything in ./Procfile
  gaffer start web worker          only these two
  gaffer start -c web=2,worker=0   two of web, no worker, one of each other
  gaffer start -d ../api -p 7000   another project, its first process on port 7000
  gaffer run python manage.py migrate
  gaffer run release               the Procfile's release entry

The exit status of start is that of the first process that failed; 0 if none did.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `gaffer` with the arguments `argv` (default: the command line's); the exit status."""
    open_missing()
    # Ignored, as it may be inherited, it would take the statuses of our processes away.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except GafferError as error:
        complain(str(error))
        return error.exit_status
    except KeyboardInterrupt:  # while nobody hears signals yet, or no more
        end_by(signal.SIGINT)


def _dispatch(argv: list[str]) -> int:
    if os.name == "nt":
        raise GafferError("Windows is not supported for now")
    before, rest = split_at_word(argv, VERB_OPTIONS)
    if not rest:
        if "--version" in before or "-v" in before:
            return _run("version", [])
        show(HELP)
        return 0 if "--help" in before or "-h" in before else UsageError.exit_status
    return _run(rest[0], before + rest[1:])


def _run(verb: str, argv: list[str]) -> int:
    if verb == "start":
        # What is loaded stays: looking for garbage among it is 1.5 ms of a start, and would have
        # every page of it copied for each process of ours.
        gc.disable()
        gc.freeze()
        guarded = enter()  # before the imports: the guard gets ready meanwhile
        from . import start

        return start.run(argv, guarded)
    if verb == "run":
        from . import run as module
    elif verb == "check":
        from . import check as module  # type: ignore[no-redef]
    elif verb == "version":
        from . import version as module  # type: ignore[no-redef]
    elif verb == "help":
        from . import help as module  # type: ignore[no-redef]
    else:
        verbs = ("start", "run", "check", "version", "help")
        hint = nearest(verb, verbs) or f"the commands are {', '.join(verbs)}"
        raise UsageError(f"no such command: {verb!r}", hint=hint)
    return module.run(argv)

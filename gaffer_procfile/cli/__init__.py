"""The command line: finds the verb, imports its module, renders the errors.

Each verb is a module of its own with `run(argv) -> exit status`, imported when it is called.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from ..errors import GafferError, UsageError, nearest, unreadable
from ..interrupts import end_at_once
from ..lean import signal
from .options import VERB_OPTIONS, check_option, is_background, split_at_word
from .streams import complain, open_missing, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# Each is a module here. Those that run processes have a guard.
VERBS = (
    *("start", "run", "test", "check", "plan", "env", "schema"),
    *("ps", "logs", "events", "stop", "restart", "scale", "signal"),
    *("send", "attach", "wait", "down", "open"),
    *("completion", "version", "help"),
)
_GUARDED = ("start", "test")
_MODULES = {"signal": "signal_", "__complete": "complete"}  # the others are called as their verb is

HELP = """\
usage: gaffer [OPTIONS] COMMAND [ARGUMENTS]

Run the processes of a project's Procfile, with the variables of its .env, until one of
them ends or you press Ctrl-C.

commands:
  start [NAME ...]   run all processes, or those named, and show what they write
  run COMMAND ...    run one command, or one entry of the Procfile, in the same environment
  test [-- CMD ...]  run CMD against the processes once they are ready, then stop them: for CI
  check              say everything that is wrong with the Procfile and the .env, run nothing
  plan [NAME ...]    show what start would run: in which order, where, on which ports
  env [NAME]         show the environment that a process would get, and why
  schema             print the JSON Schema of gaffer.yaml, for editors
  completion SHELL   print a script that completes what you type, for bash, zsh or fish
  version            show the version
  help [COMMAND]     show this, or the options of a command

commands for what runs, from any directory of the project:
  ps [NAME ...]      show the processes: state, ports, CPU, memory
  logs [NAME ...]    show what they wrote, with -f also what they write
  events [NAME ...]  show what happened: starts, ends, restarts
  stop NAME ...      stop processes; the others go on
  restart [NAME ...] restart processes, or start what was stopped
  scale NAME=N ...   run more or fewer of a process
  signal SIG NAME    send a signal to a process
  send NAME TEXT     write a line to a process's standard input
  attach NAME        have a process's terminal for yours
  wait [NAME ...]    wait until processes are ready, or have ended
  down               stop everything, and gaffer itself
  open               open the web page

examples:
  gaffer start                     everything in ./Procfile
  gaffer start web worker          only these two
  gaffer start -c web=2,worker=0   two of web, no worker, one of each other
  gaffer start -d ../api -p 7000   another project, its first process on port 7000
  gaffer run python manage.py migrate
  gaffer run release               the Procfile's release entry
  gaffer test -- pytest -x         the processes, the tests, and an end

The exit status of start is that of the first process that failed; 0 if none did.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `gaffer` with the arguments `argv` (default: the command line's); the exit status."""
    end_at_once()
    open_missing()
    # Ignored, as it may be inherited, it would take the statuses of our processes away.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # And what our parent had blocked we would never hear, nor would what we start.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except GafferError as error:
        complain(str(error))
        return error.exit_status
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        complain(f"{unreadable(error)} (`ulimit -n` says how many there may be)")
        return GafferError.exit_status


def _dispatch(argv: list[str]) -> int:
    if os.name == "nt":
        raise GafferError("Windows is not supported for now")
    before, rest = split_at_word(argv, VERB_OPTIONS)
    if not rest:
        if "--version" in before or "-v" in before:
            return _run("version", [])
        show(HELP)
        return 0 if "--help" in before or "-h" in before else UsageError.exit_status
    if not _is_verb(rest[0]) and before:
        check_option(before[-1], VERB_OPTIONS)  # of one that there isn't, this may be the value
    return _run(rest[0], before + rest[1:])


def _run(verb: str, argv: list[str]) -> int:
    if not _is_verb(verb):
        hint = nearest(verb, VERBS) or f"the commands are {', '.join(VERBS)}"
        raise UsageError(f"no such command: {verb!r}", hint=hint)
    if verb == "start" and is_background(argv):
        verb = "background"
    if verb not in _GUARDED:
        return int(_module(verb).run(argv))
    from ..guard import enter  # with `select`, 2 ms that the other verbs don't need

    # What is loaded stays: looking for garbage among it is 1.5 ms of a start, and would have
    # every page of it copied for each process of ours.
    gc.disable()
    gc.freeze()
    guarded = enter()  # before the imports: the guard gets ready meanwhile
    return int(_module(verb).run(argv, guarded))


def _is_verb(word: str) -> bool:
    return word in VERBS or word in _MODULES


def _module(verb: str) -> Any:
    name = f"{__package__}.{_MODULES.get(verb, verb)}"
    __import__(name)  # importlib is 0.9 ms
    return sys.modules[name]

"""How a process ended, in words and as an exit status; and whom it concerns."""

from __future__ import annotations

from ..lean import signal as numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..state import ProcessState

NOT_FOUND = 127
NOT_EXECUTABLE = 126

# The program of a command that runs no other one, which the status then is about.
_ONLY_PROGRAM = r"\s*(?:exec\s+)?([\w./+-]+)(?:\s(?:[^;&|()`\n]|>&)*)?"


def shell_status(event: Mapping[str, Any]) -> int:
    """The status that a shell reports for an `exit` event: 128 + n for signal n."""
    if event["term_signal"]:
        return 128 + int(event["term_signal"])
    return int(event["exit_status"])


def stop_signals(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """By which a process of these settings ends, if it ends as it was told to."""
    signum = settings.get("stop_signal")
    if signum is not None:
        return (signum,)
    return (numbers.SIGTERM, numbers.SIGHUP) if settings.get("tty") else (numbers.SIGTERM,)


def signal_name(signum: int) -> str:
    """`SIGTERM`; `signal 99` for one that has no name."""
    import signal  # with its enums, which nobody needs before a first process has ended

    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"


def describe(event: Mapping[str, Any], state: ProcessState | None = None) -> str:
    """An `exit` event in words: `exited with status 3`, `killed by SIGSEGV`.

    With its template, where that is there still, also why its program couldn't be executed.
    """
    if event.get("reason"):
        return str(event["reason"])
    if event["term_signal"]:
        return f"killed by {signal_name(event['term_signal'])}"
    status = event["exit_status"]
    if status in (NOT_FOUND, NOT_EXECUTABLE) and state is not None:
        why = _why_not_executed(status, state.cmd, state.settings)
        return f"exited with status {status}" + (f" ({why})" if why is not None else "")
    import signal

    if status > 128 and status - 128 in set(signal.Signals):
        # A shell around the process tells of a signal in this way.
        return f"exited with status {status} ({signal_name(status - 128)})"
    return f"exited with status {status}"


def _why_not_executed(status: int, command: str, settings: Mapping[str, Any]) -> str | None:
    """What was wrong with the only program of `command`, as far as that can be told now, or None."""
    import os
    import re

    from .. import script

    found = re.fullmatch(_ONLY_PROGRAM, command)
    if found is None:
        return None
    program = found[1]
    directory = settings.get("cwd") or os.curdir
    path = (settings.get("env") or {}).get("PATH") or os.environ.get("PATH")
    file: str | None = os.path.join(directory, program)
    if "/" not in program:
        file = script.find(program, directory, path)
    fault = script.fault(file, directory, path) if file is not None else None
    if fault is not None:
        return f"{program}: {fault}"
    if status == NOT_EXECUTABLE:
        return f"not executable: {program}?"
    is_there = file is not None and os.path.exists(file)
    return None if is_there else f"command not found: {program}?"


def listing(names: Sequence[str]) -> str:
    """Names in a sentence: `api, web and worker`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

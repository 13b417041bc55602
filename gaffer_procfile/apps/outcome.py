"""How a process ended, in words and as an exit status; and whom it concerns."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

NOT_FOUND = 127
NOT_EXECUTABLE = 126

# The program of a command that runs no other one, which the status then is about.
_ONLY_PROGRAM = r"\s*(?:exec\s+)?([\w./+-]+)(?:\s(?:[^;&|()`\n]|>&)*)?"


def shell_status(event: Mapping[str, Any]) -> int:
    """The status that a shell reports for an `exit` event: 128 + n for signal n."""
    if event["term_signal"]:
        return 128 + int(event["term_signal"])
    return int(event["exit_status"])


def signal_name(signum: int) -> str:
    """`SIGTERM`; `signal 99` for one that has no name."""
    import signal  # with its enums, which nobody needs before a first process has ended

    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"


def describe(event: Mapping[str, Any], command: str = "") -> str:
    """An `exit` event in words: `exited with status 3`, `killed by SIGSEGV`."""
    if event.get("reason"):
        return str(event["reason"])
    if event["term_signal"]:
        return f"killed by {signal_name(event['term_signal'])}"
    status = event["exit_status"]
    import re
    import signal

    program = re.fullmatch(_ONLY_PROGRAM, command)
    if status == NOT_FOUND and program:
        return f"exited with status {status} (command not found: {program[1]}?)"
    if status == NOT_EXECUTABLE and program:
        return f"exited with status {status} (not executable: {program[1]}?)"
    if status > 128 and status - 128 in set(signal.Signals):
        # A shell around the process tells of a signal in this way.
        return f"exited with status {status} ({signal_name(status - 128)})"
    return f"exited with status {status}"


def listing(names: Sequence[str]) -> str:
    """Names in a sentence: `api, web and worker`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

"""What is known of a project's last run in the background when it is there no more."""

from __future__ import annotations

import os
import re
import time

from ..control import project_hash, with_those_above
from .streams import printable

LOG = "gaffer.log"
_LAST = "last-run"  # the file that says where its log is, and where in that it begins
_END = 16 * 1024  # bytes of a log in which it says how the run has ended

# A line of gaffer's own, whatever its time looks like; and those that tell why a run has ended.
_OURS = re.compile(r"^(?:[^|]* )?gaffer +\| (\S.*)$")
_REASON = re.compile(
    r"\S+ (?!is ready |listens on |doesn't listen ).* after \d+\.\d s(?:, .*?)?(?:; .* because of it)?$"
    r"|[^:]+: (?:stopping|killing what is left|killing everything)$"
    r"|stopping (?:the others )?because .*"
    r"|all have ended$"
)


def state_directory(directory: str) -> str:
    """Where a project's state is kept, whether it is there or not."""
    path = os.path.realpath(directory)
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    name = f"{os.path.basename(path) or 'root'}-{project_hash(path)[:8]}"
    return os.path.join(base, "gaffer", name)


def remember(directory: str, log: str, start: int) -> None:
    """Note where a run in the background logs, from byte `start` on.

    Where that can't be noted, nobody is told later.
    """
    place = state_directory(directory)
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with open(os.path.join(place, _LAST), "wb") as file:
            file.write(b"%d %s" % (start, os.fsencode(os.path.abspath(log))))
    except OSError:
        return


def describe_last(directory: str) -> str | None:
    """How the last run in the background of the project that `directory` is in has ended.

    None where there was none, or its log is gone.
    """
    noted = _find_noted(directory)
    if noted is None:
        return None
    start, log = noted
    try:
        with open(log, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            ended = os.fstat(file.fileno()).st_mtime
            # A log that is shorter has been rotated: all of it is the last run's.
            file.seek(max(start if start <= size else 0, size - _END))
            lines = file.read().decode("utf-8", "surrogateescape").split("\n")
    except OSError:
        return None
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(ended))
    reason = _reason(lines)
    # Killed at one blow it has told nothing, and may have been silent before that.
    how = f"has logged until {when}" if reason is None else f"ended {when}: {reason}"
    return f"the last run in the background {how}; its log is {printable(log)}"


def _find_noted(directory: str) -> tuple[int, str] | None:
    """What is noted for a directory, or for the nearest one above it of which something is."""
    for path in with_those_above(directory):
        try:
            with open(os.path.join(state_directory(path), _LAST), "rb") as file:
                start, _space, log = os.fsdecode(file.read()).partition(" ")
        except OSError:
            continue  # nothing is noted
        if log and start.isdecimal():
            return int(start), log
    return None


def _reason(lines: list[str]) -> str | None:
    """The last of gaffer's lines that tells why it has ended."""
    for line in reversed(lines):
        found = _OURS.match(line)
        if found is not None and _REASON.match(found[1]):
            return found[1]
    return None

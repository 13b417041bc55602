"""What is wrong with the first line of a script (`#!`), for which no shell has a clear word."""

from __future__ import annotations

import os

LONGEST = 256  # bytes; what the system reads of it


def fault(file: str, directory: str, path: str | None) -> str | None:
    """Why a script can't be started that is there and executable; None if it can, or is none.

    Relative names start from `directory`, where it is to run; `path` is its PATH.
    """
    try:
        if not os.path.isfile(file):
            return None
        with open(file, "rb") as stream:
            start = stream.read(LONGEST)
    except (OSError, ValueError):
        return None  # it may be executed without being read
    line, newline, _rest = start.partition(b"\n")
    words = line[2:].split(None, 1)
    if not line.startswith(b"#!") or not newline or not words:
        return None
    if line.endswith(b"\r"):
        return "its first line ends as on Windows (CR LF), which is taken for a part of it"
    program = os.fsdecode(words[0])
    if not os.path.exists(os.path.join(directory, program)):
        return f"its interpreter {program} is not found"
    wanted = os.fsdecode(words[1].strip()) if len(words) > 1 else ""
    is_plain = wanted and not (set(wanted) & set(" \t=/'\"")) and not wanted.startswith("-")
    if os.path.basename(program) != "env" or not is_plain:
        return None
    found = find(wanted, directory, path)
    return None if found is not None else f"its interpreter {wanted} is not found"


def find(program: str, directory: str, path: str | None) -> str | None:
    """The file that is executed for `program`, a name without a slash; None if there is none."""
    for folder in (os.defpath if path is None else path).split(os.pathsep):
        file = os.path.join(directory, folder, program)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    return None

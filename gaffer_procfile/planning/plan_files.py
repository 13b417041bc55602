"""Whether the files that a run's plan was made from are still what they were then."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    State = tuple[int, int, int] | None


class PlanFiles:
    """The files of a plan as they are now, to be compared with later; what is no file is left out."""

    def __init__(self, paths: Iterable[str]) -> None:
        # Its time alone could be anything: a checkout may bring an older file.
        whole = map(os.path.abspath, paths)  # who asks is elsewhere
        self._states = {path: _state(path) for path in whole if not _is_passing(path)}

    def changed(self) -> list[str]:
        """Those that have changed since, have come or are gone."""
        return [path for path, state in self._states.items() if _state(path) != state]


def as_seen_from_here(path: str) -> str:
    """A whole path from the current directory; as it is where that was removed."""
    try:
        return os.path.relpath(path)
    except OSError:
        return path


def _is_passing(path: str) -> bool:
    """Whether it is a pipe or the like, which is read once."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return path.startswith("/dev/")


def _state(path: str) -> State:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

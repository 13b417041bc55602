"""The probe `file`: whether a file is there that wasn't there before the process was started."""

from __future__ import annotations

import os

from ..posix.spawn import expand
from .attempt import Attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .subject import Identity

CLOCK_STEP = 0.01  # seconds; the times of files are those of the last tick


class FileAttempt(Attempt):
    def start(self) -> None:
        path = os.path.expanduser(expand(self._probe.target, self._subject.env))
        shown = path
        path = os.path.join(self._subject.cwd or ".", path)
        found = _identity(path)
        if found is None:
            self._subject.seen.setdefault(path, None)
            self._tell(f"there is no {shown}")
        elif self._is_old(path, found):
            self._tell(f"{shown} is from before its start")
        else:
            self._tell(None)

    def _is_old(self, path: str, found: Identity) -> bool:
        """Whether it is the very file that the first look found, if that was older than the process.

        The clock decides about that one only: a file server's may be another.
        """
        seen = self._subject.seen
        if path not in seen:
            started = self._subject.started_at_clock(self._loop) - CLOCK_STEP
            seen[path] = found if found[2] < started * 1e9 else None
        return seen[path] == found


def _identity(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns

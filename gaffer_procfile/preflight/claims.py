"""Ports that runs have for themselves, also before anybody listens there.

Each is a byte in a file that all runs of one user share, locked as long as this process lives: so
two that start at the same moment get different ports, and nothing is to be tidied up.
"""

from __future__ import annotations

import fcntl
import os

from ..control import ControlError, open_shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = "ports"


class Claims:
    """This process's claims. Without a place for the file, or locks there, every claim is granted.

    To close any descriptor of that file would drop them all, so there is one for as long as we live.
    """

    def __init__(self) -> None:
        self._fd: int | None = None

    def find_claimed(self, ports: Iterable[int]) -> int | None:
        """The first of `ports` that another run has; None, and all are ours, if there is none."""
        ports = list(ports)
        for count, port in enumerate(ports):
            if not self._lock(port):
                self.release(ports[:count])
                return port
        return None

    def release(self, ports: Iterable[int]) -> None:
        """Leave them to others."""
        if self._fd is not None:
            for port in ports:
                fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, port)

    def _lock(self, port: int) -> bool:
        if self._fd is None:
            try:
                self._fd = open_shared(FILE)
            except (ControlError, OSError):
                return True
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except (BlockingIOError, PermissionError):
            return False  # which of the two it is depends on the system
        except OSError:
            os.close(self._fd)
            self._fd = None  # there are no locks, so none to release
        return True


OURS = Claims()

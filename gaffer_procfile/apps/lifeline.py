"""Lifeline: when the process that the user started is killed, everything is stopped in order."""

from __future__ import annotations

import os

from ..loop import adapt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..loop import Loop
    from ..manager import Manager


class Lifeline:
    """Stops the manager when one of `fds` comes to its end, and tells so by `say`. They are its own."""

    def __init__(self, fds: Sequence[int], say: Callable[[str], object]) -> None:
        self.broken = False
        self._fds = list(fds)
        self._say = say

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        for fd in self._fds:
            self._loop.add_reader(fd, self._handle_end)

    def stop(self) -> None:
        self._let_go()
        self._loop.close()

    def restart(self) -> None:
        """It holds all the time."""

    def _handle_end(self) -> None:
        self._let_go()
        self.broken = True
        self._say("gaffer was killed: stopping")
        self._manager.stop()

    def _let_go(self) -> None:
        """Close them: by that the guard knows that we have heard, or are ending anyhow."""
        for fd in self._fds:
            self._loop.remove_reader(fd)
            os.close(fd)
        self._fds.clear()

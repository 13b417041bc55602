"""WindowSize: the processes' pseudo-terminals are as large as the window that shows them."""

from __future__ import annotations

import os

from ..lean import signal
from ..loop import adapt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..loop import Loop
    from ..manager import Manager


class WindowSize:
    """Gives each process the size of the terminal `fd` when that changes, and `size()` before.

    `margin` is the columns that the prefix takes.
    """

    def __init__(self, fd: int, margin: int = 0) -> None:
        self._fd = fd
        self._margin = margin
        self._first = self.size()

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        manager.subscribe("spawn", self._handle_spawn)
        self._loop.add_signal_handler(signal.SIGWINCH, self.pass_on)

    def stop(self) -> None:
        self._loop.remove_signal_handler(signal.SIGWINCH)
        self._loop.close()

    def restart(self) -> None:
        """A new process is told when it is spawned."""

    def size(self) -> tuple[int, int] | None:
        """Rows and columns for a process; None where `fd` is no terminal, or one without a size."""
        try:
            columns, rows = os.get_terminal_size(self._fd)
        except OSError:
            return None
        if not rows or not columns:
            return None
        return rows, max(1, columns - self._margin)

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        size = self.size()
        if size is not None and size != self._first:  # the template has the first one
            self._manager.get_process(event["pid"]).set_window_size(*size)

    def pass_on(self) -> None:
        """Give all processes the size of now. Of a change only who is in the foreground is told."""
        size = self.size()
        if size is not None:
            for process in self._manager.running_processes().values():
                process.set_window_size(*size)

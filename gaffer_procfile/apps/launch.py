"""Launch: starts the templates one after the other, and lets the loop look around in between."""

from __future__ import annotations

from ..loop import adapt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..loop import Loop
    from ..manager import Manager


class Launch:
    """Starts every template that the manager has when it is itself started, in their order.

    In turns of the loop, so that output is read, Ctrl-C is heard and a first failure is noticed
    while a long Procfile is still being started.
    """

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        self._names = iter(list(manager.processes))
        self._loop.call_soon(self._start_next)

    def stop(self) -> None:
        self._loop.close()

    def restart(self) -> None:
        """The manager restarts what has been started."""

    def _start_next(self) -> None:
        if self._manager.stopping:
            return
        name = next(self._names, None)
        if name is not None:
            self._manager.start_process(name)
            self._loop.call_soon(self._start_next)

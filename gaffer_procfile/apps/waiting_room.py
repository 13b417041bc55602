"""The processes that aren't ready yet, each with what looks at it and the time that it has left."""

from __future__ import annotations

from ..probes import Subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from ..loop import Cancellable, Loop
    from ..manager import Manager

    class Look(Protocol):
        """What finds out whether one process is ready; `fault` says why it isn't so far."""

        @property
        def fault(self) -> str: ...
        def start(self) -> object: ...
        def close(self) -> object: ...


ENDS = ("stop_pid", "reap", "exit")  # the events after which nobody asks any more


class WaitingRoom:
    """Looks at processes from their spawn until they are ready, their time is over, or they end.

    `make_look(subject)` makes what looks, and `on_timeout(id)` is called when the time is over; who
    is called for either calls `dismiss`.
    """

    def __init__(self, loop: Loop, manager: Manager) -> None:
        self._loop = loop
        self._manager = manager
        self._waiting: dict[int, tuple[Subject, Look, Cancellable]] = {}

    def admit(
        self,
        event: dict[str, Any],
        patience: float,
        make_look: Callable[[Subject], Look],
        on_timeout: Callable[[int], object],
    ) -> None:
        """Look at the process that was spawned so, for `patience` seconds since its start."""
        try:
            subject = Subject(self._loop, self._manager, event)
        except KeyError:
            return  # nothing is left of it, and its exit is on the way
        look = make_look(subject)
        left = max(0.0, subject.started_at + patience - self._loop.time())
        timer = self._loop.call_later(left, on_timeout, subject.id)
        self._waiting[subject.id] = subject, look, timer
        look.start()

    def dismiss(self, id: int) -> tuple[Subject, str] | None:
        """Look at this process no more: which one it was, and its fault. None if nobody does."""
        found = self._waiting.pop(id, None)
        if found is None:
            return None
        subject, look, timer = found
        fault = look.fault
        timer.cancel()
        look.close()
        return subject, fault

    def close(self) -> None:
        for id in list(self._waiting):
            self.dismiss(id)

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
        self._waiting: dict[int, _Waiting] = {}

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
        waiting = _Waiting(subject, look, subject.started_at + patience, on_timeout)
        self._waiting[subject.id] = waiting
        self._wait(waiting)
        look.start()

    def _wait(self, waiting: _Waiting) -> None:
        left = max(0.0, waiting.until - self._loop.time())
        waiting.timer = self._loop.call_later(left, waiting.on_timeout, waiting.subject.id)

    def postpone(self, seconds: float) -> None:
        """Give each so many seconds more."""
        for waiting in self._waiting.values():
            waiting.cancel()
            waiting.until += seconds
            self._wait(waiting)

    def dismiss(self, id: int) -> tuple[Subject, str] | None:
        """Look at this process no more: which one it was, and its fault. None if nobody does."""
        waiting = self._waiting.pop(id, None)
        if waiting is None:
            return None
        fault = waiting.look.fault
        waiting.cancel()
        waiting.look.close()
        return waiting.subject, fault

    def close(self) -> None:
        for id in list(self._waiting):
            self.dismiss(id)


class _Waiting:
    """One that isn't ready yet; it has the time `until` then, by the loop's clock."""

    __slots__ = ("look", "on_timeout", "subject", "timer", "until")

    def __init__(
        self, subject: Subject, look: Look, until: float, on_timeout: Callable[[int], object]
    ) -> None:
        self.subject = subject
        self.look = look
        self.until = until
        self.on_timeout = on_timeout
        self.timer: Cancellable | None = None

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()

"""Settling: when a process counts as ready of which nothing says when that is."""

from __future__ import annotations

from ..loop import adapt
from ..probes import Subject, make_attempt
from ..probes.attempt import Polling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from ..config.settings import Probe
    from ..loop import Cancellable, Loop
    from ..manager import Manager

ENDS = ("stop_pid", "reap", "exit")


class Settling:
    """Publishes `ready` (with `seconds` since the start) of each process of the templates in `patience`.

    That is when it, or what it has started, listens on its PORT, and at the latest when it has been
    up for so many seconds. Of those that `should_listen` it is said if they don't. `probe` is the
    look at the port.
    """

    def __init__(
        self,
        patience: Mapping[str, float],
        should_listen: Collection[str],
        probe: Probe,
        say: Callable[[str], object],
        display: Callable[[str, int], str],
    ) -> None:
        self._patience = patience
        self._should_listen = should_listen
        self._probe = probe
        self._say = say
        self._display = display
        self._waiting: dict[int, _Waiting] = {}

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        manager.subscribe("spawn", self._handle_spawn)
        for evtype in ENDS:
            manager.subscribe(evtype, self._handle_end)

    def stop(self) -> None:
        for waiting in self._waiting.values():
            waiting.close()
        self._waiting.clear()
        self._loop.close()

    def restart(self) -> None:
        """Each process is looked at on its own."""

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        patience = self._patience.get(event["name"])
        if patience is None:
            return
        try:
            subject = Subject(self._loop, self._manager, event)
        except KeyError:
            return  # nothing is left of it, and its exit is on the way
        id = subject.id
        look = Polling(
            self._loop, subject, self._probe, make_attempt, lambda: self._handle_listening(id)
        )
        left = max(0.0, subject.started_at + patience - self._loop.time())
        timer = self._loop.call_later(left, self._handle_patience, id)
        self._waiting[id] = _Waiting(subject, look, timer)
        look.start()

    def _handle_end(self, _evtype: str, event: dict[str, Any]) -> None:
        waiting = self._waiting.pop(event["pid"], None)
        if waiting is not None:
            waiting.close()

    def _handle_listening(self, id: int) -> None:
        waiting = self._waiting.pop(id)
        self._report(waiting, f"listens on port {waiting.subject.port(self._probe)} after {{}}")

    def _handle_patience(self, id: int) -> None:
        waiting = self._waiting.pop(id, None)
        if waiting is None:
            return
        how = "is up for {}, which counts as ready"
        if waiting.subject.name in self._should_listen:
            port = waiting.subject.port(self._probe)
            how = f"doesn't listen on port {port} after {{}}, and is taken as ready"
        self._report(waiting, how)

    def _report(self, waiting: _Waiting, how: str) -> None:
        waiting.close()
        subject = waiting.subject
        if not subject.process.active:
            return  # its exit is on the way
        seconds = self._loop.time() - subject.started_at
        self._manager.report(subject.id, "ready", seconds=seconds)
        self._say(
            f"{self._display(subject.name, subject.instance)} {how.format(f'{seconds:.1f} s')}"
        )


class _Waiting:
    """A process that doesn't count as ready yet."""

    __slots__ = ("look", "subject", "timer")

    def __init__(self, subject: Subject, look: Polling, timer: Cancellable) -> None:
        self.subject = subject
        self.look = look
        self.timer = timer

    def close(self) -> None:
        self.timer.cancel()
        self.look.close()

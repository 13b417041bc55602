"""Settling: when a process counts as ready of which nothing says when that is."""

from __future__ import annotations

from ..loop import adapt
from ..probes import make_attempt
from ..probes.attempt import Polling
from .waiting_room import ENDS, WaitingRoom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from ..config.settings import Probe
    from ..loop import Loop
    from ..manager import Manager
    from ..probes import Subject


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

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        self._room = WaitingRoom(self._loop, manager)
        manager.subscribe("spawn", self._handle_spawn)
        for evtype in ENDS:
            manager.subscribe(evtype, self._handle_end)

    def stop(self) -> None:
        self._room.close()
        self._loop.close()

    def restart(self) -> None:
        """Each process is looked at on its own."""

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        patience = self._patience.get(event["name"])
        if patience is None:
            return

        def make_look(subject: Subject) -> Polling:
            return Polling(
                self._loop,
                subject,
                self._probe,
                make_attempt,
                lambda: self._handle_listening(subject.id),
            )

        self._room.admit(event, patience, make_look, self._handle_patience)

    def _handle_end(self, _evtype: str, event: dict[str, Any]) -> None:
        self._room.dismiss(event["pid"])

    def _handle_listening(self, id: int) -> None:
        found = self._room.dismiss(id)
        if found is not None:
            subject = found[0]
            self._report(subject, f"listens on port {subject.port(self._probe)} after {{}}")

    def _handle_patience(self, id: int) -> None:
        found = self._room.dismiss(id)
        if found is None:
            return
        subject = found[0]
        how = "is up for {}, which counts as ready"
        if subject.name in self._should_listen:
            port = subject.port(self._probe)
            how = f"doesn't listen on port {port} after {{}}, and is taken as ready"
        self._report(subject, how)

    def _report(self, subject: Subject, how: str) -> None:
        if not subject.process.active:
            return  # its exit is on the way
        seconds = self._loop.time() - subject.started_at
        self._manager.report(subject.id, "ready", seconds=seconds)
        self._say(
            f"{self._display(subject.name, subject.instance)} {how.format(f'{seconds:.1f} s')}"
        )

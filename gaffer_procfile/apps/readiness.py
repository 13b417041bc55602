"""Readiness: looks whether what was started is ready, and tells when it is or takes too long."""

from __future__ import annotations

from ..loop import adapt
from ..probes import make_check
from ..probes.notify import NotifySockets
from .waiting_room import ENDS, WaitingRoom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..config.settings import Probe
    from ..loop import Loop
    from ..manager import Manager
    from ..probes import Check, Subject


class Readiness:
    """Probes each process of the templates in `probes`, from its spawn until it is ready or ends.

    It publishes `ready` (with `seconds` since the start) or, when the probe's timeout is over,
    `not_ready` (with `seconds` and a `reason`) as events of the process. What has no probe it says
    nothing about. `environment` has to be in the `instance_env` of its templates. `probes` may be
    changed, which holds for the processes that are started from then on. When all are ready it says
    so, unless `tells_of_all` is False: somebody else does, who knows of those without a probe, too.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        say: Callable[[str], object],
        display: Callable[[str, int], str],
        *,
        tells_of_all: bool = True,
    ) -> None:
        self._probes = probes
        self._say = say
        self._display = display
        self._sockets = NotifySockets()
        self._ready: set[int] = set()
        self._all_told = not tells_of_all

    def environment(self, name: str) -> dict[str, str]:
        """What each process of a template needs; `{instance}` stands for its instance number."""
        probe = self._probes.get(name)
        return self._sockets.environment(name) if probe and probe.kind == "notify" else {}

    def is_ready(self, id: int) -> bool:
        """Whether the process with this id was found to be ready, and has not ended since."""
        return id in self._ready

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        self._room = WaitingRoom(self._loop, manager)
        for name in self._probes:
            self.environment(name)
        self._sockets.open(self._loop, self._count)
        manager.subscribe("spawn", self._handle_spawn)
        for evtype in ENDS:
            manager.subscribe(evtype, self._handle_end)

    def _count(self, name: str) -> int:
        state = self._manager.get_process_state(name)
        return state.numprocesses if state else 1

    def stop(self) -> None:
        self._room.close()
        self._sockets.close()
        self._loop.close()

    def restart(self) -> None:
        """Each process is looked at on its own."""

    def postpone(self, seconds: float) -> None:
        """Give each that isn't ready so many seconds more: nobody could get ready in the last ones."""
        self._room.postpone(seconds)

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        probe = self._probes.get(event["name"])
        if probe is None:
            return

        def make_look(subject: Subject) -> Check:
            return make_check(
                self._loop, subject, probe, lambda: self._handle_ready(subject.id), self._sockets
            )

        self._room.admit(event, probe.timeout, make_look, self._handle_timeout)

    def _handle_end(self, _evtype: str, event: dict[str, Any]) -> None:
        self._ready.discard(event["pid"])
        self._room.dismiss(event["pid"])

    def _handle_ready(self, id: int) -> None:
        found = self._room.dismiss(id)
        if found is None or not found[0].is_up:
            return  # it was ready, and is no more
        subject, _fault = found
        self._ready.add(id)
        seconds = self._loop.time() - subject.started_at
        self._manager.report(id, "ready", seconds=seconds)
        self._say(f"{self._name(subject)} is ready after {seconds:.1f} s")
        self._tell_all()

    def _tell_all(self) -> None:
        """Say once that nobody is waited for any more, where that is several."""
        wanted = sum(map(self._count, self._probes))
        if not self._all_told and 1 < wanted <= len(self._ready):
            self._all_told = True
            self._say("all are ready")

    def _handle_timeout(self, id: int) -> None:
        found = self._room.dismiss(id)
        if found is None or not found[0].is_up:
            return
        subject, reason = found
        seconds = self._loop.time() - subject.started_at
        self._manager.report(id, "not_ready", seconds=seconds, reason=reason)
        self._say(f"{self._name(subject)} is not ready after {seconds:.1f} s: {reason}")

    def _name(self, subject: Subject) -> str:
        return self._display(subject.name, subject.instance)

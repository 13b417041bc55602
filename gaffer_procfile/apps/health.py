"""Health: looks now and then whether what was ready still is, and restarts what isn't."""

from __future__ import annotations

from ..loop import adapt
from ..probes import Subject, make_attempt
from .waiting_room import ENDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from ..config.settings import Probe
    from ..loop import Cancellable, Loop
    from ..manager import Manager
    from ..probes import Attempt

INTERVAL = 10.0  # seconds between two looks, if the probe has no interval
KINDS = ("port", "http", "exec", "file", "listens")  # a log line and READY=1 come only once


class Health:
    """Looks at each process of the templates in `probes` every `interval`; replaces the unhealthy.

    A look takes the probe's timeout at the most. One that fails `failures` of them in a row is
    unhealthy: that is published as `unhealthy` (with `failures` and a `reason`), and it is restarted.
    Those in `await_ready` are looked at from their `ready` event on, the others from their spawn.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        say: Callable[[str], object],
        display: Callable[[str, int], str],
        await_ready: Collection[str] = (),
    ) -> None:
        for name, probe in probes.items():
            if probe.kind not in KINDS:
                raise ValueError(f"{name}: {probe.kind!r} tells nothing of health")
        self._probes = probes
        self._say = say
        self._display = display
        self._await_ready = await_ready
        self._watched: dict[int, _Watched] = {}

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        manager.subscribe("spawn", self._handle_spawn)
        manager.subscribe("ready", self._handle_ready)
        for evtype in ENDS:
            manager.subscribe(evtype, self._handle_end)

    def stop(self) -> None:
        for watched in self._watched.values():
            watched.close()
        self._watched.clear()
        self._loop.close()

    def restart(self) -> None:
        """Each process is looked at on its own."""

    def look_anew(self) -> None:
        """Take no account of the looks that are under way: nobody could answer them."""
        for watched in self._watched.values():
            if watched.attempt is not None:
                watched.attempt.cancel()
                watched.attempt = None
                self._look_later(watched)

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        if event["name"] not in self._await_ready:
            self._watch(event)

    def _handle_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        if event["name"] in self._await_ready:
            self._watch(event)

    def _watch(self, event: dict[str, Any]) -> None:
        probe = self._probes.get(event["name"])
        if probe is None or event["pid"] in self._watched:
            return
        try:
            subject = Subject(self._loop, self._manager, event)
        except KeyError:
            return  # nothing is left of it, and its exit is on the way
        watched = self._watched[subject.id] = _Watched(subject, probe)
        self._look_later(watched)

    def _look_later(self, watched: _Watched) -> None:
        interval = INTERVAL if watched.probe.interval is None else watched.probe.interval
        watched.timer = self._loop.call_later(interval, self._look, watched)

    def _look(self, watched: _Watched) -> None:
        watched.timer = None
        watched.attempt = make_attempt(
            self._loop,
            watched.subject,
            watched.probe,
            lambda fault: self._handle_result(watched, fault),
            watched.probe.timeout,
        )
        watched.attempt.start()

    def _handle_result(self, watched: _Watched, fault: str | None) -> None:
        watched.attempt = None
        if fault is None:
            watched.failures = 0
            self._look_later(watched)
            return
        watched.failures += 1
        if watched.failures < watched.probe.failures:
            self._look_later(watched)
            return
        subject = watched.subject
        del self._watched[subject.id]
        if not subject.is_up:
            return
        self._manager.report(subject.id, "unhealthy", failures=watched.failures, reason=fault)
        name = self._display(subject.name, subject.instance)
        times = "once" if watched.failures == 1 else f"{watched.failures} times in a row"
        self._say(f"{name} is unhealthy ({fault}, {times}), restarting it")
        self._manager.restart_process(subject.id)

    def _handle_end(self, _evtype: str, event: dict[str, Any]) -> None:
        watched = self._watched.pop(event["pid"], None)
        if watched is not None:
            watched.close()


class _Watched:
    """A process that should be healthy: in between two looks, or in one."""

    __slots__ = ("attempt", "failures", "probe", "subject", "timer")

    def __init__(self, subject: Subject, probe: Probe) -> None:
        self.subject = subject
        self.probe = probe
        self.failures = 0
        self.timer: Cancellable | None = None
        self.attempt: Attempt | None = None

    def close(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.attempt is not None:
            self.attempt.cancel()

"""Launch: starts the templates, each when what it depends on has come so far."""

from __future__ import annotations

from ..dependency import COMPLETED, READY, STARTED
from ..lean import deque
from ..loop import adapt
from .exit_policy import WILL_RESTART
from .outcome import describe, listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from ..dependency import Dependency
    from ..loop import Cancellable, Loop
    from ..manager import Manager

PATIENCE = 5.0  # seconds until it is said who waits for whom


class Launch:
    """Starts every template that isn't started when it is itself, in their order.

    One to a turn of the loop, so that output is read, Ctrl-C is heard and a first failure is
    noticed while a long Procfile is still being started. One with `dependencies` is started when
    each of them is met; `on_blocked(names, culprit)` is called with the templates that will not be,
    as one that they need has failed. `short` turns a template's name into what a person sees.
    `may_change`: there may be other dependencies later (`update`).
    """

    def __init__(
        self,
        dependencies: Mapping[str, Sequence[Dependency]],
        say: Callable[[str], object],
        short: Callable[[str], str],
        on_blocked: Callable[[list[str], str], object],
        *,
        may_change: bool = False,
    ) -> None:
        self._waiting = {name: list(needed) for name, needed in dependencies.items() if needed}
        self._say = say
        self._short = short
        self._on_blocked = on_blocked
        self._may_change = may_change
        self._reached: dict[tuple[str, str], set[int]] = {}
        self._blocked: set[str] = set()
        self._queue: deque[str] = deque()
        self._timer: Cancellable | None = None

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        if self._waiting or self._may_change:
            manager.subscribe("spawn", self._handle_spawn)
            manager.subscribe("ready", self._handle_ready)
            manager.subscribe("not_ready", self._handle_not_ready)
            manager.subscribe("exit", self._handle_exit)
        self._be_patient()
        self._put(
            [
                name
                for name, state in manager.processes.items()
                if name not in self._waiting and not state.active
            ]
        )

    def update(
        self,
        dependencies: Mapping[str, Sequence[Dependency]],
        added: Sequence[str],
        changed: Collection[str],
    ) -> None:
        """Other dependencies hold from now on, for `added` and for those that still wait.

        `changed` are the templates that have to come so far once more, as they are started anew.
        """
        for key in [key for key in self._reached if key[0] in changed]:
            del self._reached[key]
        candidates = [*(name for name in self._waiting if name in dependencies), *added]
        self._waiting.clear()
        self._blocked.clear()
        for name in candidates:
            needed = [each for each in dependencies[name] if not self._is_met(each)]
            if needed:
                self._waiting[name] = needed
        self._put([name for name in candidates if name not in self._waiting])
        self._be_patient()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop.close()

    def restart(self) -> None:
        """The manager restarts what has been started."""

    # ---- starting

    def _put(self, names: Sequence[str]) -> None:
        is_idle = not self._queue
        self._queue.extend(names)
        if is_idle and self._queue:
            self._loop.call_soon(self._start_next)

    def _start_next(self) -> None:
        if self._manager.stopping:
            self._queue.clear()
            return
        name = self._queue.popleft()
        if self._manager.get_process_state(name) is not None:
            self._manager.start_process(name)
        if self._queue:
            self._loop.call_soon(self._start_next)

    # ---- what the dependencies do

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        self._handle_reached(event, STARTED)

    def _handle_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        self._handle_reached(event, READY)

    def _handle_not_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        self._handle_missed(event["name"], (READY,), "is not ready")

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        if not event["by_itself"] or event["then"] in WILL_RESTART:
            return
        if event["exit_status"] == 0 and event["term_signal"] == 0:
            self._handle_reached(event, COMPLETED)
            self._handle_missed(event["name"], (READY,), "ended without getting ready")
        else:
            self._handle_missed(event["name"], (STARTED, READY, COMPLETED), describe(event))

    def _is_met(self, dependency: Dependency) -> bool:
        return self._have_reached(dependency.name, dependency.condition)

    def _have_reached(self, name: str, condition: str) -> bool:
        state = self._manager.get_process_state(name)
        reached = self._reached.get((name, condition), ())
        return state is not None and len(reached) >= state.numprocesses

    def _handle_reached(self, event: dict[str, Any], condition: str) -> None:
        name = event["name"]
        self._reached.setdefault((name, condition), set()).add(event["instance"])
        if not self._have_reached(name, condition):
            return
        free = []
        for waiting, needed in list(self._waiting.items()):
            needed[:] = [
                dependency
                for dependency in needed
                if (dependency.name, dependency.condition) != (name, condition)
            ]
            if not needed:
                del self._waiting[waiting]
                free.append(waiting)
        self._put(free)

    def _handle_missed(self, name: str, conditions: Sequence[str], how: str) -> None:
        """Tell who waits in vain, and for those who wait for them."""
        waiting = [
            other
            for other, needed in self._waiting.items()
            if any(
                dependency.name == name and dependency.condition in conditions
                for dependency in needed
            )
        ]
        if self._manager.stopping or not waiting:
            return
        blocked = list(dict.fromkeys(waiting))
        for one in blocked:  # grows meanwhile
            blocked += [
                other
                for other, needed in self._waiting.items()
                if other not in blocked and any(dependency.name == one for dependency in needed)
            ]
        new = [one for one in blocked if one not in self._blocked]
        if new:
            self._blocked.update(new)
            names = listing([self._short(one) for one in new])
            verb = "waits" if len(new) == 1 else "wait"
            self._say(f"{names} {verb} in vain: {self._short(name)} {how}")
            self._on_blocked(new, name)

    def _be_patient(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._timer = self._loop.call_later(PATIENCE, self._handle_patience)

    def _handle_patience(self) -> None:
        waited_for: dict[str, list[str]] = {}
        for waiting, needed in self._waiting.items():
            if waiting not in self._blocked:
                for dependency in needed:
                    if dependency.name not in self._waiting:
                        waited_for.setdefault(dependency.name, []).append(self._short(waiting))
        for name, others in waited_for.items():
            verb = "waits" if len(others) == 1 else "wait"
            self._say(f"{listing(others)} still {verb} for {self._short(name)}")

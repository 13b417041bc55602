"""Launch: starts the templates, each when what it depends on has come so far."""

from __future__ import annotations

from ..dependency import COMPLETED, READY, STARTED
from ..lean import deque
from ..loop import adapt
from ..slots import WILL_RESTART
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
        self.blocked: dict[str, str] = {}
        """The templates that wait in vain at present, and what has become of whom they wait for."""
        # Of a template's processes: what they won't come to, and what has become of them.
        self._missed: dict[tuple[str, int], tuple[Sequence[str], str]] = {}
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
            manager.subscribe("update", self._handle_update)
            manager.subscribe("start", self._handle_order)
            manager.subscribe("stop", self._handle_order)
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
        self.blocked.clear()
        self._missed.clear()
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
        state = self._manager.get_process_state(name)
        if state is not None and state.awaits_start:  # else somebody was faster
            self._manager.start_process(name)
        if self._queue:
            self._loop.call_soon(self._start_next)

    # ---- what the dependencies do

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        if self._missed.pop((event["name"], event["instance"]), None) is not None:
            self._find_blocked()  # it may come so far this time
        self._handle_reached(event, STARTED)

    def _handle_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        self._handle_reached(event, READY)

    def _handle_not_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        self._handle_missed(event, (READY,), "is not ready")

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        if not event["by_itself"] or event["then"] in WILL_RESTART:
            return
        if event["exit_status"] == 0 and event["term_signal"] == 0:
            self._handle_reached(event, COMPLETED)
            self._handle_missed(event, (READY,), "ended without getting ready")
        else:
            self._handle_missed(event, (STARTED, READY, COMPLETED), describe(event))

    def _handle_order(self, _evtype: str, event: dict[str, Any]) -> None:
        if self._waiting.pop(event["name"], None) is not None:
            self._find_blocked()  # it was started by hand, or is not to start

    def _handle_update(self, _evtype: str, event: dict[str, Any]) -> None:
        self._let_go(event["name"])  # there may be fewer to wait for

    def _handle_reached(self, event: dict[str, Any], condition: str) -> None:
        name = event["name"]
        self._reached.setdefault((name, condition), set()).add(event["instance"])
        self._let_go(name)

    def _is_met(self, dependency: Dependency) -> bool:
        state = self._manager.get_process_state(dependency.name)
        if state is None:
            return False
        reached = self._reached.get((dependency.name, dependency.condition), set())
        return reached.issuperset(range(1, state.numprocesses + 1))

    def _let_go(self, name: str) -> None:
        """Start those that waited for nothing but what `name` has come to by now."""
        free = []
        for waiting, needed in list(self._waiting.items()):
            needed[:] = [each for each in needed if each.name != name or not self._is_met(each)]
            if not needed:
                del self._waiting[waiting]
                free.append(waiting)
        if free:
            self._find_blocked()
        self._put(free)

    def _handle_missed(self, event: dict[str, Any], conditions: Sequence[str], how: str) -> None:
        """Tell who waits in vain, and for those who wait for them."""
        if self._manager.stopping:
            return
        name = event["name"]
        before = set(self.blocked)
        self._missed[name, event["instance"]] = conditions, f"{self._short(name)} {how}"
        self._find_blocked()
        new = [one for one in self.blocked if one not in before]
        if new:
            names = listing([self._short(one) for one in new])
            verb = "waits" if len(new) == 1 else "wait"
            self._say(f"{names} {verb} in vain: {self.blocked[new[0]]}")
            self._on_blocked(new, name)

    def _find_blocked(self) -> None:
        self.blocked.clear()
        for (name, _instance), (conditions, how) in self._missed.items():
            for waiting, needed in self._waiting.items():
                if any(each.name == name and each.condition in conditions for each in needed):
                    self.blocked.setdefault(waiting, how)
        blocked = list(self.blocked)
        for one in blocked:  # grows meanwhile
            for waiting, needed in self._waiting.items():
                if waiting not in self.blocked and any(each.name == one for each in needed):
                    self.blocked[waiting] = self.blocked[one]
                    blocked.append(waiting)

    def _be_patient(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._timer = self._loop.call_later(PATIENCE, self._handle_patience)

    def _handle_patience(self) -> None:
        waited_for: dict[str, list[str]] = {}
        for waiting, needed in self._waiting.items():
            if waiting not in self.blocked:
                for dependency in needed:
                    if dependency.name not in self._waiting:
                        waited_for.setdefault(dependency.name, []).append(self._short(waiting))
        for name, others in waited_for.items():
            verb = "waits" if len(others) == 1 else "wait"
            self._say(f"{listing(others)} still {verb} for {self._short(name)}")

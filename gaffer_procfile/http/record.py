"""Record: the last events, and what has become of each slot: what a client wants to know later."""

from __future__ import annotations

import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..manager import Manager

EVENTS = 2000  # what is kept


class Past:
    """What is known of one slot that the slot itself doesn't say. Times are seconds since the epoch."""

    __slots__ = ("since", "starts")

    def __init__(self) -> None:
        self.starts = 0
        self.since: float | None = None


class Record:
    """Listens to a manager's events, numbers them from 1 and keeps the last `size` of them."""

    def __init__(self, size: int = EVENTS) -> None:
        self._events: deque[tuple[int, float, dict[str, Any]]] = deque(maxlen=size)
        self._pasts: dict[tuple[str, int], Past] = {}
        self._ready: dict[int, bool] = {}
        self._faults: dict[int, str] = {}
        self._listeners: list[Callable[[], object]] = []
        self.next = 1
        """The number that the next event gets."""

    def start(self, manager: Manager) -> None:
        manager.subscribe(".", self.handle_event)

    def stop(self, manager: Manager) -> None:
        manager.unsubscribe(".", self.handle_event)

    def handle_event(self, evtype: str, event: dict[str, Any]) -> None:
        """Something has happened."""
        if evtype.startswith("proc."):
            return  # the twin of one that was heard already
        now = time.time()
        self._events.append((self.next, now, event))
        self.next += 1
        if evtype == "spawn":
            past = self._pasts.setdefault((event["name"], event["instance"]), Past())
            past.starts += 1
            past.since = now
        elif evtype == "exit":
            past = self._pasts.setdefault((event["name"], event["instance"]), Past())
            past.since = None
            self._ready.pop(event["pid"], None)
            self._faults.pop(event["pid"], None)
        elif evtype in ("ready", "not_ready"):
            self._ready[event["pid"]] = evtype == "ready"
            if evtype == "not_ready":
                self._faults[event["pid"]] = event["reason"]
        elif evtype == "delete":
            for key in [key for key in self._pasts if key[0] == event["name"]]:
                del self._pasts[key]
        for listener in self._listeners:
            listener()

    def past(self, name: str, instance: int) -> Past:
        """What has become of a slot so far."""
        return self._pasts.get((name, instance)) or Past()

    def is_ready(self, id: int) -> bool | None:
        """What was last said of the readiness of the process with this id; None for nothing."""
        return self._ready.get(id)

    def fault(self, id: int) -> str | None:
        """Why the process with this id wasn't ready in time; None if nobody has said so."""
        return self._faults.get(id)

    def listen(self, listener: Callable[[], object]) -> None:
        """Call `listener()` whenever there is more."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], object]) -> None:
        self._listeners.remove(listener)

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept."""
        return self._events[0][0] if self._events else self.next

    def events(self, since: int) -> list[tuple[int, float, dict[str, Any]]]:
        """Number, time and content of the events from number `since` on."""
        found = []
        for entry in reversed(self._events):
            if entry[0] < since:
                break
            found.append(entry)
        found.reverse()
        return found

"""EventEmitter: who wants to hear of what, told from the loop in the order in which it happened."""

from __future__ import annotations

from .lean import Lock
from .loop import adapt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Listener = Callable[..., object]

ALL = "."


class EventEmitter:
    """Publishes events to listeners, which are called as `listener(evtype, *args, **kwargs)`.

    A listener of `a` hears `a`, `a.b` and `a.b.c`; a listener of `.` hears everything. Listeners run
    from the loop, never inside `publish`; emitters on one loop share its order. A listener that
    raises is logged (`gaffer_procfile.events`) and harms nobody else. All methods are thread-safe.
    """

    def __init__(self, loop: Any) -> None:
        self._loop = adapt(loop)
        self._lock = Lock()
        # Replaced, never changed in place: a dispatch goes on with the tuple that it began with.
        self._listeners: dict[str, tuple[tuple[Listener, bool], ...]] = {}
        self._closed = False

    def subscribe(self, evtype: str, listener: Listener) -> None:
        self._add(evtype, listener, once=False)

    def subscribe_once(self, evtype: str, listener: Listener) -> None:
        self._add(evtype, listener, once=True)

    def _add(self, evtype: str, listener: Listener, once: bool) -> None:
        with self._lock:
            self._listeners[evtype] = (*self._listeners.get(evtype, ()), (listener, once))

    def unsubscribe(self, evtype: str, listener: Listener) -> bool:
        """Forget one subscription of `listener`; whether there was one."""
        with self._lock:
            return self._remove(evtype, listener)

    def _remove(self, evtype: str, listener: Listener, *, only_once: bool = False) -> bool:
        entries = self._listeners.get(evtype, ())
        for index, (known, once) in enumerate(entries):
            if known == listener and (once or not only_once):
                rest = entries[:index] + entries[index + 1 :]
                if rest:
                    self._listeners[evtype] = rest
                else:
                    del self._listeners[evtype]
                return True
        return False

    def publish(self, evtype: str, *args: Any, **kwargs: Any) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(self._dispatch, evtype, args, kwargs)

    def close(self) -> None:
        """Publish nothing more. What is published already is still delivered."""
        if not self._closed:
            self._closed = True
            self._loop.close()

    def _dispatch(self, evtype: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for pattern in self._patterns(evtype):
            for listener, once in self._listeners.get(pattern, ()):
                if once:
                    # An earlier dispatch may have used it up.
                    with self._lock:
                        if not self._remove(pattern, listener, only_once=True):
                            continue
                try:
                    listener(evtype, *args, **kwargs)
                except Exception:
                    import logging  # only a fault needs it

                    logging.getLogger(__name__).exception("listener of %r failed", evtype)

    def _patterns(self, evtype: str) -> list[str]:
        """`a.b.c` is heard by `.`, `a`, `a.b` and `a.b.c`, in this order."""
        patterns = [ALL]
        dot = evtype.find(".")
        while dot > 0:
            patterns.append(evtype[:dot])
            dot = evtype.find(".", dot + 1)
        if evtype != ALL:
            patterns.append(evtype)
        return patterns

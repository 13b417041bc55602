"""StopReport: says who doesn't stop, when that takes long enough for somebody to wonder."""

from __future__ import annotations

from ..loop import adapt
from .outcome import signal_name, stop_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..loop import Cancellable, Loop
    from ..manager import Manager

PATIENCE = 1.0  # seconds until it is said


class StopReport:
    """Tells of each process that goes on after its stop signal, and when it is killed for that."""

    def __init__(self, say: Callable[[str], object], display: Callable[[str, int], str]) -> None:
        self._say = say
        self._display = display
        self._waiting: dict[int, Cancellable] = {}

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        manager.subscribe("stop_pid", self._handle_stop)
        manager.subscribe("reap", self._handle_stop)
        manager.subscribe("exit", self._handle_exit)
        manager.subscribe("gone", self._handle_gone)
        manager.subscribe("kill", self._handle_kill)

    def stop(self) -> None:
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._loop.close()

    def restart(self) -> None:
        """Each process is waited for on its own."""

    def _handle_stop(self, _evtype: str, event: dict[str, Any]) -> None:
        timer = self._loop.call_later(PATIENCE, self._handle_patience, event)
        self._waiting[event["pid"]] = timer

    def _handle_exit(self, evtype: str, event: dict[str, Any]) -> None:
        if not event.get("left_behind"):
            self._handle_gone(evtype, event)

    def _handle_gone(self, _evtype: str, event: dict[str, Any]) -> None:
        timer = self._waiting.pop(event["pid"], None)
        if timer is not None:
            timer.cancel()

    def _handle_patience(self, event: dict[str, Any]) -> None:
        state = self._manager.get_process_state(event["name"])
        if event["pid"] not in self._waiting or state is None:
            return
        left = state.graceful_timeout - PATIENCE
        if left >= 1:
            signum = stop_signals(state.settings)[0]
            name = self._display(event["name"], event["instance"])
            self._say(f"{name} goes on after {signal_name(signum)}, killing it in {left:.0f} s")

    def _handle_kill(self, _evtype: str, event: dict[str, Any]) -> None:
        self._say(f"killing {self._display(event['name'], event['instance'])}")

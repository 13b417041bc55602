"""Backlog: what has happened since the start, for an app that comes a moment later."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..http.record import Record
    from ..manager import Manager
    from ..process import Process
    from .log_ring import LogRing


class Backlog:
    """Remembers every event and all output, until both are handed over."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._output: list[tuple[str, dict[str, Any]]] = []
        self._heard: list[tuple[Process, dict[str, Any]]] = []
        manager.subscribe(".", self._handle_event)

    def _handle_event(self, evtype: str, event: dict[str, Any]) -> None:
        if evtype.startswith("proc."):
            return  # the twin of one that was heard already
        self._events.append((evtype, event))
        if evtype == "spawn":
            try:
                process = self._manager.get_process(event["pid"])
            except KeyError:
                return  # it has been and gone, and wrote nothing: it was never read
            process.monitor_io(".", self._handle_output)
            self._heard.append((process, event))

    def _handle_output(self, label: str, message: dict[str, Any]) -> None:
        self._output.append((label, message))

    def drop(self) -> None:
        """Forget all of it, and remember nothing more."""
        self._manager.unsubscribe(".", self._handle_event)
        for process, _event in self._heard:
            process.unmonitor_io(".", self._handle_output)
        for kept in (self._events, self._output, self._heard):
            kept.clear()

    def hand_over(self, record: Record, logs: LogRing) -> None:
        """Tell both what was remembered, and let the logs hear the processes themselves."""
        events, output, heard = list(self._events), list(self._output), list(self._heard)
        self.drop()
        for evtype, event in events:
            record.handle_event(evtype, event)
        for process, event in heard:
            logs.add_streams(event, process.redirect_output)
            process.monitor_io(".", logs.handle_output)  # what was read last may not be told yet
        for label, message in output:
            logs.handle_output(label, message)

"""Figures: what processes cost, looked at once for all who ask within a second."""

from __future__ import annotations

import time

from .answers import encode
from .views import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..loop import Loop
    from ..manager import Manager
    from .connection import Connection

FRESH = 0.9  # seconds
TURN = 0.004  # seconds of looking in one turn of the loop


class _Look:
    """What was seen of one process, and when."""

    __slots__ = ("at", "cpu_seconds", "view")

    def __init__(self, at: float, cpu_seconds: float, view: dict[str, Any]) -> None:
        self.at = at
        self.cpu_seconds = cpu_seconds
        self.view = view


class Figures:
    """CPU and memory of the running processes, by id."""

    def __init__(self, manager: Manager, display: Callable[[str, int], str]) -> None:
        self._manager = manager
        self._display = display
        self._looks: dict[int, _Look] = {}

    def of(self, id: int) -> dict[str, Any] | None:
        """The figures of one process; None if it runs no more."""
        process = self._manager.running_processes().get(id)
        if process is None:
            self._looks.pop(id, None)
            return None
        now = time.time()
        before = self._looks.get(id)
        if before is not None and now - before.at < FRESH:
            return before.view
        info = process.info
        if "ctime" not in info:
            return None  # it has ended just now
        spent, since = info["ctime"], info["create_time"]
        if before is not None:
            spent, since = spent - before.cpu_seconds, before.at
        view = {
            "id": id,
            "name": process.name,
            "process": self._display(process.name, process.instance),
            "instance": process.instance,
            "os_pid": process.pid,
            "cpu": round(100 * max(0.0, spent) / max(now - since, 0.01), 1),
            "mem": round(info["mem"], 2),
            "rss": info["mem_info1"],
            "vms": info["mem_info2"],
            "cpu_seconds": round(info["ctime"], 3),
            "time": timestamp(now),
        }
        self._looks[id] = _Look(now, info["ctime"], view)
        return view

    def forget_all_but(self, ids: Sequence[int]) -> None:
        for id in set(self._looks) - set(ids):
            del self._looks[id]


class FiguresDocument:
    """The figures of many, as a document that is made over some turns of the loop."""

    content_type = "application/json; charset=utf-8"
    heartbeat = b" "

    def __init__(self, loop: Loop, figures: Figures, ids: Sequence[int]) -> None:
        self._loop = loop
        self._figures = figures
        self._ids = list(reversed(ids))
        self._views: list[dict[str, Any]] = []
        self._is_done = False

    def open(self, connection: Connection) -> None:
        self._connection = connection

    def pull(self) -> bytes | None:
        if self._is_done:
            return None
        end = time.monotonic() + TURN
        while self._ids and time.monotonic() < end:
            view = self._figures.of(self._ids.pop())
            if view is not None:
                self._views.append(view)
        if self._ids:
            return b""  # not in this turn
        self._is_done = True
        return encode({"stats": self._views})

    def handle_sent(self) -> None:
        self._loop.call_soon(self._connection.pump)

    def farewell(self) -> bytes:
        return b""

    def close(self) -> None:
        """It holds nothing."""

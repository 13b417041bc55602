"""Figures: what processes cost, looked at once for all who ask within a second."""

from __future__ import annotations

import time

from ..posix import system
from .answers import encode
from .views import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..loop import Loop
    from ..manager import Manager
    from ..process import Process
    from ..slots import Slot
    from .answers import Client
    from .names import Display

FRESH = 0.9  # seconds
TURN = 0.004  # seconds of looking in one turn of the loop


class _Look:
    """What was seen of one process, and when."""

    __slots__ = ("at", "cpu_seconds", "view")

    def __init__(self, at: float, cpu_seconds: float, view: dict[str, Any]) -> None:
        self.at = at
        self.cpu_seconds = cpu_seconds
        self.view = view


class _Cost:
    """What a process costs with all that it has started: the shell around a server is nobody's concern.

    `cpu_seconds` has those that have ended, too; `is_there` is False if it has ended. What lies
    elsewhere by now, as daemons do, isn't counted.
    """

    def __init__(self, os_pid: int) -> None:
        self.cpu_seconds = self.mem = 0.0
        self.is_there = False
        self.rss = self.vms = 0
        todo = [os_pid]
        while todo:
            pid = todo.pop()
            if system.has_process_table():
                todo += system.children_of(pid)
            self._add(pid, is_first=pid == os_pid)

    def _add(self, pid: int, *, is_first: bool) -> None:
        import psutil  # 20 ms, and most runs never ask

        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                memory = process.memory_info()
                mem = process.memory_percent()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return
        self.is_there = self.is_there or is_first
        self.cpu_seconds += times.user + times.system
        # Of those that it has waited for. macOS has no such figures.
        self.cpu_seconds += getattr(times, "children_user", 0) + getattr(
            times, "children_system", 0
        )
        self.mem += mem
        self.rss += memory.rss
        self.vms += memory.vms


class Figures:
    """CPU and memory of the running processes, by id."""

    def __init__(self, loop: Loop, manager: Manager, display: Display) -> None:
        self._loop = loop
        self._manager = manager
        self._display = display
        self._looks: dict[int, _Look] = {}

    def of(self, id: int) -> dict[str, Any] | None:
        """The figures of one process; None if it runs no more."""
        running = self._manager.running_processes()
        process = running.get(id)
        if process is None:
            return None
        now = self._loop.time()  # the clock may be set meanwhile
        before = self._looks.get(id)
        if before is not None and now - before.at < FRESH:
            return before.view
        cost = _Cost(process.pid) if process.pid is not None else None
        slot = self._slot_of(process)
        if cost is None or not cost.is_there or slot is None:
            return None  # it has ended just now
        spent, since = cost.cpu_seconds, slot.started_at
        if before is not None:
            spent, since = spent - before.cpu_seconds, before.at
        view = {
            "id": id,
            "name": process.name,
            "process": self._display(process.name, process.instance),
            "instance": process.instance,
            "os_pid": process.pid,
            "cpu": round(100 * max(0.0, spent) / max(now - since, 0.01), 1),
            "mem": round(cost.mem, 2),
            "rss": cost.rss,
            "vms": cost.vms,
            "cpu_seconds": round(cost.cpu_seconds, 3),
            "time": timestamp(time.time()),
        }
        if before is None:
            for ended in self._looks.keys() - running.keys():
                del self._looks[ended]
        self._looks[id] = _Look(now, cost.cpu_seconds, view)
        return view

    def _slot_of(self, process: Process) -> Slot | None:
        state = self._manager.get_process_state(process.name)
        return state.slots.get(process.instance) if state is not None else None


class FiguresDocument:
    """The figures of many, as a document that is made over some turns of the loop."""

    content_type = "application/json; charset=utf-8"
    heartbeat = b" "

    def __init__(self, loop: Loop, figures: Figures, ids: Iterable[int]) -> None:
        self._loop = loop
        self._figures = figures
        self._ids = sorted(ids, reverse=True)
        self._views: list[dict[str, Any]] = []
        self._is_done = False

    def open(self, client: Client) -> None:
        self._client = client

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
        self._loop.call_soon(self._client.pump)

    def farewell(self) -> bytes:
        return b""

    def close(self) -> None:
        """It holds nothing."""

"""Two groups and a template of none: what is done to one group leaves the others alone.

GAFFER_LOOP chooses the loop.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gaffer_procfile.manager import Manager

faulthandler.dump_traceback_later(15, exit=True)  # the deadline of the whole script

Steps = Iterator[list[str]]


def chosen_loop() -> Any:
    """The loop that GAFFER_LOOP names, or None, which leaves it to the manager."""
    name = os.environ.get("GAFFER_LOOP")
    if name == "selectors":
        from gaffer_procfile.loop import SelectorLoop

        return SelectorLoop()
    if name == "pyuv":
        import pyuv

        return pyuv.Loop()
    if name == "asyncio":
        import asyncio

        return asyncio.new_event_loop()
    return None


class Script:
    """Goes on with its steps each time the events that the last one yielded have all come."""

    def __init__(self, manager: Manager) -> None:
        self.heard: Counter[str] = Counter()
        self.awaited: Counter[str] = Counter()
        self.steps: Steps = iter(())
        for evtype in ("create", "start", "stop", "delete", "spawn", "exit"):
            manager.subscribe(evtype, self.hear)

    def play(self, steps: Steps) -> None:
        self.steps = steps
        self.awaited = Counter(next(steps))

    def hear(self, evtype: str, msg: dict[str, Any]) -> None:
        self.heard[f"{evtype} {msg['name']}"] += 1
        if self.awaited <= self.heard:
            self.heard.clear()
            self.awaited = Counter(next(self.steps, ["the end"]))


def show_running(manager: Manager, step: str) -> None:
    counts = Counter(process.name for process in manager.running.values())
    running = ", ".join(f"{name}={n}" for name, n in sorted(counts.items()))
    print(f"{step}: {running or 'nothing'}", flush=True)


def show_missing_group(manager: Manager) -> None:
    """Each call on a group that isn't there raises, and lets other threads at the manager."""
    for call in (
        manager.get_group,
        manager.start_group,
        manager.stop_group,
        manager.restart_group,
        manager.remove_group,
    ):
        try:
            call("nobody")
        except KeyError as error:
            other = threading.Thread(target=manager.get_groups, daemon=True)
            other.start()
            other.join(timeout=2)
            lock = "held" if other.is_alive() else "free"
            print(f"{call.__name__}: {error}, lock {lock}", flush=True)


def two_groups(m: Manager) -> Steps:
    def add(name: str, numprocesses: int = 1) -> None:
        m.add_process(name, "/bin/sleep", args=["60"], os_env=True, numprocesses=numprocesses)

    add("shop:web", 2)
    add("shop:db")
    add("mail:web")
    add("alone")
    yield ["spawn shop:web", "spawn shop:web", "spawn shop:db", "spawn mail:web", "spawn alone"]
    show_running(m, "added")
    print("groups:", sorted(m.get_groups()))
    print("shop:", m.get_group("shop"), m.get_process("shop:db").group)
    m.get_group("shop").append("a guest")
    print("shop still:", m.get_group("shop"))
    print("mail:", m.get_group("mail"))
    print("alone:", m.get_process("alone").group)
    show_missing_group(m)

    m.stop_group("shop")
    yield ["stop shop:web", "stop shop:db", "exit shop:web", "exit shop:web", "exit shop:db"]
    show_running(m, "shop stopped")
    print("shop:web is", m.get_process_status("shop:web")["active"])
    print("mail:web is", m.get_process_status("mail:web")["active"])

    m.start_group("shop")
    yield ["start shop:web", "start shop:db", "spawn shop:web", "spawn shop:web", "spawn shop:db"]
    show_running(m, "shop started")

    before = set(m.running)
    m.restart_group("shop")
    yield [*["exit shop:web", "spawn shop:web"] * 2, "exit shop:db", "spawn shop:db"]
    show_running(m, "shop restarted")
    print("kept:", sorted(m.running[pid].name for pid in before & set(m.running)))

    m.remove_group("shop")
    yield ["delete shop:web", "delete shop:db", "exit shop:web", "exit shop:web", "exit shop:db"]
    show_running(m, "shop removed")
    print("groups:", m.get_groups(), "templates:", list(m.processes))

    add("shop:web")
    yield ["create shop:web", "start shop:web", "spawn shop:web"]
    print("groups:", sorted(m.get_groups()), m.get_group("shop"))

    m.stop_processes()
    yield ["exit shop:web", "exit mail:web", "exit alone"]
    show_running(m, "all stopped")
    m.start_processes()
    yield ["spawn shop:web", "spawn mail:web", "spawn alone"]
    show_running(m, "all started")

    m.stop(lambda manager: show_running(manager, "manager stopped"))
    yield ["exit shop:web", "exit mail:web", "exit alone"]


def main() -> int:
    manager = Manager(loop=chosen_loop())
    manager.start()
    Script(manager).play(two_groups(manager))
    manager.run()
    print("left the loop")
    return 0


if __name__ == "__main__":
    sys.exit(main())

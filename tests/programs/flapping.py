"""Processes that end by themselves: which are started again, how often, and who is given up.

Every stretch of quiet is measured by a process of the manager's own, `/bin/sleep`: its exit says
that the time is over. GAFFER_LOOP chooses the loop.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
import time
from collections import Counter
from typing import Any

from gaffer_procfile.manager import Manager
from gaffer_procfile.state import FlappingInfo

faulthandler.dump_traceback_later(15, exit=True)  # the deadline of the whole script

RETRY_IN = 0.2
QUIET = 1.0  # seconds, far longer than RETRY_IN


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


class Observer:
    """Counts what happens to each template, and stops the manager once the crasher is given up."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.spawns: Counter[str] = Counter()
        self.exits: Counter[str] = Counter()
        self.statuses: dict[str, int] = {}
        self.rounds: list[int] = [0]  # starts of the crasher, from flap to flap
        self.called_off_after = 0  # starts
        self.flapped_at = 0.0
        self.waits: list[float] = []  # seconds from each flap to the next start
        for evtype, listener in (
            ("spawn", self.handle_spawn),
            ("exit", self.handle_exit),
            ("flap", self.handle_flap),
        ):
            manager.subscribe(evtype, listener)

    def handle_spawn(self, evtype: str, msg: dict[str, Any]) -> None:
        name = msg["name"]
        self.spawns[name] += 1
        if name == "crasher":
            if self.rounds[-1] == 0 and self.flapped_at:
                self.waits.append(time.monotonic() - self.flapped_at)
            self.rounds[-1] += 1

    def handle_flap(self, evtype: str, msg: dict[str, Any]) -> None:
        name = msg["name"]
        status = self.manager.get_process_status(name)
        print(f"{msg['event']} {name}: {status['active']}, {status['running']} running", flush=True)
        if name == "crasher":
            self.flapped_at = time.monotonic()
            self.rounds.append(0)
            pause = f"pause{len(self.rounds)}"
            self.manager.add_process(
                pause, "/bin/sleep", args=[str(QUIET)], os_env=True, restart="never"
            )
        else:  # a retry is due, and must not come
            self.called_off_after = self.spawns[name]
            self.manager.stop_process(name)

    def handle_exit(self, evtype: str, msg: dict[str, Any]) -> None:
        name = msg["name"]
        self.exits[name] += 1
        self.statuses[name] = msg["exit_status"]
        if name == f"pause{len(self.rounds)}" and self.rounds[-1] == 0:
            self.report()
            self.manager.stop()

    def report(self) -> None:
        status = self.manager.get_process_status("crasher")
        print(f"given up: {status['active']}, {status['running']} running")
        print("rounds:", *self.rounds[:-1])
        print("every retry waited:", all(wait >= 0.9 * RETRY_IN for wait in self.waits))
        print("every start ended:", self.spawns["crasher"] == self.exits["crasher"])
        print("no start once called off:", self.spawns["called-off"] == self.called_off_after)
        for name in ("never", "clean", "failing", "returning", "steady"):
            print(f"{name}: {self.spawns[name]} started, {self.exits[name]} ended")
        for name in ("missing", "unfit"):
            print(f"{name}: {self.exits[name]} ended with {self.statuses[name]}", flush=True)


def main() -> int:
    manager = Manager(loop=chosen_loop())
    manager.start()
    observer = Observer(manager)

    def add(name: str, command: str, **settings: Any) -> None:
        manager.add_process(name, command, shell=True, os_env=True, **settings)

    with tempfile.TemporaryDirectory() as directory:
        first_time = "test -e {0} || {{ : > {0}; exit {1}; }}"
        add("never", "exit 1", restart="never")
        add("clean", "exit 0", restart="on-failure")
        add("failing", first_time.format(f"{directory}/failed", 1), restart="on-failure")
        add("returning", first_time.format(f"{directory}/ended", 0) + "; exec sleep 60")
        add("steady", "exec sleep 60", flapping=FlappingInfo(attempts=2, window=1.0))

        unfit = f"{directory}/unfit"
        with open(unfit, "w") as file:
            file.write("no program\n")
        manager.add_process("missing", f"{directory}/missing", restart="never")
        manager.add_process("unfit", unfit, restart="never")

        for name, max_retry in (("crasher", 2), ("called-off", 5)):
            info = FlappingInfo(attempts=2, window=1.0, retry_in=RETRY_IN, max_retry=max_retry)
            add(name, "exit 3", flapping=info)
        manager.run()

    print("status:", observer.statuses["crasher"])
    print("left the loop")
    return 0


if __name__ == "__main__":
    sys.exit(main())

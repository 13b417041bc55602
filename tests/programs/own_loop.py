"""A pyuv program with a loop and a timer of its own, and the manager beside them.

The program runs its loop itself; what it asks of the manager it asks from other threads.
"""

from __future__ import annotations

import faulthandler
import sys
import threading
from typing import Any

import pyuv

from gaffer_procfile.manager import Manager

faulthandler.dump_traceback_later(15, exit=True)  # the deadline of the whole script


class Witness:
    """An app: it is started and stopped with the manager."""

    def start(self, loop: Any, manager: Manager) -> None:
        print("app started, on the manager's loop:", loop is manager.loop, flush=True)

    def stop(self) -> None:
        print("app stopped", flush=True)

    def restart(self) -> None:
        print("app restarted", flush=True)


class Program:
    """Starts a second process on the third tick of its timer, and ends on the sixth."""

    def __init__(self) -> None:
        self.loop = pyuv.Loop()
        self.thread = threading.get_ident()
        self.ticks = 0
        self.manager = Manager(loop=self.loop)
        print("the manager's loop is ours:", self.manager.loop is self.loop, flush=True)
        self.timer = pyuv.Timer(self.manager.loop)
        self.manager.subscribe("spawn", self.report)
        self.manager.subscribe("exit", self.report)

    def run(self) -> None:
        self.manager.start(apps=[Witness()])
        self.add("first")
        self.timer.start(self.tick, 0.05, 0.05)
        self.loop.run()

    def add(self, name: str) -> None:
        self.manager.add_process(name, "/bin/sleep", args=["60"], os_env=True)

    def tick(self, timer: pyuv.Timer) -> None:
        self.ticks += 1
        if self.ticks == 3:
            threading.Thread(target=self.add, args=("second",)).start()
        elif self.ticks == 6:
            threading.Thread(target=self.manager.stop, args=(self.handle_stopped,)).start()

    def report(self, evtype: str, msg: dict[str, Any]) -> None:
        ours = threading.get_ident() == self.thread
        print(f"{evtype} {msg['name']}, in the loop's thread: {ours}", flush=True)

    def handle_stopped(self, manager: Manager) -> None:
        ours = threading.get_ident() == self.thread
        print(f"stopped, in the loop's thread: {ours}, running: {len(manager.running)}", flush=True)
        self.timer.close()


def main() -> int:
    program = Program()
    program.run()
    print("the loop had nothing left to do after", min(program.ticks, 6), "ticks")
    return 0


if __name__ == "__main__":
    sys.exit(main())

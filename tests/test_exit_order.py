"""Of two processes that end one right after the other the first is named, however late the look.

`GAFFER_ROUNDS` says how many times to try (60).
"""

from __future__ import annotations

import os
import random
import threading
import time
from typing import Any

import pytest
from conftest import Event, LoopDriver

from gaffer_procfile.apps.exit_policy import ExitPolicy
from gaffer_procfile.manager import Manager
from gaffer_procfile.posix import system

ROUNDS = int(os.environ.get("GAFFER_ROUNDS", "60"))
LONGEST_WORK = 0.004  # seconds that the loop is kept from looking

# Ends with the status that it is told.
SCRIPT = "read status <&3; exit $status"


class Child:
    """A process that ends when it is told to."""

    def __init__(self, manager: Manager, name: str, status: int) -> None:
        self.name = name
        self.status = status
        self._ear, self._mouth = os.pipe()
        manager.add_process(
            name, "/bin/sh", args=["-c", SCRIPT], custom_channels=[self._ear], restart="never"
        )
        (self._process,) = manager.processes[name].list_processes()
        self.id = self._process.id

    def end(self) -> None:
        """Tell it to, and wait until it has, or has been reaped already."""
        assert self._process.pid is not None
        os.write(self._mouth, b"%d\n" % self.status)
        try:
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            pass

    def close(self) -> None:
        os.close(self._ear)
        os.close(self._mouth)


class Round:
    """Two processes under the policy of `gaffer start`, on a loop that is busy."""

    def __init__(self, driver: LoopDriver, chance: random.Random) -> None:
        self._driver = driver
        self._chance = chance
        self.exits: list[Event] = []
        self.policy = ExitPolicy(lambda _text: None, lambda name, _instance: name)
        self._is_over = False
        self.manager = Manager(driver.raw)
        self.manager.start([self, self.policy])
        pair = [
            Child(self.manager, name, chance.choice([0, status]))
            for name, status in (("api", 3), ("worker", 4))
        ]
        chance.shuffle(pair)
        self.first, self.second = pair

    def start(self, _loop: Any, manager: Manager) -> None:
        manager.subscribe("exit", lambda _evtype, event: self.exits.append(event))

    def stop(self) -> None:
        self._is_over = True

    def restart(self) -> None:
        """Never done."""

    def run(self) -> None:
        self._driver.loop.call_soon(self._begin)
        self.run_to_its_end()
        self._teller.join()

    def run_to_its_end(self) -> None:
        self._driver.run_until(lambda: self._is_over, what="the end of a round")
        self.first.close()
        self.second.close()

    def _begin(self) -> None:
        """Both are watched by now, as what they asked the loop for came first."""
        self._teller = threading.Thread(target=self._tell)
        self._teller.start()
        self._work()

    def _tell(self) -> None:
        self.first.end()
        self.second.end()

    def _work(self) -> None:
        if self._teller.is_alive():
            time.sleep(self._chance.uniform(0, LONGEST_WORK))
            self._driver.loop.call_soon(self._work)

    @property
    def status(self) -> int:
        """What that of the run has to be: the first one's that failed by itself."""
        by_themselves = {event["name"] for event in self.exits if event["by_itself"]}
        second = self.second.status if self.second.name in by_themselves else 0
        return self.first.status or second


def has_order() -> bool:
    """Whether ends are found in their order: epoll gives pidfds as they became readable."""
    pidfd, epoll = system.open_pidfd(os.getpid()), system.open_epoll()
    if pidfd is not None:
        os.close(pidfd)
    if epoll is not None:
        epoll.close()
    return pidfd is not None and epoll is not None


@pytest.mark.skipif(not has_order(), reason="needs pidfds and epoll")
def test_the_first_of_two_is_named_however_late_the_look(loop_driver: LoopDriver) -> None:
    chance = random.Random(1)
    in_one_look = 0
    for number in range(ROUNDS):
        it = Round(loop_driver, chance)
        it.run()
        assert it.policy.ended_by == it.first.id, (number, it.exits)
        assert it.policy.status == it.status, (number, it.exits)
        in_one_look += [event["by_itself"] for event in it.exits] == [True, True]
    # Else it was no question which was the first.
    assert in_one_look > ROUNDS / 4, f"{in_one_look} of {ROUNDS}"


def test_the_first_of_two_that_end_before_the_loop_looks_at_all(loop_driver: LoopDriver) -> None:
    chance = random.Random(1)
    for number in range(20):
        it = Round(loop_driver, chance)
        it.first.end()
        it.second.end()
        it.run_to_its_end()
        assert it.policy.ended_by == it.first.id, (number, it.exits)
        assert it.policy.status == it.status, (number, it.exits)

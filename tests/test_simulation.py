"""Supervision under a fake clock and with fake processes: at random, and always by the rules.

`GAFFER_SIMULATION_STEPS` says how many steps to take (200,000).
"""

from __future__ import annotations

import os
import random
import signal
from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any, TypeVar

import pytest
from conftest import Event
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from gaffer_procfile import slots, state, supervisor
from gaffer_procfile.loop.base import Adapter
from gaffer_procfile.manager import Manager
from gaffer_procfile.posix.spawn import NOT_FOUND, CannotSpawn
from gaffer_procfile.process import Process
from gaffer_procfile.restart import POLICIES, BackOff
from gaffer_procfile.state import FlappingInfo, ProcessState

STEPS = int(os.environ.get("GAFFER_SIMULATION_STEPS", "200000"))
SEEDS = 4
EPISODE = 150  # steps of one manager's life
NAMES = ("clock", "web", "shop:api")

# What may be told of a process after what.
ORDER = {
    "": ("spawn", "exit"),  # an exit alone: it can't be executed
    "spawn": ("stop_pid", "reap", "exit"),
    "stop_pid": ("exit", "kill"),
    "reap": ("exit", "kill"),
    "exit": ("give_up", "kill", "gone"),  # killed, gone: what it has left behind
    "kill": ("exit", "kill", "gone"),
    "give_up": ("kill", "gone"),
    "gone": (),
}

T = TypeVar("T")
Choose = Callable[[Sequence[T]], T]


class FakeTimer:
    def __init__(self, when: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when = when
        self.callback = callback
        self.args = args
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeLoop(Adapter):
    """A loop whose time passes when it is told so."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.now = 0.0
        self._count = 0
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._timers: list[tuple[float, int, FakeTimer]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self._ready.append((callback, args))

    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> FakeTimer:
        timer = FakeTimer(self.now + delay, callback, args)
        self._count += 1
        heappush(self._timers, (timer.when, self._count, timer))
        return timer

    @property
    def users(self) -> int:
        return self._users

    def _end(self) -> None:
        """Nothing is to be let go of."""

    def turn(self) -> bool:
        """Call what was asked for first; whether there was any."""
        if self._ready:
            callback, args = self._ready.popleft()
            callback(*args)
            return True
        return False

    def run_ready(self) -> None:
        for _ in range(10_000):
            if not self.turn():
                return
        pytest.fail("there is no end of what is to be called")

    def next_timer(self) -> float | None:
        while self._timers and self._timers[0][2].is_cancelled:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, seconds: float) -> None:
        self.run_ready()
        end = self.now + seconds
        while (when := self.next_timer()) is not None and when <= end:
            self.now = when
            timer = heappop(self._timers)[2]
            timer.callback(*timer.args)
            self.run_ready()
        self.now = end


class FakeTree:
    """All of a process, as far as it can be told to end."""

    def __init__(self, process: FakeProcess) -> None:
        self._process = process

    def stop(self) -> None:
        self.send(signal.SIGTERM)

    def send(self, signum: int) -> bool:
        if not self._process.is_refused:
            self._process.signals.append(signum)
        return not self._process.is_refused

    def send_to_leader(self, signum: int) -> bool:
        return not self._process.active or self.send(signum)


class FakeProcess(Process):
    """A process whose ends, and what it leaves behind, are the world's to decide."""

    def spawn(self, on_spawned: Callable[[], object] | None = None) -> None:
        self.world: World = self._loop.world  # type: ignore[attr-defined]
        self.place = (self._env["GENERATION"], self.instance)
        self.signals: list[int] = []
        self.is_obedient = True
        self.is_refused = False  # another user's
        self.others_are_watched = False
        if self.world.spawns_to_fail:
            self.world.spawns_to_fail -= 1
            error = CannotSpawn(NOT_FOUND, "command not found: web")
            self._loop.call_soon_threadsafe(self._handle_failure, error)
            return
        self.pid = 100_000 + self.id
        self._tree: Any = FakeTree(self)
        self.is_obedient = self.world.choose((True, True, True, False))
        self.is_refused = self.world.choose((True, *[False] * 30))
        self.world.begin(self)
        assert on_spawned is not None
        on_spawned()

    def _watch_tree(self) -> None:
        self.others_are_watched = True
        self._tree.send(self._stop_signal)

    @property
    def is_dying(self) -> bool:
        """Whether it, or what it has left behind, has reason to end."""
        told = signal.SIGTERM in self.signals and self.is_obedient
        return not self.gone and (told or signal.SIGKILL in self.signals)

    def end(self, code: int, leaves_others: bool) -> None:
        """End, as the kernel tells it; others of its tree may go on."""
        if self.gone:  # it was detached, and let go: nobody hears of it
            del self.world.living[self.id]
            return
        self.left_behind = leaves_others and (self.stopping or not self.detach)
        self.world.end(self)
        self._handle_exit(*((code, 0) if code >= 0 else (0, -code)))

    def end_others(self) -> None:
        if self.others_are_watched:
            self._handle_gone()

    def _handle_gone(self) -> None:
        if self.world.places.get(self.place) is self:
            del self.world.places[self.place]
        super()._handle_gone()


class World:
    """A manager, everything that can happen to it, and what must always hold."""

    def __init__(self, choose: Choose[Any]) -> None:
        self.choose = choose
        self.spawns_to_fail = 0
        self.living: dict[int, FakeProcess] = {}  # by id
        self.ended: set[int] = set()
        self.left: dict[int, FakeProcess] = {}  # ended, and not gone: others may have been left
        self.places: dict[tuple[str, int], FakeProcess] = {}
        self.faults: list[str] = []
        self.told: dict[int, str] = {}  # what was told last of a process
        self.left_others: set[int] = set()  # as their exits told
        self.exits: dict[int, int] = {}  # how often the exit of a process was told
        self.stopped_by_hand: set[tuple[str, int]] = set()
        self.gave_up: set[tuple[str, int]] = set()
        self.generation = 0
        self.callbacks: list[str] = []
        self.expected_callbacks: list[str] = []
        self.loop = FakeLoop(self)
        self.manager = Manager(self.loop)
        self.manager.subscribe(".", self._hear)
        self.manager.start()

    # ---- what the processes tell

    def begin(self, process: FakeProcess) -> None:
        if process.place in self.places:
            self.faults.append(f"{process} beside {self.places[process.place]}")
        self.places[process.place] = process
        self.living[process.id] = process

    def end(self, process: FakeProcess) -> None:
        del self.living[process.id]
        self.ended.add(process.id)
        self.left[process.id] = process

    def _hear(self, _evtype: str, event: Event) -> None:
        # What a listener raises is logged and harms nobody, so it is kept for `check`.
        kind, id = event["event"], event.get("pid")
        if kind.startswith("proc.") or id is None:
            return
        before = self.told.get(id, "")
        if kind not in ORDER[before]:
            self.faults.append(f"{kind} of {id} after {before!r}")
        self.told[id] = kind
        if kind == "give_up":
            self.gave_up.add((event["name"], event["instance"]))
        if kind == "exit":
            self.exits[id] = self.exits.get(id, 0) + 1
            if "left_behind" in event:
                self.left_others.add(id)
        if kind == "gone" and id not in self.left_others:
            self.faults.append(f"{id} is gone, which had left nobody behind")

    # ---- what can happen

    def step(self, action: str) -> None:
        getattr(self, f"_do_{action}")()
        self.check()

    def _settings(self) -> dict[str, Any]:
        choose = self.choose
        return {
            "numprocesses": choose((0, 1, 2, 3)),
            "restart": choose(POLICIES),
            "flapping": choose((None, None, FlappingInfo(2, 1.0, 2.0, 2))),
            "back_off": choose((None, BackOff(0.5, cap=4.0, jitter=0.0, quiet=5.0, attempts=1))),
            "graceful_timeout": choose((0, 1.0, 5.0)),
            "detach": choose((False, False, False, True)),
            "stop_tree": choose((True, False)),
        }

    def _template(self) -> ProcessState | None:
        names = list(self.manager.processes)
        return self.manager.processes[self.choose(names)] if names else None

    def _do_add(self) -> None:
        name = self.choose(NAMES)
        if "stop" in self.callbacks:  # it has ended
            with pytest.raises(RuntimeError, match="has stopped"):
                self.manager.add_process(name, "web")
        elif name not in self.manager.processes:
            self.generation += 1
            self.manager.add_process(
                name,
                "web",
                start=self.choose((True, True, False)),
                env={"GENERATION": str(self.generation)},
                **self._settings(),
            )

    def _do_update(self) -> None:
        template = self._template()
        if template is not None:
            self.manager.update_process(
                template.name,
                "web",
                start=self.choose((True, True, False)),
                env=template.settings["env"],
                **self._settings(),
            )
            self._forget_what_was_stopped(template)

    def _do_start(self) -> None:
        template = self._template()
        if template is not None:
            self._forget_what_was_stopped(template)
            self.manager.start_process(template.name)

    def _do_restart(self) -> None:
        template = self._template()
        if template is not None:
            self._forget_what_was_stopped(template)
            self.manager.restart_process(template.name)

    def _forget_what_was_stopped(self, template: ProcessState) -> None:
        generation = template.settings["env"]["GENERATION"]
        self.stopped_by_hand = {it for it in self.stopped_by_hand if it[0] != generation}

    def _do_stop(self) -> None:
        template = self._template()
        if template is not None:
            self.manager.stop_process(template.name)

    def _do_stop_one(self) -> None:
        running = list(self.manager.running_processes().values())
        if running:
            process = self.choose(running)
            assert isinstance(process, FakeProcess)
            self.stopped_by_hand.add(process.place)
            self.manager.stop_process(process.id)

    def _do_remove(self) -> None:
        template = self._template()
        if template is not None:
            self.manager.remove_process(template.name)
            assert template.name not in self.manager.processes

    def _do_ttin(self) -> None:
        template = self._template()
        if template is not None and template.numprocesses < 5:
            self.manager.ttin(template.name, self.choose((1, 2)))

    def _do_ttou(self) -> None:
        template = self._template()
        if template is not None:
            self.manager.ttou(template.name, self.choose((1, 2)))

    def _do_restart_all(self) -> None:
        self.stopped_by_hand.clear()
        self.expected_callbacks.append("restart")
        self.manager.restart(lambda _manager: self.callbacks.append("restart"))

    def _do_stop_all(self) -> None:
        if "stop" not in self.expected_callbacks and self.choose((True, *[False] * 4)):
            self._stop()

    def _stop(self) -> None:
        def handle_end(_manager: Manager) -> None:
            self.callbacks.append("stop")
            if self.loop.next_timer() is not None:
                self.faults.append("a timer is left, which keeps the loop alive")

        self.expected_callbacks.append("stop")
        self.manager.stop(handle_end)

    def _do_kill(self) -> None:
        self.manager.kill()

    def _do_exit(self) -> None:
        if self.living:
            process = self.choose(list(self.living.values()))
            process.end(self.choose((0, 0, 1, 3, -9, -15)), self.choose((False, False, True)))

    def _do_die(self) -> None:
        """One that was told to end does."""
        dying = [process for process in self.living.values() if process.is_dying]
        if dying:
            self.choose(dying).end(self.choose((0, -15)), self.choose((False, True)))

    def _do_end_others(self) -> None:
        left = [process for process in self.left.values() if not process.gone]
        if left:
            self.choose(left).end_others()

    def _do_fail_spawns(self) -> None:
        self.spawns_to_fail = self.choose((1, 2, 6))

    def _do_turn(self) -> None:
        for _ in range(self.choose((1, 2, 5))):
            self.loop.turn()

    def _do_wait(self) -> None:
        self.loop.advance(self.choose((0.1, 0.5, 1.0, 3.0, 10.0)))

    def _do_settle(self) -> None:
        self.settle()

    # ---- what must hold

    def check(self) -> None:
        assert not self.faults, self.faults
        counted: set[int] = set()
        for template in self.manager.processes.values():
            running = template.running
            if not self.manager.stopping:  # which leaves what is detached
                assert len(running) <= template.numprocesses, template.slots
            assert len({process.instance for process in running}) == len(running)
            for process in running:
                assert template.slots[process.instance].process is process
                assert template.slots[process.instance].state == slots.RUNNING
                counted.add(process.id)
        assert counted == set(self.manager.running)
        assert not counted & self.ended, "one that has ended is counted"

    def settle(self) -> None:
        """Let everything end that has to, and time pass, until nothing happens any more."""
        self.spawns_to_fail = 0
        for _ in range(1000):
            self.loop.run_ready()
            self.left = {id: process for id, process in self.left.items() if not process.gone}
            ending = [process for process in self.living.values() if process.is_dying]
            others = [process for process in self.left.values() if process.is_dying]
            when = self.loop.next_timer()
            for process in ending:
                process.end(-signal.SIGTERM, leaves_others=False)
            for process in others:
                process.end_others()
            if when is not None:
                self.loop.advance(when - self.loop.now)
            elif not ending and not others:
                break
        else:
            pytest.fail("it doesn't come to rest")
        self.check()
        self.check_at_rest()

    def check_at_rest(self) -> None:
        for id in self.ended:
            assert self.exits.get(id) == 1, f"{self.exits.get(id)} exits of {id}"
        for id in self.living:
            assert id not in self.exits
        assert sorted(self.callbacks) == sorted(self.expected_callbacks)
        unclosed = set(self.manager._supervisor.unclosed)
        if self.manager.stopping:
            assert not unclosed  # what is detached was let go
        else:
            assert unclosed == set(self.living) | set(self.left)
            lingering = {process.id for process in self.living.values() if process.unkillable}
            assert set(self.living) - lingering == set(self.manager.running), "nobody counts it"
            for template in self.manager.processes.values():
                self._check_template_at_rest(template)

    def _check_template_at_rest(self, template: ProcessState) -> None:
        assert not template.restarting
        states = {
            number: slot.state
            for number, slot in template.slots.items()
            if slot.process is None or not slot.process.unkillable
        }
        if template.stopped:
            assert set(states.values()) <= set(slots.AT_REST), states
            return
        if self.manager._supervisor._claims._holders.get(template.name):
            assert set(states.values()) <= {slots.PENDING}, "what can't be killed is in its place"
            return
        wanted = range(1, template.numprocesses + 1)
        assert sorted(template.slots)[: len(wanted)] == list(wanted), template.slots
        assert all(template.slots[number].process for number in set(template.slots) - set(wanted))
        generation = template.settings["env"]["GENERATION"]
        for number, is_now in states.items():
            if (generation, number) in self.stopped_by_hand:
                continue
            if is_now == slots.GAVE_UP:
                assert (template.name, number) in self.gave_up, "nobody was told"
            elif template.restart == "always" and not template.detach:
                assert is_now == slots.RUNNING, states
            else:
                assert is_now in (slots.RUNNING, slots.EXITED, slots.FAILED), states

    def finish(self) -> None:
        """Stop the manager: what is not detached ends, and nothing of it is left in the loop."""
        self.settle()
        if not self.manager.stopping:
            detached = [process for process in self.living.values() if process.detach]
            self._stop()
            self.settle()
            assert not any(process.signals for process in detached)
        assert all(it.detach or it.is_refused for it in self.living.values()), self.living
        assert all(process.is_refused for process in self.left.values()), self.left
        assert self.loop.users == 0


ACTIONS = {
    "add": 6, "update": 2, "start": 3, "restart": 3, "stop": 3, "stop_one": 3, "remove": 2,
    "ttin": 3, "ttou": 3, "restart_all": 1, "stop_all": 1, "kill": 1, "exit": 12, "die": 12,
    "end_others": 4, "fail_spawns": 2, "turn": 12, "wait": 8, "settle": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def fake_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "Process", FakeProcess)


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The moves that slots make."""
    made: set[tuple[str, str]] = set()
    move = slots.Slot.move

    def record(slot: slots.Slot, to: str, event: str | None = None) -> None:
        before = slot.state
        move(slot, to, event)
        made.add((before, to))

    monkeypatch.setattr(slots.Slot, "move", record)
    return made


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_long_random_life(
    seed: int, moves: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One manager after the other; a failure shows the actions of the last one's life."""
    if seed % 2:  # as if few were many: most of a template is started in later turns
        monkeypatch.setattr(supervisor, "AT_ONCE", 1)
    names, weights = list(ACTIONS), list(ACTIONS.values())
    for episode in range(-(-STEPS // SEEDS // EPISODE)):
        dice = random.Random(f"{seed}-{episode}")
        world = World(dice.choice)
        history: list[str] = []
        try:
            for action in dice.choices(names, weights, k=EPISODE):
                history.append(action)
                world.step(action)
            world.finish()
        except BaseException:
            print(f"episode {seed}-{episode}: {' '.join(history)}")
            raise
    assert set(slots.MOVES) == moves, "moves that nothing makes, or too few steps"


class Life(RuleBasedStateMachine):
    """The same by Hypothesis, which finds a short way to what it finds."""

    def __init__(self) -> None:
        super().__init__()
        self.data: st.DataObject | None = None
        self.world = World(self._choose)

    def _choose(self, options: Sequence[T]) -> T:
        assert self.data is not None
        return self.data.draw(st.sampled_from(options))

    @rule(action=st.sampled_from(list(ACTIONS)), data=st.data())
    def act(self, action: str, data: st.DataObject) -> None:
        self.data = data
        self.world.step(action)

    def teardown(self) -> None:
        self.world.choose = lambda options: options[0]
        self.world.finish()


def test_a_life_by_hypothesis() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

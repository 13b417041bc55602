"""The states of a slot, and the moves from one to another.

A slot is the place of one process of a template: it keeps its number, and with it a port, while one
process after the other runs in it. That a process begins, is told to stop or has ended is published
together with such a move.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .loop import Cancellable
    from .process import Process
    from .restart import RestartHistory
    from .state import ProcessState

PENDING = "pending"  # a process is to be started as soon as it can be
STARTING = "starting"  # it is being started
RUNNING = "running"
STOPPING = "stopping"  # what runs, or what has been left behind, was told to stop
BACKING_OFF = "backing-off"  # its process has ended, the next one will be started in a while
STOPPED = "stopped"  # by somebody who wanted it
EXITED = "exited"  # its process ended with 0, and that was it
FAILED = "failed"  # its process ended otherwise, and that was it
GAVE_UP = "gave-up"  # its process ended too often
REMOVED = "removed"  # there is no such slot any more

AT_REST = (STOPPED, EXITED, FAILED, GAVE_UP)
WILL_RESTART = (PENDING, BACKING_OFF)  # what an exit event says of one that isn't the last

# From which state to which, and the events that tell of it; None is a move that nobody is told of.
MOVES: dict[tuple[str, str], tuple[str | None, ...]] = {
    (PENDING, STARTING): (None,),
    (PENDING, STOPPED): (None,),
    (PENDING, REMOVED): (None,),
    (STARTING, RUNNING): ("spawn",),
    # It can't be executed, or was told to stop before it was known whether it can.
    (STARTING, STOPPING): (None, "exit"),
    (STARTING, FAILED): ("exit",),
    (STARTING, GAVE_UP): ("exit",),
    (RUNNING, STOPPING): ("stop_pid", "reap", "exit"),
    (RUNNING, EXITED): ("exit",),
    (RUNNING, FAILED): ("exit",),
    (RUNNING, GAVE_UP): ("exit",),
    # The process ends, and then all that it has left behind.
    (STOPPING, STOPPING): ("exit",),
    (STOPPING, PENDING): (None,),
    (STOPPING, BACKING_OFF): (None,),
    (STOPPING, STOPPED): (None,),
    (STOPPING, REMOVED): (None,),
    (BACKING_OFF, PENDING): (None,),
    (BACKING_OFF, STOPPED): (None,),
    (BACKING_OFF, REMOVED): (None,),
    **{(state, to): (None,) for state in AT_REST for to in (PENDING, STOPPED, REMOVED)},
    # Its process has left others behind.
    **{(state, STOPPING): (None,) for state in (EXITED, FAILED, GAVE_UP)},
}


class Slot:
    """The place of one process of a template.

    `process` is there until nothing is left of it, `port` the one that it was told. `then` is the
    state that follows STOPPING. `end` is how its last process has ended: exit status, signal, and
    why if it couldn't be executed.
    """

    __slots__ = (
        "delay",
        "end",
        "history",
        "number",
        "port",
        "process",
        "started_at",
        "state",
        "stop_timeout",
        "then",
        "timer",
    )

    def __init__(self, number: int, history: RestartHistory | None) -> None:
        self.number = number
        self.state = PENDING
        self.then = PENDING
        self.process: Process | None = None
        self.port: int | None = None
        self.end: tuple[int | None, int | None, str | None] = (None, None, None)
        self.started_at = 0.0
        self.delay = 0.0  # seconds of BACKING_OFF
        self.stop_timeout = 0.0  # seconds from the stop signal to SIGKILL, of `process`
        self.timer: Cancellable | None = None  # of BACKING_OFF
        self.history = history

    def __repr__(self) -> str:
        return f"<Slot {self.number} {self.state}>"

    def move(self, state: str, event: str | None = None) -> None:
        """Go to `state`, which `event` tells of. Raises RuntimeError for a move that isn't one."""
        if event not in MOVES.get((self.state, state), ()):
            raise RuntimeError(f"{self!r} can't become {state} by {event}")
        self.state = state


class Claims:
    """What only one may have, such as a port: whose process has it, and who waits for it to go."""

    __slots__ = ("_holders", "_waiting")

    def __init__(self) -> None:
        self._holders: dict[object, list[Slot]] = {}
        self._waiting: dict[object, list[ProcessState]] = {}

    def take(self, slot: Slot, thing: object) -> None:
        """The process of a slot has it; None is nothing."""
        if thing is not None:
            self._holders.setdefault(thing, []).append(slot)

    def must_wait(self, who: ProcessState, *things: object) -> bool:
        """Whether a process that goes still has one of these. Who keeps it is waited for by nobody."""
        for thing in things:
            if any(slot.state == STOPPING for slot in self._holders.get(thing, ())):
                waiting = self._waiting.setdefault(thing, [])
                if who not in waiting:
                    waiting.append(who)
                return True
        return False

    def release(self, slot: Slot, *things: object) -> list[ProcessState]:
        """Nothing is left of the process of a slot: who has waited for what it had of these."""
        free: list[ProcessState] = []
        for thing in things:
            holders = self._holders.get(thing, [])
            if slot in holders:
                holders.remove(slot)
                if not holders:
                    del self._holders[thing]
                free += self._waiting.pop(thing, ())
        return free

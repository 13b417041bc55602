"""Supervisor: makes the processes of a template what they should be, and keeps them so."""

from __future__ import annotations

from . import slots
from .lean import deque
from .stop_order import StopOrder
from .tracker import ProcessTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from threading import RLock
    from typing import Any

    from .loop import Loop
    from .process import Process
    from .slots import Slot
    from .state import ProcessState

AT_ONCE = 4  # of one template, in one turn of the loop: hundreds would hold up everything else


class Supervisor:
    """What the manager's methods come down to. Its own are called with the manager's lock held.

    A template has slots (see `slots`), and everything is done by moving them from state to state. A
    slot gets a process when nothing is left of the one before: so a restart never has two processes
    on one port, and what runs is never more than what was asked for.
    """

    def __init__(
        self,
        loop: Loop,
        lock: RLock,
        publish: Callable[..., object],
        on_gone: Callable[[], object],
        next_id: Callable[[], int],
    ) -> None:
        self.running: dict[int, Process] = {}
        self.unclosed: dict[int, Process] = {}
        """Those of which something is left: running, stopping, or with output still to be read."""
        self._loop = loop
        self._lock = lock
        self._publish = publish
        self._on_gone = on_gone
        self._next_id = next_id
        self._due: dict[ProcessState, int] = {}  # how many were to be started in this turn
        self._tracker = ProcessTracker(loop, self._handle_kill)
        self._claims = slots.Claims()  # ports, and names of the removed
        self._stop_order: StopOrder | None = None  # of `stop_all`
        self._on_stopped: Callable[[], object] | None = None

    @property
    def stopping(self) -> bool:
        """Whether all is being stopped."""
        return self._stop_order is not None

    # ---- what the manager asks for

    def start(self, state: ProcessState, but: Collection[Slot] = ()) -> None:
        """Run all of a template `but` these, also what was stopped one by one or has ended for good."""
        self._cancel_retry(state)
        state.stopped = False
        self._publish("start", state.name)
        for slot in (each for each in state.slots.values() if each not in but):
            if slot.state == slots.STOPPING:
                slot.then = slots.PENDING
            elif slot.state in slots.AT_REST or slot.state == slots.BACKING_OFF:
                slot.history = state.new_history()
                self._go_on(state, slot, slots.PENDING)
        self.manage(state)

    def manage(self, state: ProcessState, *, at_once: bool = False) -> None:
        """Start what is missing, stop what is too much. Many are started over some turns of the loop."""
        if state.stopped or self.stopping:
            return
        may_start = True
        for number in range(1, state.numprocesses + 1):
            slot = state.slot(number)
            if slot.state == slots.PENDING:
                if not may_start or self._claims.must_wait(state, state.name, state.port(number)):
                    continue
                may_start = at_once or self._may_start(state)
                if may_start:
                    self._spawn(state, slot)
            elif slot.state == slots.STOPPING and slot.then == slots.REMOVED:
                slot.then = slots.PENDING  # it was too much for a moment only
        for number in sorted((n for n in state.slots if n > state.numprocesses), reverse=True):
            self._end(state, state.slots[number], "reap", slots.REMOVED)

    def stop(self, state: ProcessState, *, spare_detached: bool = False) -> None:
        """Stop all of a template, or all but what is detached."""
        self._cancel_retry(state)
        state.restarting.clear()
        if not state.stopped:
            state.stopped = True
            self._publish("stop", state.name)
        for slot in list(state.slots.values()):
            if not (spare_detached and slot.process is not None and slot.process.detach):
                self._end(state, slot, "stop_pid", slots.STOPPED)

    def call_off(self, state: ProcessState) -> None:
        """Stop all of a template, or what is yet to be started, as somebody asks for."""
        if state.awaits_start:
            state.stopped = False
            for number in range(1, state.numprocesses + 1):
                state.slot(number)
        self.stop(state)

    def remove(self, state: ProcessState) -> None:
        """Stop all of a template that is to be forgotten."""
        self.stop(state)
        for slot in state.slots.values():
            if slot.process is not None:
                self._claims.take(slot, state.name)

    def stop_one(self, state: ProcessState, process: Process) -> None:
        """Stop one process, and leave its slot empty, also of one that is being restarted."""
        self._end(state, state.slots[process.instance], "stop_pid", slots.STOPPED)

    def stop_all(self, states: Sequence[ProcessState], on_done: Callable[[], object]) -> None:
        """Stop everything but what is detached, first those that no other depends on.

        `on_done()` is called when all of it has been told.
        """
        self._stop_order = StopOrder(states)
        self._on_stopped = on_done
        self._stop_next()

    def _stop_next(self) -> None:
        """Stop those whose turn it is, if all is being stopped; after the last wait for all ends."""
        if self._stop_order is None:
            return
        while free := self._stop_order.take():
            for state in free:
                self.stop(state, spare_detached=True)
        if self._stop_order.is_done and self._on_stopped is not None:
            on_done, self._on_stopped = self._on_stopped, None
            self._tracker.on_done(lambda: self._let_go(on_done))

    def _let_go(self, on_done: Callable[[], object]) -> None:
        for process in list(self.unclosed.values()):
            process.close()  # publishes what it reads, so:
        self._loop.call_soon(on_done)

    def replace(self, state: ProcessState, start: bool | None) -> None:
        """Stop all of a template that has changed, and start it; None: but what was stopped."""
        was_active, but = state.active, state.kept_empty if start is None else ()
        self.stop(state)
        self._publish("update", state.name)
        if was_active if start is None else start:
            self.start(state, but)

    def restart(self, state: ProcessState, *, revive: bool = True) -> None:
        """Replace the processes one after the other, each when the one before has its successor.

        What was stopped is started, unless `revive` is False.
        """
        if self.stopping or (state.stopped and not revive):
            return  # there would be no successor
        state.forgive()
        under_way = [state.restarting[0]] if state.restarting else []
        running = (slot for slot in state.slots.values() if slot.state == slots.RUNNING)
        state.restarting = deque([*under_way, *running])
        if not under_way:
            self._restart_next(state)
        self.start(state, () if revive else state.kept_empty)

    def restart_one(self, state: ProcessState, process: Process) -> None:
        """Replace one process, when those before it in a restart under way have been."""
        slot = state.slots[process.instance]
        if slot.state == slots.STOPPING and slot.then == slots.STOPPED and not state.stopped:
            slot.then = slots.PENDING
        if self.stopping or slot in state.restarting:
            return
        slot.history = state.new_history()
        state.restarting.append(slot)
        if len(state.restarting) == 1:
            self._restart_next(state)

    def kill(self) -> None:
        """Kill at once what was told to stop and hasn't yet, or would be told next."""
        self._loop.call_soon_threadsafe(self._kill)

    def _kill(self) -> None:
        with self._lock:
            if self._stop_order is not None:
                self._stop_order.is_urgent = True
            self._stop_next()
        # What is told just now is tracked from the next turn on.
        self._loop.call_soon_threadsafe(self._tracker.kill_all)

    def publish_of(self, process: Process, evtype: str, **details: Any) -> None:
        """Publish an event about a process."""
        self._publish(
            evtype,
            process.name,
            pid=process.id,
            os_pid=process.pid,
            instance=process.instance,
            **details,
        )

    def close(self) -> None:
        self._tracker.close()

    # ---- how it does it

    def _may_start(self, state: ProcessState) -> bool:
        """Whether one more of a template is started in this turn of the loop, or in a later one."""
        if state.numprocesses <= AT_ONCE:
            return True
        count = self._due[state] = self._due.get(state, 0) + 1
        if count == 1:
            self._loop.call_soon_threadsafe(self._handle_turn, state)
        return count <= AT_ONCE

    def _handle_turn(self, state: ProcessState) -> None:
        with self._lock:
            if self._due.pop(state) > AT_ONCE:
                self.manage(state)

    def _spawn(self, state: ProcessState, slot: Slot) -> None:
        process = state.make_process(
            self._loop,
            self._next_id(),
            lambda process, status, signum: self._handle_exit(state, slot, status, signum),
            instance=slot.number,
            on_gone=lambda process: self._handle_gone(state, slot),
            on_closed=self._handle_closed,
        )
        slot.move(slots.STARTING)
        slot.started_at = self._loop.time()
        slot.stop_timeout = state.graceful_timeout  # an update is for those that come later
        slot.process = process
        slot.port = state.port(slot.number)
        self._claims.take(slot, slot.port)
        self.unclosed[process.id] = process

        def tell() -> None:
            state.running.append(process)
            self.running[process.id] = process
            slot.move(slots.RUNNING, "spawn")
            self.publish_of(process, "spawn", detached=process.detach)

        process.spawn(tell)

    def _end(self, state: ProcessState, slot: Slot, event: str, then: str) -> None:
        """Bring a slot to the state `then`, over STOPPING if anything is left of its process."""
        process = slot.process
        if slot.state == slots.STOPPING:
            slot.then = then
        elif process is None:
            self._go_on(state, slot, then)
        else:
            slot.then = then
            if self._forget(state, process):
                slot.move(slots.STOPPING, event)
                self.publish_of(process, event)
            else:
                slot.move(slots.STOPPING)  # it couldn't be started, or has left others behind
            self._stop(state, slot, process)

    def _stop(self, state: ProcessState, slot: Slot, process: Process) -> None:
        self._tracker.check(process, slot.stop_timeout, lambda: self._handle_refusal(state, slot))
        process.stop()

    def _go_on(self, state: ProcessState, slot: Slot, to: str) -> None:
        """Go on from a state in which nothing is waited for but perhaps time."""
        if slot.timer is not None:
            self._loop.call_soon_threadsafe(slot.timer.cancel)
            slot.timer = None
        if slot.process is not None:  # others that it has left behind: they have to go first
            self._end(state, slot, "stop_pid", to)
            return
        slot.move(to)
        if to == slots.REMOVED:
            del state.slots[slot.number]

    def _forget(self, state: ProcessState, process: Process) -> bool:
        """Count a process as running no more; whether it was."""
        if self.running.pop(process.id, None) is None:
            return False
        state.running.remove(process)
        return True

    def _restart_next(self, state: ProcessState) -> None:
        while state.restarting:
            slot = state.restarting[0]
            if slot.state == slots.RUNNING:
                self._end(state, slot, "stop_pid", slots.PENDING)
                return
            state.restarting.popleft()  # it has ended by itself, or somebody else stopped it

    def _cancel_retry(self, state: ProcessState) -> None:
        timer, state.retry_timer = state.retry_timer, None
        if timer is not None:
            self._loop.call_soon_threadsafe(timer.cancel)

    # ---- what the processes tell, in the loop's thread

    def _handle_exit(self, state: ProcessState, slot: Slot, status: int, signum: int) -> None:
        with self._lock:
            process = slot.process
            assert process is not None
            slot.end = (status, signum, process.reason)
            self._forget(state, process)
            by_itself = slot.state in (slots.STARTING, slots.RUNNING)
            now = self._loop.time()
            then = slot.then
            if by_itself:
                then = state.after_exit(slot, status, signum, now, is_last=self.stopping)
            is_restarted = by_itself and then in slots.WILL_RESTART
            flaps = is_restarted and not state.count_exit(now)
            if is_restarted:
                slot.then = then
            slot.move(slots.STOPPING if is_restarted or not by_itself else then, "exit")
            if flaps:
                then = slots.STOPPED
            details: dict[str, Any] = {} if process.reason is None else {"reason": process.reason}
            if then == slots.BACKING_OFF:
                details["delay"] = slot.delay
            if process.left_behind:
                details["left_behind"] = True
            if by_itself and self.stopping:
                details["while_stopping"] = True
            self.publish_of(
                process,
                "exit",
                exit_status=status,
                term_signal=signum,
                by_itself=by_itself,
                then=then,
                **details,
            )
            if then == slots.GAVE_UP:
                self.publish_of(process, "give_up")
            elif is_restarted and process.left_behind:
                self._stop(state, slot, process)  # before the next one
            if flaps:
                self._handle_flapping(state)

    def _handle_flapping(self, state: ProcessState) -> None:
        self._publish("flap", state.name)
        self.stop(state)
        if state.may_retry and state.flapping is not None:
            state.retry_timer = self._loop.call_later(state.flapping.retry_in, self._retry, state)

    def _retry(self, state: ProcessState) -> None:
        with self._lock:
            # None when another thread stopped or started it a moment ago.
            if state.retry_timer is not None:
                self.start(state)

    def _handle_gone(self, state: ProcessState, slot: Slot) -> None:
        with self._lock:
            process, slot.process = slot.process, None
            assert process is not None
            if process.left_behind:
                self.publish_of(process, "gone")  # before an end of all can be told
            self._tracker.uncheck(process)
            if slot.state == slots.STOPPING:
                self._go_on(state, slot, slot.then)
                if slot.state == slots.BACKING_OFF:
                    slot.timer = self._loop.call_later(slot.delay, self._handle_delay, state, slot)
            for each in (state, *self._claims.release(slot, state.name, slot.port)):
                self.manage(each)
            self._go_on_without(state, slot)

    def _handle_refusal(self, state: ProcessState, slot: Slot) -> None:
        """A process can't be killed: only its own slot waits for its end."""
        with self._lock:
            self._go_on_without(state, slot)

    def _go_on_without(self, state: ProcessState, slot: Slot) -> None:
        """Go on with what had to wait for the process of this slot."""
        if state.restarting and state.restarting[0] is slot:
            state.restarting.popleft()
            self._restart_next(state)
        self._on_gone()
        self._stop_next()

    def _handle_delay(self, state: ProcessState, slot: Slot) -> None:
        with self._lock:
            if slot.timer is not None:  # else somebody was faster a moment ago
                slot.timer = None
                slot.move(slots.PENDING)
                self.manage(state)

    def _handle_kill(self, process: Process) -> None:
        with self._lock:
            is_urgent = self._stop_order is not None and self._stop_order.is_urgent
            self.publish_of(process, "kill", **({"hastened": True} if is_urgent else {}))

    def _handle_closed(self, process: Process) -> None:
        with self._lock:
            self.unclosed.pop(process.id, None)

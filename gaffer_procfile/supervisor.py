"""Supervisor: makes the processes of a template what they should be, and keeps them so."""

from __future__ import annotations

from collections import deque

from .state import ProcessTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import RLock
    from typing import Any, Protocol

    from .loop import Loop
    from .process import Process
    from .state import ProcessState

    class Publish(Protocol):
        def __call__(self, evtype: str, name: str, **details: Any) -> None: ...


class Supervisor:
    """What the manager's methods come down to. Its own are called with the manager's lock held.

    Everything is done by making slots and processes agree (`manage`): a slot gets a process when it
    is free, and it is free when nothing is left of the one before. So a restart never has two
    processes on one port, and what runs is never more than what was asked for.
    """

    def __init__(
        self,
        loop: Loop,
        lock: RLock,
        publish: Publish,
        on_gone: Callable[[], object],
        next_id: Callable[[], int],
    ) -> None:
        self.running: dict[int, Process] = {}
        self.stopping = False
        self._loop = loop
        self._lock = lock
        self._publish = publish
        self._on_gone = on_gone
        self._next_id = next_id
        self._tracker = ProcessTracker(loop)
        self.unclosed: dict[int, Process] = {}
        """Those of which something is left: running, stopping, or with output still to be read."""

    # ---- what the manager asks for

    def start(self, state: ProcessState) -> None:
        """Run all of a template, also what was stopped one by one or has ended for good."""
        self._cancel_retry(state)
        state.stopped = False
        state.held.clear()
        self._publish("start", state.name)
        for process in list(state.slots.values()):
            if process.exit_status is not None:
                self._stop_process(state, process, "stop_pid")  # it left others in its slot
        self.manage(state)

    def manage(self, state: ProcessState) -> None:
        """Start what is missing, stop what is too much."""
        if state.stopped or self.stopping:
            return
        for slot in state.free_slots():
            self._spawn(state, slot)
        for process in state.surplus():
            self._stop_process(state, process, "reap")

    def stop(self, state: ProcessState) -> None:
        """Stop all of a template."""
        self._cancel_retry(state)
        state.restarting.clear()
        if not state.stopped:
            state.stopped = True
            self._publish("stop", state.name)
        for process in list(state.slots.values()):
            if not (process.detach and self.stopping):
                self._stop_process(state, process, "stop_pid")

    def stop_one(self, state: ProcessState, process: Process) -> None:
        """Stop one process, and leave its slot empty."""
        state.held.add(process.instance)
        self._stop_process(state, process, "stop_pid")

    def stop_all(self, states: Sequence[ProcessState], on_done: Callable[[], object]) -> None:
        """Stop everything but what is detached; `on_done()` is called when all of it has been told."""
        self.stopping = True
        for state in states:
            self.stop(state)

        def let_go() -> None:
            for process in list(self.unclosed.values()):
                process.close()  # publishes what it reads, so:
            self._loop.call_soon(on_done)

        self._tracker.on_done(let_go)

    def restart(self, state: ProcessState) -> None:
        """Replace the processes one after the other, each when the one before has its successor."""
        state.forgive()
        state.restarting = deque(state.running)
        self._restart_next(state)
        self.start(state)

    def kill(self) -> None:
        """Kill at once what was told to stop and hasn't yet."""
        self._loop.call_soon_threadsafe(self._tracker.kill_all)

    def close(self) -> None:
        self._tracker.close()

    # ---- how it does it

    def _spawn(self, state: ProcessState, slot: int) -> None:
        process = state.make_process(
            self._loop,
            self._next_id(),
            lambda process, status, signum: self._handle_exit(state, process, status, signum),
            instance=slot,
            on_gone=lambda process: self._handle_gone(state, process),
            on_closed=self._handle_closed,
        )
        self.unclosed[process.id] = process
        state.slots[slot] = process
        process.spawn()
        if process.pid is not None:
            state.running.append(process)
            self.running[process.id] = process
            self._publish_of(process, "spawn", detached=process.detach)

    def _stop_process(self, state: ProcessState, process: Process, evtype: str) -> None:
        """Stop a process, or what it left behind, and kill what is left when its time is up."""
        if process.stopping:
            return
        if self._forget(state, process):
            self._publish_of(process, evtype)
        process.stop()
        self._tracker.check(process, state.graceful_timeout)

    def _publish_of(self, process: Process, evtype: str, **details: Any) -> None:
        self._publish(
            evtype,
            process.name,
            pid=process.id,
            os_pid=process.pid,
            instance=process.instance,
            **details,
        )

    def _forget(self, state: ProcessState, process: Process) -> bool:
        """Count a process as running no more; whether it was."""
        if self.running.pop(process.id, None) is None:
            return False
        state.running.remove(process)
        return True

    def _restart_next(self, state: ProcessState) -> None:
        while state.restarting:
            process = state.restarting[0]
            if process.id in self.running:
                self._stop_process(state, process, "stop_pid")
                return
            state.restarting.popleft()  # it has ended by itself, or somebody else stopped it

    def _cancel_retry(self, state: ProcessState) -> None:
        timer, state.retry_timer = state.retry_timer, None
        if timer is not None:
            self._loop.call_soon_threadsafe(timer.cancel)

    # ---- what the processes tell, in the loop's thread

    def _handle_exit(
        self, state: ProcessState, process: Process, exit_status: int, term_signal: int
    ) -> None:
        with self._lock:
            self._forget(state, process)
            reason = {"reason": process.reason} if process.reason is not None else {}
            self._publish_of(
                process, "exit", exit_status=exit_status, term_signal=term_signal, **reason
            )
            if process.stopping or state.stopped or self.stopping:
                return
            if process.detach or not state.is_restarted_after(exit_status, term_signal):
                state.held.add(process.instance)
            elif self._is_well(state):
                # The next one has to wait for what this one has left behind.
                self._stop_process(state, process, "stop_pid")

    def _is_well(self, state: ProcessState) -> bool:
        """Count an exit. A template that flaps is stopped, and may be tried again later."""
        is_well, can_retry = state.check_flapping(self._loop.time())
        if not is_well:
            self._publish("flap", state.name)
            self.stop(state)
            if can_retry and state.flapping is not None:
                state.retry_timer = self._loop.call_later(
                    state.flapping.retry_in, self._retry, state
                )
        return is_well

    def _retry(self, state: ProcessState) -> None:
        with self._lock:
            # None when another thread stopped or started it a moment ago.
            if state.retry_timer is not None:
                self.start(state)

    def _handle_gone(self, state: ProcessState, process: Process) -> None:
        with self._lock:
            if state.slots.get(process.instance) is process:
                del state.slots[process.instance]
            self._tracker.uncheck(process)
            self.manage(state)
            if state.restarting and state.restarting[0] is process:
                state.restarting.popleft()
                self._restart_next(state)
            self._on_gone()

    def _handle_closed(self, process: Process) -> None:
        with self._lock:
            self.unclosed.pop(process.id, None)

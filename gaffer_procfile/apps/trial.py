"""Trial: a CI run. The services come up, a command runs against them, and all of it ends.

Without a command it is seen whether they stay up for a while, and stop as they should.
"""

from __future__ import annotations

from ..ci.results import (
    COMPLETED,
    DIED,
    DOWN,
    ENDED,
    NOT_READY,
    NOT_STARTED,
    READY,
    STARTING,
    UNCLEAN,
    Results,
    ServiceResult,
)
from ..loop import adapt
from ..restart import NEVER
from ..slots import WILL_RESTART
from .outcome import describe, listing, shell_status, stop_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from ..loop import Cancellable, Loop
    from ..manager import Manager
    from .settling import Settling

COMMAND = "command"  # its name on the manager, where those of services are in groups

# After the time for getting ready: those that are looked at by a probe, with the same time, tell
# by then what is wrong with them. This is for the rest.
LAST_WORD = 0.2  # seconds


class Terms:
    """What is expected of a run. Times are seconds, or None for no limit; names are full names.

    Those that run `once` have to end with 0, those `allowed` to end may do so as they like.
    `is_impatient`: the death of a service ends the command.
    """

    __slots__ = ("allowed", "hold", "is_impatient", "once", "ready_timeout", "timeout")

    def __init__(
        self,
        *,
        ready_timeout: float,
        timeout: float | None = None,
        hold: float = 5.0,
        once: Collection[str] = (),
        allowed: Collection[str] = (),
        is_impatient: bool = False,
    ) -> None:
        self.ready_timeout = ready_timeout
        self.timeout = timeout
        self.hold = hold
        self.once = once
        self.allowed = allowed
        self.is_impatient = is_impatient


class Trial:
    """Runs the command that `command` says (its line and its settings as a template), and ends.

    What comes of it is in `results`; `services` are those of each template there, by instance.
    `on_end()` is called when all is over.
    """

    def __init__(
        self,
        results: Results,
        services: Mapping[tuple[str, int], ServiceResult],
        terms: Terms,
        command: tuple[str, Mapping[str, Any]] | None,
        settling: Settling,
        say: Callable[[str], object],
        on_end: Callable[[], object],
    ) -> None:
        self.status: int | None = None
        """The exit status, when all is over; None if it was interrupted and nothing had failed."""
        self.ended_by: int | None = None
        """The manager's id of the process whose end ended the run; None if something else did."""
        self._results = results
        self._services = services
        self._terms = terms
        self._command = command
        self._settling = settling
        self._say = say
        self._on_end = on_end
        self._are_up = False
        self._is_ending = False
        self._killed: set[int] = set()
        self._timer: Cancellable | None = None

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        self._began = self._loop.time()
        for evtype, listener in (
            ("spawn", self._handle_spawn),
            ("ready", self._handle_ready),
            ("not_ready", self._handle_not_ready),
            ("stop_pid", self._handle_stop),
            ("kill", self._handle_kill),
            ("exit", self._handle_exit),
        ):
            manager.subscribe(evtype, listener)
        self._settling.start(loop, manager)
        limit = self._terms.ready_timeout
        self._timer = self._loop.call_later(limit + LAST_WORD, self._handle_ready_timeout)

    def stop(self) -> None:
        self._cancel_timer()
        self._settling.stop()
        self.status = self._results.status
        self._on_end()
        self._loop.close()

    def restart(self) -> None:
        """What has happened has happened."""

    @property
    def is_final(self) -> bool:
        return self._results.is_decided

    def measure(self) -> float:
        """How long the run has taken by now, in seconds."""
        return self._loop.time() - self._began

    # ---- what the services do

    def _service(self, event: Mapping[str, Any]) -> ServiceResult | None:
        return self._services.get((event["name"], event["instance"]))

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        service = self._service(event)
        if service is not None:
            service.restarts += service.state == DOWN
            service.state = STARTING
            service.ready_after = None
            service.started_at = self._loop.time()

    def _handle_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        service = self._service(event)
        # One that runs once is there to end: that it is up says nothing.
        if service is not None and service.state == STARTING:
            service.ready_after = event["seconds"]
            if event["name"] not in self._terms.once:
                service.state = READY
                self._look_whether_all_are_up()

    def _handle_not_ready(self, _evtype: str, event: dict[str, Any]) -> None:
        service = self._service(event)
        if service is not None and not self._manager.stopping:
            service.blame(
                NOT_READY, f"was not ready after {event['seconds']:.1f} s: {event['reason']}"
            )
            self._handle_fault(service)

    def _handle_stop(self, _evtype: str, event: dict[str, Any]) -> None:
        service = self._service(event)
        if service is not None and not self._manager.stopping:
            service.state = DOWN

    def _handle_kill(self, _evtype: str, event: dict[str, Any]) -> None:
        """Also of what it has left behind, after its exit."""
        service = self._service(event)
        state = self._manager.get_process_state(event["name"])
        if service is None or state is None or not self._manager.stopping:
            return
        if event["pid"] in self._killed:
            return  # once more, for somebody in a hurry
        self._killed.add(event["pid"])
        if "hastened" not in event:
            limit = state.graceful_timeout
            fault = f"had to be killed, {limit:g} s after it was told to stop"
            self._handle_unclean(service, event, fault)
            return
        service.ending = "killed"
        if self._command is None:
            self._results.is_decided = False  # how it would have stopped was still to be seen

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        self._results.took = self.measure()
        service = self._service(event)
        if service is None:
            if event["name"] == COMMAND:
                self._handle_command_end(event)
            return
        state = self._manager.get_process_state(event["name"])
        how = describe(event, state)
        if service.state != NOT_STARTED:
            service.ran_for = self._loop.time() - service.started_at
        if not event["by_itself"]:
            self._handle_stopped(service, event, how)
            return
        service.ending = how
        if event["then"] in WILL_RESTART:
            service.state = DOWN
            return
        if event["name"] in self._terms.allowed:
            service.state = ENDED
        elif event["name"] in self._terms.once and shell_status(event) == 0:
            service.state = COMPLETED
        elif "while_stopping" not in event:
            after = "" if service.ran_for is None else f" after {service.ran_for:.1f} s"
            service.blame(DIED, f"{how}{after}{self._when()}")
            self._handle_fault(service, event["pid"])
            return
        self._look_whether_all_are_up()

    def _when(self) -> str:
        if not self._are_up:
            return ", before all were ready"
        if self._command is None:
            return ", instead of staying up"
        return ", while the command ran"

    def _handle_stopped(self, service: ServiceResult, event: dict[str, Any], how: str) -> None:
        """One was told to stop: by us at the end, or to be started again."""
        state = self._manager.get_process_state(event["name"])
        if event["pid"] in self._killed:
            return  # which has been told of
        service.ending = "stopped"
        if not self._manager.stopping or state is None:
            return
        asked = stop_signals(state.settings)
        if shell_status(event) not in (0, *(128 + signum for signum in asked)):
            self._handle_unclean(service, event, f"{how} when it was told to stop")

    def _handle_unclean(self, service: ServiceResult, event: dict[str, Any], fault: str) -> None:
        """One hasn't stopped as it should, which counts in a smoke run."""
        service.ending = fault
        if self._command is None and event["name"] not in self._terms.allowed:
            service.blame(UNCLEAN, fault)

    def _handle_fault(self, service: ServiceResult, id: int | None = None) -> None:
        """A service has failed: the end of the run, or at least of its success."""
        if self._is_ending or self._manager.stopping:
            return
        if self._are_up and self._command is not None and not self._terms.is_impatient:
            status = service.fault_status
            self._say(f"{service.name} has failed: exiting with {status} when the command ends")
            return
        self.ended_by = id
        self._end(f"stopping because {service.name} has failed")

    def handle_blocked(
        self, names: Sequence[str], _culprit: str, short: Callable[[str], str]
    ) -> None:
        """These templates can't be started, as what they depend on has failed."""
        if not self._results.culprits():
            for (name, _instance), service in self._services.items():
                if name in names:
                    service.blame(NOT_READY, "can't start: what it depends on has failed")
        if not self._is_ending and not self._manager.stopping:
            self._end(f"stopping because {listing([short(name) for name in names])} can't start")

    def _handle_ready_timeout(self) -> None:
        if self._manager.stopping:
            return  # somebody has interrupted it, and some take their time to stop
        limit = self._terms.ready_timeout
        late = self._late()
        for service in late:
            what = "was not started" if service.state == NOT_STARTED else "was not ready"
            service.blame(NOT_READY, f"{what} after {limit:g} s (--ready-timeout)")
        self._end(f"stopping because {_are(late)} not ready after {limit:g} s")

    def _late(self) -> list[ServiceResult]:
        return [service for service in self._services.values() if not service.is_done]

    # ---- the command, or the wait

    def _look_whether_all_are_up(self) -> None:
        if self._are_up or self._is_ending or self._manager.stopping:
            return
        if self._late():
            return
        self._are_up = True
        self._cancel_timer()
        if self._command is None:
            hold = self._terms.hold
            self._say(
                f"all are ready after {self.measure():.1f} s, they have to stay up for {hold:g} s"
            )
            self._timer = self._loop.call_later(hold, self._handle_held)
            return
        self._say(f"all are ready after {self.measure():.1f} s, running the command")
        self._start_command(*self._command)

    def _start_command(self, line: str, settings: Mapping[str, Any]) -> None:
        assert self._results.command is not None
        self._results.command.was_run = True
        self._results.command.ending = "was interrupted"
        self._command_started_at = self._loop.time()
        if self._terms.timeout is not None:
            self._timer = self._loop.call_later(self._terms.timeout, self._handle_timeout)
        self._manager.add_process(
            COMMAND,
            line,
            restart=NEVER,
            redirect_output=("stdout", "stderr"),
            # It is stopped before any service is.
            depends_on=list(dict.fromkeys(name for name, _instance in self._services)),
            **settings,
        )

    def _handle_timeout(self) -> None:
        if self._manager.stopping:
            return
        assert self._results.command is not None
        self._results.command.has_timed_out = True
        limit = self._terms.timeout
        self._results.command.ending = f"took longer than {limit:g} s (--timeout)"
        self._end(f"stopping because the command takes longer than {limit:g} s")

    def _handle_command_end(self, event: dict[str, Any]) -> None:
        command = self._results.command
        assert command is not None
        command.ran_for = self._loop.time() - self._command_started_at
        if event["by_itself"] and not command.has_timed_out:
            command.status = shell_status(event)
            command.ending = describe(event, self._manager.get_process_state(COMMAND))
            self._end()

    def _handle_held(self) -> None:
        if self._manager.stopping:
            return
        late = [
            service
            for (name, _instance), service in self._services.items()
            if not service.is_done and name not in self._terms.allowed
        ]
        for service in late:
            how = f" ({service.ending})" if service.ending else ""  # it is being stopped still
            service.blame(NOT_READY, f"was not ready again at the end{how}")
        self._end(f"stopping because {_are(late)} not ready again" if late else None)

    def _end(self, reason: str | None = None) -> None:
        self._cancel_timer()
        if self._is_ending or self._manager.stopping:
            return
        self._is_ending = True
        self._results.is_decided = True
        self._results.took = self.measure()
        # Before it is said: whoever reads of it may press Ctrl-C at once.
        self._manager.stop()
        if reason is not None and self._manager.running:
            self._say(reason)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _are(services: Sequence[ServiceResult]) -> str:
    """`web.1 is`, `web.1 and api.1 are`."""
    return f"{listing([service.name for service in services])} {'are' if services[1:] else 'is'}"

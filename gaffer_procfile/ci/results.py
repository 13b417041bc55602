"""What came of a CI run: of each service, of the command, and so of all of it."""

from __future__ import annotations

from dataclasses import dataclass, field

# The exit statuses of gaffer's own. Free of what shells (126 and up), test runners (1 to 5),
# sysexits (64 to 78), xargs (123 to 125 only where it starts others) and Docker (125) tell by
# theirs; 124 is what timeout(1) has for the same thing.
DIED = 121
NOT_READY = 122
UNCLEAN = 123
TIMED_OUT = 124

# What a service is at the moment, and in the end.
NOT_STARTED = "not started"
STARTING = "starting"
DOWN = "down"  # it has ended, or is being stopped, and is to be started again
READY = "ready"
COMPLETED = "completed"  # it runs once, and has ended with 0
ENDED = "ended"  # which it may

WORDS = {DIED: "died", NOT_READY: "not ready", UNCLEAN: "didn't stop cleanly"}


@dataclass
class ServiceResult:
    """One instance of a service. Times are seconds; `fault` says in words what is wrong with it."""

    name: str
    state: str = NOT_STARTED
    started_at: float = 0.0
    ready_after: float | None = None
    ran_for: float | None = None
    ending: str = ""
    restarts: int = 0
    fault: str = ""
    fault_status: int | None = None

    @property
    def is_done(self) -> bool:
        """Whether nobody needs to wait for it any more."""
        return self.state in (READY, COMPLETED, ENDED)

    @property
    def unready(self) -> str:
        """In words, that it is still starting."""
        return "not ready again" if self.restarts else "never ready"

    def blame(self, status: int, fault: str) -> None:
        """Say what is wrong with it; what was said first stays."""
        if self.fault_status is None:
            self.fault_status = status
            self.fault = fault

    def describe(self) -> str:
        """What happened to it, in a line."""
        parts = []
        if self.ready_after is not None:
            parts.append(f"ready after {self.ready_after:.1f} s")
        elif self.state == STARTING:
            parts.append(self.unready)
        if self.restarts:
            parts.append("restarted once" if self.restarts == 1 else f"{self.restarts} restarts")
        parts.append(self.ending or self.state)
        return ", ".join(dict.fromkeys(parts))


@dataclass
class CommandResult:
    """The command: `status` as a shell would say it, None if it didn't end by itself."""

    text: str
    was_run: bool = False
    has_timed_out: bool = False
    status: int | None = None
    ran_for: float | None = None
    ending: str = "not run"

    @property
    def has_failed(self) -> bool:
        return self.has_timed_out or bool(self.status)


@dataclass
class Results:
    """All of a run. `began` is a time of the system's clock; `command` is None in a smoke run."""

    began: float
    services: list[ServiceResult] = field(default_factory=list)
    command: CommandResult | None = None
    is_decided: bool = False
    """Whether it came to its own end. If not, somebody has interrupted it."""
    took: float = 0.0

    @property
    def status(self) -> int | None:
        """The exit status; None for a run that was interrupted before anything failed.

        A service's fault is told before the command's: that is where the command's comes from.
        """
        for fault in (DIED, NOT_READY):
            if self.culprits(fault):
                return fault
        if self.command is not None and self.command.has_failed:
            return TIMED_OUT if self.command.has_timed_out else self.command.status
        if self.culprits(UNCLEAN):
            return UNCLEAN
        return 0 if self.is_decided else None

    @property
    def has_failed(self) -> bool:
        return bool(self.status)

    def culprits(self, fault: int | None = None) -> list[ServiceResult]:
        """The services with a fault, or with this one."""
        return [
            service
            for service in self.services
            if service.fault_status is not None and fault in (None, service.fault_status)
        ]

    def verdict(self) -> str:
        """How it went, in a line."""
        status = self.status
        if status is None:
            return f"interrupted after {self.took:.1f} s"
        if status == 0:
            return f"passed in {self.took:.1f} s"
        what = []
        for fault, words in WORDS.items():
            names = [service.name for service in self.culprits(fault)]
            if names:
                what.append(f"{', '.join(names)} {words}")
        if self.command is not None and self.command.has_failed:
            what.append(f"the command {self.command.ending}")
        return f"failed after {self.took:.1f} s: {'; '.join(what)} (exit status {status})"

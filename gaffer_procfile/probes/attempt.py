"""One look at a process, and the repetition of looks until one is a success."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config.settings import Probe
    from ..loop import Cancellable, Loop
    from .subject import Subject

    Done = Callable[[str | None], object]
    MakeAttempt = Callable[[Loop, Subject, Probe, Done], "Attempt"]

FIRST_DELAY = 0.005  # seconds; many are ready in no time
LONGEST_DELAY = 0.04  # so that readiness is seen within 50 ms
LONGEST_ANSWERED_DELAY = 1.0  # seconds, while a server says that it isn't ready
COMMAND_DELAYS = (0.05, 1.0)  # a command costs a process each time
GROWTH = 1.5
LONGEST_LOOK = 5.0  # seconds; a server that hasn't answered by then is asked again
LONGEST_COMMAND = 10.0


class Attempt:
    """One look: calls `done(None)` for success, or with what is missing in words.

    Once, from the loop or from `start` itself, unless cancelled before.
    """

    is_answered = False
    """Whether somebody was there to say no."""

    def __init__(
        self,
        loop: Loop,
        subject: Subject,
        probe: Probe,
        done: Done,
        lasting: float | None = None,
    ) -> None:
        self._lasting = lasting
        self._loop = loop
        self._subject = subject
        self._probe = probe
        self._done: Done | None = done
        self._timer: Cancellable | None = None

    def start(self) -> None:
        raise NotImplementedError

    def cancel(self) -> None:
        """Let go of all it holds. What it started is ended."""
        self._done = None
        self._limit(None)
        self._release()

    def _release(self) -> None:
        """Let go of what this kind of attempt holds; called once more than needed perhaps."""

    def _tell(self, fault: str | None) -> None:
        done = self._done
        self.cancel()
        if done is not None:
            done(fault)

    def _patience(self, longest: float) -> float:
        """For how long this look may last, in seconds: as said, else `longest`, as others follow."""
        return self._lasting or min(longest, self._probe.timeout)

    def _limit(self, seconds: float | None, fault: str | None = None) -> None:
        """Tell `fault` in so many seconds; None takes that back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = self._loop.call_later(seconds, self._tell, fault)


class Polling:
    """Looks again and again, after longer and longer delays, until a look is a success.

    The longest delay is the probe's `interval`, if it has one.
    """

    def __init__(
        self,
        loop: Loop,
        subject: Subject,
        probe: Probe,
        make_attempt: MakeAttempt,
        on_ready: Callable[[], object],
    ) -> None:
        self.fault = "it was not looked at yet"
        self._loop = loop
        self._on_ready = on_ready
        self._subject = subject
        self._probe = probe
        self._make_attempt = make_attempt
        first, longest = COMMAND_DELAYS if probe.kind == "exec" else (FIRST_DELAY, LONGEST_DELAY)
        self._longest = longest if probe.interval is None else probe.interval
        self._delay = min(first, self._longest)
        self._attempt: Attempt | None = None
        self._timer: Cancellable | None = None

    def start(self) -> None:
        self._timer = None
        self._attempt = self._make_attempt(
            self._loop, self._subject, self._probe, self._handle_result
        )
        self._attempt.start()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._attempt is not None:
            self._attempt.cancel()
            self._attempt = None

    def _handle_result(self, fault: str | None) -> None:
        attempt, self._attempt = self._attempt, None
        if fault is None:
            self._on_ready()
            return
        if attempt is not None and attempt.is_answered and self._probe.interval is None:
            self._longest = LONGEST_ANSWERED_DELAY  # or the answers would fill the server's log
        self.fault = fault
        delay = self._delay
        self._delay = min(delay * GROWTH, self._longest)
        self._timer = self._loop.call_later(delay, self.start)

"""Restart policies: whether, and when, a process that has ended by itself is started again."""

from __future__ import annotations

import os

from .lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ALWAYS = "always"
ON_FAILURE = "on-failure"
NEVER = "never"
POLICIES = (ALWAYS, ON_FAILURE, NEVER)


def is_restarted(policy: str, exit_status: int, term_signal: int) -> bool:
    """Whether `policy` starts a process again that ended so by itself."""
    failed = exit_status != 0 or term_signal != 0
    return policy == ALWAYS or (policy == ON_FAILURE and failed)


class BackOff:
    """How long to wait before a process is started again, and when to give up. Times are seconds.

    The first restart is after `first`, each further one after `factor` times as long, `cap` at the
    most, and up to `jitter` (a share of it) longer, so that many don't start at once. A process that
    has run for `quiet` begins anew. More than `attempts` exits within `window` are too many.
    """

    def __init__(
        self,
        first: float = 0.5,
        factor: float = 2.0,
        cap: float = 10.0,
        jitter: float = 0.1,
        quiet: float = 10.0,
        attempts: int = 10,
        window: float = 120.0,
    ) -> None:
        self.first = first
        self.factor = factor
        self.cap = cap
        self.jitter = jitter
        self.quiet = quiet
        self.attempts = attempts
        self.window = window


class FlappingInfo:
    """When a process exits too often: `attempts` exits within `window` seconds.

    Then it is stopped, and tried again after `retry_in` seconds, `max_retry` times at the most.
    """

    def __init__(
        self, attempts: int = 2, window: float = 1.0, retry_in: float = 7.0, max_retry: int = 5
    ) -> None:
        self.attempts = attempts
        self.window = window
        self.retry_in = retry_in
        self.max_retry = max_retry

    def __repr__(self) -> str:
        return (
            f"FlappingInfo(attempts={self.attempts}, window={self.window}, "
            f"retry_in={self.retry_in}, max_retry={self.max_retry})"
        )


class ExitHistory:
    """The recent exits of one template, held against a FlappingInfo."""

    def __init__(self, flapping: FlappingInfo) -> None:
        self._flapping = flapping
        self._exits: deque[float] = deque(maxlen=flapping.attempts)
        self._retries = 0

    def add(self, now: float) -> tuple[bool, bool]:
        """Count an exit at `now` (seconds). Whether all is well, and if not, whether to try again."""
        window = self._flapping.window
        if self._exits and now - self._exits[-1] > window:
            self._retries = 0  # it ran for a while: what was before is forgiven
        self._exits.append(now)
        if len(self._exits) < self._flapping.attempts or now - self._exits[0] > window:
            return True, True
        self._exits.clear()
        self._retries += 1
        return False, self._retries <= self._flapping.max_retry


class RestartHistory:
    """The restarts of one slot, held against a BackOff. `random()` gives a number from 0 to 1."""

    def __init__(self, back_off: BackOff, random: Callable[[], float] | None = None) -> None:
        self._back_off = back_off
        self._random = random
        self._exits: deque[float] = deque(maxlen=back_off.attempts + 1)
        self._delay = back_off.first

    def add(self, now: float, ran: float) -> float | None:
        """Count an exit at `now` of a process that ran for `ran`: how long to wait, None to give up."""
        if ran >= self._back_off.quiet:
            self._delay = self._back_off.first
            self._exits.clear()
        self._exits.append(now)
        too_many = len(self._exits) > self._back_off.attempts
        if too_many and now - self._exits[0] <= self._back_off.window:
            return None
        delay = self._delay
        self._delay = min(self._delay * self._back_off.factor, self._back_off.cap)
        return delay * (1 + self._back_off.jitter * self._chance())

    def _chance(self) -> float:
        if self._random is None:
            # `random` takes 5 ms to import, and a descriptor, when something has gone wrong anyway.
            return int.from_bytes(os.urandom(4), "big") / 2**32
        return self._random()

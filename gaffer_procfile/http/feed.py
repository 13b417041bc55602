"""Feed: serves all who follow something, and no more than a part of the loop's time."""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ..loop import Cancellable, Loop

    class Follower(Protocol):
        """A stream. It `is_behind` until `serve` has found nothing more for it."""

        is_behind: bool

        @property
        def can_take(self) -> bool: ...
        def serve(self) -> None: ...


PACE = 12.0  # what serving took is followed by so many times as much for others
TURN = 0.004  # seconds for serving in one turn of the loop


class Feed:
    """Has its followers served when there is news: at once, but paced when there is a lot of it.

    Under a flood the followers see parts of it (they say what they skip), and the terminal and the
    processes keep the time that they need.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._followers: deque[Follower] = deque()
        self._next_at = 0.0
        self._timer: Cancellable | None = None
        self._is_due = False

    def add(self, follower: Follower) -> None:
        self._followers.append(follower)

    def remove(self, follower: Follower) -> None:
        if follower in self._followers:
            self._followers.remove(follower)

    def note(self) -> None:
        """There is news."""
        if self._is_due or not self._followers:
            return
        self._is_due = True
        delay = self._next_at - self._loop.time()
        if delay > 0:
            self._timer = self._loop.call_later(delay, self._serve)
        else:
            self._loop.call_soon(self._serve)

    def _serve(self) -> None:
        self._is_due = False
        self._timer = None
        for follower in self._followers:
            follower.is_behind = True  # also whom there is no time for, or who can't take it now
        began = now = self._loop.time()
        for _ in range(len(self._followers)):
            if not self._followers:
                return  # the last one has just gone
            follower = self._followers[0]
            self._followers.rotate(-1)  # those that time is too short for come first next time
            if follower.can_take:
                follower.serve()
            now = self._loop.time()
            if now - began > TURN:
                break
        self._next_at = now + (now - began) * PACE
        if any(follower.is_behind and follower.can_take for follower in self._followers):
            self.note()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._is_due = True  # and nothing more becomes so
        self._followers.clear()

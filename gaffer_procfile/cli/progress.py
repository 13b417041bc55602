"""Asking for something and seeing it done: the events of the runs, heard from before it is asked for."""

from __future__ import annotations

import time

from ..client import Follower, Gone
from ..slots import AT_REST, STOPPING
from .remote import open_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..client import Message, Stream
    from .remote import Remote

    Json = dict[str, Any]

PENDING_STATES = ("pending", "starting", "stopping")
LOOK = 0.1  # seconds


class Progress:
    """The events of some runs from now on. `remotes` are looked at again whenever there are any.

    `handle(remote, event)` hears each of them. Use: `with Progress(…) as progress`.
    """

    def __init__(
        self,
        remotes: Iterable[Remote],
        handle: Callable[[Remote, Json], object] = lambda _remote, _event: None,
    ) -> None:
        self._handle = handle
        self._remotes = open_streams(dict.fromkeys(remotes, "/events?follow=1"))
        self._follower = Follower(list(self._remotes), self._handle_message)

    def _handle_message(self, stream: Stream, message: Message) -> None:
        if message.kind == "event":
            self._handle(self._remotes[stream], message.data)

    def wait(self, is_done: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until `is_done()`, which is asked after every event; False when time is over.

        What leaves others behind has had its last event when they go: then it is asked now and then.

        Raises Gone if all the runs end before.
        """
        end = None if timeout is None else time.monotonic() + timeout
        self._look()
        while not is_done():
            if self._follower.has_ended:
                raise Gone
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            is_quiet = not self._is_stopping()
            if self._follower.wait(left if is_quiet else min(LOOK, left or LOOK)) or not is_quiet:
                self._look()
        return True

    def _is_stopping(self) -> bool:
        return any(
            instance["state"] == STOPPING
            for remote in self._remotes.values()
            for instance in remote.instances()
        )

    def _look(self) -> None:
        for stream, remote in self._remotes.items():
            if not stream.has_ended:
                remote.look()
            else:
                remote.note_end()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        self._follower.close()


def is_at_rest(instance: Json | None) -> bool:
    """Whether nothing runs there, and nothing is going to."""
    return instance is None or instance["state"] in AT_REST


def is_settled(instance: Json) -> bool:
    """Whether it is neither being started nor being stopped."""
    return instance["state"] not in PENDING_STATES

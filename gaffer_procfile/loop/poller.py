"""What stands in for epoll, where there is none."""

from __future__ import annotations

import selectors
from select import POLLIN, POLLOUT  # the numbers of epoll are the same


class Poller:
    """epoll's ways on the standard library's `selectors`: kqueue on a Mac, poll elsewhere."""

    def __init__(self) -> None:
        self._selector = getattr(selectors, "KqueueSelector", selectors.PollSelector)()

    def register(self, fd: int, events: int) -> None:
        self._selector.register(fd, _selected(events))

    def modify(self, fd: int, events: int) -> None:
        self._selector.modify(fd, _selected(events))

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        return [(key.fd, _found(events)) for key, events in self._selector.select(timeout)]

    def close(self) -> None:
        self._selector.close()


def _selected(events: int) -> int:
    reading = selectors.EVENT_READ if events & POLLIN else 0
    return reading | (selectors.EVENT_WRITE if events & POLLOUT else 0)


def _found(events: int) -> int:
    readable = POLLIN if events & selectors.EVENT_READ else 0
    return readable | (POLLOUT if events & selectors.EVENT_WRITE else 0)

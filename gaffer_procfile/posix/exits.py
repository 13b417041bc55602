"""Being told of the end of processes, without a thread and without polling."""

from __future__ import annotations

import os
from select import POLLIN

from ..lean import Lock, signal
from . import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    from collections.abc import Callable
    from typing import Any, ClassVar

    from ..loop import Loop

SPARE_DESCRIPTORS = 16  # what is to be stopped has to be looked at first, and that takes some


def is_scarce(fd: int) -> bool:
    """Whether `fd`, opened just now, is one of the last that there are: they are to be left alone."""
    limit = os.sysconf("SC_OPEN_MAX")  # -1: there is none
    return 0 <= limit <= fd + SPARE_DESCRIPTORS


def open_end(pid: int) -> int | None:
    """A descriptor that becomes readable when `pid` ends; None where there is none to be had.

    Raises ProcessLookupError.
    """
    fd = system.open_pidfd(pid)
    if fd is not None and is_scarce(fd):
        os.close(fd)
        return None
    return fd


class _EndQueue:
    """The children of one loop in the order of their ends: the kernel's, by an epoll of their own.

    It holds for those that end before the loop looks at them for the first time, too.
    """

    _queues: ClassVar[dict[int, _EndQueue]] = {}
    _lock = Lock()

    def __init__(self, loop: Loop, epoll: select.epoll) -> None:
        self._loop = loop
        self._epoll = epoll
        self._fds: set[int] = set()
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._ended: dict[int, None] = {}  # in their order

    @classmethod
    def add(cls, loop: Loop, fd: int) -> bool:
        """Take in a pidfd, in any thread; False where there is no epoll, or no room in it."""
        with cls._lock:
            queue = cls._queues.get(id(loop))
            try:
                if queue is None:
                    epoll = system.open_epoll()
                    if epoll is None:
                        return False
                    queue = cls._queues[id(loop)] = cls(loop, epoll)
                queue._epoll.register(fd, POLLIN)
            except OSError:
                return False
            queue._fds.add(fd)
        return True

    @classmethod
    def watch(cls, loop: Loop, fd: int, callback: Callable[[], object]) -> bool:
        """Have `callback` called when its turn has come; False if `fd` isn't in. Loop's thread only."""
        queue = cls._queues.get(id(loop))
        if queue is None or fd not in queue._fds:
            return False
        if not queue._callbacks:
            loop.add_reader(queue._epoll.fileno(), queue._handle_ends)
        queue._callbacks[fd] = callback
        return True

    @classmethod
    def discard(cls, loop: Loop, fd: int) -> bool:
        """Forget a pidfd that is watched; False if it isn't in. Loop's thread only."""
        queue = cls._queues.get(id(loop))
        if queue is None or fd not in queue._callbacks:
            return False
        del queue._callbacks[fd]
        queue._ended.pop(fd, None)
        if not queue._callbacks:
            loop.remove_reader(queue._epoll.fileno())
        with cls._lock:
            queue._fds.remove(fd)
            queue._epoll.unregister(fd)
            if not queue._fds:
                queue._epoll.close()
                del cls._queues[id(loop)]
        return True

    def _handle_ends(self) -> None:
        for fd, _ in self._epoll.poll(0):
            self._ended.setdefault(fd)
        for fd in list(self._ended):
            if fd not in self._ended:
                continue  # another's end has had it closed
            if fd not in self._callbacks:
                return  # not watched yet: those that ended after it wait for it
            self._callbacks[fd]()


def enlist(loop: Loop, pid: int) -> int | None:
    """Have the end of a child that was started just now keep its place; any thread.

    What it returns is for ChildWatch. None where there is no such order.
    """
    try:
        fd = open_end(pid)
    except ProcessLookupError:
        return None
    if fd is not None and not _EndQueue.add(loop, fd):
        os.close(fd)
        return None
    return fd


class ChildWatch:
    """Calls `check`, which is to reap a child that has ended, until it returns True.

    A pidfd where the kernel has it, else SIGCHLD: there every child of ours is asked for by its pid,
    so that the exit of a child that is not ours is never taken. `fd` is what `enlist` gave. Loop's
    thread only.
    """

    def __init__(
        self, loop: Loop, pid: int, check: Callable[[], bool], fd: int | None = None
    ) -> None:
        self._loop = loop
        self._check = check
        self._fd = fd
        self._sigchld: _SigchldWatch | None = None
        try:
            if self._fd is None:
                self._fd = open_end(pid)
        except ProcessLookupError:
            # Where SIGCHLD is ignored the kernel reaps by itself, and here it has done so already.
            loop.call_soon(check)
            return
        if self._fd is None:
            self._sigchld = _SigchldWatch.of(loop)
            self._sigchld.add(check)
        elif not _EndQueue.watch(loop, self._fd, self._handle_end):
            loop.add_reader(self._fd, self._handle_end)

    def _handle_end(self) -> None:
        if self._check():
            self.close()

    def close(self) -> None:
        if self._fd is not None:
            if not _EndQueue.discard(self._loop, self._fd):
                self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None
        elif self._sigchld is not None:
            self._sigchld.discard(self._check)


class _SigchldWatch:
    """The children of one loop that SIGCHLD is watched for."""

    _watches: ClassVar[dict[int, _SigchldWatch]] = {}

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._checks: list[Callable[[], bool]] = []
        self._previous: Any = None

    @classmethod
    def of(cls, loop: Loop) -> _SigchldWatch:
        return cls._watches.setdefault(id(loop), cls(loop))

    def add(self, check: Callable[[], bool]) -> None:
        if not self._checks:
            self._previous = signal.getsignal(signal.SIGCHLD)
            self._loop.add_signal_handler(signal.SIGCHLD, self._handle_sigchld)
        self._checks.append(check)
        self._loop.call_soon(self._ask_all)  # it may have ended before the handler was there

    def discard(self, check: Callable[[], bool]) -> None:
        if check in self._checks:
            self._checks.remove(check)
            if not self._checks:
                self._loop.remove_signal_handler(signal.SIGCHLD)
                self._restore()
                self._watches.pop(id(self._loop), None)

    def _restore(self) -> None:
        # asyncio and libuv leave the default handler behind, whatever they found. Python lets only
        # the main thread set one, and can't set one that it doesn't know (None).
        from threading import current_thread, main_thread

        if self._previous is not None and current_thread() is main_thread():
            signal.signal(signal.SIGCHLD, self._previous)

    def _handle_sigchld(self) -> None:
        self._ask_all()
        if callable(self._previous):
            # The program that embeds us had a handler of its own.
            self._previous(signal.SIGCHLD, None)

    def _ask_all(self) -> None:
        for check in list(self._checks):
            if check():
                self.discard(check)

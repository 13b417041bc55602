"""Being told of the end of processes, without a thread and without polling."""

from __future__ import annotations

import os
import signal
from threading import current_thread, main_thread

from . import system

TYPE_CHECKING = False
if TYPE_CHECKING:
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


class ChildWatch:
    """Calls `check` until it returns True: when the child has ended, it reaps it.

    A pidfd where the kernel has it, else SIGCHLD: there every child of ours is asked for by its pid,
    so that the exit of a child that is not ours is never taken. Loop's thread only.
    """

    def __init__(self, loop: Loop, pid: int, check: Callable[[], bool]) -> None:
        self._loop = loop
        self._check = check
        self._fd: int | None = None
        self._sigchld: _SigchldWatch | None = None
        try:
            self._fd = open_end(pid)
        except ProcessLookupError:
            # Where SIGCHLD is ignored the kernel reaps by itself, and here it has done so already.
            loop.call_soon(check)
            return
        if self._fd is not None:
            loop.add_reader(self._fd, self._handle_end)
        else:
            self._sigchld = _SigchldWatch.of(loop)
            self._sigchld.add(check)

    def _handle_end(self) -> None:
        if self._check():
            self.close()

    def close(self) -> None:
        if self._fd is not None:
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
        if self._previous is not None and current_thread() is main_thread():
            signal.signal(signal.SIGCHLD, self._previous)

    def _handle_sigchld(self) -> None:
        self._ask_all()
        if callable(self._previous):
            self._previous(
                signal.SIGCHLD, None
            )  # the program that embeds us had a handler of its own

    def _ask_all(self) -> None:
        for check in list(self._checks):
            if check():
                self.discard(check)

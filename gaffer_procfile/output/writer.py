"""Writing to gaffer's own standard output: never blocking the loop, never losing a byte.

The description behind it is shared with whoever started us, so O_NONBLOCK must not be set on it (a
shell or an editor beside us would see it). Each kind of file has its own way to write what fits:
regular files never wait; a pipe or a socket takes RWF_NOWAIT; a terminal is opened anew; for the
rest there is a thread.
"""

from __future__ import annotations

import os
import select
import stat
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ..loop import Loop

    class Sink(Protocol):
        """Takes what it can of `chunks` without waiting; raises BlockingIOError if nothing."""

        def __call__(self, chunks: list[bytes]) -> int: ...


HIGH_WATER = 256 * 1024  # bytes waiting: whoever produces should pause
LOW_WATER = 64 * 1024  # bytes waiting: and go on
BATCH = 64  # chunks handed to the kernel in one call


class Writer:
    """Queues bytes for a descriptor and writes them as it takes them.

    `on_pressure(True)` asks for a pause when more than HIGH_WATER bytes wait, `on_pressure(False)`
    ends it. `on_failure(error)` is called once when nothing can be written any more: what is queued
    then and all that follows is thrown away. Loop's thread only, but for `finish`.
    """

    def __init__(
        self,
        loop: Loop,
        fd: int,
        on_pressure: Callable[[bool], object],
        on_failure: Callable[[OSError], object],
    ) -> None:
        self._loop = loop
        self._fd = fd
        self._on_pressure = on_pressure
        self._on_failure = on_failure
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._is_pressed = False
        self._failed = False
        self._write_some, self._owned_fd = _open_sink(fd)
        self._readiness = _Readiness(loop, self._owned_fd or fd, self._handle_ready)

    def write(self, data: bytes) -> None:
        if self._failed or not data:
            return
        self._queue.append(data)
        self._size += len(data)
        if not self._readiness.is_waiting:
            self._flush()
        self._tell_pressure()

    def _handle_ready(self, broken: bool) -> None:
        if broken and not self._queue:
            self._fail(BrokenPipeError(32, "the reader is gone"))
        else:
            self._flush()
            self._tell_pressure()

    def _flush(self) -> None:
        try:
            while self._queue:
                self._take(self._write_some(self._head()))
        except BlockingIOError:
            self._readiness.wait()
            return
        except OSError as error:
            self._fail(error)
            return
        self._readiness.idle()

    def _head(self) -> list[bytes]:
        if len(self._queue) <= BATCH:
            return list(self._queue)
        return [self._queue[index] for index in range(BATCH)]

    def _take(self, written: int) -> None:
        self._size -= written
        while written:
            head = self._queue[0]
            if written < len(head):
                self._queue[0] = head[written:]
                return
            written -= len(head)
            self._queue.popleft()

    def _tell_pressure(self) -> None:
        if not self._is_pressed and self._size > HIGH_WATER:
            self._is_pressed = True
            self._on_pressure(True)
        elif self._is_pressed and self._size <= LOW_WATER:
            self._is_pressed = False
            self._on_pressure(False)

    def _fail(self, error: OSError) -> None:
        self._failed = True
        self._queue.clear()
        self._size = 0
        self._readiness.close()
        self._tell_pressure()
        self._on_failure(error)

    def release(self) -> None:
        """Let go of the loop, which would never end while it watches `fd`; `finish` writes the rest."""
        self._readiness.close()

    def detach(self) -> None:
        """Let go of the loop. What is still queued is for `finish`."""
        self._readiness.close()

    def finish(self) -> None:
        """Write what is left, waiting for the reader; for when the loop has ended."""
        poll = select.poll()
        poll.register(self._owned_fd or self._fd, select.POLLOUT)
        while self._queue:
            try:
                self._take(self._write_some(self._head()))
            except BlockingIOError:
                poll.poll()
            except OSError as error:
                self._fail(error)
        if self._owned_fd is not None:
            os.close(self._owned_fd)
            self._owned_fd = None


def _open_sink(fd: int) -> tuple[Sink, int | None]:
    """How to write to `fd`, and the descriptor that was opened for it, if one was."""
    kind = os.fstat(fd).st_mode
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
        if hasattr(os, "RWF_NOWAIT"):
            return lambda chunks: os.pwritev(fd, chunks, -1, os.RWF_NOWAIT), None
    elif os.isatty(fd):
        try:
            own = os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            pass  # a terminal of another namespace has no name here
        else:
            return lambda chunks: os.writev(own, chunks), own
    # A regular file or a device like /dev/null: it doesn't wait.
    return lambda chunks: os.writev(fd, chunks), None


class _Readiness:
    """Tells when `fd` takes bytes again, and when its reader has gone.

    The loop is given an epoll descriptor of our own that holds `fd`: a pyuv loop sets O_NONBLOCK on
    what it watches.
    """

    def __init__(self, loop: Loop, fd: int, on_ready: Callable[[bool], object]) -> None:
        self._loop = loop
        self._fd = fd
        self._on_ready = on_ready
        self.is_waiting = False
        self._epoll: select.epoll | None = None
        epoll = select.epoll()
        try:
            epoll.register(fd, 0)  # 0: only its end
        except PermissionError:
            epoll.close()  # a regular file: it is always ready and never ends
        else:
            self._epoll = epoll
            loop.add_reader(epoll.fileno(), self._handle_events)

    def _handle_events(self) -> None:
        if self._epoll is not None:
            for _fd, events in self._epoll.poll(0):
                self._on_ready(bool(events & (select.EPOLLERR | select.EPOLLHUP)))

    def wait(self) -> None:
        if not self.is_waiting and self._epoll is not None:
            self.is_waiting = True
            self._epoll.modify(self._fd, select.EPOLLOUT)

    def idle(self) -> None:
        if self.is_waiting and self._epoll is not None:
            self.is_waiting = False
            self._epoll.modify(self._fd, 0)

    def close(self) -> None:
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
        self.is_waiting = False

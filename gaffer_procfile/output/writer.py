"""Writing to gaffer's own standard output: never blocking the loop, never losing a byte.

The description behind it is shared with whoever started us, so O_NONBLOCK must not be set on it (a
shell or an editor beside us would see it). Each kind of file has its own way to write what fits:
regular files never wait; a pipe or a socket takes RWF_NOWAIT; a terminal is opened anew; for the
rest there is a thread.
"""

from __future__ import annotations

import errno
import os
import select
import stat

from ..lean import deque
from ..posix import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..loop import Loop


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
        self._on_pressure = on_pressure
        self._on_failure = on_failure
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._is_pressed = False
        self._failed = False
        self._is_detached = False
        self._way = _open_way(fd)
        self._readiness = _Readiness(loop, self._way.fd, self._handle_ready)

    def write(self, data: bytes) -> None:
        if self._failed or not data:
            return
        self._queue.append(data)
        self._size += len(data)
        if not (self._is_detached or self._readiness.is_waiting):
            self._flush()
        self._tell_pressure()

    def _handle_ready(self, broken: bool) -> None:
        if broken and not self._queue:
            self._fail(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
        else:
            self._flush()
            self._tell_pressure()

    def _flush(self) -> None:
        try:
            while self._queue:
                self._take(self._way.write(self._head()))
        except BlockingIOError:
            self._readiness.wait()
            return
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP and not isinstance(self._way, _PumpWay):
                self._use_pump()
                self._flush()
            else:
                self._check_pump()  # which knows why nobody reads any more
                if not self._failed:
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

    def detach(self) -> None:
        """Let go of the loop. What is still queued, and what follows, is for `finish`."""
        self._is_detached = True
        self._readiness.close()

    def finish(self) -> None:
        """Write what is left, waiting for the reader; for when the loop has ended."""
        poll = select.poll()
        poll.register(self._way.fd, select.POLLOUT)
        while self._queue:
            try:
                self._take(self._way.write(self._head()))
            except BlockingIOError:
                poll.poll()
            except OSError as error:
                self._fail(error)
        self._way.close()
        self._check_pump()

    def _use_pump(self) -> None:
        """The kernel can't write to this without waiting: a thread has to."""
        self._readiness.close()
        self._way = _PumpWay(self._way.fd)
        self._readiness = _Readiness(self._loop, self._way.fd, self._handle_ready)

    def _check_pump(self) -> None:
        if (
            isinstance(self._way, _PumpWay)
            and self._way.pump.error is not None
            and not self._failed
        ):
            self._fail(self._way.pump.error)


class _Way:
    """How bytes go to a descriptor: `fd` is what to wait for."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def write(self, chunks: list[bytes]) -> int:
        """Write what fits; raises BlockingIOError if nothing does."""
        return os.writev(self.fd, chunks)

    def close(self) -> None:
        """Close what was opened for it."""


class _NowaitWay(_Way):
    """A pipe or a socket."""

    def write(self, chunks: list[bytes]) -> int:
        return os.pwritev(self.fd, chunks, -1, os.RWF_NOWAIT)


class _TerminalWay(_Way):
    """A terminal, opened anew."""

    def __init__(self, fd: int) -> None:
        flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
        super().__init__(os.open(os.ttyname(fd), flags))

    def close(self) -> None:
        os.close(self.fd)


class _PumpWay(_Way):
    """Anything else that may have to be waited for."""

    def __init__(self, fd: int) -> None:
        from .pump import Pump

        self.pump = Pump(fd)
        super().__init__(self.pump.fd)

    def close(self) -> None:
        self.pump.finish()


def _open_way(fd: int) -> _Way:
    kind = os.fstat(fd).st_mode
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
        return _NowaitWay(fd) if system.has_nowait_writes() else _PumpWay(fd)
    if os.isatty(fd):
        try:
            return _TerminalWay(fd)
        except OSError:
            return _PumpWay(fd)  # a terminal of another namespace has no name here
    return _Way(fd)  # a regular file or a device like /dev/null: it doesn't wait


class _Readiness:
    """Tells when `fd` takes bytes again, and when its reader has gone.

    The loop is given an epoll descriptor of our own that holds `fd`: a pyuv loop sets O_NONBLOCK on
    what it watches. Where there is no epoll, `fd` is one of our own (see `_open_way`).
    """

    def __init__(self, loop: Loop, fd: int, on_ready: Callable[[bool], object]) -> None:
        self._loop = loop
        self._fd = fd
        self._on_ready = on_ready
        self.is_waiting = False
        self._epoll = system.open_epoll()
        if self._epoll is None:
            return
        try:
            self._epoll.register(fd, 0)  # 0: only its end
        except PermissionError:
            self._epoll.close()  # a regular file: it is always ready and never ends
            self._epoll = None
        else:
            loop.add_reader(self._epoll.fileno(), self._handle_events)

    def _handle_events(self) -> None:
        if self._epoll is not None:
            for _fd, events in self._epoll.poll(0):
                self._on_ready(bool(events & (select.EPOLLERR | select.EPOLLHUP)))

    def wait(self) -> None:
        if self.is_waiting:
            return
        self.is_waiting = True
        if self._epoll is not None:
            self._epoll.modify(self._fd, select.EPOLLOUT)
        else:
            self._loop.add_writer(self._fd, self._on_ready, False)

    def idle(self) -> None:
        if not self.is_waiting:
            return
        self.is_waiting = False
        if self._epoll is not None:
            self._epoll.modify(self._fd, 0)
        else:
            self._loop.remove_writer(self._fd)

    def close(self) -> None:
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
        elif self.is_waiting:
            self._loop.remove_writer(self._fd)
        self.is_waiting = False

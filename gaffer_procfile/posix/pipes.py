"""The pipes between gaffer and a process: chunks come out of them, bytes go into them, none waits.

All of it runs in the loop's thread. Every descriptor here was opened by us, so O_NONBLOCK on it is
nobody else's business: the child's end of a pipe is another file description.
"""

from __future__ import annotations

import os

from ..lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..loop import Loop

    Receiver = Callable[[str, bytes], object]

CHUNK = 65536  # bytes; what a pipe holds, and the most that one stream may take of a turn
DRAIN_CHUNKS = 17  # all that an unprivileged process may make a pipe hold (1 MiB), and the end

# glibc gives the top of its heap back once 128 KiB of it are free, so nearly every chunk would be
# read into memory that the kernel has to find and clear first: half of the CPU of a flood. Freeing a
# block that was mapped by itself raises that bound to twice its size (mallopt(3), on
# M_MMAP_THRESHOLD). Elsewhere this does nothing.
bytes(16 * CHUNK)


class OutputPipe:
    """Reads what a process writes, and gives it on as `receive(label, chunk)`; b"" is the end."""

    def __init__(self, loop: Loop, fd: int, label: str, receive: Receiver) -> None:
        self._loop = loop
        self.fd = fd
        self._receive = receive
        self._reading = False
        self.label = label
        self.closed = False
        os.set_blocking(fd, False)

    def resume(self) -> None:
        if not self._reading and not self.closed:
            self._reading = True
            self._loop.add_reader(self.fd, self._read)

    def pause(self) -> None:
        """Stop reading. The process goes on until the pipe is full, and then waits."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self.fd)

    def drain(self) -> None:
        """Take what a process has left in the pipe, at once; not what others may add meanwhile."""
        for _ in range(DRAIN_CHUNKS):
            if self.closed or not self._read():
                return

    def _read(self) -> bool:
        """Give one chunk on; False when there is nothing (more) to be had."""
        try:
            chunk = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""  # how a pty says that its other end is closed
        if not chunk:
            self.close()
            return False
        self._receive(self.label, chunk)
        return True

    def close(self) -> None:
        if not self.closed:
            self.pause()
            self.closed = True
            os.close(self.fd)
            self._receive(self.label, b"")


class InputPipe:
    """Writes to a process's standard input, as fast as it takes it and in order."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._queue: deque[memoryview] = deque()
        self._waiting = False
        self.closed = False
        os.set_blocking(fd, False)

    def write(self, data: bytes) -> None:
        if not self.closed and data:
            self._queue.append(memoryview(data))
            if not self._waiting:
                self._flush()

    def _flush(self) -> None:
        try:
            while self._queue:
                written = os.write(self._fd, self._queue[0])
                if written == len(self._queue[0]):
                    self._queue.popleft()
                else:
                    self._queue[0] = self._queue[0][written:]
        except BlockingIOError:
            if not self._waiting:
                self._waiting = True
                self._loop.add_writer(self._fd, self._flush)
            return
        except (BrokenPipeError, ConnectionResetError):
            self.close()  # the process closed its end: there is nobody to tell
            return
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._loop.remove_writer(self._fd)

    def close(self) -> None:
        if not self.closed:
            self._stop_waiting()
            self.closed = True
            self._queue.clear()
            os.close(self._fd)

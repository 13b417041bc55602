"""A thread that writes to what can't be written to without waiting: the last resort."""

from __future__ import annotations

import os
import select
from threading import Thread

CHUNK = 65536  # bytes


class Pump:
    """Takes bytes by `fd`, a pipe of our own, and writes them to `target`.

    When that fails, `error` says why and `fd` has lost its reader.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._reader, self.fd = os.pipe()
        os.set_blocking(self.fd, False)
        self.error: OSError | None = None
        # A daemon: when we are to end at once, nobody waits for a reader that doesn't read.
        self._thread = Thread(target=self._run, name="gaffer-output", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        takes_more = select.poll()
        takes_more.register(self._target, select.POLLOUT)
        try:
            while data := os.read(self._reader, CHUNK):
                view = memoryview(data)
                while view:
                    try:
                        view = view[os.write(self._target, view) :]
                    except BlockingIOError:  # it is shared with somebody who has set O_NONBLOCK
                        takes_more.poll()
        except OSError as error:
            self.error = error
        os.close(self._reader)

    def finish(self) -> None:
        """Wait until all is written."""
        os.close(self.fd)
        self._thread.join()

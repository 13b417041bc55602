"""A pyuv loop in the shape of `Loop`."""

from __future__ import annotations

import os
import signal
import time
from collections import deque

import pyuv

from .base import RUNS_ALREADY, Adapter, Interrupts, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from .base import Callback


class _PyuvTimer:
    __slots__ = ("_handle",)

    def __init__(self, handle: pyuv.Timer) -> None:
        self._handle = handle

    def cancel(self) -> None:
        if not self._handle.closed:
            self._handle.close()


class _SignalWatch:
    """Has Python run its handlers of signals: libuv, which waits by itself, gives it no chance to.

    From `begin` to `end`, in the main thread, which alone has such handlers; in others they do nothing.
    """

    def __init__(self, raw: pyuv.Loop) -> None:
        self._before: int | None = None  # whom Python told of signals
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._poll = pyuv.Poll(raw, self._reader)
        self._poll.start(pyuv.UV_READABLE, self._handle_signals)
        self._poll.ref = False  # it keeps no loop running

    def begin(self) -> None:
        if not self._poll.closed:
            try:
                self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
            except ValueError:
                pass

    def end(self) -> None:
        if self._before is not None:
            signal.set_wakeup_fd(self._before)
            self._before = None

    def close(self) -> None:
        """Let go of it, if it isn't in use."""
        if self._before is None and not self._poll.closed:
            self._poll.stop()
            self._poll.close()
            os.close(self._reader)
            os.close(self._writer)

    def _handle_signals(self, _poll: pyuv.Poll, _events: int, _error: int | None) -> None:
        try:
            os.read(self._reader, 65536)  # the handlers run as soon as Python does
        except BlockingIOError:
            pass  # it was of another that had this number before


class PyuvLoop(Adapter):
    """A pyuv loop in the shape of `Loop`. One object per pyuv loop, shared by all who use that loop.

    `run()` is the pyuv loop's own: it ends when no handle is left, and an exception of a callback ends
    it too. A program may as well run the pyuv loop itself.
    """

    _adapters: ClassVar[dict[int, PyuvLoop]] = {}

    def __init__(self, raw: pyuv.Loop) -> None:
        super().__init__()
        self._raw = raw
        self._ready: deque[tuple[Callback, tuple[Any, ...]]] = deque()
        self._async = pyuv.Async(raw, self._run_ready)
        self._watches: dict[int, tuple[Watch, pyuv.Poll]] = {}
        self._signals: dict[int, pyuv.Signal] = {}
        self._error: BaseException | None = None
        self._is_running = False
        self._python_signals = _SignalWatch(raw)

    @classmethod
    def of(cls, raw: pyuv.Loop) -> PyuvLoop:
        adapter = cls._adapters.get(id(raw))
        if adapter is None:
            adapter = cls._adapters[id(raw)] = cls(raw)
        return adapter

    def _end(self) -> None:
        # In a turn of the loop, so that what is already queued is still run.
        self.call_soon(self._close_if_unused)

    def _close_if_unused(self) -> None:
        if self._users or self._async.closed:
            return
        if self._ready:
            self.call_soon(self._close_if_unused)
            return
        del self._adapters[id(self._raw)]
        self._async.close()
        self._python_signals.close()

    def time(self) -> float:
        return time.monotonic()

    def call_soon(self, callback: Callback, /, *args: Any) -> None:
        self._ready.append((callback, args))
        if not self._async.closed:
            self._async.send()

    call_soon_threadsafe = call_soon

    def _run_ready(self, _handle: pyuv.Async) -> None:
        was_running, self._is_running = self._is_running, True  # whoever runs the loop
        try:
            for _ in range(len(self._ready)):
                callback, args = self._ready.popleft()
                callback(*args)
        finally:  # also past a callback that raised, if whoever runs the loop goes on
            self._is_running = was_running
            if self._ready and not self._async.closed:
                self._async.send()

    def call_later(self, delay: float, callback: Callback, /, *args: Any) -> _PyuvTimer:
        handle = pyuv.Timer(self._raw)

        def fire(timer: pyuv.Timer) -> None:
            timer.close()
            callback(*args)

        self._raw.update_time()  # libuv counts from the time of its last turn
        handle.start(fire, max(0.0, delay), 0.0)
        return _PyuvTimer(handle)

    def add_reader(self, fd: int, callback: Callback, /, *args: Any) -> None:
        watch = self._watch(fd)
        watch.reader = (callback, args)
        self._update(fd)

    def remove_reader(self, fd: int, /) -> None:
        if fd in self._watches:
            self._watches[fd][0].reader = None
            self._update(fd)

    def add_writer(self, fd: int, callback: Callback, /, *args: Any) -> None:
        watch = self._watch(fd)
        watch.writer = (callback, args)
        self._update(fd)

    def remove_writer(self, fd: int, /) -> None:
        if fd in self._watches:
            self._watches[fd][0].writer = None
            self._update(fd)

    def _watch(self, fd: int) -> Watch:
        # One Poll for both directions: two on one descriptor abort the interpreter.
        if fd not in self._watches:
            self._watches[fd] = (Watch(), pyuv.Poll(self._raw, fd))
        return self._watches[fd][0]

    def _update(self, fd: int) -> None:
        watch, poll = self._watches[fd]
        readable, writable = pyuv.UV_READABLE, pyuv.UV_WRITABLE
        events = (readable if watch.reader else 0) | (writable if watch.writer else 0)
        if not events:
            del self._watches[fd]
            poll.stop()
            poll.close()
            return

        def handle_ready(_poll: pyuv.Poll, found: int, error: int | None) -> None:
            # An error (the other end is gone) is for the callback to meet when it reads or writes.
            watch.run(bool(error or found & readable), bool(error or found & writable))

        poll.start(events, handle_ready)

    def add_signal_handler(self, signum: int, callback: Callback, /, *args: Any) -> None:
        self.remove_signal_handler(signum)
        handle = self._signals[signum] = pyuv.Signal(self._raw)
        handle.start(lambda _handle, _signum: callback(*args), signum)

    def remove_signal_handler(self, signum: int, /) -> None:
        handle = self._signals.pop(signum, None)
        if handle is not None:
            handle.close()

    def run(self) -> None:
        if self._is_running:
            raise RuntimeError(RUNS_ALREADY)
        self._is_running = True
        hook = self._raw.excepthook
        self._raw.excepthook = self._handle_exception
        self._python_signals.begin()
        interrupts = Interrupts(self.call_soon_threadsafe)
        try:
            self._raw.run()
        finally:
            self._is_running = False
            self._raw.excepthook = hook
            self._python_signals.end()
            if self._async.closed:
                self._python_signals.close()
            error, self._error = self._error, None
            interrupts.end()
        if error is not None:
            raise error

    def _handle_exception(self, _type: object, error: BaseException, _traceback: object) -> None:
        self._error = self._error or error
        self._raw.stop()

    def stop(self) -> None:
        self._raw.stop()

"""An event loop on what the standard library has: epoll, or else its `selectors`."""

from __future__ import annotations

import os
import time
from select import POLLIN, POLLOUT

from ..lean import RLock, deque, heappop, heappush, signal
from ..posix import system
from .base import RUNS_ALREADY, Adapter, Interrupts, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from .base import Callback
    from .poller import Poller

LONGEST_WAIT = 86400.0  # seconds; more than a month is more than the system can count


class _Timer:
    """One call that is due at `when`. A cancelled one stays in the queue until it gets to its front."""

    __slots__ = ("args", "callback", "cancelled", "number", "when")

    def __init__(self, when: float, number: int, callback: Callback, args: tuple[Any, ...]) -> None:
        self.when = when
        self.number = number
        self.callback = callback
        self.args = args
        self.cancelled = False

    def __lt__(self, other: _Timer) -> bool:
        return (self.when, self.number) < (other.when, other.number)

    def cancel(self) -> None:
        self.cancelled = True

    def fire(self) -> None:
        if not self.cancelled:
            self.callback(*self.args)


class SelectorLoop(Adapter):
    """An event loop on the standard library alone: asyncio's ways, a fifth of its start-up.

    `run()` ends when `stop()` is called, or by itself when nobody uses the loop and nothing is left to
    wait for. An exception of a callback ends `run()` with that exception.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_open = False
        self._watches: dict[int, Watch] = {}
        self._ready: deque[tuple[Callback, tuple[Any, ...]]] = deque()
        self._timers: list[_Timer] = []
        self._timer_count = 0
        self._signals: dict[int, Any] = {}  # signal number → the handler it had before
        self._stopping = False
        self._is_running = False
        self._is_waiting = False
        # Whoever wakes the loop holds it, so that the pipe isn't another's by then. Reentrant, as a
        # handler of a signal may do so in the middle of it.
        self._wake_lock = RLock()
        self._waking = Watch()
        self._take_up()

    def _take_up(self) -> None:
        """Open what waits and what wakes it, if that was let go of."""
        if self._is_open:
            return
        self._poller = system.open_epoll() or _stand_in()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._poller.register(self._wake_reader, POLLIN)
        self._waking.reader = (os.read, (self._wake_reader, 65536))
        self._is_open = True

    def _let_go(self) -> None:
        """Close it. Who has let go of the loop may take it up again."""
        with self._wake_lock:
            self._is_open = False
            self._poller.close()
            os.close(self._wake_reader)
            os.close(self._wake_writer)

    def __del__(self) -> None:
        if self._is_open:
            self._let_go()

    def time(self) -> float:
        return time.monotonic()

    def call_soon(self, callback: Callback, /, *args: Any) -> None:
        self._ready.append((callback, args))

    def call_soon_threadsafe(self, callback: Callback, /, *args: Any) -> None:
        self._ready.append((callback, args))
        if self._is_waiting:
            self._wake()

    def call_later(self, delay: float, callback: Callback, /, *args: Any) -> _Timer:
        self._timer_count += 1
        timer = _Timer(self.time() + delay, self._timer_count, callback, args)
        heappush(self._timers, timer)
        return timer

    def _next_timer(self) -> _Timer | None:
        """The first that is not cancelled: those that are neither wake the loop nor keep it alive."""
        while self._timers and self._timers[0].cancelled:
            heappop(self._timers)
        return self._timers[0] if self._timers else None

    def add_reader(self, fd: int, callback: Callback, /, *args: Any) -> None:
        watch = self._watches.get(fd) or Watch()
        watch.reader = (callback, args)
        self._update(fd, watch)

    def remove_reader(self, fd: int, /) -> None:
        watch = self._watches.get(fd)
        if watch is not None:
            watch.reader = None
            self._update(fd, watch)

    def add_writer(self, fd: int, callback: Callback, /, *args: Any) -> None:
        watch = self._watches.get(fd) or Watch()
        watch.writer = (callback, args)
        self._update(fd, watch)

    def remove_writer(self, fd: int, /) -> None:
        watch = self._watches.get(fd)
        if watch is not None:
            watch.writer = None
            self._update(fd, watch)

    def _update(self, fd: int, watch: Watch) -> None:
        self._take_up()
        mask = POLLIN if watch.reader else 0
        mask |= POLLOUT if watch.writer else 0
        known = fd in self._watches
        if not mask:
            del self._watches[fd]
            try:
                self._poller.unregister(fd)
            except OSError:
                pass  # it was closed before, and has gone with that
        elif known:
            self._poller.modify(fd, mask)
        else:
            self._poller.register(fd, mask)
            self._watches[fd] = watch

    def add_signal_handler(self, signum: int, callback: Callback, /, *args: Any) -> None:
        """Have `callback(*args)` run from the loop on `signum`. Main thread only."""

        def handle_signal(_signum: int, _frame: FrameType | None) -> None:
            # The callback is kept here and not sent through the pipe: a full pipe can't lose it.
            self.call_soon_threadsafe(callback, *args)

        previous = signal.signal(signum, handle_signal)
        signal.siginterrupt(signum, False)
        self._signals.setdefault(signum, previous)

    def remove_signal_handler(self, signum: int, /) -> None:
        if signum in self._signals:
            signal.signal(signum, self._signals.pop(signum))

    def run(self) -> None:
        if self._is_running:
            raise RuntimeError(RUNS_ALREADY)
        self._take_up()
        self._is_running, self._stopping = True, False
        old_wakeup_fd = self._wake_by_signals()
        interrupts = Interrupts(self.call_soon_threadsafe)
        try:
            while not self._stopping and self._is_alive():
                self._turn()
        finally:
            self._is_running = self._is_waiting = False
            if old_wakeup_fd is not None:
                signal.set_wakeup_fd(old_wakeup_fd)
            interrupts.end()
        if not (self._is_alive() or self._signals):
            self._let_go()  # now: a loop is part of a circle, which is collected late if at all

    def _wake_by_signals(self) -> int | None:
        """Have Python end our wait for each signal that it has a handler of; whom it told before.

        A signal may come just before the wait begins, or to another thread.
        """
        try:
            return signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        except ValueError:
            return None  # we don't run in the main thread, which alone has handlers

    def stop(self) -> None:
        self._stopping = True

    def _end(self) -> None:
        self._wake()  # run() looks again whether anything keeps it

    def _is_alive(self) -> bool:
        return bool(self._users or self._ready or self._watches or self._next_timer())

    def _wake(self) -> None:
        with self._wake_lock:
            if self._is_open:
                try:
                    os.write(self._wake_writer, b"\0")
                except BlockingIOError:
                    pass  # a full pipe wakes the loop just as well

    def _turn(self) -> None:
        """Wait for something to happen, then run what it calls for, and nothing that this adds."""
        timeout: float | None = None
        # First, and only then a look at what there is: whoever adds to it after that look wakes us, be
        # it another thread or a handler of a signal in this one.
        self._is_waiting = True
        if self._ready:
            timeout = 0
        elif (timer := self._next_timer()) is not None:
            timeout = min(max(0.0, timer.when - self.time()), LONGEST_WAIT)
        found = self._poller.poll(timeout)
        self._is_waiting = False
        # All are looked up before any is run: a callback may close a descriptor, and another may
        # open one of the same number.
        for watch, events in [
            (self._watches.get(fd, self._waking), events) for fd, events in found
        ]:
            # An error and an end concern whoever watches, for reading or for writing.
            watch.run(events != POLLOUT, events != POLLIN)
        now = self.time()
        while (timer := self._next_timer()) is not None and timer.when <= now:
            heappop(self._timers)
            self._ready.append((timer.fire, ()))
        for _ in range(len(self._ready)):
            callback, args = self._ready.popleft()
            callback(*args)


def _stand_in() -> Poller:
    from .poller import Poller

    return Poller()

"""What the manager needs of an event loop, and what its adapters share."""

from __future__ import annotations

from ..lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Typed code costs nothing at run time here: `typing` alone takes 2 ms to import.
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Protocol

    from typing_extensions import Self

    Callback = Callable[..., object]

    class Cancellable(Protocol):
        def cancel(self) -> object: ...

    class Loop(Protocol):
        """A loop in use: `close()` says that this user is done with it."""

        def time(self) -> float: ...
        def call_soon(self, callback: Callback, /, *args: Any) -> object: ...
        def call_soon_threadsafe(self, callback: Callback, /, *args: Any) -> object: ...
        def call_later(self, delay: float, callback: Callback, /, *args: Any) -> Cancellable: ...
        def add_reader(self, fd: int, callback: Callback, /, *args: Any) -> object: ...
        def remove_reader(self, fd: int, /) -> object: ...
        def add_writer(self, fd: int, callback: Callback, /, *args: Any) -> object: ...
        def remove_writer(self, fd: int, /) -> object: ...
        def add_signal_handler(self, signum: int, callback: Callback, /, *args: Any) -> object: ...
        def remove_signal_handler(self, signum: int, /) -> object: ...
        def run(self) -> None: ...
        def stop(self) -> None: ...
        def close(self) -> None: ...


RUNS_ALREADY = "the loop runs already: its callbacks can't run it once more"


class Adapter:
    """Counts who uses a loop: for every `open()` a `close()`, and the last one ends the adapter."""

    def __init__(self) -> None:
        self._users = 0

    def open(self) -> Self:
        self._users += 1
        return self

    def close(self) -> None:
        self._users -= 1
        if self._users == 0:
            self._end()

    def _end(self) -> None:
        """Let go of the loop: nobody uses it through this adapter any more."""
        raise NotImplementedError


class Interrupts:
    """Ctrl-C while a loop of ours runs: KeyboardInterrupt is raised between two callbacks.

    Within one, which Python's own handler would do, it leaves half done what that does. `call_soon` is
    the loop's, for a handler to call. A second Ctrl-C before that is raised wherever it happens to be: a
    callback hangs. Does nothing in other threads, nor where another handler is installed.
    """

    def __init__(self, call_soon: Callable[[Callback], object]) -> None:
        self._call_soon = call_soon
        self._is_pending = False
        if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self._handle)
            except ValueError:
                pass  # only the main thread has handlers

    def end(self) -> None:
        """Put Python's handler back. Raises what is pending still."""
        if signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._raise_pending()

    def _raise_pending(self) -> None:
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._is_pending:
            signal.default_int_handler(signum, frame)
        self._is_pending = True
        self._call_soon(self._raise_pending)


class Watch:
    """The two callbacks of one descriptor; None where nobody asked (any more)."""

    __slots__ = ("reader", "writer")

    def __init__(self) -> None:
        self.reader: tuple[Callback, tuple[Any, ...]] | None = None
        self.writer: tuple[Callback, tuple[Any, ...]] | None = None

    def run(self, readable: bool, writable: bool) -> None:
        # Looked up only now: the first callback may have removed the second.
        if readable and self.reader is not None:
            callback, args = self.reader
            callback(*args)
        if writable and self.writer is not None:
            callback, args = self.writer
            callback(*args)

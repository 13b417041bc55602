"""Signals: Ctrl-C, SIGTERM and SIGHUP end the run in order, Ctrl-Z halts it and fg goes on."""

from __future__ import annotations

import os

from ..lean import signal
from ..loop import adapt
from .outcome import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..loop import Loop
    from ..manager import Manager

SAME_ACTION = 0.2  # seconds; within this, two signals are one keypress or one `kill` of a group


class Signals:
    """Stops the manager on SIGINT, SIGTERM, SIGHUP and SIGQUIT; a second one doesn't wait for it.

    A SIGHUP is never a second one: of a terminal that is closed the kernel tells, and so do its shell
    and its multiplexer, each in its own time. And what stops for another reason isn't killed by the
    first signal: whoever sent that may not have known.

    `received` is the first of them, None until then: whoever runs the manager ends by it in the end.
    A SIGHUP that was ignored (nohup) stays ignored. `halt()` is called before gaffer halts,
    `make_up(seconds)` after so many in which it was halted, before any timer that is due by now, and
    `go_on()` when it goes on.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        halt: Callable[[], object] = lambda: None,
        go_on: Callable[[], object] = lambda: None,
        make_up: Callable[[float], object] = lambda _seconds: None,
    ) -> None:
        self.received: int | None = None
        self._say = say
        self._halt = halt
        self._go_on = go_on
        self._make_up = make_up
        self._last = 0.0
        self._handled: list[int] = []

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                self._listen(signum, self._handle_end)
        self._listen(signal.SIGTSTP, self._handle_halt)
        self._listen(signal.SIGCONT, self._handle_continue)

    def _listen(self, signum: int, callback: Callable[[int], object]) -> None:
        self._loop.add_signal_handler(signum, callback, signum)
        self._handled.append(signum)

    def stop(self) -> None:
        for signum in self._handled:
            self._loop.remove_signal_handler(signum)
        self._handled.clear()
        self._loop.close()

    def restart(self) -> None:
        """Signals are heard all the time."""

    def _handle_end(self, signum: int) -> None:
        now = self._loop.time()
        if self.received is not None and now - self._last < SAME_ACTION:
            return
        self._last = now
        name = "Ctrl-C" if signum == signal.SIGINT else signal_name(signum)
        is_first = self.received is None
        if is_first:
            self.received = signum
        if not self._manager.stopping:
            self._say(f"{name}: stopping")
            self._manager.stop()
        elif signum == signal.SIGHUP:
            self._say(f"{name}: stopping already")
        elif is_first:
            self._say(f"{name}: stopping already, another one kills what is left")
        else:
            self._say(f"{name}: killing what is left")
            self._manager.kill()

    def _handle_halt(self, _signum: int) -> None:
        self._signal_all(signal.SIGSTOP)
        self._halt()
        halted_at = self._loop.time()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._make_up(self._loop.time() - halted_at)

    def _handle_continue(self, _signum: int) -> None:
        self._go_on()
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, signum: int) -> None:
        for pid in self._manager.running_processes():
            self._manager.send_signal(pid, signum, tree=True)

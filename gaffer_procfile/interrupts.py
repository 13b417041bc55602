"""Ctrl-C while gaffer is loaded, before anybody hears signals.

Python raises KeyboardInterrupt wherever it happens to be, and forgets it where nothing can be raised:
in the callbacks of its own import system, say. A Ctrl-C at such a moment would do nothing at all. What
has to be put in order at an end has a handler of its own for that.
"""

from __future__ import annotations

from .lean import signal


def end_at_once() -> None:
    """Have SIGINT end this process as it ends any other program, unless it is ignored."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

"""How the shop's processes end: at once, in order, and with status 0."""

from __future__ import annotations

import signal
import sys
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def exit_on_signals() -> None:
    """Make a stop signal raise SystemExit, so that `with` and `except` blocks can tidy up."""
    for number in STOP_SIGNALS:
        signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    # Ctrl-C in a terminal reaches every process there, and whoever started us may add a SIGTERM:
    # the second must not interrupt the tidying up after the first.
    for other in STOP_SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    print(f"closing on {signal.Signals(number).name}", flush=True)
    sys.exit(0)

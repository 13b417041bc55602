"""Probes: ways to see from outside whether one process is ready.

An `Attempt` is one look, which says what is missing or that nothing is. A `Check` waits until the
process is ready: it repeats attempts, or hears what the process writes or sends. All of it runs on
the manager's loop, without a thread and without waiting.
"""

from __future__ import annotations

from .attempt import Attempt, Polling
from .subject import Subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ..config.settings import Probe
    from ..loop import Loop
    from .attempt import Done
    from .notify import NotifySockets

    class Check(Protocol):
        """Calls `on_ready()` once, from the loop, unless closed before. `fault` is what is missing."""

        @property
        def fault(self) -> str: ...
        def start(self) -> None: ...
        def close(self) -> None: ...


__all__ = ["Attempt", "Subject", "make_attempt", "make_check"]


def make_attempt(
    loop: Loop, subject: Subject, probe: Probe, done: Done, lasting: float | None = None
) -> Attempt:
    """One look, `lasting` so many seconds at the most, by default less than the probe's timeout.

    Raises ValueError for a kind that can't be looked at, only waited for.
    """
    return _kind(probe.kind)(loop, subject, probe, done, lasting)


def _kind(kind: str) -> type[Attempt]:
    # Each is imported by those who use it: most projects have one or two.
    if kind == "port":
        from .port import PortAttempt

        return PortAttempt
    if kind == "http":
        from .http import HttpAttempt

        return HttpAttempt
    if kind == "exec":
        from .command import CommandAttempt

        return CommandAttempt
    if kind == "file":
        from .file import FileAttempt

        return FileAttempt
    if kind == "listens":
        from .listens import ListensAttempt

        return ListensAttempt
    raise ValueError(f"no look tells of {kind!r}")


def make_check(
    loop: Loop,
    subject: Subject,
    probe: Probe,
    on_ready: Callable[[], object],
    sockets: NotifySockets,
) -> Check:
    """What waits until the process is ready. `sockets` are those of `notify` probes."""
    if probe.kind == "log":
        from .log import LogCheck

        return LogCheck(subject, probe, on_ready)
    if probe.kind == "notify":
        from .notify import NotifyCheck

        return NotifyCheck(sockets, subject, on_ready)
    return Polling(loop, subject, probe, make_attempt, on_ready)

"""The events of a run, as they are told."""

from __future__ import annotations

from ..apps.outcome import describe
from ..slots import BACKING_OFF, GAVE_UP, PENDING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_PLAIN = {
    "create": "was added",
    "start": "is started",
    "update": "was changed",
    "delete": "is removed",
    "stop": "is stopped",
    "flap": "exits too often, waiting before it is started again",
    "reap": "is one too many, and told to stop",
    "stop_pid": "was told to stop",
    "give_up": "ended too often, giving up",
    "ready": "is ready",
    "gone": "is gone, with all that it had left behind",
    "kill": "was killed, as it didn't stop in time",
    "not_ready": "isn't ready",
    "unhealthy": "isn't well",
}
KINDS = ("spawn", "exit", *_PLAIN)
"""Those that gaffer tells; a program that embeds it may have others."""
_KNOWN = frozenset(("id", "time", "event", "name", "instance_id", "os_pid", "instance", "process"))


def sentence(event: Mapping[str, Any]) -> str:
    """What has happened, to be read after the process's name."""
    kind = event["event"]
    if kind == "spawn":
        return f"started (pid {event['os_pid']})"
    if kind == "exit":
        return _exit(event)
    if kind == "kill" and event.get("hastened"):
        return "was killed"
    details = [
        _detail(name, value)
        for name, value in event.items()
        if name not in _KNOWN and value not in (None, "") and not isinstance(value, (dict, list))
    ]
    text = _PLAIN.get(kind, kind.replace("_", " "))
    return f"{text} ({', '.join(details)})" if details else text


def _detail(name: str, value: object) -> str:
    if name == "seconds" and isinstance(value, (int, float)):
        return f"after {value:.1f} s"
    return str(value) if name == "reason" else f"{name} {value}"


def _exit(event: Mapping[str, Any]) -> str:
    text = describe(event) if event.get("by_itself", True) else _stopped(event)
    if event.get("then") == BACKING_OFF and "delay" in event:
        return f"{text}, starting it again in {event['delay']:.1f} s"
    if event.get("then") == PENDING and event.get("by_itself"):
        return f"{text}, starting it again"
    if event.get("then") == GAVE_UP:
        return f"{text}, giving up"
    return text


def _stopped(event: Mapping[str, Any]) -> str:
    how = describe(event)
    return "stopped" if how == "killed by SIGTERM" else f"stopped ({how})"

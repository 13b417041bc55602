"""From the members of a body to the manager's settings of a template."""

from __future__ import annotations

import signal

from ..errors import nearest
from ..manager import FlappingInfo
from ..restart import NEVER, BackOff
from .answers import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def settings_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that `body` has. Problem for a signal that there isn't."""
    settings = {name: value for name, value in body.items() if name not in ("name", "cmd", "start")}
    if "graceful_timeout" in settings:  # by one name, so that it replaces what is there
        settings.setdefault("stop_timeout", settings.pop("graceful_timeout"))
    if "stop_signal" in settings:
        settings["stop_signal"] = signal_number(settings["stop_signal"])
    if "flapping" in settings:
        settings["flapping"] = FlappingInfo(**settings["flapping"])
    if "back_off" in settings:
        settings["back_off"] = BackOff(**settings["back_off"])
    return settings


def restrained(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` by which a command that fails isn't started again at once, and for ever."""
    is_restrained = any(settings.get(name) is not None for name in ("back_off", "flapping"))
    if is_restrained or settings.get("restart") == NEVER:
        return dict(settings)
    return {**settings, "back_off": BackOff()}


def signal_number(value: str | int) -> int:
    """The number of a signal. Problem if there is none."""
    if isinstance(value, int):
        number = value
    else:
        name = value if value.startswith("SIG") else f"SIG{value}"
        found = signal.Signals.__members__.get(name)
        if found is None:
            hint = nearest(name, signal.Signals.__members__)
            raise Problem(400, f"there is no signal {value[:40]!r}", hint=hint)
        number = int(found)
    if number not in signal.valid_signals():
        raise Problem(400, f"there is no signal {number}")
    return number

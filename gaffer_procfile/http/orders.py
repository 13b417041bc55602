"""Orders: what somebody has asked for from elsewhere, in words, for the one who sits before the run."""

from __future__ import annotations

import re

from ..apps.outcome import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .names import Display, Names
    from .requests import Request
    from .routes import Route

_VERB = r"gaffer-([a-z]+)"  # as our own verbs say who they are, in User-Agent
_CHANGES = ("update", "replace")
_UNTOLD = ("input", "window")  # of each key that is typed, and each move of a window's edge


def describe(
    request: Request, route: Route, body: Any, names: Names, display: Display
) -> str | None:
    """`gaffer restart: web`, `API: stopping`; None for what changes nothing, or isn't told.

    To be asked before it is done: what is stopped has no name any more.
    """
    if route.method == "GET" or route.segments[-1] in _UNTOLD:
        return None
    verb = re.fullmatch(_VERB, request.header("user-agent") or "")
    who = "API" if request.header("origin") is None else "web page"
    action = route.does.partition("_")[0]
    if verb is not None:
        who = f"gaffer {verb[1]}"
    body = body or {}
    if route.does == "shutdown":
        return f"{who}: {'killing everything' if body.get('kill') else 'stopping'}"
    what = _object_of(request.arguments, body, names, display)
    if action == "scale":
        what += _scale(body)
    elif action == "signal":
        what = f"{_signal_name(body['signal'])} to {what}"
    if verb is not None and verb[1] == action:
        return f"{who}: {what}"
    return f"{who}: {'change' if action in _CHANGES else action} {what}"


def _object_of(arguments: Mapping[str, str], body: Any, names: Names, display: Display) -> str:
    """Whom it concerns, as a person calls it; as it was asked for if there is no such thing."""
    if "group" in arguments:
        return f"all of {arguments['group']}"
    if "name" in arguments:
        full = names.find(arguments["name"])
        return arguments["name"] if full is None else display(full, 1).rpartition(".")[0]
    if "id" in arguments:
        process = names.active(arguments["id"])
        return arguments["id"] if process is None else display(process.name, process.instance)
    return str(body.get("name", "all"))


def _scale(body: Any) -> str:
    return f"={body['numprocesses']}" if "numprocesses" in body else f" by {body.get('by', 0):+d}"


def _signal_name(signal: str | int) -> str:
    return signal_name(signal) if isinstance(signal, int) else f"SIG{signal.removeprefix('SIG')}"

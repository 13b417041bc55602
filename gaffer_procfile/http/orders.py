"""Orders: what somebody has asked for from elsewhere, in words, for the one who sits before the run."""

from __future__ import annotations

import re

from ..apps.outcome import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .handler import HttpHandler
    from .requests import Request
    from .routes import Route

_VERB = r"gaffer-([a-z]+)"  # as our own verbs say who they are, in User-Agent
_CHANGES = ("update", "replace")
_UNTOLD = ("input", "window")  # of each key that is typed, and each move of a window's edge


def describe(handler: HttpHandler, request: Request, route: Route, body: Any) -> str | None:
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
    what = _object_of(handler, request, body)
    if action == "scale":
        what += _scale(body)
    elif action == "signal":
        what = f"{_signal_name(body['signal'])} to {what}"
    if verb is not None and verb[1] == action:
        return f"{who}: {what}"
    return f"{who}: {'change' if action in _CHANGES else action} {what}"


def _object_of(handler: HttpHandler, request: Request, body: Any) -> str:
    """Whom it concerns, as a person calls it; as it was asked for if there is no such thing."""
    arguments = request.arguments
    if "group" in arguments:
        return f"all of {arguments['group']}"
    if "name" in arguments:
        text = arguments["name"]
        if text in handler.manager.processes:
            full: str | None = text
        else:
            full = handler.names(text) if handler.names is not None else None
        return text if full is None else handler.display(full, 1).rpartition(".")[0]
    if "id" in arguments:
        text = arguments["id"]
        running = handler.manager.running_processes()
        is_id = text.isascii() and text.isdecimal() and len(text) < 16
        process = running.get(int(text)) if is_id else None
        return text if process is None else handler.display(process.name, process.instance)
    return str(body.get("name", "all"))


def _scale(body: Any) -> str:
    return f"={body['numprocesses']}" if "numprocesses" in body else f" by {body.get('by', 0):+d}"


def _signal_name(signal: str | int) -> str:
    return signal_name(signal) if isinstance(signal, int) else f"SIG{signal.removeprefix('SIG')}"

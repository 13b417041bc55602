"""Router: from a request to what does it, with all that is refused on the way."""

from __future__ import annotations

from ..errors import nearest
from .access import Access
from .answers import Answer, Problem
from .names import Names
from .orders import describe
from .pages import Pages
from .resources import Resources
from .routes import BYTES, JSON, ROUTES
from .validation import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .handler import HttpHandler
    from .requests import Request
    from .routes import Route
    from .schemas import Schema

_BOOLEANS = {"1": True, "true": True, "": True, "0": False, "false": False}


class Router:
    """Answers requests, and always does: a fault of ours is logged and answered too."""

    def __init__(self, handler: HttpHandler) -> None:
        self._handler = handler
        self._access = Access(handler.token, handler.hosts)
        self._manager = handler.manager
        self._pages = Pages()
        self._names = Names(handler.manager, handler.names)
        self._resources = Resources(handler, self._names)

    def answer(self, request: Request) -> Answer:
        try:
            self._access.check(request)
            return self._access.welcome(request) or self._dispatch(request)
        except Problem as problem:
            return Answer.of(problem)
        except Exception:
            import logging  # only a fault needs it

            logging.getLogger(__name__).exception("%s %s failed", request.method, request.path)
            return Answer.of(Problem(500, "gaffer failed to do this", hint="its log says more"))

    def close(self) -> None:
        self._resources.close()

    def _dispatch(self, request: Request) -> Answer:
        segments = request.segments()
        if segments == [""] or segments[0] == "static":
            self._allow(request, ["GET"])
            if request.method == "OPTIONS":
                return _options(["GET"])
            return self._pages.index() if segments == [""] else self._pages.static(segments[1:])
        routes = {route.method: route for route in ROUTES if _matches(route, segments)}
        if not routes:
            raise Problem(
                404, f"there is nothing at {request.path[:200]}", hint="see /openapi.json"
            )
        if request.method == "OPTIONS":
            return _options(list(routes))
        self._allow(request, list(routes))
        route = routes["GET" if request.method == "HEAD" else request.method]
        request.arguments = {
            name[1:-1]: segment
            for name, segment in zip(route.segments, segments, strict=True)
            if name.startswith("{")
        }
        parameters = _parameters(route, request)
        body = _body(route, request)
        if route.method != "GET" and self._manager.stopping and route.does != "shutdown":
            raise Problem(503, "gaffer is about to end")
        order = describe(request, route, body, self._names, self._handler.display)
        answer: Answer = getattr(self._resources, route.does)(request, parameters, body)
        if order is not None:
            self._handler.on_order(order)
        return answer

    def _allow(self, request: Request, methods: list[str]) -> None:
        allowed = _allowed(methods)
        if request.method not in allowed:
            raise Problem(
                405,
                f"{request.method[:40]} can't be done to {request.path[:200]}",
                hint=f"what can is {', '.join(allowed)}",
                headers=[("Allow", ", ".join(allowed))],
            )


def _allowed(methods: list[str]) -> list[str]:
    return sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])})


def _options(methods: list[str]) -> Answer:
    return Answer(200, b"", None, headers=[("Allow", ", ".join(_allowed(methods)))])


def _matches(route: Route, segments: list[str]) -> bool:
    return len(route.segments) == len(segments) and all(
        wanted == found or (wanted.startswith("{") and found != "")
        for wanted, found in zip(route.segments, segments, strict=True)
    )


def _parameters(route: Route, request: Request) -> dict[str, Any]:
    """The parameters by name, as the route wants them. Raises Problem for others."""
    found: dict[str, Any] = {}
    for name, values in request.query().items():
        if name == "token":
            continue
        if name not in route.parameters:
            hint = nearest(name, route.parameters)
            raise Problem(400, f"there is no parameter {name[:100]!r} here", hint=hint)
        schema = route.parameters[name].schema
        if schema["type"] == "array":
            found[name] = values
        elif len(values) > 1:
            raise Problem(400, f"the parameter {name!r} comes more than once")
        else:
            found[name] = _value(name, values[0], schema)
    return found


def _value(name: str, text: str, schema: Schema) -> Any:
    if schema["type"] == "integer":
        if not (text.isascii() and text.isdecimal() and len(text) < 16):
            raise Problem(400, f"the parameter {name!r} is a number, not {text[:100]!r}")
        value: Any = int(text)
    elif schema["type"] == "boolean":
        if text.lower() not in _BOOLEANS:
            raise Problem(400, f"the parameter {name!r} is 1 or 0, not {text[:100]!r}")
        value = _BOOLEANS[text.lower()]
    else:
        value = text
    check(value, schema, f"the parameter {name!r}")
    return value


def _body(route: Route, request: Request) -> Any:
    """The body, held against its schema; None where there is none."""
    if route.method == "GET":
        return None
    if BYTES in route.takes and request.media_type() == BYTES:
        return request.body
    if not request.body:
        if route.needs_body:
            raise Problem(400, "a body is needed", hint=f"{JSON}; see /openapi.json")
        return None
    value = request.json()
    if route.body is None:
        if value not in ({}, None):
            raise Problem(400, "there is nothing to be said here")
        return None
    check(value, route.body)
    return value

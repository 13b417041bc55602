"""The OpenAPI document, made from the table of routes."""

from __future__ import annotations

from .. import __version__
from . import schemas
from .answers import TITLES
from .routes import BYTES, JSON, ROUTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .routes import Route

DESCRIPTION = """\
Look at a running gaffer and control it. A process is a template, called by its name `group:name`;
an instance is one that runs of it, called by the manager's number."""
PATH_PARAMETERS = {
    "group": ({"type": "string"}, "the name of a group"),
    "name": ({"type": "string"}, "`group:name`, or `name` where only one group has it"),
    "id": ({"type": "integer", "minimum": 1}, "the manager's number of what runs"),
}


def document() -> dict[str, Any]:
    """The whole document, as plain data."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "gaffer", "version": __version__, "description": DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": schemas.ANSWERS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.does, "summary": route.summary}
    names = [name[1:-1] for name in route.segments if name.startswith("{")]
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": PATH_PARAMETERS[name][0],
            "description": PATH_PARAMETERS[name][1],
        }
        for name in names
    ]
    parameters += [
        {
            "name": each.name,
            "in": "query",
            "required": False,
            "schema": each.schema,
            "description": each.description,
        }
        for each in route.parameters.values()
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content: dict[str, Any] = {JSON: {"schema": route.body}}
        if BYTES in route.takes:
            content[BYTES] = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": route.needs_body, "content": content}
    operation["responses"] = _responses(route)
    return operation


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, schema in route.answers.items():
        content: dict[str, Any] = {}
        for media in route.media:
            if media == JSON and schema is not None:
                content[media] = {"schema": schemas.ref(schema)}
            else:
                content[media] = {}
        responses[str(status)] = {"description": _description(status), "content": content}
    for status in _problems(route):
        responses.setdefault(
            str(status),
            {
                "description": TITLES[status],
                "content": {"application/problem+json": {"schema": schemas.ref("Problem")}},
            },
        )
    return responses


def _problems(route: Route) -> list[int]:
    """What may go wrong."""
    found = {400, 401, 403, *route.problems}
    if "{" in route.path or "process" in route.parameters or "group" in route.parameters:
        found.add(404)
    if route.method != "GET":
        found |= {413, 415, 503}
    return sorted(found)


def _description(status: int) -> str:
    words = {200: "It is this.", 201: "It is there.", 202: "It is under way."}
    return words.get(status, "It is not.")

"""What schemathesis may not ask of the server that it checks: to follow for ever, or to run much."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

import schemathesis  # type: ignore[import-not-found, unused-ignore]

MOST = 500  # processes that the API allows
NAME = "api:web"


def map_path_parameters(_context: Any, parameters: Any) -> Any:
    """Every other one is of something that is there."""
    if isinstance(parameters, dict) and len(str(parameters)) % 2:
        if isinstance(parameters.get("id"), int):
            parameters["id"] = _running() or parameters["id"]
        if isinstance(parameters.get("name"), str):
            parameters["name"] = NAME
    return parameters


def _running() -> int | None:
    """The id of something that runs now."""
    request = urllib.request.Request(
        f"{os.environ['GAFFER_API']}/instances",
        headers={"Authorization": f"Bearer {os.environ['GAFFER_TOKEN']}"},
    )
    with urllib.request.urlopen(request) as response:
        instances = json.load(response)["instances"]
    return next((each["id"] for each in instances if each["id"] is not None), None)


def map_query(_context: Any, query: Any) -> Any:
    """A stream has no end that could be waited for."""
    if isinstance(query, dict):
        query.pop("follow", None)
    return query


def map_body(_context: Any, body: Any) -> Any:
    """A command that is made up isn't run; what is wrong stays wrong."""
    if isinstance(body, dict):
        if isinstance(body.get("cmd"), str) and body["cmd"] and "\0" not in body["cmd"]:
            body["cmd"] = "true"
        for name in ("numprocesses", "by"):
            value = body.get(name)
            if isinstance(value, int) and 2 < value <= MOST:
                body[name] = 2
        if isinstance(body.get("shell"), bool):
            body["shell"] = False
    return body


for hook in (map_path_parameters, map_query, map_body):
    schemathesis.hook(hook)

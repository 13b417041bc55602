"""Holds a body or a parameter against its JSON Schema: the same that the OpenAPI document shows.

Of JSON Schema what the schemas of this API use, and no more.
"""

from __future__ import annotations

import re

from ..errors import nearest
from .answers import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def check(value: Any, schema: Schema, where: str = "the body") -> None:
    """Raise Problem (400) unless `value` is what `schema` wants; `where` names it."""
    if "anyOf" in schema:
        _check_any(value, schema["anyOf"], where)
    if "type" in schema:
        _check_type(value, schema["type"], where)
    if "enum" in schema and value not in schema["enum"]:
        raise _problem(where, f"is one of {', '.join(map(str, schema['enum']))}, not {value!r}")
    if isinstance(value, dict):
        _check_object(value, schema, where)
    elif isinstance(value, list):
        _check_array(value, schema, where)
    elif isinstance(value, str):
        _check_string(value, schema, where)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_number(value, schema, where)


def _problem(where: str, text: str, hint: str | None = None) -> Problem:
    return Problem(400, f"{where} {text}", hint=hint)


def _check_any(value: Any, schemas: list[Schema], where: str) -> None:
    problems = []
    for schema in schemas:
        try:
            check(value, schema, where)
        except Problem as problem:
            problems.append(problem)
        else:
            return
    raise problems[-1]


def _check_type(value: Any, types: str | list[str], where: str) -> None:
    names = [types] if isinstance(types, str) else types
    for name in names:
        is_bool = isinstance(value, bool)
        if isinstance(value, _TYPES[name]) and (not is_bool or name == "boolean"):
            return
    raise _problem(where, f"has to be of type {' or '.join(names)}")


def _check_object(value: dict[str, Any], schema: Schema, where: str) -> None:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise _problem(where, f"has no {name!r}")
    if len(value) < schema.get("minProperties", 0):
        raise _problem(where, "is empty")
    others = schema.get("additionalProperties", True)
    pattern = schema.get("propertyNames", {}).get("pattern")
    for name, member in value.items():
        if pattern is not None and not re.fullmatch(pattern, name):
            raise _problem(where, f"can't have a member {name!r}")
        if name in properties:
            check(member, properties[name], f"{name!r}")
        elif others is False:
            raise _problem(where, f"can't have a member {name!r}", nearest(name, properties))
        elif others is not True:
            check(member, others, f"{name!r}")


def _check_array(value: list[Any], schema: Schema, where: str) -> None:
    if len(value) > schema.get("maxItems", len(value)):
        raise _problem(where, f"has more than {schema['maxItems']} items")
    for item in value:
        check(item, schema.get("items", {}), f"an item of {where}")


def _check_string(value: str, schema: Schema, where: str) -> None:
    if len(value) < schema.get("minLength", 0):
        raise _problem(where, "is empty")
    if len(value) > schema.get("maxLength", len(value)):
        raise _problem(where, f"is longer than {schema['maxLength']}")
    pattern = schema.get("pattern")
    if pattern is not None and not re.fullmatch(pattern, value):
        raise _problem(where, f"can't be {value[:100]!r}")


def _check_number(value: float, schema: Schema, where: str) -> None:
    if value < schema.get("minimum", value):
        raise _problem(where, f"is {schema['minimum']} at the least")
    if value > schema.get("maximum", value):
        raise _problem(where, f"is {schema['maximum']} at the most")

"""The JSON Schema of gaffer.yaml, for editors: made from the same types as its reader."""

from __future__ import annotations

from .settings import CONFIG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .kinds import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Schema:
    """The whole schema. What it can't say is listed in docs/gaffer-yaml.md."""
    definitions: dict[str, Schema] = {}
    CONFIG.schema(definitions)
    root = definitions.pop(CONFIG.name)
    return {
        "$schema": DIALECT,
        "title": "gaffer.yaml",
        "description": "What gaffer runs, beside a Procfile or instead of one.",
        **root,
        "$defs": definitions,
    }


def text() -> str:
    """The schema as it is printed and kept in docs/gaffer.schema.json."""
    import json

    return json.dumps(json_schema(), indent=2) + "\n"

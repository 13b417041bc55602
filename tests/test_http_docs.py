"""The OpenAPI document and the reference are those of the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gaffer_procfile.http import openapi
from gaffer_procfile.http.answers import Problem
from gaffer_procfile.http.validation import check

DOCS = Path(__file__).parent.parent / "docs"
MEND = "bring it up to date: python -m gaffer_procfile.http.openapi docs"


def test_the_document_is_current() -> None:
    assert json.loads((DOCS / "openapi.json").read_text()) == openapi.document(), MEND


def test_the_reference_is_current() -> None:
    _before, mark, reference = (DOCS / "api.md").read_text().partition(openapi.BEGIN)
    assert mark and reference.strip() == openapi.reference().strip(), MEND


def test_every_reference_leads_somewhere() -> None:
    document = openapi.document()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                name = value["$ref"].removeprefix("#/components/schemas/")
                assert name in document["components"]["schemas"]
            for member in value.values():
                look(member)
        elif isinstance(value, list):
            for member in value:
                look(member)

    look(document)


@pytest.mark.parametrize(
    ("value", "schema", "is_well"),
    [
        (1, {"type": "integer"}, True),
        (True, {"type": "integer"}, False),
        (1.0, {"type": "integer"}, False),
        (1.5, {"type": "number", "maximum": 1.5}, True),
        (1.6, {"type": "number", "maximum": 1.5}, False),
        (-1, {"minimum": 0}, False),
        ("a\n", {"pattern": "^a$"}, False),
        ("a", {"pattern": "^a$"}, True),
        ("", {"minLength": 1}, False),
        ("aa", {"maxLength": 1}, False),
        ("b", {"enum": ["a"]}, False),
        (None, {"type": ["string", "null"]}, True),
        ({}, {"required": ["a"]}, False),
        ({"b": 1}, {"additionalProperties": False}, False),
        ({"b": 1}, {"additionalProperties": {"type": "string"}}, False),
        ({"b=": ""}, {"propertyNames": {"pattern": "^[^=]+$"}}, False),
        ({}, {"minProperties": 1}, False),
        ([1, 2], {"maxItems": 1}, False),
        ([1, "2"], {"items": {"type": "integer"}}, False),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, True),
        ([], {"anyOf": [{"type": "integer"}, {"type": "string"}]}, False),
    ],
)
def test_what_a_schema_says_holds(value: Any, schema: dict[str, Any], is_well: bool) -> None:
    if is_well:
        check(value, schema)
    else:
        with pytest.raises(Problem):
            check(value, schema)

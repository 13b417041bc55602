"""The OpenAPI document and the reference are those of the code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from gaffer_procfile.http import openapi
from gaffer_procfile.http.answers import Problem
from gaffer_procfile.http.validation import check

ROOT = Path(__file__).parents[1]


def test_the_documents_are_current() -> None:
    spec = importlib.util.spec_from_file_location("api_reference", ROOT / ".ci/api_reference.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(made)
    sys.path[:] = before
    hint = "python .ci/api_reference.py writes them anew"
    assert made.DOCUMENT.read_text("utf-8") == made.text(), hint
    page = made.PAGE.read_text("utf-8")
    assert made.BEGIN in page and page == made.page(page), hint


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

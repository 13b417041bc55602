"""Writes what is made from the table of the API's routes: docs/openapi.json, and the reference in
docs/api.md. `python .ci/api_reference.py`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gaffer_procfile.http import schemas  # noqa: E402
from gaffer_procfile.http.openapi import document  # noqa: E402
from gaffer_procfile.http.routes import JSON, ROUTES, Route  # noqa: E402

DOCUMENT = ROOT / "docs" / "openapi.json"
PAGE = ROOT / "docs" / "api.md"
BEGIN = "<!-- From here on made by .ci/api_reference.py -->\n"


def text() -> str:
    """The document, as it is written."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def page(before: str) -> str:
    """The page with the reference anew."""
    return f"{before.partition(BEGIN)[0]}{BEGIN}\n{reference()}"


def reference() -> str:
    """The routes and the shapes, as Markdown."""
    lines = []
    for route in ROUTES:
        lines += [f"### {route.method} {route.path}", "", route.summary, ""]
        lines += _markdown_of(route)
    lines += ["## Shapes", ""]
    for name, schema in schemas.ANSWERS.items():
        lines += [f"### {name}", "", *_table(schema), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_of(route: Route) -> list[str]:
    lines = []
    if route.parameters:
        lines += ["| parameter | | |", "|---|---|---|"]
        for each in route.parameters.values():
            lines.append(f"| `{each.name}` | {_type(each.schema)} | {each.description} |")
        lines.append("")
    if route.body is not None:
        lines += [f"Body ({' or '.join(f'`{media}`' for media in route.takes)}):", ""]
        lines += [*_table(route.body), ""]
    for status, schema in route.answers.items():
        shape = f"[{schema}](#{schema.lower()})" if schema else ""
        others = [f"`{media}`" for media in route.media if media != JSON]
        wanted = " or ".join(([shape] if shape else []) + others)
        lines.append(f"Answer: {status} {wanted}".rstrip())
    return [*lines, ""]


def _table(schema: dict[str, Any]) -> list[str]:
    required = schema.get("required", ())
    lines = ["| member | | |", "|---|---|---|"]
    for name, member in schema.get("properties", {}).items():
        text = member.get("description", "")
        needed = "" if name in required else "optional"
        words = "; ".join(part for part in (needed, text) if part)
        lines.append(f"| `{name}` | {_type(member)} | {words} |")
    return lines


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    types = schema.get("type", "any")
    if types == "array":
        return f"list of {_type(schema['items'])}"
    return " or ".join(types) if isinstance(types, list) else str(types)


def main() -> None:
    DOCUMENT.write_text(text(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

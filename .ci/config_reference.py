"""Writes what is made from the types of gaffer.yaml: docs/gaffer.schema.json, and the tables of
docs/gaffer-yaml.md. `python .ci/config_reference.py`
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gaffer_procfile.config import json_schema  # noqa: E402
from gaffer_procfile.config.fields import Field  # noqa: E402
from gaffer_procfile.config.parts import HEALTHY_SECTIONS, READY_SECTIONS  # noqa: E402
from gaffer_procfile.config.settings import (  # noqa: E402
    COLOURS,
    Config,
    Dependency,
    GroupSettings,
    ProcessSettings,
    Watch,
)

SCHEMA = ROOT / "docs" / "gaffer.schema.json"
PAGE = ROOT / "docs" / "gaffer-yaml.md"
BEGIN = "<!-- From here on made by .ci/config_reference.py -->\n"
END = "<!-- Made up to here -->\n"


def tables() -> str:
    """The reference, as Markdown."""
    parts = [
        _section("The file", "Keys that begin with `x-` are yours: a place for anchors.", Config),
        _section(
            "A process",
            "Below `processes`, by name, and in `defaults`. A name alone (`worker:`) says nothing.",
            ProcessSettings,
        ),
        _probes(),
        _section("watch", "Text or a list is short for `paths`.", Watch),
        _section(
            "depends_on",
            "A name, a list of names, or a mapping: each name has one of the words of "
            "`condition`, or a mapping of these.",
            Dependency,
        ),
        _section(
            "A group", "Below `groups`, by name. Text is short for `directory`.", GroupSettings
        ),
    ]
    return "\n".join(parts)


def page(text: str) -> str:
    """The text of the page with the tables of today."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _section(title: str, text: str, cls: type) -> str:
    fields: Mapping[str, Field] = cls.fields  # type: ignore[attr-defined]
    rows = [
        (name, _expected(field), _default(field), field.description)
        for name, field in fields.items()
        if field.kind is not None
    ]
    return f"### {title}\n\n{text}\n\n" + _table(("key", "what", "unsaid", "meaning"), rows)


def _probes() -> str:
    rows = []
    for name, field in _keys(READY_SECTIONS.sections).items():
        unsaid = "" if field.is_required else _default(field)
        rows.append((name, _expected(field), unsaid, field.description))
    for name, field in _keys(HEALTHY_SECTIONS.sections).items():
        if all(name != row[0] for row in rows):
            row = (
                name,
                _expected(field),
                _default(field),
                f"Only in `healthy`. {field.description}",
            )
            rows.append(row)
    text = (
        "Short: `ready: port`, `ready: notify`, `healthy: port`. Long: one of "
        + ", ".join(f"`{name}`" for name in READY_SECTIONS.sections)
        + " (in `healthy`: "
        + ", ".join(f"`{name}`" for name in HEALTHY_SECTIONS.sections)
        + "), and what goes with it: `status` and `port` go with `http`."
    )
    return f"### ready and healthy\n\n{text}\n\n" + _table(
        ("key", "what", "unsaid", "meaning"), rows
    )


def _keys(sections: Mapping[str, object]) -> dict[str, Field]:
    """What tells the sections apart, and then what goes with these."""
    own: dict[str, Field] = {}
    options: dict[str, Field] = {}
    for name, section in sections.items():
        for key, field in section.keys.items():  # type: ignore[attr-defined]
            (own if key == name else options).setdefault(key, field)
    return own | {key: field for key, field in options.items() if key not in own}


def _expected(field: Field) -> str:
    assert field.kind is not None
    if field.kind.expected == ProcessSettings.fields["colour"].kind.expected:  # type: ignore[union-attr]
        names = [colour for colour in COLOURS if "-" not in colour]
        return f"{', '.join(names)}, or bright- before one of these"
    return field.kind.expected


def _default(field: Field) -> str:
    if field.unsaid is not None:
        return field.unsaid
    if field.is_required:
        return "needed"
    if field.default is None:
        return ""
    if field.default == ():
        return "none"
    if isinstance(field.default, bool):
        return str(field.default).lower()
    if isinstance(field.default, float):
        return f"{field.default:g} s"
    return str(field.default)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, *cells in rows:
        cells = [cell.replace("|", r"\|") for cell in cells]
        lines.append("| " + " | ".join((f"`{name}`", *cells)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(json_schema.text(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

"""Lists, mappings and what has several forms: how kinds are put together to larger ones."""

from __future__ import annotations

from .kinds import UNREAD, Kind, Reading, Text
from .nodes import LIST, MAPPING, NULL, TEXT, Node
from .problems import quoted, shortened, suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .fields import Field
    from .kinds import Path, Schema


class ListOf(Kind):
    """A list, as a tuple; its items are all different, where it is of names."""

    def __init__(self, kind: Kind) -> None:
        self.expected = "a list"
        self.item = kind

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind != LIST:
            return self.refuse(node, path, reading)
        values: dict[Any, None] = {}  # a set that has an order
        for item in node.items:
            value = self.item.read(item, path, reading)
            if value is UNREAD:
                continue
            if value in values:
                reading.problems.report(item.place, f"{quoted(value)} is in this list twice")
                continue
            here = (*path, value)
            reading.places[here] = item.place
            values[value] = None
        return tuple(values)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": "array", "items": self.item.schema(definitions), "uniqueItems": True}


class MappingOf(Kind):
    """A mapping from names to one kind. `make` gets the dict; without it, it is made immutable."""

    expected = "a mapping"
    merges = True

    def __init__(
        self, key: Text, kind: Kind, make: Callable[[dict[str, Any]], Any] | None = None
    ) -> None:
        self.key = key
        self.value = kind
        self._make = make

    def inner(self, key: str) -> Kind:
        return self.value

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind != MAPPING:
            hint = None
            if node.kind == LIST:
                hint = "NAME: value, without the '-'"
            return self.refuse(node, path, reading, hint)
        values: dict[str, Any] = {}
        for text, (key, entry) in node.entries.items():
            if not self.key.matches(text):
                reading.problems.report(key.place, f"{quoted(text)} is not {self.key.expected}")
                continue
            here = (*path, text)
            reading.places[here] = key.place
            value = self.value.read(entry, here, reading)
            if value is not UNREAD:
                values[text] = value
        return values if self._make is None else self._make(values)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {
            "type": "object",
            "propertyNames": {"pattern": self.key.pattern},
            "additionalProperties": self.value.schema(definitions),
        }


class Section(Kind):
    """A mapping with known keys. `make` gets what was said, by key."""

    def __init__(
        self,
        name: str,
        fields: Mapping[str, Field],
        make: Callable[..., Any],
        *,
        is_whole: bool = False,
        may_be_null: bool = False,
        ignores: str | None = None,
        hint_at_mapping: str | None = None,
        meant_by_text: str | None = None,
    ) -> None:
        """`name` is that of its definition in the schema, and its topic in foreign.py.

        `is_whole`: replaced, never merged into. `may_be_null`: null is the same as an empty
        mapping. `ignores`: how keys begin that are left to the user. `hint_at_mapping` is for an
        unknown key with a mapping, and nothing near. `meant_by_text` is the key whose value text in
        place of the mapping probably is.
        """
        self.expected = f"a mapping of its settings ({', '.join(list(fields)[:3])} …)"
        self.name = name
        self.keys = {key: field for key, field in fields.items() if field.kind is not None}
        self._make = make
        self.merges = not is_whole
        self._may_be_null = may_be_null
        self._ignores = ignores
        self._hint_at_mapping = hint_at_mapping
        self._meant_by_text = meant_by_text

    def inner(self, key: str) -> Kind | None:
        return self.keys[key].kind if key in self.keys else None

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind == NULL and self._may_be_null:
            return self._make()
        if node.kind != MAPPING:
            hint = None
            if node.kind == TEXT and self._meant_by_text is not None:
                hint = f"write `{self._meant_by_text}: {shortened(node.text)}`"
            return self.refuse(node, path, reading, hint)
        values: dict[str, Any] = {}
        is_complete = True
        for text, (key, entry) in node.entries.items():
            field = self.keys.get(text)
            if field is None or field.kind is None:
                if self._ignores is None or not text.startswith(self._ignores):
                    self._refuse_key(text, key, entry, reading)
                continue
            if entry.kind == NULL:
                continue  # nothing was said
            here = (*path, text)
            reading.places[here] = key.place
            value = field.kind.read(entry, here, reading)
            if value is not UNREAD:
                values[text] = value
            elif field.is_required:
                is_complete = False
        for name, field in self.keys.items():
            if field.is_required and name not in values and is_complete:
                where = quoted(path[-1]) if path else "the file"
                reading.problems.report(node.place, f"{where} needs {name!r}", field.description)
                is_complete = False
        return self._make(**values) if is_complete else UNREAD

    def _refuse_key(self, text: str, key: Node, entry: Node, reading: Reading) -> None:
        known = list(self.keys)
        at_mapping = self._hint_at_mapping if entry.kind == MAPPING else None
        reading.problems.report(
            key.place,
            f"unknown key {quoted(text)}",
            lambda: suggestion(text, known, self.name) or at_mapping,
        )

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        if self.name not in definitions:
            definitions[self.name] = {}  # keeps its place before those that it brings
            definitions[self.name] = self._definition(definitions)
        reference = {"$ref": f"#/$defs/{self.name}"}
        return nullable(reference) if self._may_be_null else reference

    def _definition(self, definitions: dict[str, Schema]) -> Schema:
        properties: Schema = {}
        for name, field in self.keys.items():
            assert field.kind is not None
            schema = field.kind.schema(definitions)
            if not field.is_required:
                schema = nullable(schema)
            properties[name] = {"description": field.description, **schema}
        made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if self._ignores is not None:
            made["patternProperties"] = {f"^{self._ignores}": True}
        required = [name for name, field in self.keys.items() if field.is_required]
        return {**made, "required": required} if required else made


class Variants(Kind):
    """One of several sections, told apart by the key that is there; the first that is, decides."""

    def __init__(self, sections: Mapping[str, Section]) -> None:
        self.sections = sections
        names = list(sections)
        self.expected = f"a mapping with one of {', '.join(names)}"

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind != MAPPING:
            return self.refuse(node, path, reading)
        said = [name for name, (_, value) in node.entries.items() if value.kind != NULL]
        for name, section in self.sections.items():
            if name not in said:
                continue
            others = [
                key
                for key in node.entries
                if key not in section.keys and any(key in s.keys for s in self.sections.values())
            ]
            for key in others:
                place = node.entries[key][0].place
                reading.problems.report(place, f"{key!r} doesn't go with {name!r}")
            return UNREAD if others else section.read(node, path, reading)
        for text, (key_node, _) in node.entries.items():
            if all(text not in section.keys for section in self.sections.values()):
                known = list(dict.fromkeys(k for s in self.sections.values() for k in s.keys))
                hint = suggestion(text, known, "") or f"it needs one of {', '.join(self.sections)}"
                reading.problems.report(key_node.place, f"unknown key {quoted(text)}", hint)
                return UNREAD
        names = ", ".join(self.sections)
        message = f"{path[-1]} doesn't say what to look at"
        reading.problems.report(node.place, message, f"one of {names}")
        return UNREAD

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"anyOf": [section.schema(definitions) for section in self.sections.values()]}


class Forms(Kind):
    """Several ways to say one thing, told apart by the kind of node. `make` is for the short ones."""

    def __init__(
        self,
        expected: str,
        forms: Mapping[str, tuple[Kind, Callable[[Any], Any] | None]],
    ) -> None:
        self.expected = expected
        self._forms = forms
        self.merges = MAPPING in forms and forms[MAPPING][0].merges

    def inner(self, key: str) -> Kind | None:
        return self._forms[MAPPING][0].inner(key) if MAPPING in self._forms else None

    def read(self, node: Node, path: Path, reading: Reading) -> Any:
        if node.kind not in self._forms:
            return self.refuse(node, path, reading)
        kind, make = self._forms[node.kind]
        value = kind.read(node, path, reading)
        if value is UNREAD:
            return value
        if node.kind == TEXT and isinstance(value, str):
            here = (*path, value)
            reading.places[here] = node.place
        return value if make is None else make(value)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"anyOf": [kind.schema(definitions) for kind, _ in self._forms.values()]}


def one_or_many(kind: Text, expected: str) -> Forms:
    """Text, or a list of it: a tuple in either case."""
    return Forms(expected, {TEXT: (kind, lambda value: (value,)), LIST: (ListOf(kind), None)})


def nullable(schema: Schema) -> Schema:
    """`schema`, or null."""
    if {"type": "null"} in schema.get("anyOf", ()):
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {"anyOf": [schema, {"type": "null"}]}

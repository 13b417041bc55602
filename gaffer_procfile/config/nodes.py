"""YAML text, made into a tree of nodes that know where they stand. No value is ever constructed.

PyYAML's events are taken, in C where it can, and composed here: bounded in depth and in all that
aliases expand to, with duplicate keys and tags refused, and merge keys carried out. Plain scalars
are what YAML 1.2 says: `yes`, `on` and `1:30` are text.
"""

from __future__ import annotations

from . import libyaml
from .problems import Place, Problems, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEEPEST = 32  # collections in collections
MOST_VALUES = 10_000  # each counted as often as aliases bring it

TEXT = "text"
NUMBER = "number"
BOOL = "bool"
NULL = "null"
LIST = "list"
MAPPING = "mapping"

_CONSTANTS: dict[str, tuple[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (NULL, None)),
    **dict.fromkeys(("true", "True", "TRUE"), (BOOL, True)),
    **dict.fromkeys(("false", "False", "FALSE"), (BOOL, False)),
}
_NOT_FINITE = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_FLOAT_CHARACTERS = frozenset("+-.0123456789eE")
_MOST_DIGITS = 18

# What a tag of YAML's own makes of a node. Every other tag would name a type to be constructed.
_PREFIX = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"str": TEXT, "int": NUMBER, "float": NUMBER, "bool": BOOL, "null": NULL}


class Node:
    """A value of the file. `kind` says which of `value`, `items` and `entries` it has.

    `text` is a scalar as written. `entries` are (key, value) by the key's text, merges included;
    `size` counts all that is in it.
    """

    __slots__ = ("_file", "_mark", "entries", "items", "kind", "open", "size", "text", "value")

    def __init__(
        self, kind: str, file: str, mark: Any, text: str = "", value: object = None
    ) -> None:
        """`mark` is PyYAML's: most are never asked for."""
        self.kind = kind
        self._file = file
        self._mark = mark
        self.text = text
        self.value = value
        self.items: list[Node] = []
        self.entries: dict[str, tuple[Node, Node]] = {}
        self.size = 1
        self.open = False

    @property
    def place(self) -> Place:
        return Place(self._file, self._mark.line + 1, self._mark.column + 1)

    def on_top(self) -> Node:
        """A mapping in the same place with nothing in it yet."""
        return Node(self.kind, self._file, self._mark)

    def shown(self) -> str:
        """What it is, for the end of "… is a port, not"."""
        if self.kind == LIST:
            return "a list"
        if self.kind == MAPPING:
            return "a mapping"
        if self.kind == NULL:
            return "nothing"
        return quoted(self.text) if self.kind == TEXT else self.text[:40]


class _Frame:
    """A list or mapping that isn't complete; `key` is the one whose value comes next."""

    __slots__ = ("key", "merged", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: Node | None = None
        self.merged: list[Node] | None = None


class _StopError(Exception):
    """Reading on makes no sense; what is wrong has been reported."""


def compose(text: str, file: str, problems: Problems) -> Node | None:
    """The root of `text`, or None where there is none: it is empty, or a problem says why."""
    make_parser, yaml_error = libyaml.load()
    composer = _Composer(file, problems)
    try:
        parser = make_parser(text)
        while (event := parser.get_event()) is not None:
            handle = composer.handlers.get(type(event).__name__)
            if handle is not None:
                handle(event)
    except _StopError:
        return None
    except yaml_error as error:
        from .syntax import plain_error

        problems.add(plain_error(error, text, file))
        return None
    except RecursionError:
        problems.report(Place(file, 1, 1), "too deep, this is no gaffer.yaml")
        return None
    return composer.root


class _Composer:
    """Puts events together; its own stack, so that no depth of the file is one of ours."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.root: Node | None = None
        self.handlers = {
            "ScalarEvent": self._handle_scalar,
            "AliasEvent": self._handle_alias,
            "SequenceStartEvent": self._handle_list,
            "SequenceEndEvent": self._handle_end,
            "MappingStartEvent": self._handle_mapping,
            "MappingEndEvent": self._handle_end,
            "DocumentStartEvent": self._handle_document,
        }
        self._file = file
        self._problems = problems
        self._anchors: dict[str, Node] = {}
        self._stack: list[_Frame] = []
        self._documents = 0

    def _handle_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop(self._place(event), "a second document, '---' can stand at the top only")

    def _handle_scalar(self, event: Any) -> None:
        text: str = event.value
        if "\0" in text or _has_surrogate(text):
            place = self._place(event)
            self._problems.report(place, "a character that no program can be given")
            text = text.encode("utf-8", "replace").decode().replace("\0", "?")
        tag: str | None = event.tag
        if tag is None:
            kind, value = resolve(text) if event.implicit[0] else (TEXT, text)
        else:
            kind, value = self._tagged(tag, text, self._place(event))
        node = Node(kind, self._file, event.start_mark, text, value)
        self._add(self._anchored(node, event), event)

    def _handle_alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._stop(
                self._place(event),
                f"*{event.anchor[:40]} is an alias of an anchor that isn't above",
            )
        elif node.open:
            self._stop(self._place(event), f"*{event.anchor[:40]} stands in what it stands for")
        else:
            self._add(node, event)

    def _handle_list(self, event: Any) -> None:
        self._begin(LIST, "seq", event)

    def _handle_mapping(self, event: Any) -> None:
        self._begin(MAPPING, "map", event)

    def _begin(self, kind: str, own_tag: str, event: Any) -> None:
        if event.tag not in (None, "!", _PREFIX + own_tag):
            self._refuse_tag(event.tag, self._place(event))
        if len(self._stack) >= DEEPEST:
            self._stop(
                self._place(event), f"more than {DEEPEST} levels deep, this is no gaffer.yaml"
            )
        node = self._anchored(Node(kind, self._file, event.start_mark), event)
        node.open = True
        self._stack.append(_Frame(node))

    def _handle_end(self, event: Any) -> None:
        frame = self._stack.pop()
        frame.node.open = False
        for source in frame.merged or ():
            for text, (key, value) in source.entries.items():
                if text not in frame.node.entries:
                    frame.node.entries[text] = (key, value)  # counted already, in the source
        self._add(frame.node, event)

    def _add(self, node: Node, event: Any) -> None:
        """Put a complete node where it belongs: a root, an item, a key or the value of one."""
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        parent = frame.node
        if parent.kind == LIST:
            self._count(parent, node.size, event)
            parent.items.append(node)
        elif frame.key is None:
            if node.kind in (LIST, MAPPING):
                self._problems.report(node.place, f"a key is text, not {node.shown()}")
            frame.key = node
        else:
            self._count(parent, node.size, event)
            key, frame.key = frame.key, None
            if key.kind not in (LIST, MAPPING):
                self._add_entry(frame, key, node)

    def _add_entry(self, frame: _Frame, key: Node, value: Node) -> None:
        if key.text == "<<" and key.value is _MERGE:
            if frame.merged is not None:
                self._problems.report(key.place, "'<<' is here twice", "<<: [*one, *other]")
            frame.merged = self._merge_sources(value)
            return
        first = frame.node.entries.get(key.text)
        if first is not None:
            message = f"{quoted(key.text)} is here twice, first in line {first[0].place.line}"
            self._problems.report(key.place, message, "only one of them can hold")
            return
        frame.node.entries[key.text] = (key, value)

    def _merge_sources(self, value: Node) -> list[Node]:
        sources = value.items if value.kind == LIST else [value]
        for source in sources:
            if source.kind != MAPPING:
                message = f"'<<' takes a mapping or a list of mappings, not {source.shown()}"
                self._problems.report(source.place, message, "<<: *anchor")
        return [source for source in sources if source.kind == MAPPING]

    def _anchored(self, node: Node, event: Any) -> Node:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _count(self, node: Node, more: int, event: Any = None) -> None:
        node.size += more
        if node.size > MOST_VALUES:
            place = self._place(event) if event is not None else node.place
            self._stop(place, f"more than {MOST_VALUES} values, this is no gaffer.yaml")

    def _tagged(self, tag: str, text: str, place: Place) -> tuple[str, object]:
        if tag == "!":
            return TEXT, text
        kind = _SCALAR_TAGS.get(tag.removeprefix(_PREFIX)) if tag.startswith(_PREFIX) else None
        if kind == TEXT:
            return TEXT, text
        if kind is None:
            self._refuse_tag(tag, place)
            return resolve(text)
        found, value = resolve(text)
        fits = found == kind and (not tag.endswith(":int") or isinstance(value, int))
        if not fits:
            message = f"!!{tag.removeprefix(_PREFIX)} doesn't fit {quoted(text)}"
            self._problems.report(place, message)
        return found, value

    def _refuse_tag(self, tag: str, place: Place) -> None:
        shown = tag.replace(_PREFIX, "!!", 1)
        self._problems.report(
            place, f"the tag {quoted(shown)[1:-1]} means nothing here", "leave it out"
        )

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _stop(self, place: Place, message: str) -> None:
        self._problems.report(place, message)
        raise _StopError


_MERGE = object()


def resolve(text: str) -> tuple[str, object]:
    """The kind and the value of a plain scalar, by the core schema of YAML 1.2."""
    constant = _CONSTANTS.get(text)
    if constant is not None:
        return constant
    if text[0] in _NUMBER_STARTS and text.isascii():
        number = _number(text)
        if number is not None:
            return NUMBER, number
    return (TEXT, _MERGE) if text == "<<" else (TEXT, text)


def _number(text: str) -> int | float | None:
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    digits = text.lstrip("+-") if text[0] in "+-" else text
    try:
        if digits.isdigit() and len(text) - len(digits) <= 1:
            # int() refuses thousands of digits, and no setting has as many as a float keeps.
            return int(text) if len(digits) <= _MOST_DIGITS else float(text)
        if text[:2] in ("0o", "0x") and text[2:].isalnum() and len(text) <= _MOST_DIGITS:
            return int(text[2:], 8 if text[1] == "o" else 16)
        return float(text) if _FLOAT_CHARACTERS.issuperset(text) else None
    except ValueError:
        return None


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)

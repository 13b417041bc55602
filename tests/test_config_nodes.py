"""What YAML is understood, held against PyYAML; what is refused, and how soon."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gaffer_procfile.config import nodes
from gaffer_procfile.config.nodes import LIST, MAPPING, Node, compose
from gaffer_procfile.config.problems import Problems

SHOWN = "gaffer.yaml"
SOON = 0.1  # seconds of this process, for what may not take long


def plain(node: Node | None) -> Any:
    """A node as plain data, all keys text as written."""
    if node is None:
        return None
    if node.kind == LIST:
        return [plain(item) for item in node.items]
    if node.kind == MAPPING:
        return {text: plain(value) for text, (_, value) in node.entries.items()}
    return node.text if node.kind == "text" else node.value


def composed(text: str) -> tuple[Any, list[str]]:
    problems = Problems()
    node = compose(text, SHOWN, problems)
    return plain(node), [str(problem) for problem in problems.in_order()]


class Loader(yaml.CSafeLoader):
    """PyYAML's own, with the plain scalars of YAML 1.2's core schema. `<<` as a value is text."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"|~|null|Null|NULL", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", "<<", "<"),
):
    Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})\Z"), list(first)
    )


def construct_int(loader: Loader, node: yaml.ScalarNode) -> int:
    text: str = node.value
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


Loader.add_constructor("tag:yaml.org,2002:int", construct_int)
Loader.add_constructor("tag:yaml.org,2002:merge", lambda _loader, node: str(node.value))
Loader.add_constructor(
    "tag:yaml.org,2002:float",
    lambda _loader, node: float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan")),
)


@pytest.mark.parametrize(
    "scalar",
    """
    1 01 +1 -1 0 00 0x1F 0o17 0b1 1_000 1:30 1. .5 1.5 -1.5e3 1e3 1e+3 1e 1e+ . + -- +- e5 .e5
    0x 0o 0o8 0xG +0x1 1.5.5 1-2 .inf -.inf +.INF .Inf inf nan true True TRUE tRUE false yes no on
    off y n null Null NULL nUll ~ <<< = 2024-01-01 12:30:45 123456789012345678 1e400 ٣ 1٣
    """.split(),
)  # fmt: skip
def test_plain_scalars_are_those_of_yaml_1_2(scalar: str) -> None:
    ours, problems = composed(f"- {scalar}\n- '{scalar}'\n- !!str {scalar}\n")
    assert problems == []
    expected = [yaml.load(scalar, Loader), scalar, scalar]
    assert ours == expected
    assert [type(value) for value in ours] == [type(value) for value in expected]


def test_what_is_no_number_and_numbers_of_many_digits() -> None:
    assert composed("- .nan")[0][0] != composed("- .nan")[0][0]
    assert composed(f"[{'9' * 19}, {'9' * 9999}]")[0] == [1e19, float("inf")]


ATOMS = st.sampled_from(
    [
        *"1 1.5 x true null ~ 'q' '' &a1 *a1 &a2 *a2 << !!str !!int ! | > % @ # : - , [ ] { } \t".split(
            " "
        ),
        '"d"', "x y", "k:", "k: ", "a: 1", "<<: *a1", "- ", "\n", "\n  ", "\n    ", "? ", "\\", '"\\0"',
        "processes:\n  web:\n    ", "command: x\n    ", "---\n", "...\n", "&a1 {x: 1}", "[*a1, *a1]",
    ]
)  # fmt: skip
YAML_LIKE = st.lists(ATOMS, max_size=30).map("".join)


@settings(max_examples=400, deadline=None)
@given(YAML_LIKE)
@example("a: &a {x: 1, y: 1}\nb: &b {x: 2}\nc: {<<: [*a, *b], y: 3}\nd: {<<: *b}\n")
@example("a: &a 1\n*a : 2\n")
@example("- &a x\n- &a y\n- *a\n")
@example("{? a, ? b}")
@example("a: |\n  one\n\n  two\nb: >-\n  one\n  two\n")
def test_what_both_take_they_take_alike(text: str) -> None:
    """PyYAML takes more (duplicate keys, cycles), and so do we (an anchor given twice)."""
    ours, problems = composed(text)
    if problems:
        return
    try:
        document = yaml.compose(text, Loader)
    except yaml.YAMLError as error:
        assert "duplicate anchor" in str(error)
        return
    assert ours == _plain(document)


def _plain(node: Any) -> Any:
    """PyYAML's node as plain data, merged by its own constructor."""
    if node is None:
        return None
    loader = Loader("")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag.endswith(":merge"):
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    _plain(source)
        loader.flatten_mapping(node)
        merged: dict[str, Any] = {}
        for key, value in node.value:  # what is merged comes first
            merged[key.value] = _plain(value)
        return merged
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return loader.construct_object(node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}", {"x": 1, "y": 2}),
        ("a: &a {x: 1, y: 1}\nb: {y: 2, <<: *a}", {"x": 1, "y": 2}),
        ("a: [&a {x: 1}, &c {x: 2, z: 2}]\nb: {<<: [*a, *c]}", {"x": 1, "z": 2}),
        ("a: &a {x: 1}\nc: &c {<<: *a, z: 2}\nb: {<<: *c}", {"x": 1, "z": 2}),
        ("a: &a {x: &x [1]}\nb: {<<: *a, y: *x}", {"x": [1], "y": [1]}),
        ("b: {'<<': 1}", {"<<": 1}),
        ("b: {<<: []}", {}),
        ("b: {<<: {x: 1}}", {"x": 1}),
    ],
)
def test_merge_keys(text: str, expected: object) -> None:
    value, problems = composed(text)
    assert problems == []
    assert value["b"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: {a: 1}\na: 2\n", ("3:1: 'a' is here twice, first in line 1 "
         "(only one of them can hold)")),
        ("1: 1\n'1': 1\n", "2:1: '1' is here twice, first in line 1 (only one of them can hold)"),
        ("<<: {}\n<<: {}\n", "2:1: '<<' is here twice (<<: [*one, *other])"),
        ("<<: x\n", "1:5: '<<' takes a mapping or a list of mappings, not 'x' (<<: *anchor)"),
        ("<<: [{}, 1]\n", ("1:10: '<<' takes a mapping or a list of mappings, not 1 "
         "(<<: *anchor)")),
        ("? [a]\n: 1\n", "1:3: a key is text, not a list"),
        ("? {a: 1}\n: 1\n", "1:3: a key is text, not a mapping"),
        ("a: *b\n", "1:4: *b is an alias of an anchor that isn't above"),
        ("a: &b [1, *b]\n", "1:11: *b stands in what it stands for"),
        ("a: &b {<<: *b}\n", "1:12: *b stands in what it stands for"),
        ("a: 1\n---\nb: 1\n", "2:1: a second document, '---' can stand at the top only"),
        ("a: !x 1\n", "1:4: the tag !x means nothing here (leave it out)"),
        ("a: !!set {x}\n", "1:4: the tag !!set means nothing here (leave it out)"),
        ("a: !!map []\n", "1:4: the tag !!map means nothing here (leave it out)"),
        ("a: !!binary eA==\n", "1:4: the tag !!binary means nothing here (leave it out)"),
        ("a: !!python/object/new:os.system [x]\n",
         "1:4: the tag !!python/object/new:os.system means nothing here (leave it out)"),
        ("a: !<tag:example.com,2000:x> 1\n",
         "1:4: the tag tag:example.com,2000:x means nothing here (leave it out)"),
        ("a: !!int x\n", "1:4: !!int doesn't fit 'x'"),
        ("a: !!int 1.5\n", "1:4: !!int doesn't fit '1.5'"),
        ("a: !!bool 1\n", "1:4: !!bool doesn't fit '1'"),
        # not YAML
        ("a:\n\tb: 1\n", "2:1: not valid YAML: a tab where YAML wants spaces (indent with spaces)"),
        ("a:\n  b:\n\t  c: 1\n",
         "3:1: not valid YAML: a tab where YAML wants spaces (indent with spaces)"),
        ("a: b: c\n", ("1:5: not valid YAML: a ':' that can't stand here "
         "(quote text that has ': ' in it, and look at the spaces before the key)")),
        ("a: @x\n", ("1:4: not valid YAML: a character that can't stand here "
         "(quote the text if it is meant to begin so)")),
        ("a: {\n", "2:1: not valid YAML: something is missing here"),
        ("a: \x07\n", "1:4: not valid YAML: the control character U+0007"),
        ("\na: \x00\n", "2:4: not valid YAML: the control character NUL"),
        ("a: '\n\n", ("3:1: not valid YAML: a quote that is never closed, "
         "while scanning a quoted scalar of line 1")),
        ("a:\n  - 1\n b: 1\n", ("3:2: not valid YAML: no key where one is expected, "
         "while parsing a block mapping of line 1 "
         "(do the spaces before it match those of its neighbours?)")),
    ],
)  # fmt: skip
def test_a_mistake(text: str, expected: str) -> None:
    assert composed(text)[1] == [f"{SHOWN}:{expected}"]


@pytest.mark.parametrize(
    "text",
    [
        "a: !!str 5\nb: !!int '5'\nc: !!float 1\nd: !!bool true\ne: !!null ~\n",
        "a: !!map {}\nb: !!seq []\nc: ! 5\nd: ! {}\n",
        "%YAML 1.1\n--- # start\na: 1\n...\n",
    ],
)
def test_yamls_own_tags_and_marks_are_fine(text: str) -> None:
    assert composed(text)[1] == []
    assert composed("a: ! 5\nb: !!int '5'")[0] == {"a": "5", "b": 5}


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        items = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} [{items}]")
    return "\n".join(lines)


KEYS = ", ".join(f"k{number}: 1" for number in range(3000))
BOMBS = {
    "billion laughs": laughs(20),
    "laughs of merges": "a0: &a0 {x: 1}\n"
    + "".join(f"a{i}: &a{i} {{x{i}: 1, <<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 500)),
    "fan-out": f"a: &a {{{KEYS}}}\nb: [{', '.join(['*a'] * 20000)}]",
    "fan-out of merges": f"a: &a {{{KEYS}}}\nb:\n" + "- {<<: *a}\n" * 20000,
    "deep lists": "[" * 200_000,
    "deep mappings": "{a: " * 100_000,
    "deep blocks": "- " * 200_000,
    "deep keys": "? " * 200_000,
    "deep and even": "[" * 900 + "]" * 900,
    "a long key": "a" * 500_000 + ": 1",
    "a long quote": '"' + "\\x41" * 100_000,
    "anchors": "&a " * 100_000,
    "exclamations": "!" * 500_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str) -> None:
    composed("a: 1")  # the import is another matter
    problems = Problems()
    took = []
    for _ in range(3):  # the least: whatever else a machine does can only add to it
        problems = Problems()
        begin = time.process_time()
        node = compose(BOMBS[name], SHOWN, problems)
        took.append(time.process_time() - begin)
    assert min(took) < SOON
    assert len(problems) == 1, problems.in_order()
    assert name == "exclamations" or node is None


def test_the_most_that_is_taken() -> None:
    text = "[" + "a," * (nodes.MOST_VALUES - 1) + "]"
    assert composed(text)[1] == []
    assert len(composed(text[:-1] + "a]")[1]) == 1
    assert composed("[" * nodes.DEEPEST + "]" * nodes.DEEPEST)[1] == []
    assert len(composed("[" * (nodes.DEEPEST + 1) + "]" * (nodes.DEEPEST + 1))[1]) == 1


WITHOUT_C = """\
import sys
sys.modules["yaml._yaml"] = None
from gaffer_procfile.config.problems import Problems
from gaffer_procfile.config.nodes import compose
import yaml
assert not yaml.__with_libyaml__
for text in sys.argv[1:]:
    problems = Problems()
    node = compose(text, "gaffer.yaml", problems)
    print(sorted(node.entries) if node else None, len(problems))
"""


def test_it_works_with_a_pyyaml_that_was_built_without_libyaml() -> None:
    texts = ["a: &a {x: 1}\nb: {<<: *a}", "a: {", "a: \x07", "[" * 5000, '"\\ud800"', "a: !x 1"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_C, *texts],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
    )
    assert done.stderr == ""
    assert done.stdout.split("\n") == [
        "['a', 'b']" + " 0", "None 1", "None 1", "None 1", "[] 1", "['a'] 1", "",
    ]  # fmt: skip

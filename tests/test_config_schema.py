"""The JSON Schema says what the reader says, and both documents are those of today."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_config import test_a_mistake, test_a_setting_of_a_process, test_mistakes_of_the_file
from test_config_files import GOOD, mutated
from test_config_nodes import plain

from gaffer_procfile.cli import schema as verb
from gaffer_procfile.config import ConfigError, read
from gaffer_procfile.config.json_schema import json_schema, text
from gaffer_procfile.config.kinds import UNREAD, Reading
from gaffer_procfile.config.nodes import compose
from gaffer_procfile.config.problems import Problems
from gaffer_procfile.config.settings import CONFIG

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gaffer-yaml.md"

# What a schema can't see, by what the reader says of it.
ONLY_THE_READER = re.compile(
    r"""
    is\ a\ regular\ expression,\ not\ '
    | not\ (?:'[0-9.]+(?:ms|s|m|h)'|[.]nan)\ \(from\ 0
    | \(this\ system\ has\ no\ such\ signal\)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def examples() -> list[str]:
    """The files that the page shows."""
    found = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return list(found)


def rows(test: Any) -> list[Any]:
    """The rows of a test's table."""
    return [row for mark in test.pytestmark if mark.name == "parametrize" for row in mark.args[1]]


def in_a_process(setting: str) -> str:
    return f"processes:\n  web:\n    {setting}\n"


GOOD_FILES = [
    *GOOD,
    *examples(),
    *(in_a_process(row[0]) for row in rows(test_a_setting_of_a_process)),
]
BAD_FILES = [
    *(in_a_process(row[0]) for row in rows(test_a_mistake)),
    *(row[0] for row in rows(test_mistakes_of_the_file)),
]


def ecma(schema: Any) -> Any:
    """The schema for Python's `re`, where `$` also matches before a newline at the end."""
    if isinstance(schema, list):
        return [ecma(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: ecma(value) for key, value in schema.items()}
    pattern = changed.get("pattern")
    if isinstance(pattern, str) and pattern.endswith("$"):
        changed["pattern"] = pattern[:-1] + r"\Z"
    return changed


VALIDATOR = jsonschema.Draft202012Validator(ecma(json_schema()))


def verdicts(content: str) -> tuple[list[ConfigError], list[str]] | None:
    """What the reader and what the schema have against a file; None if it is no YAML for us."""
    problems = Problems()
    root = compose(content, "gaffer.yaml", problems)
    if root is None or len(problems):
        return None
    CONFIG.read(root, (), Reading(problems))
    return problems.in_order(), [error.message for error in VALIDATOR.iter_errors(plain(root))]


def agree(content: str) -> bool:
    """Whether both take the file, or both refuse it; what only the reader can see left aside."""
    found = verdicts(content)
    if found is None:
        return True
    problems, errors = found
    if problems and all(ONLY_THE_READER.search(str(problem)) for problem in problems):
        return True
    return bool(problems) == bool(errors)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("content", GOOD_FILES)
def test_both_take_what_is_good(content: str) -> None:
    assert verdicts(content) == ([], [])


@pytest.mark.parametrize("content", BAD_FILES)
def test_both_refuse_what_is_bad(content: str) -> None:
    found = verdicts(content)
    if found is not None:
        problems, errors = found
        assert problems
        seen = [p for p in map(str, problems) if not ONLY_THE_READER.search(p)]
        assert errors or not seen


def test_most_of_what_is_bad_is_seen_by_the_schema() -> None:
    found = [verdicts(content) for content in BAD_FILES]
    assert sum(bool(one and one[1]) for one in found) > len(BAD_FILES) * 0.75


@settings(max_examples=600, deadline=None)
@given(mutated())
def test_both_say_the_same_of_a_file_with_mistakes(content: bytes) -> None:
    try:
        decoded = content.decode()
    except UnicodeDecodeError:
        return
    assert agree(decoded)


def values_of(content: str) -> dict[str, Any]:
    problems = Problems()
    node = compose(content, "gaffer.yaml", problems)
    value: dict[str, Any] = plain(node)
    return value


# Values of all settings, in the places of all others.
PIECES = [
    values_of(f"{row[0]}\n".replace("\n    ", "\n")) for row in rows(test_a_setting_of_a_process)
]
KEYS = sorted({key for piece in PIECES for key in piece} | {"http", "paths", "db", "failures", "x"})
VALUES = st.sampled_from(
    [value for piece in PIECES for value in piece.values()]
    + [
        None,
        True,
        False,
        0,
        1,
        -1,
        1.5,
        1e9,
        "",
        " ",
        "a\n",
        "1s",
        "0s",
        "db:x",
        [],
        {},
        [[]],
        [None],
    ]
)
PROCESSES = st.dictionaries(
    st.sampled_from(KEYS), st.recursive(VALUES, lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3), max_leaves=4), max_size=4
)  # fmt: skip
NAMES = st.sampled_from(["web", "a-b_1", "a.b", "a:b", "", "web\n", "ä"])
FILES = st.fixed_dictionaries(
    {},
    optional={
        "processes": st.dictionaries(NAMES, PROCESSES | st.none(), max_size=2) | VALUES,
        "defaults": PROCESSES | VALUES,
        "groups": st.dictionaries(
            NAMES,
            st.dictionaries(
                st.sampled_from(["directory", "procfile", "env_files", "port", "profiles", "x"]),
                VALUES,
                max_size=3,
            )
            | VALUES,
            max_size=2,
        ),
        "port": VALUES,
        "env": st.dictionaries(st.sampled_from(["A", "A=B", "", " "]), VALUES, max_size=2),
        "x-any": VALUES,
        "xany": VALUES,
    },
)


@settings(max_examples=1000, deadline=None)
@given(FILES)
def test_both_say_the_same_of_values_in_all_places(data: dict[str, Any]) -> None:
    content = json.dumps(data, ensure_ascii=False)
    found = verdicts(content)
    assert found is not None
    assert agree(content), found


def test_a_document_that_is_no_mapping_is_refused_by_both() -> None:
    for content in ("- a\n", "x\n", "5\n"):
        problems = Problems()
        root = compose(content, "gaffer.yaml", problems)
        assert root is not None
        assert CONFIG.read(root, (), Reading(problems)) is UNREAD
        assert not VALIDATOR.is_valid(plain(root))


# ---- the documents


def generator() -> Any:
    path = ROOT / ".ci" / "config_reference.py"
    spec = importlib.util.spec_from_file_location("config_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def test_the_documents_are_current() -> None:
    made = generator()
    hint = "python .ci/config_reference.py writes them anew"
    assert made.SCHEMA.read_text("utf-8") == text(), hint
    assert made.PAGE.read_text("utf-8") == made.page(made.PAGE.read_text("utf-8")), hint


def test_every_setting_is_described_once() -> None:
    def described(schema: Any) -> None:
        for name, setting in schema.get("properties", {}).items():
            assert setting["description"].endswith("."), name

    schema = json_schema()
    described(schema)
    for definition in schema["$defs"].values():
        described(definition)


@pytest.mark.parametrize("content", examples())
def test_an_example_of_the_page_is_read(content: str, tmp_path: Path) -> None:
    path = tmp_path / "gaffer.yaml"
    path.write_text(content, encoding="utf-8")
    config, problems = read(str(path), "gaffer.yaml")
    assert list(map(str, problems)) == []
    assert config.processes


def test_the_messages_of_the_page_are_those_that_come(tmp_path: Path) -> None:
    path = tmp_path / "gaffer.yaml"
    path.write_text("processes:\n  web:\n    restrat: no\n    port: 80a\n", encoding="utf-8")
    shown = "".join(f"{problem}\n" for problem in read(str(path), "gaffer.yaml")[1])
    assert f"```\n{shown}```\n" in PAGE.read_text("utf-8")


def test_gaffer_schema_prints_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert verb.run([]) == 0
    printed = capfd.readouterr().out
    assert printed == text()
    assert json.loads(printed) == json_schema()

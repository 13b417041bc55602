"""docs/verbs.md, held against the commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli import MakeProject
from cli import project as project

from gaffer_procfile.cli import VERBS

PAGE = Path(__file__).parents[1] / "docs" / "verbs.md"
ABOUT_A_RUN = [*VERBS[VERBS.index("ps") : VERBS.index("open") + 1], "completion"]
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
# Those of all commands, told once; and the longer and other spellings of them.
EVERYWHERE = {"-h", "--help", "-d", "--directory", "--root", "--json", "--colour", "--color"}


def section(verb: str) -> str:
    found = re.search(
        rf"^## gaffer {verb}\n(.*?)(?=^## |\Z)",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, verb
    return found[1]


@pytest.mark.parametrize("verb", ABOUT_A_RUN)
def test_every_verb_has_a_section_with_its_options(project: MakeProject, verb: str) -> None:
    help_text = project({}).run(verb, "--help").stdout.partition("\nexam")[0]
    options = set(re.findall(r"^  (-.*?)(?:  |$)", help_text, re.MULTILINE))
    shown = {name for line in options for name in _OPTION.findall(line)} - EVERYWHERE
    told = set(_OPTION.findall(section(verb)))
    assert shown - told == set()


@pytest.mark.parametrize("verb", ABOUT_A_RUN)
def test_a_section_has_no_option_that_is_not_there(project: MakeProject, verb: str) -> None:
    made = project({})
    known = set(_OPTION.findall(made.run(verb, "--help").stdout)) | EVERYWHERE
    known |= set(_OPTION.findall(made.run("start", "--help").stdout))
    rows = re.findall(r"^\| (`-.*?) \|", section(verb), re.MULTILINE)
    assert {name for row in rows for name in _OPTION.findall(row)} - known == set()

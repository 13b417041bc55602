"""What docs/ci.md says, held against the code: the options, the statuses, the figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli import MakeProject
from cli import project as project

from gaffer_procfile.ci import kept, results, view
from gaffer_procfile.cli import test as verb
from gaffer_procfile.cli.options import TEST

PAGE = (Path(__file__).parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def test_every_option_of_its_own_is_explained() -> None:
    mentioned = set(_OPTION.findall(PAGE))
    for option in TEST:
        if "--stop-timeout" not in option.names:  # `start` has that, too
            assert mentioned.intersection(option.names), option.names


def test_no_option_is_explained_that_isnt_there(project: MakeProject) -> None:
    shown = set(_OPTION.findall(project({}).run("help", "test").stdout))
    assert len(shown) > 25
    assert set(_OPTION.findall(PAGE)) - shown == set()


@pytest.mark.parametrize(
    "status", [results.DIED, results.NOT_READY, results.UNCLEAN, results.TIMED_OUT]
)
def test_the_statuses_are_there(status: int, project: MakeProject) -> None:
    assert re.search(rf"^\| {status} \| ", PAGE, re.MULTILINE)
    assert re.search(rf"\b{status} if ", project({}).run("test", "--help").stdout)


def test_the_figures_are_those_of_the_code() -> None:
    text = " ".join(PAGE.split())
    assert f"The moment is {verb.SETTLE:g} second. It is {verb.SETTLE_LISTENING:g} seconds" in text
    assert f"`--ready-timeout` ({verb.READY_TIMEOUT / 60:g} minutes)" in text
    assert f"the first {kept.FIRST // 1024} KiB and the last {kept.LAST // 1024} KiB" in text
    assert f"the last {view.LINES} lines" in text
    for word in view.LOGS:
        assert f"| `{word}`" in text

"""docs/recipes.md: its text is that of the files, and gaffer takes the files as they are."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gaffer_procfile.cli import options as cli_options
from gaffer_procfile.project import Options, check, load

PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
RECIPES = PAGE.parent / "recipes"
PROJECTS = ["django", "fastapi", "node", "rails"]
LOCAL = "gaffer.local.yaml"

_SHOWN = re.compile(
    r"^\[`(?P<name>[^`]+)`\]\(recipes/(?P<path>[^)]+)\):\n\n```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def files() -> list[str]:
    return sorted(str(path.relative_to(RECIPES)) for path in RECIPES.rglob("*") if path.is_file())


def test_the_page_shows_the_very_text_of_each_file() -> None:
    shown = {match["path"]: match for match in _SHOWN.finditer(PAGE.read_text(encoding="utf-8"))}
    assert sorted(shown) == files()
    for path, match in shown.items():
        assert match["text"] == (RECIPES / path).read_text(encoding="utf-8"), path
        assert match["name"] == path.partition("/")[2]


def projects() -> Iterator[Any]:
    for name in PROJECTS:
        yield pytest.param(name, None, id=name)
        if (RECIPES / name / f"{LOCAL}.example").exists():
            yield pytest.param(name, f"{LOCAL}.example", id=f"{name}-local")


@pytest.fixture
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a recipe, with its local file in place if it is to be."""
    name, local = request.param
    directory: Path = tmp_path / name
    shutil.copytree(RECIPES / name, directory)
    if local is not None:
        shutil.copy(RECIPES / name / local, directory / LOCAL)
    return directory


all_projects = pytest.mark.parametrize(
    "recipe",
    [pytest.param(tuple(param.values), id=param.id) for param in projects()],
    indirect=True,
)


def options(directory: Path) -> Options:
    return Options(directories=[str(directory)], environ={"PATH": "/usr/bin:/bin"})


@all_projects
def test_nothing_is_wrong_but_what_isnt_installed(recipe: Path) -> None:
    problems = [problem for problem in check(options(recipe)) if problem.severity != "warning"]
    assert [str(problem) for problem in problems] == []
    for problem in check(options(recipe)):
        assert "is not found" in problem.message, str(problem)


@all_projects
def test_what_runs_can_be_waited_for(recipe: Path) -> None:
    plan = load(options(recipe))
    templates = {template.full_name: template for template in plan.templates}
    assert len(templates) >= 3
    needed = {each.name for template in plan.templates for each in template.depends_on}
    assert needed, "an order is what a recipe is for"
    for name in needed:
        assert templates[name].ready is not None or templates[name].once, name
    assert len({template.port for template in plan.templates}) == len(templates)


@all_projects
def test_a_port_in_a_url_is_that_of_a_process(recipe: Path) -> None:
    ports = {template.port for template in load(options(recipe)).templates}
    for path in recipe.rglob(".env"):
        named = re.findall(r"127\.0\.0\.1:(\d+)", path.read_text(encoding="utf-8"))
        assert {int(port) for port in named} <= ports, path


def commands_in(node: object) -> Iterator[str]:
    """The commands of gaffer in a workflow, whoever runs them."""
    if isinstance(node, dict):
        for value in node.values():
            yield from commands_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from commands_in(value)
    elif isinstance(node, str):
        yield from (line for line in node.splitlines() if line.startswith("gaffer "))


@pytest.mark.parametrize(
    "path",
    [
        "github-actions/.github/workflows/test.yml",
        "gitlab/.gitlab-ci.yml",
        "pre-commit/.pre-commit-config.yaml",
    ],
)
def test_a_workflow_has_only_options_that_there_are(path: str) -> None:
    content = yaml.safe_load((RECIPES / path).read_text(encoding="utf-8"))
    commands = [shlex.split(command) for command in commands_in(content)]
    assert commands
    known = {
        name
        for group in (cli_options.TEST, cli_options.COMMON, cli_options.PORTS, cli_options.OUTPUT)
        for option in group
        for name in option.names
    }
    for _, verb, *words in commands:
        assert verb in ("check", "test")
        own = words[: words.index("--")] if "--" in words else words
        assert {word for word in own if word.startswith("-")} <= known, words


def test_the_hook_is_run_for_the_files_that_gaffer_reads() -> None:
    config = yaml.safe_load((RECIPES / "pre-commit/.pre-commit-config.yaml").read_text())
    [hook] = config["repos"][0]["hooks"]
    for name in ("Procfile", "api/Procfile.dev", "gaffer.yaml", "web/gaffer.yml", "web/.env"):
        assert re.search(hook["files"], name), name
    for name in ("Procfile.md", "notgaffer.yaml", "docs/env", "a.env"):
        assert not re.search(hook["files"], name), name

"""What the documentation says, held against the code: its programs, commands, options and links."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gaffer_procfile
from gaffer_procfile.cli.options import VERB_OPTIONS
from gaffer_procfile.config import Config, ProcessSettings
from gaffer_procfile.config.problems import suggestion
from gaffer_procfile.project import Options, check

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CLI = ROOT / "docs" / "cli.md"
EMBEDDING = ROOT / "docs" / "embedding.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(CLI.parent.glob("*.md"))]
IMPORT_ROOT = Path(gaffer_procfile.__file__).parents[1]
TIMEOUT = 20.0  # seconds for a program or a command

_PROGRAM = re.compile(
    r"^```python\n(?P<code>.*?)^```\n\n```text\n(?P<output>.*?)^```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")

# What is another one with each run, in what gaffer prints.
_VARYING = re.compile(
    r'\d\d:\d\d:\d\d(?= )|(?<=pid )\d+|(?<="time": ")[^"]*|(?<="pid": )\d+|\d+\.\d(?= s)'
)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page that are marked as being in `language`."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, whatever this test run has in its environment."""
    ours = ("FORCE_COLOR", "NO_COLOR", "PORT", "PROCFILE", "DATABASE_URL")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env["PATH"] = f"{cwd.parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    env["PYTHONPATH"] = str(IMPORT_ROOT)
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
    )


def programs() -> list[Any]:
    """The programs of embedding.md, each with what it is said to print, named by its line."""
    text = EMBEDDING.read_text(encoding="utf-8")
    needs_pyuv = pytest.mark.skipif(
        importlib.util.find_spec("pyuv") is None, reason="pyuv is not installed"
    )
    return [
        pytest.param(
            match["code"],
            match["output"],
            id=f"line-{text.count(chr(10), 0, match.start()) + 1}",
            marks=[needs_pyuv] if "import pyuv" in match["code"] else [],
        )
        for match in _PROGRAM.finditer(text)
    ]


@pytest.mark.parametrize(("code", "output"), programs())
def test_a_program_prints_what_stands_below_it(code: str, output: str, tmp_path: Path) -> None:
    directory = tmp_path / "program"
    directory.mkdir()
    (directory / "program.py").write_text(code, encoding="utf-8")
    done = run([sys.executable, "program.py"], directory)
    assert (done.returncode, done.stdout) == (0, output)


def test_every_program_is_run() -> None:
    assert len(programs()) == len(blocks(EMBEDDING, "python")) > 0


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The project of cli.md, beside a `gaffer` that is this one."""
    gaffer = tmp_path / "gaffer"
    gaffer.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gaffer_procfile "$@"\n')
    gaffer.chmod(0o755)
    directory = tmp_path / "shop"
    directory.mkdir()
    for name, language in (("Procfile", "procfile"), (".env", "dotenv")):
        [content] = blocks(CLI, language)
        (directory / name).write_text(content)
    return directory


@pytest.mark.parametrize(
    "session", blocks(CLI, "console"), ids=lambda text: text.partition("\n")[0]
)
def test_a_command_prints_what_stands_below_it(session: str, shop: Path) -> None:
    lines = session.splitlines()
    commands = [line[2:] for line in lines if line.startswith("$ ")]
    expected = [line for line in lines if not line.startswith("$ ")]
    printed = run(["/bin/sh", "-c", "\n".join(commands)], shop).stdout.splitlines()
    # Processes that run at the same time write in any order.
    assert sorted(_VARYING.sub("#", line) for line in printed) == sorted(
        _VARYING.sub("#", line) for line in expected
    )


@pytest.mark.parametrize("verb", ["start", "run", "check"])
def test_every_option_is_in_cli_md(verb: str, shop: Path) -> None:
    shown = set(
        _OPTION.findall(run(["gaffer", verb, "--help"], shop).stdout.partition("\nexam")[0])
    )
    assert shown > {"-f", "--procfile"}
    mentioned = set(_OPTION.findall(CLI.read_text(encoding="utf-8")))
    assert shown - mentioned <= {"-h"}


def test_cli_md_has_no_option_that_isnt_there() -> None:
    known = {name for option in VERB_OPTIONS for name in option.names}
    rows = re.findall(r"^\| (`-.*?) \|", CLI.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 20
    mentioned = {name for row in rows for name in _OPTION.findall(row)}
    assert mentioned - known == set()


def test_the_first_command_of_the_readme_starts_something(tmp_path: Path) -> None:
    steps = [shlex.split(step) for step in blocks(README, "sh")[0].split("&&")]
    assert [step[0] for step in steps] == ["python3", ".venv/bin/pip", ".venv/bin/gaffer"]
    assert steps[0][1:] == ["-m", "venv", ".venv"]
    assert steps[1][-1] == "."
    assert steps[2][1] == "start"
    # The same project, looked at instead of run.
    done = run([sys.executable, "-m", "gaffer_procfile", "check", *steps[2][2:]], ROOT)
    assert done.returncode == 0, done.stdout


def test_the_readme_tests_with_environments_that_tox_has() -> None:
    steps = [shlex.split(step) for step in blocks(README, "sh")[1].split("&&")]
    assert steps[2][:2] == [".venv/bin/tox", "-e"]
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    factors = set(re.findall(r"^ *([a-z]+):", tox["testenv"]["commands"], re.MULTILINE))
    for name in steps[2][2].split(","):
        assert name in factors or f"testenv:{name}" in tox


def test_what_others_call_differently_is_called_so_here(tmp_path: Path) -> None:
    """The right column of the table of settings, each in a gaffer.yaml of its own."""
    page = (CLI.parent / "coming-from.md").read_text(encoding="utf-8")
    section = page.partition("| there | here, in gaffer.yaml |")[2].partition("\n\n")[0]
    cells = [line.rpartition(" | ")[2] for line in section.splitlines() if line.count("|") == 3]
    settings = [part for cell in cells for part in re.findall(r"`(\w+: [^`]+)`", cell)]
    assert "ready: {http: /health}" in settings
    for number, setting in enumerate(settings):
        directory = tmp_path / str(number)
        directory.mkdir()
        text = (
            f"processes:\n  web:\n    command: sleep 9\n    {setting}\n"
            "  db: {command: sleep 9, ready: port}\n"
        )
        (directory / "gaffer.yaml").write_text(text, encoding="utf-8")
        found = [str(problem) for problem in check(Options(directories=[str(directory)]))]
        assert not [line for line in found if "gaffer.yaml" in line], (setting, found)


def test_what_others_call_differently_is_known() -> None:
    """The left column of the same table: each key of it has a hint."""
    page = (CLI.parent / "coming-from.md").read_text(encoding="utf-8")
    section = page.partition("| there | here, in gaffer.yaml |")[2].partition("| `process-comp")[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.count("|") == 3]
    keys = {key for cell in cells for key in re.findall(r"`(\w+)[:`]", cell)}
    assert {"shutdown", "liveness_probe", "ready_log_line", "services", "process_started"} < keys
    fields = {"process": ProcessSettings.fields, "gaffer.yaml": Config.fields}
    for key in keys - ProcessSettings.fields.keys() - Config.fields.keys():
        topics = [*((topic, list(known)) for topic, known in fields.items()), ("condition", [])]
        assert any(suggestion(key, known, topic) for topic, known in topics), key


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for match in _LINK.finditer(text):
        target, _, anchor = match["target"].partition("#")
        if target.startswith(("https://", "http://")):
            continue
        found = page.parent / target if target else page
        assert found.exists(), target
        if anchor:
            assert anchor in _anchors(found), match["target"]


def _anchors(page: Path) -> set[str]:
    """How the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

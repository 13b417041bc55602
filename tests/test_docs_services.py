"""The sessions of docs/order.md and docs/monorepos.md, run again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gaffer_procfile

ROOT = Path(__file__).parents[1]
ORDER = ROOT / "docs" / "order.md"
MONOREPOS = ROOT / "docs" / "monorepos.md"
SAMPLE = ROOT / "samples" / "monorepo"
TIMEOUT = 30.0  # seconds for a session

# What is another one with each run.
_VARYING = re.compile(r"\d\d:\d\d:\d\d(?= )|(?<=pid )\d+|\d+\.\d(?= s)")

# Not `python -m`, with PYTHONPATH: that would be a variable of the environment that is shown.
_GAFFER = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from gaffer_procfile.cli import main
sys.exit(main())
"""


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def replay(session: str, directory: Path) -> None:
    """Run the commands of a session, and compare what they print with what stands there."""
    gaffer = directory.parent / "gaffer"
    root = str(Path(gaffer_procfile.__file__).parents[1])
    gaffer.write_text(_GAFFER.format(python=sys.executable, root=root))
    gaffer.chmod(0o755)
    ours = ("FORCE_COLOR", "NO_COLOR", "PORT", "PROCFILE", "PYTHONPATH", "COLUMNS")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env["PATH"] = f"{gaffer.parent}{os.pathsep}{env['PATH']}"
    lines = session.splitlines()
    commands = [line[2:] for line in lines if line.startswith("$ ")]
    done = subprocess.run(
        ["/bin/sh", "-c", "\n".join(commands)],
        cwd=directory,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
    )
    expected = [line for line in lines if not line.startswith("$ ")]
    # Processes that run at the same time write in any order.
    assert sorted(_VARYING.sub("#", line) for line in done.stdout.splitlines()) == sorted(
        _VARYING.sub("#", line) for line in expected
    )


@pytest.mark.parametrize("session", blocks(ORDER, "console"), ids=lambda text: text.split("\n")[0])
def test_a_session_of_order_md(session: str, tmp_path: Path) -> None:
    directory = tmp_path / "shop"
    directory.mkdir()
    [config] = blocks(ORDER, "yaml")
    (directory / "gaffer.yaml").write_text(config)
    replay(session, directory)


@pytest.mark.parametrize(
    "session", blocks(MONOREPOS, "console"), ids=lambda text: text.split("\n")[0]
)
def test_a_session_of_monorepos_md(session: str, tmp_path: Path) -> None:
    directory = tmp_path / "monorepo"
    shutil.copytree(SAMPLE, directory, ignore=shutil.ignore_patterns("data", "__pycache__"))
    replay(session, directory)


def test_the_groups_of_the_page_are_those_of_the_sample() -> None:
    [groups] = blocks(MONOREPOS, "yaml")
    assert groups in (SAMPLE / "gaffer.yaml").read_text(encoding="utf-8")

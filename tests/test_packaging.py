"""What a package must carry besides its modules, seen from where it is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import gaffer_procfile

INSTALLED = Path(gaffer_procfile.__file__).parent


@pytest.fixture
def distribution() -> metadata.Distribution:
    """What pip installed; tox always has it, a bare source tree does not."""
    try:
        return metadata.distribution("gaffer-procfile")
    except metadata.PackageNotFoundError:
        pytest.skip("gaffer-procfile is not installed, only on the path")


def test_the_distribution_has_the_version_of_the_package(
    distribution: metadata.Distribution,
) -> None:
    assert distribution.version == gaffer_procfile.__version__


def test_the_package_says_that_it_is_typed() -> None:
    assert (INSTALLED / "py.typed").exists()


def test_the_script_is_the_command_line(distribution: metadata.Distribution) -> None:
    """And one of our own: what pip makes of an entry point would load `re` before all else."""
    scripts = [file for file in distribution.files or [] if file.name == "gaffer"]

    assert len(scripts) == 1, scripts
    script = Path(str(scripts[0].locate())).resolve()
    assert "import re" not in script.read_text(encoding="utf-8")
    done = subprocess.run([script, "--version"], check=True, capture_output=True, text=True)
    assert gaffer_procfile.__version__ in done.stdout


def test_pyuv_is_an_extra_of_one_version_and_nothing_else_asks_for_it(
    distribution: metadata.Distribution,
) -> None:
    asking = [line for line in distribution.requires or [] if "pyuv" in line]

    assert [re.sub(r"[\s'\"]", "", line) for line in asking] == ["pyuv==1.4.0;extra==pyuv"]


def test_the_header_for_pyuv_is_where_the_documented_command_looks() -> None:
    where = subprocess.run(
        [sys.executable, "-c", "import gaffer_procfile; print(gaffer_procfile.__path__[0])"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()

    assert "#define PyEval_InitThreads" in Path(where, "pyuv_compat.h").read_text(encoding="utf-8")


def test_the_web_page_and_what_else_is_no_module_are_in_the_package() -> None:
    for name in ("pyuv_compat.h", "http/page/index.html", "http/page/static/main.js"):
        assert (INSTALLED / name).exists(), name

"""What is loaded when the first process is started: every module costs start-up time."""

from __future__ import annotations

import sys

import pytest
from cli import MakeProject
from cli import project as project

# Runs `gaffer start` and, where the first process would be started, says what has been loaded
# since a bare interpreter was up.
PROGRAM = """\
import sys
before = set(sys.modules)
import os
import subprocess

def tell(*args, **kwargs):
    os.write(1, " ".join(sorted(set(sys.modules) - before)).encode())
    os._exit(0)

subprocess.Popen = tell
from gaffer_procfile.cli import main
main(sys.argv[1:])
"""
FORBIDDEN = """
    argparse asyncio bz2 colorama ctypes dataclasses difflib dotenv email gettext h11
    importlib.metadata inspect json logging lzma pathlib platform psutil pyuv random shutil socket
    ssl tempfile tokenize traceback typing urllib uuid yaml
""".split()


def loaded_at_first_spawn(
    project: MakeProject, files: dict[str, str | bytes], *args: str
) -> set[str]:
    made = project({"Procfile": "web: true\nworker: true\n"} | files)
    made.write({"program.py": PROGRAM})
    result = made.shell(
        f"exec {sys.executable} program.py start {' '.join(args)}",
        env={"GAFFER_LOOP": "selectors"},
    )
    assert result.status == 0, result
    assert "gaffer_procfile.manager" in result.stdout.split(), result
    return set(result.stdout.split())


def is_or_is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_no_expensive_module_is_loaded_before_the_first_process(project: MakeProject) -> None:
    loaded = loaded_at_first_spawn(project, {})
    expensive = [
        module for module in loaded for package in FORBIDDEN if is_or_is_in(module, package)
    ]
    assert sorted(expensive) == []


@pytest.mark.parametrize(
    ("files", "args", "expected"),
    [
        ({}, [], set()),
        ({".env": "A=1\n"}, [], set()),  # only dotenv's parser, without the package around it
        ({".foreman": "port: 7000\n"}, [], {"yaml"}),
        ({}, ["--colour", "always"], {"colorama"}),
    ],
)
def test_only_who_needs_a_library_pays_for_it(
    project: MakeProject, files: dict[str, str | bytes], args: list[str], expected: set[str]
) -> None:
    loaded = loaded_at_first_spawn(project, files, *args)
    assert loaded & {"dotenv", "yaml", "colorama"} == expected

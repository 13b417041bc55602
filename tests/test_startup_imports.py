"""What is loaded when the first process is started, and speaks: every module costs start-up time."""

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

def tell(*args, **kwargs):
    os.write(1, " ".join(sorted(set(sys.modules) - before)).encode())
    os._exit(0)

os.posix_spawn = tell
from gaffer_procfile.cli import main
main(sys.argv[1:])
"""
# The same, at the moment when the first line of a process is shown.
UNTIL_THE_FIRST_LINE = """\
import sys
before = set(sys.modules)
import os
pwritev = os.pwritev

def tell(fd, buffers, *args):
    if b"first line" not in b"".join(buffers):
        return pwritev(fd, buffers, *args)
    os.write(1, " ".join(sorted(set(sys.modules) - before)).encode())
    os._exit(0)

os.pwritev = tell
from gaffer_procfile.cli import main
main(sys.argv[1:])
"""
FORBIDDEN = """
    argparse asyncio bz2 collections colorama contextlib ctypes dataclasses difflib dotenv email enum
    functools gettext h11 heapq importlib.metadata inspect json locale logging lzma math operator
    pathlib platform psutil pyuv random re reprlib selectors shutil signal socket ssl subprocess
    tempfile threading tokenize traceback types typing urllib uuid warnings yaml
""".split()


def loaded_at_first_spawn(
    project: MakeProject, files: dict[str, str | bytes], *args: str, program: str = PROGRAM
) -> set[str]:
    made = project({"Procfile": "web: echo first line\nworker: sleep 60\n"} | files)
    made.write({"program.py": program})
    result = made.shell(
        f"exec {sys.executable} program.py start {' '.join(args)}",
        env={"GAFFER_LOOP": "selectors"},
    )
    assert result.status == 0, result
    assert "gaffer_procfile.manager" in result.stdout.split(), result
    return set(result.stdout.split())


def is_or_is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("program", [PROGRAM, UNTIL_THE_FIRST_LINE])
def test_no_expensive_module_is_loaded_before_the_first_line(
    project: MakeProject, program: str
) -> None:
    loaded = loaded_at_first_spawn(project, {}, program=program)
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

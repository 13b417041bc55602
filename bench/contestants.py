"""Who is measured: gaffer and its peers, as installed beside the interpreter of the bench."""

from __future__ import annotations

import compileall
import importlib.util
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from bench.measure import BenchError


@dataclass(frozen=True)
class Contestants:
    """Commands, each without its arguments, and how much to measure: pairs of each figure, rounds
    of killing, seconds of idling, fuzzed requests.

    `concurrently` is None where it isn't installed: it comes from another registry.
    """

    gaffer: list[str]
    honcho: list[str]
    concurrently: list[str] | None
    pairs: int
    rounds: int
    seconds: float
    requests: int


def installed(name: str) -> list[str]:
    """The command of a script of this environment."""
    script = Path(sys.executable).parent / name
    if not script.exists():
        raise BenchError(f"there is no {script}: see bench/README.md for how to install it")
    return [str(script)]


def on_path(name: str) -> list[str] | None:
    """The command of a program on the PATH, if it is there."""
    program = shutil.which(name)
    return None if program is None else [program]


def compile_all() -> None:
    """Write the bytecode of all that may be imported, so that no run pays for that."""
    directories = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    package = importlib.util.find_spec("gaffer_procfile")
    if package is not None and package.submodule_search_locations:
        directories.update(package.submodule_search_locations)
    for directory in directories:
        # Its result tells of files that aren't Python of this version; packages ship such tests.
        compileall.compile_dir(directory, quiet=2)

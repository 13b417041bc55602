"""The parser without its package: the same events and errors, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """\
import sys
if {command_line}:
    import gaffer_procfile.cli
from gaffer_procfile.config import libyaml
parser, error = libyaml.load()
print("package" if "yaml" in sys.modules else "alone")
for text in ("a: [1, &x 'two']\\nb: *x\\n", "a: [", "\\tx: 1", "a: 'b", "%", "\\x00"):
    try:
        events = parser(text)
        while (event := events.get_event()) is not None:
            print(type(event).__name__, getattr(event, "value", ""), event.start_mark.line)
    except error as found:
        mark = getattr(found, "problem_mark", None)
        print(type(found).__name__, getattr(found, "problem", ""), mark and mark.column)
assert libyaml.load()[0] is parser
import yaml
assert yaml.safe_load("a: 1") == {{"a": 1}}
assert yaml.load("a: 1", yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader) == {{"a": 1}}
"""


def said(command_line: bool) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(command_line=command_line)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_alone_it_says_the_same_as_with_its_package() -> None:
    pytest.importorskip("yaml._yaml")
    kind, *alone = said(True)
    assert kind == "alone"
    kind, *whole = said(False)
    assert kind == "package"
    assert alone == whole
    assert len(alone) > 10

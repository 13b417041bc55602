"""The files of the web page: what its safety and its reading rest on. Needs no browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gaffer_procfile.http

PAGE = Path(gaffer_procfile.http.__file__).parent / "page"
STATIC = PAGE / "static"
INDEX = (PAGE / "index.html").read_text(encoding="utf-8")
SCRIPTS = sorted(STATIC.glob("*.js"))
STYLES = sorted(STATIC.glob("*.css"))

# What would turn text into markup or code.
SINKS = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function|srcdoc"
)


def names(files: list[Path]) -> list[str]:
    return [file.name for file in files]


@pytest.mark.parametrize("script", SCRIPTS, ids=names(SCRIPTS))
def test_text_is_never_made_into_markup(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert re.search(SINKS, text) is None
    assert re.search(r"""setAttribute\(\s*["'](style|on)""", text) is None


def test_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", INDEX) is None
    for text in [INDEX, *(file.read_text(encoding="utf-8") for file in [*SCRIPTS, *STYLES])]:
        found = re.findall(r"""(?:src|href|from|import|url\()\s*[=(]?\s*["']?(https?:|//)""", text)
        assert not found


def test_every_file_is_there_and_used() -> None:
    asked = set(re.findall(r'(?:src|href)="/static/([^"]+)"', INDEX))
    for script in SCRIPTS:
        asked |= set(re.findall(r'from "\./([^"]+)"', script.read_text(encoding="utf-8")))
    assert asked == {file.name for file in STATIC.iterdir()}


def test_every_element_that_is_looked_up_is_there() -> None:
    ids = re.findall(r'\bid="([^"]+)"', INDEX)
    assert len(ids) == len(set(ids))
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        assert set(re.findall(r'byId\("([^"]+)"\)', text)) <= set(ids)
        assert {f"i-{name}" for name in re.findall(r'iconButton\("(\w+)"', text)} <= set(ids)


def test_what_is_exported_is_used() -> None:
    everything = "".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        for name in re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", text, re.M):
            imported = re.search(rf"import {{[^}}]*\b{name}\b[^}}]*}} from", everything)
            assert imported, f"{script.name}: {name}"


def test_modules_are_small() -> None:
    for file in [*SCRIPTS, *STYLES]:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 400, file.name


def test_a_row_is_as_high_as_its_style_says() -> None:
    [row] = re.findall(r"ROW = (\d+)", (STATIC / "log_view.js").read_text(encoding="utf-8"))
    assert f"height: {row}px" in (STATIC / "log.css").read_text(encoding="utf-8")

"""Prefixes: the time, the name in its column, the mark, the colour."""

from __future__ import annotations

import time

import pytest

from gaffer_procfile.output.prefix import Clock, Prefixes, check_template, palette
from gaffer_procfile.output.source import Source, system_source

NOW = 1_700_000_000.25


def source(name: str = "web.1", stream: str = "stdout") -> Source:
    return Source(name, f"shop:{name.partition('.')[0]}", 1, 4711, stream)


class Moment:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


STYLES = {
    "on": (
        time.strftime("%H:%M:%S", time.localtime(NOW)),
        time.strftime("%H:%M:%S", time.localtime(NOW + 2)),
    ),
    "off": ("", ""),
    "relative": ("   0.000", "   2.500"),
    "delta": ("  +0.000", "  +2.500"),
    "%Y at %S": (
        time.strftime("%Y at %S", time.localtime(NOW)),
        time.strftime("%Y at %S", time.localtime(NOW + 2)),
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_the_styles_of_the_time(style: str) -> None:
    moment = Moment()
    clock = Clock(style, moment)
    first = clock.text("web.1")
    moment.now += 2.5
    assert (first, clock.text("web.1")) == STYLES[style]


def test_delta_is_each_processs_own() -> None:
    moment = Moment()
    clock = Clock("delta", moment)
    moment.now += 1
    clock.text("a")
    moment.now += 1
    assert (clock.text("b").strip(), clock.text("a").strip()) == ("+2.000", "+1.000")


def test_names_are_in_one_column() -> None:
    prefixes = Prefixes(Clock("off"))
    prefixes.assign("web.1", "web")
    assert prefixes.get(source()) == b"web.1 | "
    prefixes.assign("long-worker.1", "long-worker")
    assert prefixes.get(source()) == b"web.1         | "
    assert prefixes.width == len("long-worker.1 | ")


def test_marks() -> None:
    prefixes = Prefixes(Clock("off"), mark_stderr=True)
    err = source(stream="stderr")
    assert prefixes.get(source()) == b"web.1 | "
    assert prefixes.get(err) == b"web.1 ! "
    assert prefixes.get(err, continued=True) == b"web.1 + "
    assert Prefixes(Clock("off")).get(err) == b"web.1 | "


def test_colours_are_taken_in_turn_by_template_and_none_is_gaffers() -> None:
    prefixes = Prefixes(Clock("off"), colours=["\x1b[1m", "\x1b[2m"])
    for name in ("a.1", "a.2", "b.1", "c.1"):
        prefixes.assign(name, f"shop:{name[0]}")
    colours = [prefixes.get(source(name))[4:8] for name in ("a.1", "a.2", "b.1", "c.1")]
    assert colours == [b"\x1b[1m", b"\x1b[1m", b"\x1b[2m", b"\x1b[1m"]
    assert prefixes.get(source("a.1")) == b"\x1b[0m\x1b[1ma.1 | \x1b[0m"
    assert b"\x1b" not in prefixes.get(system_source())


def test_the_palette_has_six_colours_and_then_the_bright_ones() -> None:
    colours = palette()
    assert colours[0] == "\x1b[36m"
    assert len(set(colours)) == 12


TEMPLATES = {
    "{name}: ": b"web.1: ",
    "[{group}/{name}#{index} {pid} {stream}] ": b"[shop/web.1#1 4711 stdout] ",
    "{name:>8}|": b"   web.1|",
    "{{}} ": b"{} ",
    "{name:.3}{index:02d} ": b"web01 ",
    "": b"",
    "→ ": "→ ".encode(),
}


@pytest.mark.parametrize(("template", "expected"), TEMPLATES.items())
def test_templates(template: str, expected: bytes) -> None:
    assert check_template(template) is None
    prefixes = Prefixes(Clock("off"), template=template)
    assert prefixes.get(source()) == expected
    assert prefixes.get(system_source()) is not None


@pytest.mark.parametrize(
    "template",
    [
        "{nam}",
        "{}",
        "{0}",
        "{name",
        "name}",
        "{name!x}",
        "{name:d}",
        "{name.x}",
        "{name[x]}",
        "{name[9]}",
        "{pid:d}",
        "{pid:s}",
        "{index:s}",
        "{name:{width}}",
        "{name!r:<+}",
        "{name:%Y}",
    ],
)
def test_bad_templates_are_refused_and_never_raise(template: str) -> None:
    assert check_template(template)


def test_what_has_ended_is_forgotten() -> None:
    prefixes = Prefixes(Clock("off"))
    for _ in range(3):
        one = source()
        prefixes.get(one)
        prefixes.get(one, continued=True)
        prefixes.forget(one)
    assert not prefixes._cache


def test_wide_names_are_in_one_column_too() -> None:
    prefixes = Prefixes(Clock("off"))
    prefixes.assign("日本.1", "日本")
    prefixes.assign("cafe\u0301.1", "café")
    assert prefixes.get(source("日本.1")).decode() == "日本.1 | "
    assert prefixes.get(source("web.1")).decode() == "web.1  | "
    assert prefixes.get(source("cafe\u0301.1")).decode() == "cafe\u0301.1 | "
    assert prefixes.width == 9


@pytest.mark.parametrize("style", ["relative", "delta"])
def test_a_clock_that_is_set_back_changes_no_difference(
    style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    clock = Clock(style)
    monkeypatch.setattr(time, "time", lambda: NOW - 3600)
    assert float(clock.text("web.1")) >= 0

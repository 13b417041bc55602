"""What the verbs make of a run's answers: tables, durations, sizes, sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gaffer_procfile.cli.happenings import sentence
from gaffer_procfile.cli.ps import duration, lines, look_at_figures, outcome, size
from gaffer_procfile.cli.remote import Remote, Target, quoted
from gaffer_procfile.cli.table import Cell, Column, table
from gaffer_procfile.cli.wait import _Readiness
from gaffer_procfile.client import Gone
from gaffer_procfile.control import Run


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (86399, "23h59m"),
        (90000, "1d01h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0K"),
        (524288, "512K"),
        (1023999, "1000K"),
        (1048576, "1.0M"),
        (12900000, "12.3M"),
        (1610612736, "1.5G"),
        (10**13, "9313.2G"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("state", "status", "signum", "text"),
    [
        ("running", 3, 0, ""),
        ("stopped", 0, 15, ""),
        ("exited", 0, 0, ""),
        ("failed", 3, 0, " (3)"),
        ("gave-up", 0, 9, " (KILL)"),
        ("backing-off", 1, 0, " (1)"),
        ("failed", None, None, ""),
    ],
)
def test_outcomes(state: str, status: int | None, signum: int | None, text: str) -> None:
    assert outcome({"state": state, "exit_status": status, "term_signal": signum}) == text


COLUMNS = [Column("NAME"), Column("N", is_right=True), Column("LAST")]


def rows(*texts: tuple[str, str, str]) -> list[list[Cell]]:
    return [[Cell(text) for text in row] for row in texts]


def test_a_table_is_aligned() -> None:
    lines = table(COLUMNS, rows(("web.1", "1", "x"), ("a", "1000", "longer")))
    assert lines == ["NAME      N  LAST", "web.1     1  x", "a      1000  longer"]


def test_a_table_that_is_too_wide_cuts_the_first_column() -> None:
    lines = table(COLUMNS, rows(("a-name-that-is-long", "1", "end")), width=20)
    assert lines == ["NAME         N  LAST", "a-name-tha…  1  end"]
    narrow = table(COLUMNS, rows(("a-name-that-is-long", "1", "end")), width=5)
    assert narrow[1] == "a-name-…  1  end"


def test_wide_characters_take_two_columns() -> None:
    lines = table(COLUMNS, rows(("日本.1", "1", "x"), ("web.1", "1000", "x")))
    assert lines == ["NAME       N  LAST", "日本.1     1  x", "web.1   1000  x"]
    narrow = table(COLUMNS, rows(("日本の名前.1", "1", "end")), width=21)
    assert narrow[1] == "日本の名前.1  1  end"
    narrow = table(COLUMNS, rows(("日本の名前.1", "1", "end")), width=20)
    assert narrow[1] == "日本の名前…  1  end"
    narrow = table(COLUMNS, rows(("日本の名前.1", "1", "end")), width=19)
    assert narrow[1] == "日本の名…   1  end"


def test_colours_do_not_count_as_width() -> None:
    coloured = [[Cell("ab", "31"), Cell("1"), Cell("x", "32")]]
    plain = table(COLUMNS, coloured)
    shown = table(COLUMNS, coloured, colour=True)
    assert shown[1] == "\x1b[31mab\x1b[0m    1  \x1b[32mx\x1b[0m"
    assert plain[1] == "ab    1  x"
    assert table(COLUMNS, [])[0] == "NAME  N  LAST"


def event(kind: str, **details: Any) -> dict[str, Any]:
    return {"event": kind, "name": "shop:web", "time": "", "id": "r-1", **details}


@pytest.mark.parametrize(
    ("happened", "text"),
    [
        (event("spawn", os_pid=7, detached=False), "started (pid 7)"),
        (event("stop"), "is stopped"),
        (event("ready", seconds=1.25), "is ready (after 1.2 s)"),
        (
            event("not_ready", seconds=5, reason="no answer"),
            "isn't ready (after 5.0 s, no answer)",
        ),
        (event("something_new", size=3), "something new (size 3)"),
        (event("kill"), "was killed, as it didn't stop in time"),
        (event("kill", hastened=True), "was killed"),
        (
            event(
                "exit", exit_status=3, term_signal=0, by_itself=True, then="backing-off", delay=0.5
            ),
            "exited with status 3, starting it again in 0.5 s",
        ),
        (
            event("exit", exit_status=0, term_signal=0, by_itself=True, then="pending"),
            "exited with status 0, starting it again",
        ),
        (
            event("exit", exit_status=1, term_signal=0, by_itself=True, then="gave-up"),
            "exited with status 1, giving up",
        ),
        (event("exit", exit_status=0, term_signal=15, by_itself=False, then="pending"), "stopped"),
        (event("gone"), "is gone, with all that it had left behind"),
        (
            event("exit", exit_status=0, term_signal=9, by_itself=False, then="stopped"),
            "stopped (killed by SIGKILL)",
        ),
        (
            event(
                "exit",
                exit_status=127,
                term_signal=0,
                by_itself=True,
                then="failed",
                reason="not found",
            ),
            "not found",
        ),
    ],
)
def test_sentences(happened: dict[str, Any], text: str) -> None:
    assert sentence(happened) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("api:web", "api:web"), ("a b/c", "a%20b%2Fc"), ("ü", "%C3%BC"), ("a?&#%", "a%3F%26%23%25")],
)
def test_names_in_addresses(name: str, text: str) -> None:
    assert quoted(name) == text


def test_a_run_that_ends_before_its_figures_are_asked_for_has_no_rows(tmp_path: Path) -> None:
    remote = Remote(Run(str(tmp_path / "none.sock"), 1, "/project"))
    remote.processes = [{"name": "web", "instances": [{"id": 1}]}]
    target = Target(remote, "web", None)
    look_at_figures([remote])
    assert len(lines([target], colour=False, width=None)) == 1  # the headings
    with pytest.raises(Gone):
        target.instances()


def test_a_run_of_before_an_upgrade_says_less(tmp_path: Path) -> None:
    """It goes on under the verbs that are newer than it is."""
    remote = Remote(Run(str(tmp_path / "none.sock"), 1, "/project"))
    instance = {"name": "web", "process": "web.1", "instance": 1, "id": 1, "state": "running"}
    remote.processes = [
        {"name": "web", "numprocesses": 1, "instances": [{**instance, "ready": None}]}
    ]
    readiness = _Readiness()
    readiness.begin([Target(remote, "web", None)])
    assert readiness.is_done() and readiness.status == 0

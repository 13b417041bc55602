"""The report at the end: what failed, after how long, and its last words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cli import MakeProject
from cli import project as project

BLOCK = re.compile(r"gaffer +\| (.*)")


def block(stdout: str) -> list[str]:
    """The lines of the report: those of gaffer's own that follow the last "stopped" or "exited"."""
    said = [match[1] for line in stdout.splitlines() if (match := BLOCK.fullmatch(line))]
    last = max(
        index
        for index, line in enumerate(said)
        if re.search(r"\.\d+ (stopped|exited|killed|command)(?!.* after )", line)
    )
    return said[last + 1 :]


ENDS = {
    "status": ("exit 7", r"web\.1 exited with status 7 after \d\.\d s"),
    "signal": ("kill -SEGV $$", r"web\.1 killed by SIGSEGV after \d\.\d s"),
    "a signal that a shell tells of": (
        "sh -c 'kill -ABRT $$'; exit $?",
        r"web\.1 exited with status 134 \(SIGABRT\) after \d\.\d s",
    ),
    "not found": (
        "ganicorn-of-no-one app; exit $?",
        r"web\.1 exited with status 127 after \d\.\d s",
    ),
}


# Of a single process its end is told, and nothing else.
ANOTHER = "other: exec sleep 100\n"
AND_IT = r"; other\.1 was stopped because of it"


@pytest.mark.parametrize(("command", "pattern"), ENDS.values(), ids=ENDS)
def test_how_it_ended_in_words(project: MakeProject, command: str, pattern: str) -> None:
    made = project({"Procfile": f"web: exec 2>/dev/null; {command}\n{ANOTHER}"})
    [told] = block(made.run("start", "--no-timestamps").stdout)
    assert re.fullmatch(pattern + AND_IT, told)


def test_a_command_that_is_not_there(project: MakeProject) -> None:
    made = project({"Procfile": f"web: ganicorn-of-no-one app 2>/dev/null\n{ANOTHER}"})
    [told] = block(made.run("start", "--no-timestamps").stdout)
    assert re.fullmatch(
        r"web\.1 exited with status 127 \(command not found: ganicorn-of-no-one\?\) after \d\.\d s"
        + AND_IT,
        told,
    )


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo bye; exit 3", "exited with status 3"),
        ("ganicorn-of-no-one", "exited with status 127 (command not found: ganicorn-of-no-one?)"),
        (f": {'x' * 200_000}", "/bin/sh: Argument list too long"),
    ],
    ids=["a status", "not there", "too long"],
)
def test_a_single_one_is_told_of_once(project: MakeProject, command: str, told: str) -> None:
    made = project({"Procfile": f"web: {command}\n"})
    for options in ((), ("--restart", "never", "--log-dir", "log")):
        result = made.run("start", "--no-timestamps", *options)
        assert [line for line in result.lines if "last line" in line] == []
        ends = [line for line in result.lines if re.match(r"gaffer +\| web\.1 (?!started)", line)]
        assert [re.sub(r"gaffer +\| web\.1 ", "", line) for line in ends] == [told]


def test_what_is_not_shown_is_reported_even_so(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo bye; exit 3\n"})
    told = block(made.run("start", "--no-timestamps", "--hide", "web").stdout)
    assert told[1:] == ["its last line:", "    bye"]


def test_its_last_lines_and_who_was_stopped(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": "web: seq 1 30; printf '\\033[31mError\\033[0m\\n' >&2; printf last; exit 1\n"
            "worker: exec sleep 60\nclock: exec sleep 60\n"
        }
    )
    told = block(made.run("start", "--no-timestamps").stdout)
    assert re.fullmatch(
        r"web\.1 exited with status 1 after \d\.\d s; "
        r"(worker\.1 and clock\.1|clock\.1 and worker\.1) were stopped because of it",
        told[0],
    )
    assert told[1] == "its last lines:"
    shown = [line.removeprefix("    ") for line in told[2:]]
    assert len(shown) == 20
    assert {"Error", "last", "30"} <= set(shown)
    assert all(line.startswith("    ") for line in told[2:])


@pytest.mark.parametrize(
    "command", ["exit 0", "echo fine; exit 0"], ids=["nothing written", "something"]
)
def test_none_failed(project: MakeProject, command: str) -> None:
    made = project({"Procfile": f"web: {command}\n"})
    result = made.run("start", "--no-timestamps")
    assert block(result.stdout) == []
    assert result.status == 0


def test_those_that_were_stopped_did_not_fail(project: MakeProject) -> None:
    made = project({"Procfile": "web: sleep 0.2\nworker: trap 'exit 9' TERM; sleep 60 & wait\n"})
    assert "exited with status 9 after" not in made.run("start").stdout


def test_secrets_are_not_in_it(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": f"web: echo token $API_TOKEN; exit 1\n{ANOTHER}",
            ".env": "API_TOKEN=s3cr3t-value\n",
        }
    )
    result = made.run("start", "--redact", "--no-timestamps")
    assert "s3cr3t" not in result.stdout
    assert result.stdout.count("token [redacted]") == 2


def test_in_json_it_is_events(project: MakeProject) -> None:
    import json

    made = project({"Procfile": "web: echo bye; exit 5\n"})
    values: list[dict[str, Any]] = [
        json.loads(line) for line in made.run("start", "--json").stdout.splitlines()
    ]
    [told] = [value for value in values if value.get("event") == "failure"]
    assert re.fullmatch(r"web\.1 exited with status 5 after \d\.\d s", told["message"])
    assert (told["process"], told["status"], told["last_lines"]) == ("web.1", 5, ["bye"])

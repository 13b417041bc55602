"""What is shown of the processes, and how: filters, prefixes, times, JSON, floods, odd writers."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from cli import MakeProject, Running, wait_until
from cli import project as project
from conftest import DEADLINE

DONE = "touch done.$PS; while [ $(ls done.* | wc -l) -lt {} ]; do sleep 0.01; done"
PLAIN = ("-q", "--no-timestamps")


def names(stdout: str) -> set[str]:
    return {line.split()[0] for line in stdout.splitlines()}


FILTERS = {
    "all": ([], {"web.1", "web.2", "db.1"}),
    "only": (["--only", "db"], {"db.1"}),
    "only one instance": (["--only", "web.2"], {"web.2"}),
    "only, twice": (["--only", "db", "--only", "web.1"], {"db.1", "web.1"}),
    "hide": (["--hide", "web"], {"db.1"}),
    "hide one instance": (["--hide", "web.1"], {"web.2", "db.1"}),
    "both": (["--only", "web", "--hide", "web.2"], {"web.1"}),
}


@pytest.mark.parametrize(("args", "expected"), FILTERS.values(), ids=FILTERS)
def test_shown_or_not_they_run(project: MakeProject, args: list[str], expected: set[str]) -> None:
    end = DONE.format(3)
    made = project({"Procfile": f"web: echo $PS; {end}\ndb: echo $PS; {end}\n"})
    result = made.run("start", "-c", "web=2", *PLAIN, *args)
    assert names(result.stdout) == expected
    assert {path.name for path in made.directory.glob("done.*")} == {
        "done.web.1",
        "done.web.2",
        "done.db.1",
    }


@pytest.mark.parametrize("option", ["--only", "--hide"])
@pytest.mark.parametrize("name", ["wroker", "wroker.1", "worker.x"])
def test_an_unknown_name_is_an_error(project: MakeProject, option: str, name: str) -> None:
    result = project({"Procfile": "worker: echo x\n"}).run("start", option, name)
    assert result.status == 1
    assert name.removesuffix(".1") in result.error() and "'worker'" in result.error()


def test_a_group_may_have_dots_in_its_name(project: MakeProject) -> None:
    made = project({"example.com/Procfile": f"web: echo $PS; {DONE.format(1)}\n"})
    args = ("start", "-d", "example.com", *PLAIN, "--only")
    for name in ("example.com", "example.com:web", "example.com:web.1"):
        assert names(made.run(*args, name).stdout) == {"web.1"}


PREFIXES = {
    "{name}> ": r"web\.1 > hello",
    "[{group} {index} {stream}] ": r"\[project 1 stdout\] hello",
    "{pid} ": r"\d+ hello",
    "{time}/{name:>8}: ": r"\d\d:\d\d:\d\d/  web\.1 : hello",
    "{{}}": r"\{\}hello",
}


@pytest.mark.parametrize(("template", "pattern"), PREFIXES.items())
def test_prefix_templates(project: MakeProject, template: str, pattern: str) -> None:
    result = project({"Procfile": "web: echo hello\n"}).run("start", "-q", "--prefix", template)
    assert re.fullmatch(pattern + "\n", result.stdout), result


@pytest.mark.parametrize("template", ["{nme}", "{", "{name.x}", "{name[x]}", "{pid:d}", "{0}"])
def test_a_bad_prefix_is_an_error_and_nothing_is_started(
    project: MakeProject, template: str
) -> None:
    made = project({"Procfile": "web: touch started\n"})
    result = made.run("start", "--prefix", template)
    assert result.status == 2
    assert "--prefix" in result.error()
    assert not made.path("started").exists()


TIMES = {
    "on": r"\d\d:\d\d:\d\d",
    "off": None,
    "relative": r" +\d+\.\d{3}",
    "delta": r" +\+\d+\.\d{3}",
    "%d.%m. %H:%M": r"\d\d\.\d\d\. \d\d:\d\d",
}


@pytest.mark.parametrize(("style", "pattern"), TIMES.items())
def test_times(project: MakeProject, style: str, pattern: str | None) -> None:
    result = project({"Procfile": "web: echo hello\n"}).run("start", "-q", "--timestamps", style)
    time_and_space = f"{pattern} " if pattern else ""
    assert re.fullmatch(time_and_space + r"web\.1  \| hello\n", result.stdout), result


def test_the_delta_is_since_the_processs_last_line(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo one; sleep 0.3; echo two\n"})
    one, two = made.run("start", "-q", "--timestamps", "delta").lines
    assert 0.29 <= float(two.split()[0]) < 1.5
    assert float(one.split()[0]) < 1.0 + float(two.split()[0])


# ---- JSON


def json_of(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_json_has_lines_and_events(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo out; sleep 0.1; printf 'err\\377' >&2; exit 3\n"})
    values = json_of(made.run("start", "--json").stdout)
    for value in values:
        assert datetime.fromisoformat(value["time"]).tzinfo is not None
    lines = [value for value in values if "line" in value]
    assert [(it["process"], it["stream"], it["line"]) for it in lines] == [
        ("web.1", "stdout", "out"),
        ("web.1", "stderr", "err\N{REPLACEMENT CHARACTER}"),
    ]
    assert base64.b64decode(lines[1]["line_base64"]) == b"err\xff"
    spawned, exited = (
        next(it for it in values if it.get("event") == kind) for kind in ("spawn", "exit")
    )
    assert spawned["process"] == exited["process"] == "web.1"
    assert spawned["pid"] == exited["pid"] == lines[0]["pid"]
    assert (exited["exit_status"], exited["term_signal"]) == (3, 0)
    assert "group" in lines[0]


def test_json_says_what_is_partial(project: MakeProject) -> None:
    made = project({"Procfile": "web: head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next\n"})
    *parts, last, after = json_of(made.run("start", "--json", "-q").stdout)
    assert parts and all(part["partial"] is True for part in parts)
    assert "partial" not in last and "partial" not in after
    assert sum(len(part["line"]) for part in [*parts, last]) == 1_000_000
    assert after["line"] == "next"


# ---- programs that write in odd ways


def test_a_hundred_megabytes_in_one_line(project: MakeProject) -> None:
    command = "head -c 100000000 /dev/zero | tr '\\0' x; echo; exec sleep 60"
    made = project({"Procfile": f"web: {command}\n"})
    reader, writer = os.pipe()
    with subprocess.Popen(
        "tr -d '\\n' | wc -c", shell=True, stdin=reader, stdout=subprocess.PIPE
    ) as count:
        os.close(reader)
        running = made.spawn("start", "-q", "--no-prefix", stdout=writer)
        web = running.gaffer
        wait_until(lambda: [it.name() for it in web.children()] == ["sleep"], "all to be written")
        memory = web.memory_info().rss
        running.signal(signal.SIGTERM)
        running.wait()
        os.close(writer)
        assert count.communicate(timeout=DEADLINE)[0].strip() == b"100000000"
    assert memory < 40 * 1024 * 1024


def test_a_process_that_closes_its_output_goes_on(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo x; exec >&- 2>&-; sleep 0.2; touch after; exit 4\n"})
    result = made.run("start", "-q", "--no-prefix")
    assert (result.status, result.stdout) == (4, "x\n")
    assert made.path("after").exists()


def test_who_writes_after_its_parent_is_heard_while_others_run(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": "web: (trap '' TERM; touch ready; sleep 0.3; echo late) & "
            "while [ ! -e ready ]; do sleep 0.01; done; echo early\n"
        }
    )
    result = made.run("start", "--no-timestamps")
    told = [line for line in result.lines if "early" in line or "late" in line or "exited" in line]
    assert [line.split(" | ")[1] for line in told] == [
        "early",
        "web.1 exited with status 0",
        "late",
    ]


def test_writers_of_single_bytes(project: MakeProject) -> None:
    program = (
        "import os,time\n"
        "for n in range(20):\n"
        "    for byte in b'%s %02d\\n' % (os.environ['PS'].encode(), n):\n"
        "        os.write(1, bytes([byte])); time.sleep(0.0005)\n"
    )
    made = project({"Procfile": f"p: python3 -S byte.py; {DONE.format(10)}\n", "byte.py": program})
    result = made.run("start", *PLAIN, "-c", "p=10")
    expected = Counter(
        f"p.{i}".ljust(6) + f" | p.{i} {n:02}" for i in range(1, 11) for n in range(20)
    )
    assert Counter(result.lines) == expected


def test_a_hundred_processes(project: MakeProject) -> None:
    command = "for n in 1 2 3; do echo $PS $n; sleep 1; done; exec sleep 60"
    running = project({"Procfile": f"p: {command}\n"}).spawn("start", *PLAIN, "-c", "p=100")
    for _ in range(100):
        running.read_until(r"\| p\.\d+ 3$", 30)
    running.signal(signal.SIGTERM)
    running.wait()
    lines = Counter(line.split(" | ")[1] for line in running.text.splitlines())
    assert lines == {f"p.{i} {n}": 1 for i in range(1, 101) for n in (1, 2, 3)}


# ---- floods and slow readers


def flood_and_quiet(project: MakeProject) -> Running:
    program = (
        "import time\n"
        "for n in range(40):\n"
        "    print('tick', n, time.time(), flush=True); time.sleep(0.02)\n"
    )
    made = project(
        {"Procfile": "flood: exec yes flooding\nquiet: python3 -S quiet.py\n", "quiet.py": program}
    )
    return made.spawn("start", *PLAIN)


def test_a_quiet_process_is_heard_beside_a_flood(project: MakeProject) -> None:
    running = flood_and_quiet(project)
    delays = []
    for number in range(40):
        match = running.read_until(rf"^quiet\.1 \| tick {number} ([\d.]+)$")
        delays.append(time.time() - float(match[1]))
        running.text, running._taken = running.text[match.end() :], 0
    assert sorted(delays)[20] < 0.2  # the median: this machine has other things to do
    running.wait()


def test_a_reader_that_pauses_costs_no_memory_and_no_line(project: MakeProject) -> None:
    made = project(
        {"Procfile": "web: seq 1 3000000 & wait\nworker: sleep 0.6; echo I failed >&2; exit 3\n"}
    )
    running = made.spawn("start", *PLAIN, "-t", "30")
    running.read_until(r"\| 100$")
    gaffer = running.gaffer
    before = gaffer.memory_info().rss
    wait_until(lambda: len(gaffer.children()) < 2, "an exit that is noticed though nobody reads")
    assert gaffer.memory_info().rss - before < 4 * 1024 * 1024
    assert running.wait() == 3
    seen = re.findall(r"^web\.1 +\| (\d+)$", running.text, re.MULTILINE)
    # The last one may be what seq had written of a number when it was stopped.
    assert seen[:-1] == [str(n) for n in range(1, len(seen))]
    assert len(re.findall(r"^worker\.1 +\| I failed$", running.text, re.MULTILINE)) == 1


def test_nothing_is_missing_when_the_reader_returns(project: MakeProject) -> None:
    made = project({"Procfile": "web: seq 1 300000\n"})
    running = made.spawn("start", *PLAIN)
    wait_until(lambda: running.pending() > 32 * 1024, "a full pipe")
    assert running.wait() == 0
    assert running.text == "".join(f"web.1  | {n}\n" for n in range(1, 300001))

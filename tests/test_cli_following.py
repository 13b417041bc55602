"""`gaffer logs`, `events` and `wait`: what was, and what comes."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest
from cli import MakeProject, wait_until
from cli import project as project
from served import Serve
from served import runtime as runtime
from served import serve as serve

from gaffer_procfile.cli.when import parse_since
from gaffer_procfile.errors import UsageError

STAYS = "exec sleep 600"
ON_HUP = "trap 'echo got hup' HUP; echo trap is set; while :; do sleep 0.05; done"
TIME = r"\d\d:\d\d:\d\d"


# ---- logs


def test_logs_have_the_prefixes_of_start(serve: Serve) -> None:
    served = serve(f"web: echo one; echo two; {STAYS}\nworker: echo three >&2; {STAYS}\n")
    wait_until(lambda: len(served.run("logs").lines) == 3, "the lines")
    result = served.run("logs")
    assert result.status == 0 and result.stderr == ""
    assert all(re.match(rf"{TIME} (web\.1   |worker\.1) \| ", line) for line in result.lines)
    texts = sorted(line.partition(" | ")[2] for line in result.lines)
    assert texts == ["one", "three", "two"]
    assert served.run("logs", "--no-timestamps", "worker").stdout == "worker.1 | three\n"
    assert served.run("logs", "--stderr", "--no-prefix").stdout == "three\n"
    assert served.run("logs", "--no-prefix", "-n", "1", "web").stdout == "two\n"
    assert served.run("logs", "-n", "0").stdout == ""


def test_logs_have_the_colours_of_start_where_there_are_colours(serve: Serve) -> None:
    served = serve(f"web: printf '\\033[31mred\\n'; {STAYS}\nworker: echo x; {STAYS}\n")
    wait_until(lambda: len(served.run("logs").lines) == 2, "the lines")
    args = ("logs", "--no-timestamps", "--colour")
    lines = sorted(served.run(*args, "always").lines)
    assert lines == [
        "\x1b[0m\x1b[33mworker.1 | \x1b[0mx",
        "\x1b[0m\x1b[36mweb.1    | \x1b[0m\x1b[31mred\x1b[0m",
    ]
    assert "\x1b" not in served.run(*args, "never").stdout
    assert "\x1b[31mred\n" in served.run("logs", "--raw").stdout


def test_logs_as_json_are_the_objects_of_start(serve: Serve) -> None:
    served = serve(f"web: printf 'ok\\n\\377\\n'; {STAYS}\n")
    wait_until(lambda: len(served.run("logs").lines) == 2, "the lines")
    first, second = (json.loads(line) for line in served.run("logs", "--json").lines)
    [web] = served.ps()
    assert first.pop("time").startswith(time.strftime("%Y-"))
    assert first == {
        "process": "web.1",
        "group": "project",
        "stream": "stdout",
        "pid": web["os_pid"],
        "line": "ok",
    }
    assert (second["line"], second["line_base64"]) == ("\ufffd", "/w==")
    assert served.run("logs", "--no-prefix").raw == b"ok\n\xff\n"


def test_logs_of_some_time(serve: Serve) -> None:
    served = serve(f"web: {ON_HUP}\n")
    wait_until(lambda: "trap is set" in served.run("logs").stdout, "the trap")
    since = f"@{time.time():.6f}"
    served.run("signal", "HUP", "web")
    wait_until(lambda: "got hup" in served.run("logs").stdout, "the signal")
    assert served.run("logs", "--no-prefix", "--since", since).stdout == "got hup\n"
    assert served.run("logs", "--no-prefix", "--since", "1h").stdout == "trap is set\ngot hup\n"
    assert served.run("logs", "--since", f"@{time.time() + 60:.0f}").stdout == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5m", -300),
        ("1h30m", -5400),
        ("2d", -172800),
        ("45s", -45),
        ("@1000", 1000),
        ("2026-11-25T13:27:01+01:00", 1795609621),
        ("2026-11-25T12:27:01Z", 1795609621),
    ],
)
def test_since(text: str, expected: float) -> None:
    now = 1_800_000_000.0
    assert parse_since(text, now) == (now + expected if expected < 0 else expected)


def test_since_of_a_time_of_day_is_the_last_that_there_was() -> None:
    noon = time.mktime((2026, 3, 4, 12, 0, 0, 0, 0, -1))
    assert parse_since("11:30", noon) == noon - 1800
    assert parse_since("12:00:01", noon) == noon + 1 - 86400
    assert parse_since("2026-03-04T11:00", noon) == noon - 3600


def test_since_a_time_of_yesterday_when_the_clocks_were_put_forward(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        night = time.mktime((2026, 3, 29, 3, 30, 0, 0, 0, -1))  # after a night of an hour less
        yesterday = time.mktime((2026, 3, 28, 12, 0, 0, 0, 0, -1))
        assert parse_since("12:00", night) == yesterday
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    ["", "x", "5", "25:00", "5m5", "@", "@x", "@nan", "@-inf", "@1e99", "2026-13-01", "1e999"],
)
def test_since_that_is_no_time(text: str) -> None:
    with pytest.raises(UsageError):
        parse_since(text, 1e9)


def test_logs_are_followed_over_a_restart_and_to_the_end(serve: Serve) -> None:
    served = serve(f"web: echo begin; {STAYS}\nother: {STAYS}\n")
    running = served.spawn("logs", "-f", "--no-timestamps", "web")
    running.read_until(r"^web\.1   \| begin\n")
    served.run("restart", "web")
    running.read_until(r"^web\.1   \| begin\n")
    served.run("down")
    running.read_until(r"^gaffer has ended\n\Z")
    assert running.wait() == 0


def test_following_survives_a_gaffer_that_is_killed(serve: Serve) -> None:
    served = serve(f"web: echo begin; {STAYS}\n")
    [web] = served.ps()
    running = served.spawn("logs", "-f")
    running.read_until("begin")
    served.running.popen.kill()
    running.read_until("gaffer has ended")
    assert running.wait() == 0
    served.shell(f"kill -KILL {web['os_pid']}")  # nobody else is left to do it


def test_following_ends_by_ctrl_c(serve: Serve) -> None:
    served = serve(f"web: echo begin; {STAYS}\n")
    for verb in ("logs", "events"):
        running = served.spawn(verb, "-f", pty=True)
        running.read_until(r"web")
        running.send(b"\x03")
        assert running.wait() == -signal.SIGINT


def test_a_reader_that_goes_away_is_no_error(serve: Serve) -> None:
    served = serve(f"web: seq 1 1000; {STAYS}\n")
    wait_until(lambda: "1000" in served.run("logs").stdout, "the lines")
    result = served.shell("$gaffer logs -n all --no-prefix | head -n 1; echo ended")
    assert (result.stdout, result.stderr) == ("1\nended\n", "")


def test_history_is_complete_and_in_order(serve: Serve) -> None:
    served = serve(f"web: seq 1 30000; {STAYS}\n")
    wait_until(lambda: "30000" in served.run("logs", "-n", "1").stdout, "the lines")
    assert served.run("logs", "-n", "all", "--no-prefix").lines == [*map(str, range(1, 30001))]


@pytest.mark.parametrize("args", [("-n", "x"), ("-n", "-1"), ("--timestamps", "x")])
def test_logs_usage(runtime: str, project: MakeProject, args: tuple[str, ...]) -> None:
    result = project({}).run("logs", *args)
    assert result.status == 2 and result.stdout == ""


# ---- events


def test_events_are_told(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\nbad: exit 3\n")
    wait_until(lambda: "exited with status 3" in served.run("events").stdout, "the end")
    served.run("stop", "web")
    result = served.run("events", "web", "--colour", "never")
    texts = [re.sub(rf"^{TIME} (web(\.1)?) +\| ", r"\1 ", line) for line in result.lines]
    assert texts[:2] == ["web was added", "web is started"]
    assert re.fullmatch(r"web\.1 started \(pid \d+\)", texts[2])
    assert texts[3:] == ["web is stopped", "web.1 was told to stop", "web.1 stopped"]
    unknown = served.run("events", "--event", "started")
    assert (unknown.status, unknown.error()) == (
        2,
        "--event doesn't know 'started' (did you mean 'start'?)",
    )
    assert "(there is spawn, exit, " in served.run("events", "--event", "xyz").error()
    exits = served.run("events", "--json", "--event", "exit", "bad")
    [event] = map(json.loads, exits.lines)
    assert (event["process"], event["exit_status"], event["event"]) == ("bad.1", 3, "exit")
    assert len(served.run("events", "-n", "2").lines) == 2


def test_events_are_followed(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    running = served.spawn("events", "-f", "-n", "1")
    running.read_until(r"web\.1  \| started")
    served.run("scale", "web=2")
    running.read_until(r"web\.2  \| started")
    served.run("down")
    running.read_until("gaffer has ended\n")
    assert running.wait() == 0


# ---- wait


READY = "processes:\n  web:\n    ready: {file: up}\n"


def test_wait_until_it_is_ready(serve: Serve) -> None:
    served = serve({"Procfile": f"web: {STAYS}\nworker: {STAYS}\n", "gaffer.yaml": READY})
    late = served.run("wait", "--timeout", "0.1")
    assert (late.status, late.error()) == (124, "not within 0.1 s: web.1")
    waiting = served.spawn("wait")
    served.project.write({"up": ""})
    waiting.read_until(r"^web\.1 is ready\nworker\.1 runs\n\Z")
    assert waiting.wait() == 0
    [web] = json.loads(served.run("wait", "web", "--json").stdout)
    assert web["ready"] is True


def test_wait_for_what_can_not_become_ready(serve: Serve) -> None:
    served = serve({"Procfile": "web: sleep 0.2; exit 3\nonce: exit 0\n", "gaffer.yaml": READY})
    result = served.run("wait", "web")
    assert (result.status, result.stderr) == (1, "gaffer: web.1 exited with status 3\n")
    assert served.run("wait", "once").stdout == "once.1 has ended well\n"


def test_wait_for_what_is_not_ready_in_time(serve: Serve) -> None:
    late = "processes:\n  web:\n    ready: {file: up, timeout: 1}\n"
    web = f"web: test -e fixed && touch up; {STAYS}\n"
    served = serve({"Procfile": web, "gaffer.yaml": late})
    for _ in ("it comes while one waits", "it was told before"):
        result = served.run("wait", "web")
        assert (result.status, result.error()) == (1, "web.1 is not ready: there is no up")
    served.project.write({"fixed": ""})
    assert served.run("restart", "web").status == 0
    assert served.run("wait", "web").stdout == "web.1 is ready\n", "its successor may be"


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("exit 0", 0, ""),
        ("exit 7", 7, "gaffer: job.1 exited with status 7\n"),
        ("kill -KILL $$", 137, "gaffer: job.1 killed by SIGKILL\n"),
        ("sleep 0.5; exit 7", 7, "gaffer: job.1 exited with status 7\n"),
    ],
)
def test_wait_for_an_end_has_its_status(serve: Serve, command: str, status: int, said: str) -> None:
    result = serve(f"job: {command}\nweb: {STAYS}\n").run("wait", "--exit", "job")
    assert (result.status, result.stderr) == (status, said)


def test_wait_for_an_end_that_is_followed_by_a_restart(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n", settings={"web": {"restart": "always"}})
    waiting = served.spawn("wait", "--exit", "web")

    def end_it_once_more() -> bool:
        served.shell(f"kill -KILL {served.ps()[0]['os_pid'] or ''}")
        return waiting.popen.poll() is not None

    wait_until(end_it_once_more, "the end of the waiting")
    assert waiting.wait() == 137
    served.run("down")


def test_wait_ends_when_gaffer_does(serve: Serve) -> None:
    served = serve({"Procfile": f"web: {STAYS}\n", "gaffer.yaml": READY})
    waiting = served.spawn("wait")
    served.run("down")
    assert waiting.wait() in (1, 3), waiting.text  # it was seen to be stopped, or gone


def test_wait_usage(runtime: str, project: MakeProject) -> None:
    made = project({})
    assert made.run("wait", "--ready", "--exit").error() == "either --ready or --exit"
    assert made.run("wait", "--timeout", "x").status == 2

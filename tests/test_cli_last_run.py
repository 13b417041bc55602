"""`gaffer start -D` once more: where it logs, where its page is, and what is told when it is gone."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from cli import MakeProject, Project, wait_until
from cli import down as down
from cli import project as project
from cli import state as state
from conftest import is_alive

from gaffer_procfile.cli.last_run import describe_last, remember, state_directory
from gaffer_procfile.control import runs_in

SLEEP = "exec sleep 100"
VERBS = [
    *(["ps"], ["logs"], ["events"], ["stop", "web"], ["restart"], ["scale", "web=2"]),
    *(
        ["signal", "HUP", "web"],
        ["send", "web", "x"],
        ["attach", "web"],
        ["wait"],
        ["down"],
        ["open"],
    ),
]


def wait_for_the_end(made: Project) -> None:
    wait_until(lambda: not runs_in(str(made.directory)), "the end of the run")


def test_why_a_run_in_the_background_is_gone(
    project: MakeProject, state: Path, down: list[Project]
) -> None:
    bad = "bad: until [ -e end ]; do sleep 0.02; done; exit 7\n"
    made = project({"Procfile": f"web: {SLEEP}\n{bad}", "below/": ""})
    down.append(made)
    nothing = f"nothing is running in {made.directory} (`gaffer start` starts it"
    assert made.run("ps").error() == f"{nothing})"
    assert made.run("start", "-D").status == 0
    [log] = state.glob("gaffer/*/gaffer.log")
    made.write({"end": ""})
    wait_for_the_end(made)
    for verb, directory in (("ps", "."), ("logs", "."), ("ps", "below")):
        shown = made.run(verb, cwd=made.path(directory))
        assert shown.status == 3
        assert re.search(
            r"; the last run in the background ended \d{4}-\d\d-\d\d \d\d:\d\d: bad\.1 exited with "
            rf"status 7 after \d+\.\d s; web\.1 was stopped because of it; its log is {log}\)$",
            shown.error(),
        )
    # The next one's log is the same file: what the last one said is none of its reasons.
    assert made.run("start", "-D", "web").status == 0
    assert made.run("down").status == 0
    assert re.search(
        rf"; the last run in the background ended [\d :-]+: gaffer down: stopping; its log is {log}\)$",
        made.run("ps").error(),
    )
    assert made.run("start", "-D", "web").status == 0
    made.run("down", "--kill")
    assert made.run("ps").error().endswith(f": gaffer down: killing everything; its log is {log})")


def test_the_log_is_found_wherever_it_is(project: MakeProject, down: list[Project]) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    down.append(made)
    result = made.run("start", "-D", "--log-dir", "logs")
    told = re.search(r"in the background \(pid (\d+)\)", result.stdout)
    assert told is not None, result
    os.kill(int(told[1]), signal.SIGTERM)
    wait_for_the_end(made)
    wait_until(lambda: not is_alive(int(told[1])), "the end of the outer one")
    error = made.run("logs").error()
    assert error.endswith(f": SIGTERM: stopping; its log is {made.path('logs/gaffer.log')})")
    made.path("logs/gaffer.log").unlink()
    assert made.run("logs").error().endswith("(`gaffer start` starts it)")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("web.1 exited with status 3 after 0.5 s; db.1 was stopped because of it", True),
        ("web.1 killed by SIGSEGV after 12.0 s", True),
        ("Ctrl-C: stopping", True),
        ("gaffer was killed: stopping", True),
        ("gaffer down: stopping", True),
        ("gaffer down: killing everything", True),
        ("web page: stopping", True),
        ("can't write to standard output (no space left on device): stopping", True),
        ("stopping because all has ended", True),
        ("stopping the others because web.1 has ended (--exit-policy first)", True),
        ("all have ended", True),
        ("api:web.1 exited with status 3 after 0.5 s, once too often to be restarted", True),
        ("web.1 command not found: x after 0.0 s", True),
        ("web.1 listens on port 7400 after 0.2 s", False),
        ("web.1 doesn't listen on port 7400 after 1.0 s, and is taken as ready", False),
        ("web.1 is up for 1.0 s, which counts as ready", False),
        ("web.1 is not ready after 3.0 s: nothing listens on port 7400", False),
        ("web.1 is ready after 0.5 s", False),
        ("web.1 stopped", False),
        ("web.1 exited with status 3; it is started again after 1.0 s of waiting", False),
    ],
)
def test_which_line_is_a_reason(tmp_path: Path, lines: str, reason: bool) -> None:
    log = tmp_path / "gaffer.log"
    log.write_text(f"17:00:00 gaffer | {lines}\n17:00:00 web.1  | gaffer | SIGTERM: stopping\n")
    remember(str(tmp_path), str(log), 0)
    described = describe_last(str(tmp_path)) or ""
    assert (f": {lines}; its log is" in described) == reason, described
    assert ("has logged until" in described) != reason


def test_what_was_noted_may_be_garbage(tmp_path: Path) -> None:
    noted = Path(state_directory(str(tmp_path)), "last-run")
    noted.parent.mkdir(parents=True)
    for content in ("", "x", "5", "-1 /x", "5 /nowhere/at/all"):
        noted.write_text(content)
        assert describe_last(str(tmp_path)) is None


def test_a_log_that_cant_be_written_is_no_start(project: MakeProject) -> None:
    made = project({"Procfile": f"web: touch started; {SLEEP}\n", "file": ""})
    for place, reason in (("/proc/x", "no such file or directory"), ("file", "not a directory")):
        result = made.run("start", "-D", "--log-dir", place)
        assert result.status == 1
        assert result.error() == (
            f"can't write the log {place}/gaffer.log: {reason} (--log-dir names another place)"
        ).replace("not a directory", "file exists")
    assert not made.path("started").exists()


def test_the_page_is_shown(project: MakeProject, down: list[Project]) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    down.append(made)
    result = made.run("start", "-D", "--http", "0")
    match = re.search(
        r"^open at (http://127\.0\.0\.1:\d+/\?token=\w+), or by `gaffer open`$",
        result.stdout,
        re.MULTILINE,
    )
    assert match is not None, result
    assert made.run("open", "--print").lines == [match[1]]


@pytest.mark.parametrize("words", VERBS, ids=lambda words: str(words[0]))
def test_in_a_directory_that_is_gone(project: MakeProject, words: list[str]) -> None:
    made = project({"gone/": ""})
    result = made.shell(f"cd gone; rmdir ../gone; $gaffer {' '.join(words)}")
    assert result.status == 1
    assert result.error() == "the current directory is gone (cd into another one)"

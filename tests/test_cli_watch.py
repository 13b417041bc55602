"""A process with a `watch` that ends by itself: the run waits for the next change."""

from __future__ import annotations

import signal

import pytest
from cli import MakeProject
from cli import project as project  # the fixture
from test_cli_reload import change_until

PLAIN = ("--no-timestamps",)
CONFIG = "processes: {web: {command: sh app.sh, watch: app.sh}, db: {command: exec sleep 60}}\n"
WAITS = r"web\.1 is started again when a file changes that it watches"
GOOD = "echo up; exec sleep 60\n"


def test_a_typo_ends_nothing_and_what_was_mended_is_no_failure(project: MakeProject) -> None:
    made = project({"gaffer.yaml": CONFIG, "app.sh": GOOD})
    running = made.spawn("start", *PLAIN)
    running.read_until(r"web\.1 +\| up")
    for status in (3, 4):
        bad = f"echo oops >&2; exit {status}\n"
        change_until(
            running, made, "app.sh", bad, rf"web\.1 exited with status {status}\n.*{WAITS}"
        )
    change_until(running, made, "app.sh", GOOD, r"web\.1 +\| up")
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT, running.text
    assert "db.1 started" in running.text
    assert running.text.count("db.1 started") == 1
    assert "its last lines" not in running.text  # nothing that failed is left


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        "processes: {web: {command: sh app.sh, watch: app.sh}}\n",
        "processes: {web: {command: sh app.sh, watch: app.sh}, db: {command: 'true', once: true}}\n",
    ],
    ids=["beside others", "alone", "beside what is done"],
)
def test_a_failure_that_nobody_mends_is_that_of_the_run(project: MakeProject, config: str) -> None:
    running = project({"gaffer.yaml": config, "app.sh": "exit 3\n"}).spawn("start", *PLAIN)
    running.read_until(WAITS)
    running.signal(signal.SIGINT)
    assert running.wait() == 3
    assert "web.1 exited with status 3 after" in running.text


def test_who_depends_on_it_waits_too(project: MakeProject) -> None:
    config = (
        "processes:\n"
        "  migrate: {command: sh migrate.sh, once: true, watch: migrate.sh}\n"
        "  web: {command: echo up && exec sleep 60, depends_on: migrate}\n"
    )
    made = project({"gaffer.yaml": config, "migrate.sh": "exit 3\n"})
    running = made.spawn("start", *PLAIN)
    running.read_until("web waits in vain: migrate exited with status 3")
    change_until(running, made, "migrate.sh", "exit 0\n", r"web\.1 +\| up")
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT, running.text
    assert "can't start" not in running.text


def test_one_that_could_not_be_executed(project: MakeProject) -> None:
    config = "processes: {web: {command: ./app, shell: false, watch: app}}\n"
    made = project({"gaffer.yaml": config})
    running = made.spawn("start", *PLAIN)
    running.read_until(WAITS)
    change_until(running, made, "app", "#!/bin/sh\n" + GOOD, r"web\.1 +\| up")
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT, running.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--exit-policy", "first"), "web.1 has ended (--exit-policy first)"),
        (("--exit-policy", "failure"), "web.1 has ended (--exit-policy failure)"),
        (("--exit-on", "web"), "web.1 has ended (--exit-on)"),
    ],
)
def test_a_policy_that_was_asked_for_holds_for_it(
    project: MakeProject, options: tuple[str, ...], said: str
) -> None:
    made = project({"gaffer.yaml": CONFIG, "app.sh": "exit 3\n"})
    result = made.run("start", *PLAIN, *options)
    assert result.status == 3
    assert said in result.stdout, result


def test_the_default_holds_for_the_others(project: MakeProject) -> None:
    config = CONFIG.replace("exec sleep 60", "sleep 0.3; exit 4")
    result = project({"gaffer.yaml": config, "app.sh": GOOD}).run("start", *PLAIN)
    assert result.status == 4
    assert "stopping the others because db.1 has ended (--exit-policy first)" in result.stdout


def test_one_that_a_change_sends_a_signal_has_to_be_there(project: MakeProject) -> None:
    config = CONFIG.replace("watch: app.sh", "watch: {paths: app.sh, signal: HUP}")
    result = project({"gaffer.yaml": config, "app.sh": "exit 3\n"}).run("start", *PLAIN)
    assert result.status == 3
    assert "web.1 has ended (--exit-policy first)" in result.stdout


def test_a_trial_is_strict(project: MakeProject) -> None:
    made = project({"gaffer.yaml": CONFIG, "app.sh": "exit 3\n"})
    result = made.run("test", "--", "sleep", "60")
    assert result.status != 0
    assert "web.1" in result.stdout

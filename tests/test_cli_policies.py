"""What ends a run, what is started again, and what is said of it."""

from __future__ import annotations

import re
import signal

import pytest
from cli import MakeProject, wait_until
from cli import project as project  # the fixture

PLAIN = ("--no-timestamps",)
BARE = ("--no-prefix", "-q")


@pytest.mark.parametrize(
    ("procfile", "options", "status", "said"),
    [
        ("a: exit 0\nb: sleep 60\n", (), 0, "a.1 has ended (--exit-policy first)"),
        (
            "a: exit 0\nb: sleep 0.2; exit 4\nc: sleep 60\n",
            ("--exit-policy", "failure"),
            4,
            "b.1 has ended (--exit-policy failure)",
        ),
        ("a: exit 0\nb: sleep 0.1\n", ("--exit-policy", "failure"), 0, "b.1 exited with status 0"),
        ("a: exit 5\nb: sleep 0.2\n", ("--exit-policy", "all"), 5, "b.1 exited with status 0"),
        (
            "a: exit 5\nb: sleep 0.2; exit 6\n",
            ("--exit-policy", "all"),
            5,
            "b.1 exited with status 6",
        ),
        ("a: exit 5\nb: sleep 0.2\nc: sleep 60\n", ("--exit-on", "b"), 5, "b.1 has ended"),
    ],
)
def test_what_ends_the_run(
    project: MakeProject, procfile: str, options: tuple[str, ...], status: int, said: str
) -> None:
    result = project({"Procfile": procfile}).run("start", *PLAIN, *options)
    assert result.status == status, result
    assert said in result.stdout, result


def test_never_leaves_it_to_the_person(project: MakeProject) -> None:
    running = project({"Procfile": "a: exit 0\n"}).spawn("start", *PLAIN, "--exit-policy", "never")
    running.read_until(r"a\.1 exited with status 0")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM


def test_one_that_runs_once_ends_the_run_where_it_is_named(project: MakeProject) -> None:
    made = project({
        "Procfile": "tests: exit 0\nweb: exec sleep 60\n",
        "gaffer.yaml": "processes: {tests: {once: true}}\n",
    })  # fmt: skip
    result = made.run("start", *PLAIN, "--exit-on", "tests")
    assert result.status == 0, result
    assert "tests.1 has ended (--exit-on)" in result.stdout, result


# `db` ends by itself while `web` is being stopped, which `db` has to wait for.
ENDS_MEANWHILE = {
    "Procfile": (
        "db: echo $$ > pid; while [ ! -e told ]; do sleep 0.01; done; exit 3\n"
        "web: trap 'touch told; while kill -0 $(cat pid) 2>&-; do sleep 0.01; done; exit 0' TERM; "
        "touch up; while :; do sleep 0.01; done\n"
        "tests: while [ ! -e up ]; do sleep 0.01; done; [ ! -e pass ] || exit 0; exec sleep 60\n"
    ),
    "gaffer.yaml": "processes: {db: {ready: {file: pid}}, web: {depends_on: db}}\n",
}


def test_what_ends_while_all_is_stopped_changes_no_status(project: MakeProject) -> None:
    made = project({**ENDS_MEANWHILE, "pass": ""})
    result = made.run("start", *PLAIN, "--exit-on", "tests")
    assert result.status == 0, result
    assert result.stdout.count("db.1 exited with status 3") == 1  # and not in a report of failures


def test_what_ends_while_a_signal_stops_all_is_no_failure(project: MakeProject) -> None:
    made = project(ENDS_MEANWHILE)
    running = made.spawn("start", *PLAIN, "--restart", "on-failure")
    wait_until(made.path("up").exists, "web.1 is up")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM, running.text
    assert running.text.count("db.1 exited with status 3") == 1, running.text
    assert "starting it again" not in running.text


def test_an_unknown_name_to_exit_on(project: MakeProject) -> None:
    result = project({"Procfile": "web: true\n"}).run("start", "--exit-on", "wbe")
    assert result.status == 1
    assert "did you mean 'web'?" in result.error()


def test_restart_on_failure_ends_with_a_success(project: MakeProject) -> None:
    command = "echo on $PORT; test -e once && exit 0; touch once; exit 1"
    made = project({"Procfile": f"web: {command}\n"})
    result = made.run("start", *PLAIN, "--restart", "on-failure", "-p", "7100")
    assert result.status == 0, result
    assert result.stdout.count("web.1  | on 7100") == 2
    assert re.search(r"web\.1 exited with status 1, starting it again in 0\.\d s", result.stdout)
    assert "because of it" not in result.stdout


def test_who_ignores_the_stop_signal_is_told_of_and_killed(project: MakeProject) -> None:
    made = project({"Procfile": "web: trap '' TERM; echo ready; while :; do sleep 60; done\n"})
    running = made.spawn("start", *PLAIN, "-t", "2.2")
    running.read_until("ready")
    running.signal(signal.SIGTERM)
    running.read_until(r"web\.1 goes on after SIGTERM, killing it in 1 s")
    running.read_until(r"killing web\.1")
    running.read_until(r"web\.1 stopped \(killed by SIGKILL\)")
    assert running.wait() == -signal.SIGTERM


WORKER = """\
trap 'echo told' TERM
trap 'echo goes on' USR1
echo ready
while :; do sleep 0.05; done
"""


def test_who_is_told_alone_is_told_of_and_killed_with_all_its_workers(project: MakeProject) -> None:
    command = 'sh worker & trap "kill -USR1 $!" TERM; while :; do wait; done'
    made = project(
        {
            "gaffer.yaml": f"processes: {{web: {{command: {command!r}, stop_tree: false}}}}\n",
            "worker": WORKER,
        }
    )
    running = made.spawn("start", *PLAIN, "-t", "60")
    running.read_until("ready")
    running.signal(signal.SIGINT)
    running.read_until("goes on")
    running.read_until(r"web\.1 goes on after SIGTERM, killing it in 59 s")
    running.signal(signal.SIGINT)
    running.read_until(r"killing web\.1")
    assert running.wait() == -signal.SIGINT
    assert "told" not in running.text


def test_ctrl_c_hastens_a_run_that_is_ending(project: MakeProject) -> None:
    slow = "trap '' TERM; echo ready; while :; do sleep 60; done"
    made = project({"Procfile": f"web: {slow}\nworker: sleep 0.3; exit 7\n"})
    running = made.spawn("start", *PLAIN, "-t", "60")
    running.read_until("stopping the others")
    running.signal(signal.SIGINT)
    running.read_until("Ctrl-C: stopping already, another one kills what is left")
    running.read_until("goes on after SIGTERM")  # and so isn't within the moment of one keypress
    running.signal(signal.SIGINT)
    assert running.wait() == 7


@pytest.mark.parametrize("without", ["nowait", "nowait,epoll", "epoll"])
def test_a_platform_that_cannot_write_without_waiting(project: MakeProject, without: str) -> None:
    made = project({"Procfile": "web: seq 1 100000; exec sleep 60\n"})
    running = made.spawn("start", *BARE, env={"GAFFER_WITHOUT": without})
    running.read_until(r"^100000$")
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    assert [int(line) for line in running.text.split()] == list(range(1, 100_001))


def test_more_processes_than_the_soft_limit_of_descriptors_allows(project: MakeProject) -> None:
    made = project({"Procfile": "web: exec sleep 60\n"})
    running = made.spawn_shell("ulimit -Sn 128; exec $gaffer start -c web=60 --no-timestamps")
    running.read_until(r"web\.60 started")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert "Too many open files" not in running.text


def test_who_ended_by_ctrl_c_is_not_blamed_on_a_failure(project: MakeProject) -> None:
    made = project({"Procfile": "web: read line < gate; exit 3\nworker: exec sleep 60\n"})
    made.shell("mkfifo gate")
    running = made.spawn("start", *PLAIN, "--exit-policy", "never")
    running.read_until(r"worker\.1 started")
    made.shell("echo > gate")
    running.read_until(r"web\.1 exited with status 3")
    running.signal(signal.SIGINT)
    text = running.read_all()
    assert running.wait() == 3
    assert "because of it" not in text
    assert re.search(r"web\.1 exited with status 3 after \d\.\d s$", text, re.MULTILINE)


def test_the_option_that_decided_is_named(project: MakeProject) -> None:
    made = project({"Procfile": "web: exit 0\nworker: sleep 60\n"})
    assert "web.1 has ended (--exit-on)" in made.run("start", "--exit-on", "web").stdout
    both = made.run("start", "--exit-on", "web", "--exit-policy", "all")
    assert both.status == 2
    assert "--exit-on is a policy of its own" in both.error()


def test_names_may_be_given_with_commas(project: MakeProject) -> None:
    made = project({"Procfile": "a: echo from a\nb: echo from b\nc: echo from c\n"})
    result = made.run("start", *BARE, "--only", "a,b", "--exit-policy", "all")
    assert sorted(result.lines) == ["from a", "from b"]

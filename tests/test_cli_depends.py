"""depends_on, ready and once on the real command line: who is started when, and what becomes of
those who wait when it goes wrong."""

from __future__ import annotations

import re
import signal
import time

import psutil
import pytest
from cli import MakeProject, Result, Running, wait_until
from cli import project as project

from gaffer_procfile.control import runs_in

READY_SOON = "echo up; sleep 0.3; echo serving; exec sleep 100"


def told(result: Result, what: str = r"started|ready|exited|stopped") -> list[str]:
    """What gaffer tells of processes, in order: `db.1 started`."""
    found = re.findall(rf"gaffer +\| (\S+) (?:is )?({what})\b", result.stdout)
    return [" ".join(each) for each in found]


def test_each_is_started_when_what_it_needs_has_come_so_far(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": f"""
processes:
  web: {{command: exit 3, depends_on: [migrate, cache]}}
  migrate: {{command: echo migrating, once: true, depends_on: db}}
  db: {{command: '{READY_SOON}', ready: {{log: serving}}}}
  cache: {{command: exec sleep 100}}
""",
        }
    )
    result = made.run("start")
    assert result.status == 3
    events = told(result, "started|ready|exited")
    for earlier, later in [
        ("db.1 started", "db.1 ready"),
        ("db.1 ready", "migrate.1 started"),
        ("migrate.1 exited", "web.1 started"),
        ("cache.1 started", "db.1 ready"),
    ]:
        assert events.index(earlier) < events.index(later), events
    assert re.search(r"db\.1 is ready after 0\.\d s", result.stdout)
    assert "stopping the others because web.1 has ended" in result.stdout


def test_those_that_depend_are_stopped_first(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  db: {command: "trap 'echo closed; exit' TERM; echo open; while :; do sleep 0.02; done"}
  web: {command: "trap 'sleep 0.3; echo done; exit' TERM; echo up; while :; do sleep 0.02; done",
        depends_on: db}
""",
        }
    )
    running = made.spawn("start")
    running.read_until(r"web\.1 +\| up")
    running.signal(15)
    text = running.read_all()
    assert text.index("| done") < text.index("| closed")
    assert running.wait() == -15


@pytest.mark.parametrize(
    ("db", "why", "status"),
    [
        ("{command: exit 7, ready: {log: never}}", "exited with status 7", 7),
        ("{command: exit 0, ready: {log: never}}", "ended without getting ready", 1),
        ("{command: exit 7, once: true}", "exited with status 7", 7),
        ("{command: nosuchprogram, shell: false}", "command not found: nosuchprogram", 127),
        ("{command: exec sleep 100, ready: {log: never, timeout: 0.2}}", "is not ready", 1),
    ],
)
def test_who_waited_for_what_failed(project: MakeProject, db: str, why: str, status: int) -> None:
    made = project(
        {
            "gaffer.yaml": f"""
processes:
  db: {db}
  api: {{command: exec sleep 100, depends_on: db}}
  web: {{command: exec sleep 100, depends_on: {{api: started}}}}
  clock: {{command: exec sleep 100}}
""",
        }
    )
    result = made.run("start", "--exit-policy", "failure")
    assert result.status == status
    assert f"gaffer  | api and web wait in vain: db {why}" in result.stdout
    assert "api.1 started" not in result.stdout
    assert "clock.1 stopped" in result.stdout


def test_the_others_go_on_where_all_are_to_end(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  migrate: {command: exit 4, once: true}
  web: {command: exec sleep 100, depends_on: migrate}
  other: {command: sleep 0.3; echo finished}
""",
        }
    )
    result = made.run("start", "--exit-policy", "all")
    assert result.status == 4
    assert "web waits in vain: migrate exited with status 4" in result.stdout
    assert "| finished" in result.stdout
    assert result.stdout.rstrip().count("web.1") == 0


def test_once_may_end_and_ends_nothing(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": "build: echo built\nweb: sleep 0.3; exit 5\nclock: exec sleep 100\n",
            "gaffer.yaml": "processes: {build: {once: true}}\n",
        }
    )
    result = made.run("start")
    assert result.status == 5
    assert "because web.1 has ended" in result.stdout
    only = made.run("start", "build")
    assert only.status == 0
    assert "build.1 exited with status 0" in only.stdout


def test_a_one_off_that_fails_ends_the_run(project: MakeProject) -> None:
    made = project(
        {
            "Procfile": "build: exit 2\nweb: exec sleep 100\n",
            "gaffer.yaml": "processes: {build: {once: true}}\n",
        }
    )
    result = made.run("start")
    assert result.status == 2
    assert "because build.1 has ended" in result.stdout


def test_all_instances_have_to_be_ready(project: MakeProject) -> None:
    script = "sleep 0.$((PORT % 10 * 3)); echo serving; exec sleep 100"
    made = project(
        {
            "gaffer.yaml": f"""
processes:
  db: {{command: '{script}', scale: 2, ready: {{log: serving}}}}
  web: {{command: exit 3, depends_on: db}}
""",
        }
    )
    result = made.run("start")
    assert told(result, "started|ready")[-1] == "web.1 started"
    assert told(result, "ready") == ["db.1 ready", "db.2 ready"]


def test_one_that_is_not_wanted_any_more_is_not_waited_for(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  web: {command: echo hello; exec sleep 100, depends_on: db}
  db: {command: "[ $PS = db.1 ] && echo serving; exec sleep 100", scale: 2, ready: {log: serving}}
""",
        }
    )
    running = made.spawn("start")
    running.read_until(r"db\.1 is ready")
    wait_until(lambda: runs_in(str(made.directory)), "the socket")
    assert "web.1 started" not in running.text
    assert made.run("scale", "db=1").status == 0
    running.read_until(r"web\.1 +\| hello")
    running.signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT


def test_no_deps(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  db: {command: exec sleep 100}
  web: {command: exit 3, depends_on: db}
""",
        }
    )
    assert told(made.run("start", "web"), "started") == ["db.1 started", "web.1 started"]
    assert told(made.run("start", "web", "--no-deps"), "started") == ["web.1 started"]


def test_ctrl_c_while_somebody_waits(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  db: {command: exec sleep 100, ready: {log: never}}
  web: {command: exec sleep 100, depends_on: db}
""",
        }
    )
    running = made.spawn("start")
    running.read_until(r"db\.1 started")
    running.signal(2)
    assert running.wait() == -2
    assert "web.1" not in running.text


def test_who_waits_for_long_is_told(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  db: {command: exec sleep 100, ready: {log: never, timeout: 6}}
  api: {command: exec sleep 100, depends_on: db}
  web: {command: exec sleep 100, depends_on: [db, api]}
""",
        }
    )
    result = made.run("start")
    assert "api and web still wait for db" in result.stdout
    assert "stopping because api and web can't start (--exit-policy first)" in result.stdout
    assert result.status == 1


def test_several_services_and_their_names(project: MakeProject) -> None:
    made = project(
        {
            "api/Procfile": "web: echo $GAFFER_PORT_SITE_WEB; exec sleep 100\n",
            "site/Procfile": "web: echo $PORT; exec sleep 100\nclock: sleep 0.5; exit 3\n",
            "gaffer.yaml": "groups: {api: api, site: site}\n",
        }
    )
    for args in ([], ["-d", "api", "-d", "site"], ["-d", "*i*"]):
        result = made.run("start", *args)
        assert result.status == 3
        assert re.search(r"\d\d api:web\.1  \| 6000\n", result.stdout), result
        assert re.search(r"\d\d site:web\.1 \| 6000\n", result.stdout), result
        assert "because clock.1 has ended" in result.stdout
        assert "api:web.1 and site:web.1 were stopped because of it" in result.stdout
    only = made.run("start", "site", "--only", "clock")
    assert "api" not in only.stdout
    assert "site:web.1  |" not in only.stdout
    ambiguous = made.run("start", "web")
    assert ambiguous.error().startswith("there are several processes 'web'")


def test_run_takes_an_entry_of_the_yaml(project: MakeProject) -> None:
    made = project(
        {
            "sub/x": "",
            "gaffer.yaml": """
processes:
  job: {command: 'echo $A in $PWD', cwd: sub, env: {A: one}, depends_on: db}
  db: {command: exec sleep 100}
""",
        }
    )
    assert made.run("run", "job").stdout == f"one in {made.path('sub')}\n"
    unknown = made.run("run", "jbo")
    assert unknown.status == 127
    assert unknown.error() == "command not found: jbo (did you mean 'job'?)"


WAITING = """
processes:
  db: {command: 'echo db up; exec sleep 100', ready: {file: go}}
  web: {command: 'echo web up; exec sleep 100', depends_on: db}
"""


def test_a_restart_of_all_starts_nobody_who_waits(project: MakeProject) -> None:
    made = project({"gaffer.yaml": WAITING})
    running = made.spawn("start")
    running.read_until(r"\| db up")
    result = made.run("restart")
    assert result.status == 0, result
    assert re.fullmatch(
        r"web\.1 goes on waiting to be started\ndb\.1 started \(pid \d+\)\n", result.stdout
    ), result
    running.read_until(r"\| db up")
    assert "web.1" not in running.text
    assert made.run("restart", "web").status == 0
    running.read_until(r"\| web up")
    made.write({"go": ""})
    running.read_until(r"db\.1 is ready")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert running.text.count("web up") == 1


@pytest.mark.parametrize("word", ["web", "web.1"])
def test_who_waits_can_be_stopped(project: MakeProject, word: str) -> None:
    made = project({"gaffer.yaml": WAITING})
    running = made.spawn("start")
    running.read_until(r"\| db up")
    result = made.run("stop", word)
    assert (result.status, result.stdout) == (0, "web.1 stopped\n"), result
    made.write({"go": ""})
    running.read_until(r"db\.1 is ready")
    shown = made.run("ps")
    assert re.search(r"web\.1 +stopped", shown.stdout), shown
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert "web up" not in running.text


def test_one_of_several_that_wait_cannot_be_stopped(project: MakeProject) -> None:
    made = project({"gaffer.yaml": WAITING.replace("depends_on", "scale: 2, depends_on")})
    running = made.spawn("start")
    running.read_until(r"\| db up")
    result = made.run("stop", "web.2")
    assert result.status == 1
    assert result.error() == "web.2 waits to be started (`gaffer stop web` stops all that wait)"
    running.signal(signal.SIGTERM)
    running.wait()


# ---- Ctrl-Z: the time of a halt is nobody's


def halt(running: Running, seconds: float) -> None:
    outer = psutil.Process(running.pid)
    running.signal(signal.SIGTSTP)
    wait_until(lambda: outer.status() == psutil.STATUS_STOPPED, "the halt")
    halted_at = time.monotonic()
    wait_until(lambda: time.monotonic() - halted_at > seconds, "the time of the halt")
    running.signal(signal.SIGCONT)
    running.read_until(r"\| beat")


def test_a_halt_does_not_count_for_ready(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  web: {command: "while sleep 0.02; do echo beat; done", ready: {file: up, timeout: 2}}
  worker: {command: exec sleep 100, depends_on: web}
""",
        }
    )
    running = made.spawn("start")
    running.read_until(r"\| beat")
    halt(running, 2.1)
    running.read_until(r"\| beat")
    made.write({"up": ""})
    running.read_until("web.1 is ready after")
    running.read_until("worker.1 started")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM


def test_a_halt_does_not_count_for_healthy(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": """
processes:
  web:
    command: while sleep 0.02; do echo beat; done
    healthy: {exec: "echo >>looks; until [ -e well ]; do sleep 0.02; done", timeout: 2, failures: 1,
      interval: 0.1}
""",
        }
    )
    running = made.spawn("start")
    looks = made.path("looks")
    wait_until(looks.exists, "a look")
    halt(running, 2.1)
    made.write({"well": ""})
    wait_until(lambda: len(looks.read_text()) >= 3, "more looks")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert "unhealthy" not in running.text

"""watch and watch_config on the real command line: files change while the processes run."""

from __future__ import annotations

import re
import shutil
import time

from cli import MakeProject, Project, Running, wait_until
from cli import project as project

SLEEP = "exec sleep 100"
TWO = """
watch_config: true
processes:
  web: {command: 'echo web has $A; exec sleep 100', env: {A: one}}
  api: {command: 'echo api up; exec sleep 100'}
"""


def started(made: Project, *patterns: str) -> Running:
    """`gaffer start` when it has written each of `patterns`, and sees what changes."""
    running = made.spawn("start")
    for pattern in patterns:
        running.read_until(pattern)
    return running


def change_until(running: Running, made: Project, name: str, text: str, pattern: str) -> str:
    """Write the file, again and again until the change was seen: nobody tells when it would be."""
    found = re.compile(pattern)
    seen = len(running.text)
    again = 0.0

    def is_seen() -> bool:
        nonlocal again
        if time.monotonic() > again:  # not all the time: it is acted upon when it is over
            made.write({name: text})
            again = time.monotonic() + 1
        if running.pending():
            running.read_until(r"\n")
        return found.search(running.text, seen) is not None

    wait_until(is_seen, pattern)
    match = found.search(running.text, seen)
    assert match is not None
    return match[0]


def end(running: Running) -> str:
    running.signal(15)
    assert running.wait() == -15
    return running.text


def test_a_changed_process_is_restarted_and_no_other(project: MakeProject) -> None:
    made = project({"gaffer.yaml": TWO})
    running = started(made, r"\| web has one", r"\| api up")
    pattern = r"gaffer\.yaml changed: restarting web\n"
    change_until(running, made, "gaffer.yaml", TWO.replace("one", "two"), pattern)
    running.read_until(r"\| web has two")
    assert end(running).count("api up") == 1


def test_another_way_to_stop_holds_for_those_that_are_started_anew(project: MakeProject) -> None:
    made = project({"gaffer.yaml": TWO})
    running = started(made, r"\| web has one", r"\| api up")
    text = TWO.replace("{A: one}", "{A: one}, stop_tree: false")
    pattern = r"gaffer\.yaml changed: restarting web\n"
    change_until(running, made, "gaffer.yaml", text, pattern)
    end(running)


def test_what_cannot_be_used_changes_nothing(project: MakeProject) -> None:
    made = project({"gaffer.yaml": TWO})
    running = started(made, r"\| web has one", r"\| api up")
    pattern = r"gaffer\.yaml changed and can't be used, what runs goes on: gaffer\.yaml:\d+:.*\n"
    said = change_until(running, made, "gaffer.yaml", TWO + "  : [\n", pattern)
    assert "not valid YAML" in said
    text = end(running)
    assert text.count("web has one") == text.count("api up") == 1


def test_processes_come_and_go_and_are_scaled(project: MakeProject) -> None:
    made = project({"gaffer.yaml": TWO})
    running = started(made, r"\| web has one", r"\| api up")
    text = TWO.replace("{A: one}", "{A: one}, scale: 2").replace("api up", "db up")
    text = text.replace("api:", "db:")
    pattern = r"gaffer\.yaml changed: without api; new db; scaling web\n"
    change_until(running, made, "gaffer.yaml", text, pattern)
    running.read_until(r"web\.2 +\| web has one")
    assert end(running).count("web.1  | web has one") == 1


def test_the_procfile_and_the_env_file_too(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": "watch_config: true\n",
            "Procfile": "web: echo web has $A; exec sleep 100\n",
        }
    )
    running = started(made, r"\| web has$")
    change_until(running, made, ".env", "A=one\n", r"\.env changed: restarting web\n")
    running.read_until(r"\| web has one")
    procfile = "web: echo web has $A now; exec sleep 100\n"
    change_until(running, made, "Procfile", procfile, r"Procfile changed: restarting web\n")
    running.read_until(r"\| web has one now")
    end(running)


def test_nothing_is_reloaded_unless_asked_for(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo up; {SLEEP}\n", "gaffer.yaml": "port: 6000\n"})
    running = started(made, r"\| up")
    made.write({"Procfile": "web: echo other\n"})
    assert "changed" not in end(running)


def test_watched_files_restart_a_process_and_those_that_follow(project: MakeProject) -> None:
    made = project(
        {
            "src/a.py": "",
            "gaffer.yaml": """
processes:
  web: {command: 'echo web up; exec sleep 100', watch: src}
  api:
    command: echo api up; exec sleep 100
    depends_on: {web: {condition: started, restart: true}}
  clock: {command: 'echo clock up; exec sleep 100', depends_on: {web: started}}
""",
        }
    )
    running = started(made, r"\| api up")
    pattern = r"web\.1: src/a\.py changed, restarting, then api\.1\n"
    change_until(running, made, "src/a.py", "x", pattern)
    running.read_until(r"\| web up")
    running.read_until(r"\| api up")
    assert end(running).count("clock up") == 1


def test_a_new_secret_is_hidden_too(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": "watch_config: true\n",
            "Procfile": "web: echo token $API_TOKEN; exec sleep 100\n",
            ".env": "API_TOKEN=first-secret\n",
        }
    )
    running = made.spawn("start", "--redact")
    running.read_until(r"\| token \[redacted\]")
    change_until(running, made, ".env", "API_TOKEN=second-secret\n", r"\.env changed: restart.*\n")
    running.read_until(r"\| token \[redacted\]")
    assert "secret" not in end(running)


def test_what_is_new_waits_for_what_it_needs(project: MakeProject) -> None:
    made = project({"gaffer.yaml": TWO})
    running = started(made, r"\| web has one", r"\| api up")
    more = """
  db: {command: 'test -e go || exec sleep 100; exec sleep 100', ready: {file: go}}
  user: {command: 'echo user up; exec sleep 100', depends_on: db}
  last: {command: 'echo last up; exec sleep 100', depends_on: {web: started}}
"""
    pattern = r"gaffer\.yaml changed: new db, user, last\n"
    change_until(running, made, "gaffer.yaml", TWO + more, pattern)
    running.read_until(r"\| last up")
    assert "user.1" not in running.text
    made.write({"go": ""})
    running.read_until(r"db\.1 is ready")
    running.read_until(r"\| user up")
    end(running)


def test_who_need_not_wait_any_more_is_started(project: MakeProject) -> None:
    text = """
watch_config: true
processes:
  db: {command: 'exec sleep 100', ready: {file: never}}
  web: {command: 'echo web up; exec sleep 100', depends_on: db}
"""
    made = project({"gaffer.yaml": text})
    running = started(made, r"db\.1 started")
    free = text.replace(", depends_on: db", "")
    change_until(running, made, "gaffer.yaml", free, r"gaffer\.yaml changed: .*\n")
    running.read_until(r"\| web up")
    end(running)


def test_what_is_new_and_once_may_end(project: MakeProject) -> None:
    made = project({"gaffer.yaml": TWO})
    running = started(made, r"\| web has one", r"\| api up")
    more = TWO + "  build: {command: 'echo built', once: true}\n"
    change_until(running, made, "gaffer.yaml", more, r"gaffer\.yaml changed: new build\n")
    running.read_until(r"build\.1 exited with status 0\n")
    more += "  user: {command: 'echo user up; exec sleep 100', depends_on: build}\n"
    change_until(running, made, "gaffer.yaml", more, r"gaffer\.yaml changed: new user\n")
    running.read_until(r"\| user up")
    assert "stopping the others" not in end(running)


def test_the_env_file_of_one_process_also_of_a_later_plan(project: MakeProject) -> None:
    text = """
watch_config: true
processes:
  web: {command: 'echo web has $A; exec sleep 100', env_files: one.env}
  api: {command: 'echo api up; exec sleep 100'}
"""
    made = project({"gaffer.yaml": text, "one.env": "A=1\n", "two.env": "A=2\n"})
    running = started(made, r"\| web has 1", r"\| api up")
    change_until(running, made, "one.env", "A=3\n", r"one\.env changed: restarting web\n")
    running.read_until(r"\| web has 3")
    other = text.replace("one.env", "two.env")
    change_until(running, made, "gaffer.yaml", other, r"gaffer\.yaml changed: restarting web\n")
    running.read_until(r"\| web has 2")
    change_until(running, made, "two.env", "A=4\n", r"two\.env changed: restarting web\n")
    running.read_until(r"\| web has 4")
    assert end(running).count("api up") == 1


def test_the_file_that_only_has_groups(project: MakeProject) -> None:
    one = "watch_config: true\ngroups: {api: services/api}\n"
    made = project(
        {
            "gaffer.yaml": one,
            "services/api/Procfile": "server: echo api up; exec sleep 100\n",
            "services/web/Procfile": "server: echo web up; exec sleep 100\n",
        }
    )
    running = started(made, r"\| api up")
    both = "watch_config: true\ngroups: {api: services/api, web: services/web}\n"
    change_until(running, made, "gaffer.yaml", both, r"gaffer\.yaml changed: new web:server\n")
    running.read_until(r"\| web up")
    own = "processes: {server: {env: {A: 1}}}\n"
    pattern = r"services/web/gaffer\.yaml changed: restarting web:server\n"
    change_until(running, made, "services/web/gaffer.yaml", own, pattern)
    assert end(running).count("api up") == 1


def test_a_new_directory_that_a_groups_glob_matches(project: MakeProject) -> None:
    procfile = "server: echo $NAME up; exec sleep 100\n"
    made = project(
        {
            "gaffer.yaml": "watch_config: true\ngroups: {all: services/*}\n",
            "services/api/Procfile": procfile,
            "services/api/.env": "NAME=api\n",
            "services/README": "",
        }
    )
    running = started(made, r"\| api up")
    env = "services/api/.env"  # it is changed until that is seen: from then on all is watched
    change_until(running, made, env, "NAME=api again\n", r"\.env changed: restarting server\n")
    made.write({"elsewhere/.env": "NAME=web\n", "elsewhere/Procfile": procfile})
    made.path("elsewhere").rename(made.path("services/web"))
    running.read_until(r"services/web/Procfile changed: new web:server\n")
    running.read_until(r"\| web up")
    change_until(running, made, env, "NAME=api\n", r"\.env changed: restarting api:server\n")
    made.write({"services/zoo/": ""})
    made.write({"services/zoo/gaffer.yaml": "processes: {server: {command: echo open; cat}}\n"})
    running.read_until(r"services/zoo/gaffer\.yaml changed: new zoo:server\n")
    running.read_until(r"\| open")
    change_until(running, made, env, "NAME=last\n", r"\.env changed: restarting api:server\n")
    shutil.rmtree(made.path("services/zoo"))
    running.read_until(r"changed: without zoo:server\n")
    end(running)


def test_what_is_new_is_watched_in_its_own_directory(project: MakeProject) -> None:
    made = project({"gaffer.yaml": TWO, "sub/src/a.py": ""})
    running = started(made, r"\| web has one", r"\| api up")
    new = "  new: {command: 'echo new up; exec sleep 100', cwd: sub, watch: sub/src}\n"
    change_until(running, made, "gaffer.yaml", TWO + new, r"gaffer\.yaml changed: new new\n")
    running.read_until(r"\| new up")
    pattern = r"new\.1: src/a\.py changed, restarting\n"
    change_until(running, made, "sub/src/a.py", "x", pattern)
    running.read_until(r"\| new up")
    assert "to be watched" not in end(running)


def test_what_has_ended_and_is_gone_does_not_count(project: MakeProject) -> None:
    text = """
watch_config: true
processes:
  web: {command: 'until test -e $PS; do sleep 0.05; done; echo $PS ends', scale: 2}
"""
    made = project({"gaffer.yaml": text + "  job: {command: echo done}\n"})
    running = made.spawn("start", "--exit-policy", "all")
    running.read_until(r"job\.1 exited with status 0\n")
    change_until(running, made, "gaffer.yaml", text, r"gaffer\.yaml changed: without job\n")
    for name in ("web.1", "web.2"):
        made.write({name: ""})
        running.read_until(rf"\| {name} ends\n")
        running.read_until(rf"{name} exited with status 0\n")
    assert running.wait() == 0


def test_what_else_is_said_of_a_process(project: MakeProject) -> None:
    made = project({"gaffer.yaml": TWO})
    running = started(made, r"\| web has one", r"\| api up")
    new = TWO.replace("web: {", "web: {log: web.log, ").replace("api: {", "api: {log: false, ")
    new += "  new: {command: 'echo new up; exec sleep 100', log: new.log}\n"
    pattern = r"gaffer\.yaml changed: new new; restarting web, api\n"
    change_until(running, made, "gaffer.yaml", new, pattern)
    running.read_until(r"\| new up")
    wait_until(lambda: made.path("web.log").exists(), "web.log")
    ready = new.replace("new: {", "new: {ready: {exec: 'true'}, ")
    change_until(running, made, "gaffer.yaml", ready, r"gaffer\.yaml changed: restarting new\n")
    running.read_until(r"new\.1 is ready")
    assert end(running).count("api up") == 1
    assert made.path("web.log").read_text() == "web has one\n"
    assert made.path("new.log").read_text() == "new up\nnew up\n"

"""watch and watch_config on the real command line: files change while the processes run."""

from __future__ import annotations

import re
import shutil
import socket
import sys
import time

import pytest
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


def read_each(running: Running, since: str, *patterns: str) -> None:
    """Read until each of these was written behind `since`, in any order."""
    seen = running.text.find(since)
    while not all(re.search(pattern, running.text[seen:]) for pattern in patterns):
        running.read_until(r"\n")


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens on."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as server:
            first: int = server.getsockname()[1]
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except (OSError, OverflowError):
            continue
        return first
    pytest.fail("no free ports")


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


def test_a_project_that_is_removed_goes_on(project: MakeProject) -> None:
    made = project({"here/gaffer.yaml": TWO})
    running = made.spawn("start", cwd=made.path("here"))
    running.read_until(r"\| web has one")
    pattern = r"gaffer\.yaml changed: restarting web\n"
    change_until(running, made, "here/gaffer.yaml", TWO.replace("one", "two"), pattern)
    running.read_until(r"\| web has two")
    shutil.rmtree(made.path("here"))
    running.read_until(r"gaffer\.yaml changed and can't be used, what runs goes on: ")
    assert len(running.processes()) == 2
    end(running)


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


def test_what_is_new_gets_a_moved_port_too_and_nobody_else_another(project: MakeProject) -> None:
    procfile = f"web: {SLEEP}\nworker: {SLEEP}\n"
    made = project({"Procfile": procfile, "gaffer.yaml": "watch_config: true\n"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = made.spawn("start", "--auto-port", "-p", str(port), "-x", "worker")
        first = int(running.read_until(r"so the ports begin at (\d+)\n")[1])
        running.read_until("web.1 started")
        ports = {first, first + 10}
        for name in ("late", "later"):
            procfile += f"{name}: echo {name} has $PORT, worker $GAFFER_PORT_WORKER; {SLEEP}\n"
            seen = change_until(running, made, "Procfile", procfile, r"Procfile changed: .*\n")
            assert seen == f"Procfile changed: new {name}\n"
            shown = running.read_until(rf"\| {name} has (\d+), worker {first + 10}\n")
            ports.add(int(shown[1]))
        assert len(ports) == 4 and all(10_000 <= port < 32_768 for port in ports)
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
    never = ready.replace("exec: 'true'", "file: never")
    change_until(running, made, "gaffer.yaml", never, r"gaffer\.yaml changed: restarting new\n")
    running.read_until(r"new\.1 started")
    assert made.run("wait", "--timeout", "0.1", "new").status == 124, "it is not ready yet"
    assert end(running).count("api up") == 1
    assert made.path("web.log").read_text() == "web has one\n"
    assert made.path("new.log").read_text() == "new up\n" * 3


# ---- what goes, and what was done by hand

SERVER = """
import os, signal, socket, sys, time

def leave(*_):
    time.sleep(float(os.environ.get("D", "0.5")))
    sys.exit(0)

signal.signal(signal.SIGTERM, leave)
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print(os.environ["PS"], "serves", flush=True)
while True:
    signal.pause()
"""


@pytest.mark.parametrize(
    ("before", "after", "up"),
    [
        ("web: {0}\nother: {1}\n", "api: {0}\nother: {1}\n", ["api"]),
        (
            "web: D=0 {0}\napi: {0}\n",
            "new: {0}\nweb: D=0 {0}\napi: {0}\n",
            ["new", "web", "api"],
        ),
    ],
    ids=["a new name", "a new first line"],
)
def test_a_port_is_never_two_processes(
    project: MakeProject, before: str, after: str, up: list[str]
) -> None:
    words = (f"exec {sys.executable} server.py", SLEEP)
    procfile = before.format(*words)
    made = project(
        {"gaffer.yaml": "watch_config: true\n", "server.py": SERVER, "Procfile": procfile}
    )
    running = made.spawn("start", "-p", str(free_ports(3)), "--port-step", "1")
    for _ in range(procfile.count("server.py")):
        running.read_until(r"\.1 serves")
    change_until(running, made, "Procfile", after.format(*words), r"Procfile changed: .*\n")
    read_each(running, "Procfile changed", *(rf"{name}\.1 serves" for name in up))
    assert "exited" not in end(running)


def test_what_was_scaled_or_stopped_by_hand_stays_so(project: MakeProject) -> None:
    procfile = "".join(f"{name}: echo $PS has $A; exec sleep 100\n" for name in ("web", "x", "y"))
    made = project({"gaffer.yaml": "watch_config: true\n", "Procfile": procfile, ".env": "A=1\n"})
    running = made.spawn("start", "-c", "web=1,y=3")
    read_each(running, "", *(rf"{name} has 1" for name in ("web.1", "x.1", "y.1", "y.2", "y.3")))
    for args in (("scale", "web=2", "x=0"), ("stop", "y.2")):
        assert made.run(*args).status == 0
    change_until(running, made, ".env", "A=2\n", r"\.env changed: restarting web, x, y\n")
    read_each(
        running, ".env changed", *(rf"{name} has 2" for name in ("web.1", "web.2", "y.1", "y.3"))
    )
    assert made.run("wait", "web", "y.1").status == 0
    text = end(running)
    assert "x.1 has 2" not in text and "y.2 has 2" not in text
    assert text.count("has 2") == 4


@pytest.mark.parametrize(
    ("name", "broken", "said"),
    [
        (".env", 'A="1\n', r"\.env changed and can't be used, what runs goes on: \.env:1: .*\n"),
        (
            "Procfile",
            "web {0}",
            r"Procfile changed and can't be used, what .* on: Procfile:1: .*\n",
        ),
    ],
)
def test_a_file_with_a_mistake_changes_nothing(
    project: MakeProject, name: str, broken: str, said: str
) -> None:
    web, other = "echo web has $A; exec sleep 100", f"echo other up; {SLEEP}"
    made = project(
        {
            "gaffer.yaml": "watch_config: true\n",
            "Procfile": f"web: {web}\nother: {other}\nno entry\n",
            ".env": "A=1\n",
        }
    )
    running = started(made, r"\| web has 1", r"\| other up")
    text = broken.format(web) + f"\nother: {other}\nno entry\n" if name == "Procfile" else broken
    change_until(running, made, name, text, said)
    good = "A=2\n" if name == ".env" else f"web: {web}; : more\nother: {other}\nno entry\n"
    change_until(running, made, name, good, rf"{name} changed: restarting web.*\n")
    running.read_until(r"\| web has " + ("2" if name == ".env" else "1"))
    text = end(running)
    assert text.count("| web has") == 2
    assert text.count("| other up") == (2 if name == ".env" else 1)
    assert text.count("Procfile:3:") == 1  # it was there before, and is told of no more


def test_names_never_get_shorter(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": "watch_config: true\ngroups: {all: services/*}\n",
            "services/a/Procfile": "web: echo a up; exec sleep 100\n",
            "services/b/Procfile": "web: echo b up; exec sleep 100\n",
        }
    )
    running = started(made, r"\| a up", r"\| b up")
    more = "web: echo a again; exec sleep 100\n"
    pattern = r"Procfile changed: restarting a:web\n"
    change_until(running, made, "services/a/Procfile", more, pattern)
    running.read_until(r"\| a again")
    shutil.rmtree(made.path("services/b"))
    running.read_until(r"changed: without b:web\n")
    running.read_until(r"\| b:web\.1 stopped\n")
    change_until(
        running, made, "services/a/Procfile", more + "job: exec sleep 100\n", r": new job\n"
    )
    assert "| a:web.1 stopped" in end(running)[-200:]


def test_what_was_scaled_by_hand_has_as_many_as_there_are_ports_for(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": "watch_config: true\n",
            "Procfile": f"web: echo $PS has $PORT; {SLEEP}\n",
            ".env": "PORT=6000\n",
        }
    )
    running = started(made, r"web\.1 has 6000")
    assert made.run("scale", "web=3").status == 0
    change_until(running, made, ".env", "PORT=65534\n", r"\.env changed: restarting web\n")
    read_each(running, ".env changed", r"web\.1 has 65534", r"web\.2 has 65535")
    assert "web.3 has 65536" not in end(running)

"""`gaffer plan`: what would run, in which order and where, and who said so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cli import MakeProject, Result
from cli import project as project

PAGE = Path(__file__).parents[1] / "docs" / "before-the-start.md"

FILES: dict[str, str | bytes] = {
    "Procfile": "web: touch started; bin/serve --port $PORT\nclock: touch started\n",
    ".env": "A=1\n",
    "gaffer.yaml": """\
defaults: {restart: on-failure}
processes:
  web:
    scale: 2
    depends_on: {db: ready, migrate: completed}
    healthy: {http: /health, port: 8080, status: 204, timeout: 5}
    watch: [src, lib]
    env: {B: 1}
    stop_signal: INT
    stop_timeout: 1500ms
    description: What people see
  db:
    command: bin/db
    port: 5432
    ready: port
    cwd: data
    restart: never
  migrate:
    command: bin/migrate
    once: true
    depends_on: db
    profiles: never-asked-for
    stop_tree: false
""",
    "data/": "",
}


def planned(result: Result) -> dict[str, Any]:
    assert result.status == 0, result
    plan: dict[str, Any] = json.loads(result.stdout)
    return plan


def behind_the_services(result: Result) -> list[str]:
    assert result.status == 0, result
    return result.lines[result.lines.index("") + 1 :]


def test_a_procfile(project: MakeProject) -> None:
    made = project({"Procfile": "web: touch started\n\nworker: touch started\n", ".env": "A=1\n"})
    result = made.run("plan")
    assert result.lines == [
        f"project  {made.directory}",
        "         .env, Procfile",
        "",
        "1. at once",
        "  web     5000  touch started  (Procfile:1)",
        "  worker  5100  touch started  (Procfile:3)",
    ]
    assert result.stderr == ""
    assert not made.path("started").exists()


def test_with_all_settings_and_where_they_are_said(project: MakeProject) -> None:
    made = project(FILES)
    assert (
        behind_the_services(made.run("plan"))
        == """\
1. at once
  clock    5100       touch started  (Procfile:2)
      restart  on-failure  (gaffer.yaml:1)
  db       5432       bin/db  (gaffer.yaml:13)
      cwd      data  (gaffer.yaml:16)
      port     5432  (gaffer.yaml:14)
      ready    port, within 60 s  (gaffer.yaml:15)
      restart  never  (gaffer.yaml:17)

2. after 1
  migrate  5300       bin/migrate  (gaffer.yaml:19)
      depends_on  db ready  (gaffer.yaml:21)
      restart     on-failure  (gaffer.yaml:1)
      stop_tree   false  (gaffer.yaml:23)
      once        true  (gaffer.yaml:20)
      profiles    never-asked-for  (gaffer.yaml:22)

3. after 2
  web.1-2  5000-5001  touch started; bin/serve --port $PORT  (Procfile:1)
      env           B  (gaffer.yaml:8)
      scale         2  (gaffer.yaml:4)
      healthy       http /health on port 8080 with status 204, within 5 s
                    (gaffer.yaml:6)
      depends_on    db ready; migrate completed  (gaffer.yaml:5)
      restart       on-failure  (gaffer.yaml:1)
      stop_signal   INT  (gaffer.yaml:9)
      stop_timeout  1.5 s  (gaffer.yaml:10)
      watch         src, lib  (gaffer.yaml:7)
      description   What people see  (gaffer.yaml:11)
""".splitlines()
    )
    assert not made.path("started").exists()


def test_json(project: MakeProject) -> None:
    made = project(FILES)
    plan = planned(made.run("plan", "--json"))
    directory = str(made.directory)
    assert plan["directory"] == directory
    assert plan["services"] == [
        {
            "group": "project",
            "directory": directory,
            "files": ["gaffer.yaml", ".env", "Procfile"],
        }
    ]
    assert plan["waves"] == [["clock", "db"], ["migrate"], ["web"]]
    assert (plan["notes"], plan["problems"]) == ([], [])
    web, _, db, migrate = plan["processes"]
    assert (web["name"], web["group"], web["wave"]) == ("web", "project", 3)
    assert (web["instances"], web["ports"]) == (2, [5000, 5001])
    assert web["depends_on"] == {
        "db": {"condition": "ready", "restart": False},
        "migrate": {"condition": "completed", "restart": False},
    }
    assert (web["restart"], web["stop_signal"], web["stop_timeout"]) == ("on-failure", "INT", 1.5)
    assert (web["healthy"]["kind"], web["healthy"]["target"]) == ("http", "/health")
    assert web["watch"]["paths"] == ["src", "lib"]
    assert web["origins"]["command"] == "Procfile:1"
    assert web["origins"]["restart"] == "gaffer.yaml:1"
    assert (db["directory"], db["command"]) == (f"{directory}/data", "bin/db")
    assert db["origins"]["command"] == "gaffer.yaml:13"
    assert (migrate["once"], migrate["restart"]) == (True, "never")
    assert (db["stop_tree"], migrate["stop_tree"]) == (True, False)


def test_the_same_selection_as_start(project: MakeProject) -> None:
    made = project(FILES)

    def waves(*args: str) -> list[list[str]]:
        found: list[list[str]] = planned(made.run("plan", "--json", *args))["waves"]
        return found

    assert waves("web") == [["db"], ["migrate"], ["web"]]
    assert waves("--no-deps", "web") == [["web"]]
    assert waves("-x", "web") == [["clock", "db"]]
    assert waves("--profile", "never-asked-for", "-x", "web") == [["clock", "db"], ["migrate"]]
    plan = planned(made.run("plan", "--json", "-c", "web=3", "-p", "9000", "web"))
    assert plan["processes"][0]["ports"] == [9000, 9001, 9002]
    assert made.run("plan", "wbe").error() == "unknown process 'wbe' (did you mean 'web'?)"


def test_scaled_to_none(project: MakeProject) -> None:
    lines = project({"Procfile": "web: x\nworker: y\n"}).run("plan", "-c", "worker=0").lines
    assert lines[-1] == "  worker (none)  -     y  (Procfile:2)"


SERVICES: dict[str, str | bytes] = {
    "services/api/Procfile": "web: serve\nworker: work\n",
    "services/api/gaffer.yaml": "processes:\n  web: {restart: always, depends_on: store}\n",
    "services/store/Procfile": "store: keep\n",
    "services/store/.env": "A=1\n",
    "gaffer.yaml": "defaults:\n  stop_timeout: 2\ngroups:\n  all: services/*\n",
}


def test_several_services(project: MakeProject) -> None:
    made = project(SERVICES)
    result = made.run("plan")
    assert result.lines[:5] == [
        f"api    {made.directory}/services/api",
        "       services/api/gaffer.yaml, services/api/Procfile",
        f"store  {made.directory}/services/store",
        "       services/store/.env, services/store/Procfile",
        "",
    ]
    assert (
        behind_the_services(result)
        == """\
1. at once
  worker  5100  work  (services/api/Procfile:2)
      stop_timeout  2 s  (gaffer.yaml:2)
  store   6000  keep  (services/store/Procfile:1)
      stop_timeout  2 s  (gaffer.yaml:2)

2. after 1
  web     5000  serve  (services/api/Procfile:1)
      depends_on    store started  (services/api/gaffer.yaml:2)
      restart       always  (services/api/gaffer.yaml:2)
      stop_timeout  2 s  (gaffer.yaml:2)
""".splitlines()
    )
    plan = planned(made.run("plan", "--json", "-d", "services/*"))
    assert [service["group"] for service in plan["services"]] == ["api", "store"]


def test_nothing_of_a_long_or_a_strange_command_is_lost(project: MakeProject) -> None:
    command = "printf '%s' " + "word-and-word " * 12 + "x" * 120
    config = "processes:\n  odd:\n    command: |\n      one\n      \ttwo\n"
    made = project({"Procfile": f"web: {command}\n", "gaffer.yaml": config})
    lines = behind_the_services(made.run("plan", "web"))
    assert max(map(len, lines)) <= 80
    begin = len("  web  5000  ")
    shown = [line[begin:] for line in lines[1:]]
    assert "".join(shown) == f"{command}  (Procfile:1)"
    odd = behind_the_services(made.run("plan", "odd"))
    assert [line.strip() for line in odd[1:]] == ["odd  5100  one", "\\ttwo", "(gaffer.yaml:3)"]


def test_notes_and_warnings(project: MakeProject) -> None:
    made = project({"Procfile.dev": "web: x\nrelease: y\nwhat\n"})
    result = made.run("plan")
    assert result.stderr.startswith("gaffer: Procfile.dev:3: ")
    assert result.lines[-2:] == [
        "Procfile.dev is used",
        "release is a one-off, left out; `gaffer run release` runs it",
    ]
    plan = planned(made.run("plan", "--json"))
    assert plan["notes"] == result.lines[-2:]
    assert plan["problems"] == [result.stderr.removeprefix("gaffer: ").rstrip("\n")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no Procfile in "),
        ({"Procfile": "web: x\nweb: y\n"}, "Procfile:2: "),
        ({"gaffer.yaml": "processes: {a: {command: x, depends_on: a}}\n"}, "gaffer.yaml:1:"),
    ],
)
def test_what_is_wrong_is_said_as_by_start(
    project: MakeProject, files: dict[str, str | bytes], message: str
) -> None:
    made = project(files)
    assert message in made.run("plan").error()
    assert made.run("plan").error() == made.run("start").error()


def test_a_chain_that_is_longer_than_python_is_deep(project: MakeProject) -> None:
    chain = "".join(
        f"  p{number}: {{command: x, depends_on: p{number + 1}}}\n" for number in range(1500)
    )
    config = f"port_step: 1\nprocesses:\n{chain}  p1500: {{command: x}}\n"
    plan = planned(project({"gaffer.yaml": config}).run("plan", "--json"))
    assert plan["waves"][0] == ["p1500"] and plan["waves"][-1] == ["p0"]
    assert len(plan["waves"]) == 1501


def test_the_page_shows_what_is_shown(project: MakeProject) -> None:
    made = project(
        {
            "shop/Procfile": "web: bin/serve --port $PORT\n",
            "shop/.env": "A=1\n",
            "shop/gaffer.yaml": """\
processes:
  web:
    scale: 2
    depends_on: db

  db:
    command: bin/db
    port: 5432
    ready: port
""",
        }
    )
    page = PAGE.read_text(encoding="utf-8")
    [shown] = re.findall(r"^```text\n(shop .*?)^```$", page, re.MULTILINE | re.DOTALL)
    result = made.run("plan", cwd=made.path("shop"))
    assert result.stdout.replace(str(made.path("shop")), "/home/me/shop") == shown

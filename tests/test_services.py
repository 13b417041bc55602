"""Several services in one plan: groups, their names and ports, who waits for whom."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gaffer_procfile import project
from gaffer_procfile.errors import GafferError
from gaffer_procfile.planning.plan import Plan
from gaffer_procfile.project import Options

Files = Callable[[dict[str, str]], Path]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Make the directory `shop` out of a dict, and go there."""

    def make(contents: dict[str, str]) -> Path:
        directory = tmp_path / "shop"
        for name, text in contents.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
        monkeypatch.chdir(directory)
        return directory

    return make


def load(*directories: str, **given: Any) -> Plan:
    environ = {"PATH": os.environ["PATH"]}
    return project.load(Options(**{"environ": environ, "directories": directories, **given}))


def refusal(*directories: str, **given: Any) -> str:
    with pytest.raises(GafferError) as refused:
        load(*directories, **given)
    return str(refused.value)


def ports(plan: Plan) -> dict[str, int]:
    return {template.full_name: template.port for template in plan.templates}


def names(plan: Plan) -> list[str]:
    return [template.full_name for template in plan.templates]


def waits(plan: Plan) -> dict[str, list[tuple[str, str]]]:
    return {
        template.name: [(one.name, one.condition) for one in template.depends_on]
        for template in plan.templates
        if template.depends_on
    }


TWO = {
    "api/Procfile": "web: sh api\nworker: sh worker\n",
    "api/.env": "A=api\n",
    "site/Procfile": "web: sh site\n",
}


def test_each_directory_is_a_group_of_its_own(files: Files) -> None:
    directory = files(TWO)
    plan = load("api", "site")
    assert names(plan) == ["api:web", "api:worker", "site:web"]
    assert [plan.names.display(name, 1) for name in names(plan)] == [
        "api:web.1",
        "worker.1",
        "site:web.1",
    ]
    assert [template.directory for template in plan.templates] == [
        str(directory / "api"),
        str(directory / "api"),
        str(directory / "site"),
    ]
    assert plan.templates[0].environment["A"] == "api"
    assert "A" not in plan.templates[2].environment


def test_everybody_knows_where_all_are(files: Files) -> None:
    files(TWO)
    web, _worker, site = load("api", "site").templates
    of_all = {
        "GAFFER_PORT_API_WEB": "5000",
        "GAFFER_PORT_API_WORKER": "5100",
        "GAFFER_PORT_SITE_WEB": "6000",
    }
    for template in (web, site):
        assert {name: template.environment[name] for name in of_all} == of_all
    assert web.environment["GAFFER_PORT_WEB"] == "5000"
    assert site.environment["GAFFER_PORT_WEB"] == "6000"
    assert site.environment["GAFFER_PORT_WORKER"] == "5100"  # there is only one


def test_two_groups_with_one_variable_are_told_of(files: Files) -> None:
    files({"api/Procfile": "web-ui: sh\n", "api-web/Procfile": "ui: sh\n"})
    plan = load("api", "api-web")
    assert {template.environment["GAFFER_PORT_API_WEB_UI"] for template in plan.templates} == {
        "5000"
    }
    told = "GAFFER_PORT_API_WEB_UI is the port of 'api:web-ui', so 'api-web:ui' has none"
    assert [str(problem) for problem in plan.problems] == [
        f"api-web/Procfile:1: {told} (rename one of them)"
    ]


def test_a_pattern_stands_for_the_directories_that_have_a_procfile(files: Files) -> None:
    files({**TWO, "docs/README": "", "Makefile": ""})
    assert names(load("*")) == ["api:web", "api:worker", "site:web"]
    assert refusal("d*") == "d*: no directory that it matches has a Procfile"
    assert refusal("x*") == "x*: it matches nothing"


def test_two_directories_of_one_name(files: Files) -> None:
    files({"a/web/Procfile": "web: sh\n", "b/web/Procfile": "web: sh\n"})
    assert names(load("a/web", "b/web")) == ["a-web:web", "b-web:web"]
    files({"c/a/web/Procfile": "web: sh\n"})
    assert "are both 'a-web'" in refusal("a/web", "c/a/web")


def test_a_directory_that_is_named_twice_is_one(files: Files) -> None:
    files(TWO)
    assert names(load("site", "*", "api/../site")) == ["site:web", "api:web", "api:worker"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["api"], ["api:web", "api:worker"]),
        (["*:web"], ["api:web", "site:web"]),
        (["site:web", "worker"], ["api:worker", "site:web"]),
    ],
)
def test_names_groups_and_patterns_select(
    files: Files, words: Sequence[str], expected: list[str]
) -> None:
    files(TWO)
    plan = load("api", "site", names=words)
    assert names(plan) == expected
    assert ports(plan).items() <= {"api:web": 5000, "api:worker": 5100, "site:web": 6000}.items()
    rest = [name for name in names(load("api", "site")) if name not in expected]
    assert names(load("api", "site", exclude=words)) == rest


def test_a_formation_over_groups(files: Files) -> None:
    files(TWO)
    plan = load("api", "site", formation="api=2,site:web=0,worker=3")
    assert [template.instances for template in plan.templates] == [2, 3, 0]
    assert "several processes 'web'" in refusal("api", "site", formation="web=2")


# --- ports -----------------------------------------------------------------------------------


def test_blocks_of_ports_do_not_collide(files: Files) -> None:
    many = "".join(f"p{n}: sh\n" for n in range(12))
    files({"a/Procfile": many, "b/Procfile": "web: sh\n", "c/Procfile": "web: sh\n"})
    plan = load("a", "b", "c")
    assert ports(plan)["b:web"] == 7000
    assert ports(plan)["c:web"] == 8000
    assert ports(load("b", "a", "c"))["a:p0"] == 6000
    assert ports(load("b", "c", port="8000")) == {"b:web": 8000, "c:web": 9000}


def test_one_port_in_two_env_files(files: Files) -> None:
    files({**TWO, "api/.env": "PORT=4000\n", "site/.env": "PORT=4100\n"})
    plan = load("api", "site")
    assert ports(plan) == {"api:web": 4000, "api:worker": 4100, "site:web": 5000}
    assert plan.notes == (
        "site: PORT of site/.env:1 is in another service's way, so its ports begin at 5000",
    )


def test_the_environments_port_is_the_first_ones(files: Files) -> None:
    files(TWO)
    plan = load("api", "site", environ={"PORT": "8000", "PATH": "/bin"})
    assert ports(plan) == {"api:web": 8000, "api:worker": 8100, "site:web": 9000}


def test_ports_that_were_said_outright_are_not_moved(files: Files) -> None:
    groups = "groups:\n  api: {directory: api, port: 4000}\n  site: {directory: site, port: 4100}\n"
    files({**TWO, "gaffer.yaml": groups})
    assert refusal().startswith("api:worker and site:web would both get port 4100")


# --- gaffer.yaml -----------------------------------------------------------------------------


def test_a_yaml_refines_the_procfile_and_adds_to_it(files: Files) -> None:
    directory = files(
        {
            "Procfile": "web: sh web\n",
            ".env": "A=1\n",
            "more.env": "B=$A\nB2=${A}2\n",
            "sub/x": "",
            "gaffer.yaml": """
env: {TOP: "${A}3"}
processes:
  web: {scale: 2, cwd: sub, env: {A: own, PATH: null}, env_files: more.env, stop_signal: INT}
  db: {command: sh db, port: 6400, once: true, shell: false, stop_tree: false}
""",
        }
    )
    web, db = load().templates
    assert (web.command, web.instances, web.directory) == ("sh web", 2, str(directory / "sub"))
    assert (web.stop_signal, web.source, db.source) == (2, "Procfile:1", "gaffer.yaml:5")
    expected = {"A": "own", "B2": "12", "TOP": "13", "GAFFER_PORT_DB": "6400"}
    assert {name: web.environment[name] for name in expected} == expected
    assert "PATH" not in web.environment
    assert web.variables["A"].origin == "gaffer.yaml:4"
    overrode = web.variables["A"].overrode
    assert overrode is not None and overrode.origin == ".env:1"
    assert (db.port, db.once, db.shell, db.environment["A"]) == (6400, True, False, "1")
    assert (web.stop_tree, db.stop_tree) == (True, False)


def test_the_environment_may_win(files: Files) -> None:
    files({"gaffer.yaml": "processes: {web: {command: sh, env: {A: yaml, B: yaml}}}\n"})
    plan = load(environ={"A": "environment"}, override=False)
    assert plan.templates[0].environment["A"] == "environment"
    assert plan.templates[0].environment["B"] == "yaml"


def test_a_process_without_a_command(files: Files) -> None:
    files({"Procfile": "worker: sh\n", "gaffer.yaml": "processes:\n  wroker: {scale: 2}\n"})
    assert refusal() == (
        "gaffer.yaml:2:3: wroker has no command, and the Procfile doesn't have it "
        "(did you mean 'worker'?)"
    )


def test_groups_of_a_yaml(files: Files) -> None:
    files(
        {
            **TWO,
            "other/one/Procfile": "web: sh\n",
            "other/two/Procfile": "web: sh\n",
            "gaffer.yaml": """
processes: {db: {command: sh db}}
defaults: {restart: on-failure, env: {ALL: x}}
groups:
  back: api
  front: {directory: site, profiles: ui}
  more: {directory: other/*}
""",
        }
    )
    assert names(load()) == ["shop:db", "back:web", "back:worker", "one:web", "two:web"]
    assert names(load(profiles=["ui"]))[3] == "front:web"
    assert {template.restart for template in load().templates} == {"on-failure"}
    assert {template.environment["ALL"] for template in load().templates} == {"x"}
    assert refusal(profiles=["iu"]) == "no process has the profile 'iu' (there is ui)"


def test_a_group_of_its_own_is_no_match_of_a_pattern(files: Files) -> None:
    files({**TWO, "gaffer.yaml": "groups: {all: '*', back: {directory: api, port: 7000}}\n"})
    assert names(load()) == ["site:web", "back:web", "back:worker"]


def test_groups_of_a_group_are_told_of(files: Files) -> None:
    files({**TWO, "gaffer.yaml": "groups: {api: api}\n", "api/gaffer.yaml": "groups: {a: ../site}"})
    plan = load()
    assert names(plan) == ["api:web", "api:worker"]
    told = "api/gaffer.yaml:1:1: the groups of a group are left out"
    assert [str(problem) for problem in plan.problems] == [told]


def test_a_group_whose_directory_is_missing(files: Files) -> None:
    files({"gaffer.yaml": "groups:\n  api: apy\n"})
    assert refusal() == "gaffer.yaml:2:3: api: there is no directory apy"


def test_profiles(files: Files) -> None:
    files(
        {
            "gaffer.yaml": """
processes:
  web: {command: sh, depends_on: {cache: started}}
  cache: {command: sh, profiles: [cached]}
  mail: {command: sh, profiles: [mail, all]}
"""
        }
    )
    assert names(load()) == ["shop:web", "shop:cache"]  # web needs it
    assert names(load(profiles=["all"])) == ["shop:web", "shop:cache", "shop:mail"]
    assert names(load(names=["mail"])) == ["shop:mail"]
    assert names(load(with_dependencies=False)) == ["shop:web"]


# --- dependencies ----------------------------------------------------------------------------

WAITING = """
processes:
  db: {command: sh, ready: port}
  migrate: {command: sh, once: true, depends_on: db}
  web: {command: sh, depends_on: [migrate, cache]}
  cache: {command: sh}
  clock: {command: sh, depends_on: {web: completed, db: {condition: started, restart: true}}}
"""


def test_the_usual_conditions(files: Files) -> None:
    files({"gaffer.yaml": WAITING})
    plan = load()
    assert waits(plan) == {
        "migrate": [("shop:db", "ready")],
        "web": [("shop:migrate", "completed"), ("shop:cache", "started")],
        "clock": [("shop:web", "completed"), ("shop:db", "started")],
    }
    assert [one.restart for one in plan.templates[-1].depends_on] == [False, True]


def test_what_is_selected_brings_in_what_it_needs(files: Files) -> None:
    files({"gaffer.yaml": WAITING})
    assert names(load(names=["web"])) == ["shop:db", "shop:migrate", "shop:web", "shop:cache"]
    alone = load(names=["web"], with_dependencies=False)
    assert names(alone) == ["shop:web"]
    assert waits(alone) == {}
    without = load(names=["web"], exclude=["migrate"])
    assert waits(without) == {"web": [("shop:cache", "started")]}
    assert waits(load(names=["migrate"], formation="db=0")) == {}


def test_dependencies_cross_groups(files: Files) -> None:
    files(
        {
            **TWO,
            "api/gaffer.yaml": "processes: {web: {depends_on: [db, worker]}}\n",
            "site/gaffer.yaml": "processes: {web: {depends_on: ['api:web', web]}}\n",
            "gaffer.yaml": "groups: {api: api, site: site}\nprocesses: {db: {command: sh}}\n",
        }
    )
    assert "site:web waits for site:web" in refusal()


@pytest.mark.parametrize(
    ("depends_on", "message"),
    [
        ("{web: {depends_on: clcok}}", "web: unknown process 'clcok' (did you mean 'clock'?)"),
        (
            "{web: {depends_on: clock}, clock: {depends_on: db}, db: {depends_on: web}}",
            "each waits for the other: web waits for clock, clock waits for db, db waits for web",
        ),
        ("{web: {depends_on: web}}", "each waits for the other: web waits for web"),
        (
            "{web: {depends_on: {db: ready}}}",
            "web: db is waited for to be ready, and nothing says when it is",
        ),
    ],
)
def test_what_cannot_be_waited_for(files: Files, depends_on: str, message: str) -> None:
    files(
        {
            "Procfile": "web: sh\nclock: sh\ndb: sh\n",
            "gaffer.yaml": f"processes: {depends_on}\n",
        }
    )
    found = refusal()
    assert found.startswith("gaffer.yaml:1:")
    assert message in found
    assert found in map(str, project.check(Options()))


def test_check_finds_what_is_wrong_in_every_service(files: Files) -> None:
    files(
        {
            "gaffer.yaml": "groups: {api: api, site: site}\nprocesses: {db: {comand: x}}\n",
            "api/Procfile": "web: nosuchprogram\na.b: x\n",
            "site/Procfile": "web: sh\n",
            "site/gaffer.yaml": "processes: {web: {depends_on: nobody, env_files: none.env}}\n",
        }
    )
    found = [str(problem) for problem in project.check(Options(environ={"PATH": "/bin"}))]
    for start in (
        "gaffer.yaml:2:",
        "api/Procfile:1: web: command 'nosuchprogram' is not found",
        "api/Procfile:2: 'a.b' is not a process name",
        "site/gaffer.yaml:1:19: web: unknown process 'nobody'",
        "site/none.env: no such file or directory",
    ):
        assert any(problem.startswith(start) for problem in found), (start, found)


def test_paths_start_where_the_file_is(files: Files) -> None:
    directory = files(
        {
            "sub/x": "",
            "gaffer.yaml": """
processes:
  web: {command: sh, cwd: sub, watch: [src, /abs], ready: {file: up}, log: logs/web.log}
  api: {command: sh, watch: src, ready: {file: up}}
""",
        }
    )
    web, api = load().templates
    assert web.watch is not None and api.watch is not None
    assert web.ready is not None and api.ready is not None
    assert web.watch.paths == (str(directory / "src"), "/abs")
    assert web.ready.target == str(directory / "up")
    assert web.log == str(directory / "logs/web.log")
    assert (api.watch.paths, api.ready.target) == (("src",), "up")  # it runs there


def test_the_top_file_says_where_all_ports_begin(files: Files) -> None:
    files({**TWO, "gaffer.yaml": "groups: {api: api, site: site}\nport: 7000\nport_step: 10\n"})
    assert ports(load()) == {"api:web": 7000, "api:worker": 7010, "site:web": 8000}
    assert ports(load(port="4000"))["api:web"] == 4000


def test_the_top_files_env_is_for_all_and_weaker_than_their_own(files: Files) -> None:
    files({**TWO, "gaffer.yaml": "groups: {api: api, site: site}\nenv: {A: top, B: top}\n"})
    web, _worker, site = load().templates
    assert (web.environment["A"], web.environment["B"]) == ("api", "top")
    assert (site.environment["A"], site.environment["B"]) == ("top", "top")
    assert site.variables["A"].origin == "gaffer.yaml:2"


def test_a_service_alone_without_what_it_depends_on(files: Files) -> None:
    files({"gaffer.yaml": "processes: {web: {command: sh, depends_on: 'api:server'}}\n"})
    assert "unknown process 'api:server' (there is no group 'api' here)" in refusal()
    assert names(load(with_dependencies=False)) == ["shop:web"]

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


def test_a_name_that_somebody_gave_stays_whatever_the_checkout_is_called(files: Files) -> None:
    directory = files(
        {
            **TWO,
            "gaffer.yaml": """
groups: {shop: api, site: site}
processes: {proxy: {command: sh, depends_on: {"shop:web": started}}}
""",
        }
    )
    above = directory.parent.name
    expected = [f"{above}-shop:proxy", "shop:web", "shop:worker", "site:web"]
    assert names(load()) == expected
    assert waits(load()) == {"proxy": [("shop:web", "started")]}
    files({"gaffer.yaml": "groups: {shop: api, all: 's*'}\n", "shop/Procfile": "web: sh\n"})
    assert names(load())[:3] == ["shop:web", "shop:worker", "shop-shop:web"]


def test_names_that_two_files_gave_are_told_apart(files: Files) -> None:
    one = {f"one/{name}": text for name, text in TWO.items()}
    two = {f"two/{name}": text for name, text in TWO.items()}
    groups = "groups: {api: api}\n"
    files({**one, **two, "one/gaffer.yaml": groups, "two/gaffer.yaml": groups})
    assert names(load("one", "two", names=["*:worker"])) == ["one-api:worker", "two-api:worker"]


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


def test_a_directory_and_links_to_it_are_one_by_its_own_name(files: Files) -> None:
    directory = files({"services/b/Procfile": "web: sh\n", "other/Procfile": "web: sh\n"})
    for link, target in (("a", "b"), ("c", "b"), ("d", "../other")):
        (directory / "services" / link).symlink_to(target)
    expected = ["b:web", "d:web"]
    assert names(load("services/*")) == expected
    files({"gaffer.yaml": "groups: {all: services/*, again: 'services/[bcd]'}\n"})
    assert names(load()) == expected


def test_what_a_group_or_a_service_has_by_a_dangling_link_is_told(files: Files) -> None:
    directory = files(TWO)
    (directory / "broken").mkdir()
    (directory / "broken/Procfile").symlink_to("Procfile.old")
    told = "broken/Procfile: a link to Procfile.old, which isn't there"
    assert refusal("*") == told
    assert refusal("broken") == told


def test_a_group_is_safe_in_a_line(files: Files) -> None:
    files(
        {"a\nb/Procfile": "web: sh\n", "b\u2028c/Procfile": "web: sh\n", "[z]/Procfile": "web: sh"}
    )
    plan = load("a\nb", "b\u2028c", "[z]")
    assert names(plan) == ["a-b:web", "b-c:web", "[z]:web"]
    assert names(load("[z]", "a\nb", names=["[z]"])) == ["[z]:web"]
    files({"x\x1b/[z]/Procfile": "web: sh\n", "y:/[z]/Procfile": "web: sh\n"})
    assert names(load("x\x1b/[z]", "y:/[z]")) == ["x--[z]:web", "y--[z]:web"]


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


@pytest.mark.parametrize(
    ("services", "block"),
    [(61, 1000), (62, 500), (122, 500), (123, 200), (303, 200), (304, 100), (606, 100)],
)
def test_many_services_have_smaller_blocks(files: Files, services: int, block: int) -> None:
    files({f"s/{n:03}/Procfile": "web: sh\n" for n in range(services)})
    plan = load("s/*")
    assert ports(plan)["001:web"] == 5000 + block
    last = f"{services - 1:03}"
    assert ports(load("s/*", names=[last])) == {
        name: port for name, port in ports(plan).items() if name.startswith(last)
    }
    # How many of each there are decides as little as which of them run.
    assert (
        ports(load("s/*", formation="000:web=3")).items()
        >= {name: port for name, port in ports(plan).items() if name.startswith(last)}.items()
    )


def test_blocks_are_smaller_where_they_begin_high(files: Files) -> None:
    files({f"{n}/Procfile": "web: sh\n" for n in range(7)})
    assert ports(load("*", port="60000"))["6:web"] == 63_000
    assert ports(load("*", port="59000"))["6:web"] == 65_000


def test_a_port_past_the_last_one_names_its_group(files: Files) -> None:
    files({**TWO, "site/.env": "PORT=65535\n"})
    past = "past 65535 (a smaller --port-step, or a lower port with -p)"
    assert refusal("site", "api") == f"api: web would get port 66535, {past}"
    reaches = "api: web=101 reaches port 6100, which is worker's (--port-step 101 keeps them apart)"
    assert refusal("site", "api", port="5000", formation="api:web=101") == reaches
    assert refusal("api", port="65535") == f"worker would get port 65635, {past}"


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


def test_what_is_wrong_with_a_command_is_said_once(files: Files) -> None:
    text = """\
processes:
  a: {command: [echo, hi]}
  b: {command: sh, depends_on: [a, c]}
  c: {scale: 2}
"""
    files({"gaffer.yaml": text})
    assert [str(problem).partition(" (")[0] for problem in project.check(Options())] == [
        "gaffer.yaml:2:16: command is the text of a command, not a list",
        "gaffer.yaml:4:3: c has no command, and the Procfile doesn't have it",
    ]


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


def test_a_group_that_is_the_top_is_its_own_name(files: Files) -> None:
    directory = files({**TWO, "Procfile": "proxy: sh\n", "gaffer.yaml": "groups: {a: ., b: api}\n"})
    assert names(load()) == ["a:proxy", "b:web", "b:worker"]
    assert project.check(Options()) == []
    assert load().directory == str(directory)
    files({"gaffer.yaml": "groups: {b: api, a: {directory: ../shop, port: 7000, procfile: P}}\n"})
    files({"P": "other: sh\n"})
    assert names(load()) == ["a:other", "b:web", "b:worker"]
    assert ports(load())["a:other"] == 7000
    files({"gaffer.yaml": "groups: {all: '../*', b: api}\n"})
    assert names(load()) == ["shop:proxy", "b:web", "b:worker"]


def test_a_group_that_is_the_top_and_has_nothing_to_run(files: Files) -> None:
    files({**TWO, "gaffer.yaml": "groups: {a: ., b: api}\n"})
    told = "gaffer.yaml:1:10: a: there is no Procfile here"
    assert refusal() == told
    assert told in map(str, project.check(Options()))


def test_env_files_of_the_command_line_are_those_of_groups_too(files: Files) -> None:
    groups = "groups: {api: {directory: api, env_files: own.env}, site: site}\n"
    files({**TWO, "gaffer.yaml": groups, "api/own.env": "A=own\n"})
    files({"ci.env": "A=ci\n", "site/ci.env": "A=site\n", "api/.env": "A=api\n"})
    assert load().templates[0].environment["A"] == "own"
    web, _worker, site = load(env_files=["ci.env"]).templates
    assert (web.environment["A"], site.environment["A"]) == ("ci", "site")
    missing = "nosuch.env: no such file or directory"
    assert refusal(env_files=["nosuch.env"]) == missing
    assert [str(problem) for problem in project.check(Options(env_files=["nosuch.env"]))] == [
        missing
    ]


@pytest.mark.parametrize("has_processes", [False, True])
@pytest.mark.parametrize("how", ["-f", "PROCFILE"])
def test_a_procfile_of_the_command_line_is_looked_for_in_groups(
    files: Files, how: str, has_processes: bool
) -> None:
    own = "processes: {db: {command: sh}}\n" if has_processes else ""
    files({**TWO, "api/X": "other: sh\n", "gaffer.yaml": "groups: {api: api, site: site}\n" + own})
    environ = {"PATH": os.environ["PATH"], **({"PROCFILE": "X"} if how == "PROCFILE" else {})}
    given: dict[str, Any] = {"environ": environ, "procfile": "X" if how == "-f" else None}
    assert refusal(**given).startswith("X: no such file or directory (looked for ")
    files({"site/X": "another: sh\n"})
    db = ["shop:db"] if has_processes else []
    assert names(load(**given)) == [*db, "api:other", "site:another"]
    assert [str(problem) for problem in project.check(Options(**given))] == []


def test_a_procfile_that_only_the_top_has_is_none_of_the_groups(files: Files) -> None:
    files(
        {**TWO, "X": "top: sh\n", "site/X": "own: sh\n", "gaffer.yaml": "groups: {a: api, s: site}"}
    )
    assert names(load(procfile="X")) == ["shop:top", "a:web", "a:worker", "s:own"]


def test_a_group_whose_directory_is_missing(files: Files) -> None:
    files({"gaffer.yaml": "groups:\n  api: apy\n"})
    assert refusal() == "gaffer.yaml:2:3: api: there is no directory apy"


def test_a_glob_that_matches_nothing_is_told_with_its_line(files: Files) -> None:
    files({"gaffer.yaml": "groups:\n  all: services/*\n"})
    assert refusal() == "gaffer.yaml:2:3: services/*: it matches nothing"


def test_one_variable_of_two_files(files: Files) -> None:
    files({"Procfile": "web-1: sh\n", "gaffer.yaml": "\n\nprocesses: {web_1: {command: sh}}\n"})
    [problem] = load().problems
    assert str(problem).startswith(
        "gaffer.yaml:3: GAFFER_PORT_WEB_1 is the port of 'web-1' (Procfile:1), so 'web_1' has none"
    )


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


def test_a_top_file_that_only_has_groups_is_checked_like_any_other(files: Files) -> None:
    files({**TWO, "gaffer.yaml": "groups: {api: api, site: {dir: site}}\n", ".env": "x y\n"})
    found = [str(problem) for problem in project.check(Options())]
    assert found[0].startswith("gaffer.yaml:1:26: 'site' needs 'directory'")
    assert found[1:] == ["gaffer.yaml:1:27: unknown key 'dir' (did you mean 'directory'?)"]
    assert refusal() == found[0]


def test_what_is_wrong_for_every_group_is_said_once(files: Files) -> None:
    files(
        {**TWO, "gaffer.yaml": "groups: {api: api, site: site}\nenv: {A: '${NONE}'}\n"},
    )
    missing = (
        "gaffer.yaml:2:7: ${NONE} is not set, so it is empty in A (${NONE:-} if it is meant to be)"
    )
    assert [str(problem) for problem in project.check(Options())] == [missing]
    load()


def test_a_variable_that_no_shell_passes_on_is_warned_of_once(files: Files) -> None:
    text = """\
groups: {api: api, site: site}
env: {A-B: 1}
defaults: {env: {C.D: 1, gone.E: null}}
"""
    own = "processes: {worker: {shell: false, env: {search.type: x}}, web: {env: {F.G: 1}}}\n"
    files({**TWO, "gaffer.yaml": text, "api/gaffer.yaml": own, "site/.env": "H-I=1\n"})
    expected = [
        f"{place}: no shell can have a variable {name!r}, so processes may not get it "
        "(`shell: false` runs a command without one)"
        for place, name in (
            ("gaffer.yaml:2:7", "A-B"),
            ("site/.env:1", "H-I"),
            ("gaffer.yaml:3:18", "C.D"),
            ("api/gaffer.yaml:1:72", "F.G"),
        )
    ]
    assert sorted(map(str, load().problems)) == sorted(expected)
    assert sorted(map(str, project.check(Options()))) == sorted(expected)


def test_what_groups_inherit_is_found_where_it_is_said(files: Files) -> None:
    files(
        {
            "gaffer.yaml": """\
groups: {api: api, site: site}
processes:
  web: {command: sh, cwd: api, depends_on: worker}
defaults:
  cwd: none
  depends_on: nobody
""",
            "api/Procfile": "web: sh\nworker: sh\n",
            "site/Procfile": "clock: sh\n",
            "site/gaffer.yaml": "processes: {clock: {scale: 2}}\n",
        }
    )
    found = [str(problem) for problem in project.check(Options())]
    cwds = [
        f"gaffer.yaml:5:3: {name}: cwd none doesn't exist" for name in ("web", "worker", "clock")
    ]
    assert [problem for problem in found if "cwd" in problem] == cwds
    unknown = [problem.partition(" (")[0] for problem in found if "nobody" in problem]
    assert unknown == [
        f"gaffer.yaml:6:3: {name}: unknown process 'nobody'" for name in ("web", "worker", "clock")
    ]


def test_a_loop_of_those_that_run_is_an_error_also_without_what_they_need(files: Files) -> None:
    files(
        {
            "Procfile": "a: sh\nb: sh\nc: sh\n",
            "gaffer.yaml": "processes: {a: {depends_on: b}, b: {depends_on: a}, c: {depends_on: a}}\n",
        }
    )
    assert "each waits for the other: a waits for b, b waits for a" in refusal(
        with_dependencies=False
    )
    assert names(load(names=["a"], with_dependencies=False)) == ["shop:a"]
    assert names(load(exclude=["b"], with_dependencies=False)) == ["shop:a", "shop:c"]

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile import project
from gaffer_procfile.errors import GafferError, UnknownProcessError
from gaffer_procfile.project import Options, Plan

ROOT = Path(__file__).parent.parent
SHOP = "web: sh web\nworker: sh worker\nclock: sh clock\n"

Files = Callable[..., Path]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Make a directory called `shop` out of keyword arguments or a dict, and go there."""

    def make(contents: dict[str, str] | None = None) -> Path:
        directory = tmp_path / "shop"
        directory.mkdir()
        for name, text in (contents or {}).items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
        monkeypatch.chdir(directory)
        return directory

    return make


def options(**given: Any) -> Options:
    return Options(**{"environ": {"PATH": os.environ["PATH"]}, **given})


def ports(plan: Plan) -> dict[str, int]:
    return {template.name: template.port for template in plan.templates}


def refusal(**given: Any) -> str:
    with pytest.raises(GafferError) as refused:
        project.load(options(**given))
    return str(refused.value)


def test_a_plan_is_all_of_the_procfile_in_order(files: Files) -> None:
    directory = files({"Procfile": SHOP, ".env": "NAME=shop\n"})
    plan = project.load(options(formation="web=2"))
    assert (plan.directory, plan.services[0].group, plan.services[0].file) == (
        str(directory),
        "shop",
        "Procfile",
    )
    assert plan.notes == ()
    assert plan.problems == ()
    web, worker, clock = plan.templates
    assert [(t.name, t.index, t.instances) for t in plan.templates] == [
        ("web", 0, 2),
        ("worker", 1, 1),
        ("clock", 2, 1),
    ]
    assert (web.group, web.command, web.directory) == ("shop", "sh web", str(directory))
    assert ports(plan) == {"web": 5000, "worker": 5100, "clock": 5200}
    assert worker.instance_env == {
        "PS": "worker.{instance}",
        "GAFFER_PROCESS_NAME": "worker.{instance}",
    }
    assert clock.environment == {
        "PATH": os.environ["PATH"],
        "NAME": "shop",
        "GAFFER_PORT_WEB": "5000",
        "GAFFER_PORT_WORKER": "5100",
        "GAFFER_PORT_CLOCK": "5200",
    }
    assert plan.templates[0].variables["NAME"].origin == ".env:1"
    assert plan.templates[0].variables["PATH"].origin == "environment"
    assert plan.templates[0].variables["GAFFER_PORT_WEB"].origin == "gaffer"


class RecordingManager:
    def __init__(self) -> None:
        self.added: list[tuple[str, str, dict[str, Any]]] = []

    def add_process(self, name: str, cmd: str, **kwargs: Any) -> None:
        self.added.append((name, cmd, kwargs))


def test_install_puts_the_templates_on_a_manager(files: Files) -> None:
    directory = files({"Procfile": SHOP})
    manager = RecordingManager()
    plan = project.load(options(formation="clock=0"))
    project.install(plan, manager, start=False, stop_timeout=2.0)
    assert [(name, cmd) for name, cmd, _ in manager.added] == [
        ("shop:web", "sh web"),
        ("shop:worker", "sh worker"),
        ("shop:clock", "sh clock"),
    ]
    assert [kwargs["numprocesses"] for _, _, kwargs in manager.added] == [1, 1, 0]
    assert manager.added[1][2] == {
        "shell": True,
        "cwd": str(directory),
        "env": plan.templates[0].variables.values(),
        "instance_env": {"PS": "worker.{instance}", "GAFFER_PROCESS_NAME": "worker.{instance}"},
        "port": 5100,
        "numprocesses": 1,
        "start": False,
        "stop_timeout": 2.0,
    }


# --- which Procfile, which directory ---------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "environ", "env_file", "shown", "note"),
    [
        ({}, {}, "", "Procfile.dev", "Procfile.dev is used"),
        ({"procfile": "Procfile"}, {"PROCFILE": "Other"}, "", "Procfile", None),
        ({}, {"PROCFILE": "Other"}, "", "Other", "Other is used, by PROCFILE of the environment"),
        ({}, {}, "PROCFILE=Other", "Other", "Other is used, by PROCFILE of .env:1"),
        (
            {},
            {"PROCFILE": "Procfile"},
            "PROCFILE=Other",
            "Other",
            "Other is used, by PROCFILE of .env:1",
        ),
        (
            {"override": False},
            {"PROCFILE": "Procfile"},
            "PROCFILE=Other",
            "Procfile",
            "Procfile is used, by PROCFILE of the environment",
        ),
        ({}, {"PROCFILE": ""}, "", "Procfile.dev", "Procfile.dev is used"),
        ({}, {"PROCFILE": "Other"}, "PROCFILE=", "Procfile.dev", "Procfile.dev is used"),
    ],
)
def test_which_procfile(
    files: Files,
    given: dict[str, Any],
    environ: dict[str, str],
    env_file: str,
    shown: str,
    note: str | None,
) -> None:
    files({"Procfile": SHOP, "Procfile.dev": SHOP, "Other": SHOP, ".env": env_file})
    plan = project.load(options(environ=environ, **given))
    assert plan.services[0].file == shown
    assert plan.notes == ((note,) if note else ())


@pytest.mark.parametrize("how", ["-f", "-d", "-d and -f", "foreman's -d and -f", "PROCFILE"])
def test_commands_run_where_the_procfile_is(files: Files, how: str) -> None:
    directory = files({"api/Procfile": "web: sh\n", "api/.env": "A=api\n", ".env": "A=here\n"})
    ways: dict[str, dict[str, Any]] = {
        "-f": {"procfile": "api/Procfile"},
        "-d": {"directories": ["api"]},
        "-d and -f": {"directories": ["api"], "procfile": "Procfile"},
        "foreman's -d and -f": {"directories": ["api"], "procfile": "api/Procfile"},
        "PROCFILE": {"environ": {"PROCFILE": "api/Procfile"}},
    }
    plan = project.load(options(**ways[how]))
    assert plan.directory == plan.templates[0].directory == str(directory / "api")
    assert plan.services[0].file == "api/Procfile"
    assert plan.services[0].group == "api"
    assert plan.templates[0].variables["A"].origin == "api/.env:1"


def test_a_given_directory_wins_over_the_procfiles(files: Files) -> None:
    directory = files({"config/Procfile": "web: sh\n", ".env": "A=here\n"})
    plan = project.load(options(directories=["."], procfile="config/Procfile"))
    assert plan.directory == str(directory)
    assert plan.templates[0].variables["A"].value == "here"


def test_procfile_of_an_env_file_starts_from_there(files: Files) -> None:
    files({"api/.env": "PROCFILE=dev/Procfile\n", "api/dev/Procfile": "web: sh\n"})
    plan = project.load(options(directories=["api"]))
    assert plan.services[0].file == "api/dev/Procfile"


@pytest.mark.parametrize("how", ["gaffer.yaml", ".env"])
def test_a_procfile_that_a_file_names_moves_nobody(files: Files, how: str) -> None:
    given = {"gaffer.yaml": "procfile: ops/Procfile\n", ".env": "PROCFILE=ops/Procfile\n"}
    own = "processes:\n  job: {command: sh}\n  db: {command: sh, cwd: .}\n"
    directory = files({"gaffer.yaml": own, "ops/Procfile": "web: sh\n", "ops/.env": "A=ops\n"})
    with open(directory / how, "a") as file:
        file.write(given[how])
    plan = project.load(options())
    assert plan.directory == str(directory)
    assert {os.path.normpath(template.directory) for template in plan.templates} == {str(directory)}
    assert [template.full_name for template in plan.templates] == [
        "shop:web",
        "shop:job",
        "shop:db",
    ]
    assert project.load(options(directories=["."])).directory == str(directory)
    assert "A" not in plan.templates[0].variables


def test_env_files_start_from_the_directory_or_from_here(files: Files) -> None:
    files({"api/Procfile": "web: sh\n", "api/one": "A=1\n", "two": "B=2\n", "api/.env": "C=3\n"})
    plan = project.load(options(directories=["api"], env_files=("one", "two")))
    assert plan.templates[0].variables["A"].origin == "api/one:1"
    assert plan.templates[0].variables["B"].origin == "two:1"
    assert "C" not in plan.templates[0].variables


def test_the_group_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "a:b"
    directory.mkdir()
    (directory / "Procfile").write_text("web: sh\n")
    assert project.load(options(directories=[str(directory)])).services[0].group == "a-b"
    plan = project.load(options(directories=["/"], procfile=str(directory / "Procfile")))
    assert (plan.services[0].group, plan.directory) == ("app", "/")


def test_missing_procfiles(files: Files) -> None:
    directory = files({"api/x": ""})
    assert refusal() == (
        f"no Procfile in {directory} (looked for Procfile.dev and Procfile; -f names another)"
    )
    assert f"no Procfile in {directory}/api " in refusal(directories=["api"])
    assert f"no Procfile in {directory}/nowhere " in refusal(directories=["nowhere"])
    named = f"api/Other: no such file or directory (looked for {directory}/api/Other)"
    assert refusal(procfile="api/Other") == named
    assert refusal(procfile="api") == "api: is a directory"


def test_the_current_directory_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert refusal() == "the current directory: no such file or directory"
    (problem,) = project.check(options())
    assert str(problem) == "the current directory: no such file or directory"


@pytest.mark.parametrize(
    ("others", "given", "note"),
    [
        ({}, {}, "-e .overmind.env"),
        ({".env": ""}, {}, "-e .overmind.env,.env"),
        ({".env": ""}, {"env_files": (".overmind.env", ".env")}, None),
        ({"my.env": ""}, {"env_files": ("my.env",)}, None),
        ({"gaffer.yaml": "env_files: [.overmind.env]\n"}, {}, None),
    ],
)
def test_the_env_file_of_overmind_is_not_read_and_said_so(
    files: Files, others: dict[str, str], given: dict[str, Any], note: str | None
) -> None:
    files({"Procfile": "web: sh\n", ".overmind.env": "A=1\n", **others})
    plan = project.load(options(**given))
    expected = () if note is None else (f".overmind.env is not read; {note} reads it",)
    assert plan.notes == expected


def test_no_procfile_is_no_hindrance_to_the_environment(files: Files) -> None:
    files({".env": "A=1\n"})
    location = project.locate(options())
    assert location.procfile is None
    assert location.environment["A"].value == "1"


# --- ports and formation ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "environ", "env_file", "port"),
    [
        ({}, {}, "", 5000),
        ({}, {"PORT": "7000"}, "", 7000),
        ({}, {"PORT": "7000"}, "PORT=8000", 8000),
        ({"override": False}, {"PORT": "7000"}, "PORT=8000", 7000),
        ({"override": False}, {}, "PORT=8000", 8000),
        ({"port": "9000"}, {"PORT": "7000"}, "PORT=8000", 9000),
        ({}, {"PORT": ""}, "", 5000),
    ],
)
def test_the_base_port(
    files: Files, given: dict[str, Any], environ: dict[str, str], env_file: str, port: int
) -> None:
    files({"Procfile": SHOP, ".env": env_file})
    plan = project.load(options(environ=environ, **given))
    assert ports(plan) == {"web": port, "worker": port + 100, "clock": port + 200}


def test_a_selection_moves_no_ports(files: Files) -> None:
    files({"Procfile": SHOP})
    plan = project.load(options(names=("clock",), port_step=10))
    assert ports(plan) == {"clock": 5020}
    assert plan.templates[0].index == 2
    assert plan.templates[0].environment["GAFFER_PORT_WEB"] == "5000"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": "http"}, "-p: 'http' is not a port"),
        ({"port": "-1"}, "-p: '-1' is not a port"),
        ({"port": "65535"}, "worker would get port 65635, past 65535"),
        ({"environ": {"PORT": "x"}}, "PORT of the environment: 'x' is not a port"),
        ({"env_files": ("bad",)}, "PORT of bad:2: 'x' is not a port"),
        ({"formation": "web=x"}, "web=x: not a number"),
        ({"formation": "web=-1"}, "web=-1: not a number"),
        ({"formation": "wbe=1"}, "unknown process 'wbe' (did you mean 'web'?)"),
        ({"formation": "web=200"}, "web=200 reaches port 5100, which is worker's"),
        ({"formation": "all=0"}, "nothing is left to run"),
        ({"exclude": ("web", "worker", "clock")}, "nothing is left to run"),
        ({"names": ("web", "wroker")}, "unknown process 'wroker' (did you mean 'worker'?)"),
        ({"exclude": ("wroker",)}, "unknown process 'wroker' (did you mean 'worker'?)"),
        ({"env_files": ("nosuch",)}, "nosuch: no such file or directory"),
    ],
)
def test_a_wrong_plan_is_refused(files: Files, given: dict[str, Any], message: str) -> None:
    files({"Procfile": SHOP, "bad": "\nPORT=x\n"})
    assert refusal(**given).startswith(message)
    if "names" not in given and "exclude" not in given:
        assert any(str(p).startswith(message) for p in project.check(options(**given)))


# --- selection -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "names", "noted"),
    [
        ({}, ["web", "worker"], True),
        ({"formation": "all=2"}, ["web", "worker"], True),
        ({"names": ("release",)}, ["release"], False),
        ({"names": ("worker", "web", "web")}, ["web", "worker"], False),
        ({"formation": "release=1"}, ["web", "release", "worker"], False),
        ({"exclude": ("worker",)}, ["web"], True),
        ({"exclude": ("release",)}, ["web", "worker"], False),
    ],
)
def test_selection(files: Files, given: dict[str, Any], names: list[str], noted: bool) -> None:
    files({"Procfile": "web: sh\nrelease: sh\nworker: sh\n"})
    plan = project.load(options(**given))
    assert [template.name for template in plan.templates] == names
    note = "release is a one-off, left out; `gaffer run release` runs it"
    assert plan.notes == ((note,) if noted else ())


def test_a_procfile_with_nothing_but_a_one_off(files: Files) -> None:
    files({"Procfile": "release: sh\n"})
    assert refusal() == "nothing is left to run (`gaffer run release` runs the one-off)"


# --- bad files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Procfile: no process in it (a line looks like"),
        ("# nothing\n\n", "Procfile: no process in it (a line looks like"),
        ("web:\n", "Procfile:1: 'web' has no command"),
        ("web: a\nb.c: x\nweb: b\n", "Procfile:3: 'web' is already in line 1"),
        ("services:\n  web:\n    image: a\n", "Procfile:1: this looks like YAML"),
    ],
)
def test_a_wrong_procfile_is_refused(files: Files, text: str, message: str) -> None:
    files({"Procfile": text})
    assert refusal().startswith(message)
    assert message in [str(p)[: len(message)] for p in project.check(options())]


def test_start_goes_on_without_bad_lines_and_says_so(files: Files) -> None:
    files({"Procfile": "a.b: x\nweb: sh\n", ".env": "A=1\n'\nB=${NO}\nC\n"})
    plan = project.load(options())
    assert [template.name for template in plan.templates] == ["web"]
    assert [str(problem).split(" ", 1)[0] for problem in plan.problems] == [
        ".env:2:",
        "Procfile:1:",
    ]


def test_no_command_is_rewritten_for_what_it_begins_with(files: Files) -> None:
    files({"Procfile": "---\nweb:\u00a0sh x\n"})
    plan = project.load(options())
    assert [template.command for template in plan.templates] == ["\u00a0sh x"]
    assert [(problem.line, problem.severity) for problem in plan.problems] == [
        (1, "warning"),
        (2, "warning"),
    ]


def test_two_names_with_one_port_variable(files: Files) -> None:
    files({"Procfile": "web-2: sh\nweb_2: sh\n"})
    plan = project.load(options())
    assert [template.name for template in plan.templates] == ["web-2", "web_2"]
    assert plan.templates[0].variables["GAFFER_PORT_WEB_2"].value == "5000"
    (problem,) = plan.problems
    assert str(problem).startswith("Procfile:2: GAFFER_PORT_WEB_2 is the port of 'web-2' (line 1)")


def test_check_tells_everything_at_once(files: Files) -> None:
    files(
        {
            "Procfile": "web: nosuchprogram x\na.b: x\nworker: FOO=1 exec sh\nweb: sh\nw2: ./w2\n",
            ".env": "A='x\nB=${UNSET}\nC\nPORT=none\n",
            "w2": "",
        }
    )
    problems = [str(problem) for problem in project.check(options(formation="wroker=1"))]
    starts = [
        ".env:1: the quote ' is never closed",
        ".env:2: ${UNSET} is not set, so it is empty in B",
        ".env:3: C has no '='",
        "Procfile:1: web: command 'nosuchprogram' is not found",
        "Procfile:2: 'a.b' is not a process name",
        "Procfile:4: 'web' is already in line 1",
        "Procfile:5: w2: './w2' is not executable",
        "unknown process 'wroker' (did you mean 'worker'?)",
        "PORT of .env:4: 'none' is not a port",
    ]
    assert [p[: len(s)] for p, s in zip(problems, starts, strict=True)] == starts


def test_check_reads_the_procfile_though_an_env_file_is_bad(files: Files) -> None:
    directory = files({"Procfile": "a.b: x\nweb: sh\n"})
    (directory / ".env").write_bytes(b"A=\xff\n")
    problems = project.check(options())
    assert [(p.file, p.line, p.severity) for p in problems] == [
        (".env", 1, "error"),
        ("Procfile", 1, "warning"),
    ]
    with pytest.raises(GafferError, match="not UTF-8"):
        project.load(options())


def test_check_finds_programs_by_the_plans_path(files: Files) -> None:
    directory = files({"Procfile": "web: tool\n", "bin/tool": "", ".env": "PATH=bin:/bin\n"})
    (directory / "bin" / "tool").chmod(0o755)
    assert project.check(options()) == []
    assert len(project.check(options(env_files=("/dev/null",)))) == 1


def test_nothing_is_wrong_with_a_good_project(files: Files) -> None:
    files({"Procfile": "web: sh\nrelease: sh\n", ".env": "A=1\nB=${A}\n"})
    assert project.check(options()) == []


def test_unknown_process_knows_its_exit_status() -> None:
    assert UnknownProcessError("x", []).exit_status == 1


def test_a_thousand_entries(files: Files) -> None:
    files({"Procfile": "".join(f"p{n}: sh {n}\n" for n in range(1000))})
    plan = project.load(options(port_step=10))
    assert len(plan.templates) == 1000
    assert ports(plan)["p999"] == 14_990
    assert plan.templates[0].environment is plan.templates[999].environment
    assert "--port-step" in refusal()


# --- what it costs, and what it survives -----------------------------------------------------


@pytest.mark.parametrize("env_file", [False, True])
def test_only_an_env_file_costs_imports(files: Files, env_file: bool) -> None:
    files({"Procfile": SHOP, **({".env": "A=1\n"} if env_file else {})})
    program = (
        "import sys; before = set(sys.modules)\n"
        "from gaffer_procfile.project import Options, load\n"
        "load(Options())\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    costly = {
        *("asyncio", "colorama", "dataclasses", "dotenv", "enum", "importlib.metadata", "inspect"),
        *("io", "json", "logging", "pathlib", "re", "shutil", "tempfile", "typing", "yaml"),
        *("gaffer_procfile.commands", "difflib"),
    }
    if env_file:
        assert "typing" in loaded  # by python-dotenv's parser, and not by the rest of its package:
        assert {"dotenv", "logging", "tempfile", "yaml"}.isdisjoint(loaded)
    else:
        assert costly.isdisjoint(loaded)


NAMES = st.sampled_from(["web", "wbe", "release", "all", "a.b", ""])
VALUES = st.one_of(st.none(), st.sampled_from(["", "5000", "web=2", "-1"]), st.text(max_size=9))


@given(
    st.binary(max_size=40),
    st.one_of(st.none(), st.binary(max_size=40)),
    VALUES,
    VALUES,
    st.integers(-1, 70000),
    st.lists(NAMES, max_size=2),
    st.booleans(),
)
def test_no_input_gives_anything_but_errors_and_problems(
    procfile: bytes,
    env_file: bytes | None,
    port: str | None,
    formation: str | None,
    port_step: int,
    names: list[str],
    override: bool,
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "Procfile").write_bytes(b"web: sh\n" + procfile)
        if env_file is not None:
            Path(directory, ".env").write_bytes(b"PORT=1\n" + env_file)
        given = options(
            directories=[] if directory is None else [directory],
            port=port,
            formation=formation,
            port_step=port_step,
            names=names,
            override=override,
        )
        try:
            plan = project.load(given)
        except GafferError:
            assert project.check(given)
        else:
            project.install(plan, RecordingManager())
            assert {problem.severity for problem in plan.problems} <= {"warning"}
            assert len(project.check(given)) >= len(plan.problems)

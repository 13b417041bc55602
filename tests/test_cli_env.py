"""`gaffer env`: what a process would get, who said so, and no secret unless asked for."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest
from cli import MakeProject, Result
from cli import project as project
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.cli.env import _as_exports, _Found
from gaffer_procfile.environment import Environment

FILES: dict[str, str | bytes] = {
    "Procfile": "web: run-web\nworker: run-worker\n",
    ".env": "NAME=shop\nPORT=7000\nDB_PASSWORD=hunter-22\nURL=db://shop:${DB_PASSWORD}@db\n",
    ".env.local": "NAME=mine\n",
    "gaffer.yaml": """\
env:
  LEVEL: info
processes:
  web:
    scale: 2
    env: {LEVEL: debug, DROPPED: null}
  worker:
    env_files: worker.env
""",
    "worker.env": "QUEUE=mail\n",
}


def lines(result: Result) -> list[str]:
    assert result.stderr == "", result
    assert result.status == 0, result
    return result.lines


def described(result: Result) -> dict[str, Any]:
    assert result.status == 0, result
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_what_all_get(project: MakeProject) -> None:
    assert lines(project(FILES).run("env", env={"PS": "x", "OTHER": "1"})) == [
        "DB_PASSWORD=[redacted]",
        "GAFFER_PORT_WEB=7000",
        "GAFFER_PORT_WORKER=7100",
        "LEVEL=info",
        "NAME=shop",
        "URL=db://shop:[redacted]@db",
    ]


def test_what_a_process_gets_and_which_instance(project: MakeProject) -> None:
    made = project(FILES)
    first = lines(made.run("env", "web"))
    assert {"PORT=7000", "PS=web.1", "GAFFER_PROCESS_NAME=web.1", "LEVEL=debug"} <= set(first)
    assert lines(made.run("env", "web.1")) == first
    assert {"PORT=7001", "PS=web.2"} <= set(lines(made.run("env", "web.2")))
    worker = lines(made.run("env", "worker"))
    assert {"PORT=7100", "QUEUE=mail", "LEVEL=info"} <= set(worker)
    assert lines(made.run("env", "project:worker.1")) == worker


def test_it_is_what_the_process_gets(project: MakeProject) -> None:
    files = {**FILES, "Procfile": "web: exec env -0 >got\nworker: sleep 9\n"}
    made = project(files)
    assert made.run("start", "--exit-on", "web", "-c", "web=1", "web").status == 0
    got = dict(pair.split("=", 1) for pair in made.path("got").read_text().split("\0") if pair)
    shown = described(made.run("env", "--json", "--all", "--show-secrets", "web"))
    expected = {name: variable["value"] for name, variable in shown["variables"].items()}
    for of_the_shell in ("PWD", "OLDPWD", "SHLVL", "_"):
        got.pop(of_the_shell, None)
        expected.pop(of_the_shell, None)
    # What one run adds: the mark by which it finds its own, and Python's output at once.
    for name in set(got) - set(expected):
        assert name.startswith("GAFFER_") or name == "PYTHONUNBUFFERED"
    assert {name: got.get(name) for name in expected} == expected


def test_why(project: MakeProject) -> None:
    made = project(FILES)
    result = made.run(
        "env", "--why", "-e", ".env,.env.local", "web.2", env={"NAME": "shell", "DROPPED": "1"}
    )
    assert lines(result) == [
        ".env:3         DB_PASSWORD=[redacted]",
        "gaffer         GAFFER_PORT_WEB=7000",
        "gaffer         GAFFER_PORT_WORKER=7100",
        "gaffer         GAFFER_PROCESS_NAME=web.2",
        "gaffer.yaml:6  LEVEL=debug  (over info of gaffer.yaml:2)",
        ".env.local:1   NAME=mine  (over shop of .env:1, shell of the environment)",
        "gaffer         PORT=7001  (over 7000 of .env:2)",
        "gaffer         PS=web.2",
        ".env:4         URL=db://shop:[redacted]@db",
        "gaffer.yaml:6  DROPPED is unset",
    ]


def test_only_what_was_set_unless_all_is_asked_for(project: MakeProject) -> None:
    made = project(FILES)
    environ = {"JUST_PASSED_ON": "1", "AN_API_KEY": "sesame-9"}
    assert "JUST_PASSED_ON=1" not in lines(made.run("env", env=environ))
    everything = lines(made.run("env", "--all", env=environ))
    assert {"JUST_PASSED_ON=1", "AN_API_KEY=[redacted]"} <= set(everything)
    assert f"PWD={made.directory}" in lines(
        made.run("env", "--all", env={"PWD": str(made.directory)})
    )


@pytest.mark.parametrize("args", [[], ["--why"], ["--json"], ["--export"], ["--all"]])
def test_secrets_are_shown_to_whoever_asks_for_them_only(
    project: MakeProject, args: list[str]
) -> None:
    made = project(FILES)
    hidden = made.run("env", *args, "web")
    assert "hunter-22" not in hidden.stdout + hidden.stderr
    shown = made.run("env", *args, "--show-secrets", "web")
    assert shown.stdout.count("hunter-22") == 2
    assert "redacted" not in shown.stdout


def test_a_secret_is_hidden_wherever_it_comes_from_and_gets_to(project: MakeProject) -> None:
    dotenv = (
        "LINK=see-${OF_SHELL_TOKEN}\nURL=db://me:new-pass@db\nDB_PASSWORD=new-word\nOLD=old-word\n"
    )
    made = project({"Procfile": "web: x\n", ".env": dotenv})
    environ = {
        "OF_SHELL_TOKEN": "sesame-9",
        "URL": "db://me:old-pass@db",
        "DB_PASSWORD": "old-word",
        "PROXY": "http://me:proxy-pass@proxy",
    }
    said = made.run("env", "--all", "--why", env=environ).stdout
    for secret in ("sesame-9", "new-pass", "old-pass", "new-word", "old-word", "proxy-pass"):
        assert secret not in said
    assert "URL=db://me:[redacted]@db  (over db://me:[redacted]@db of the environment)" in said
    assert "PROXY=http://me:[redacted]@proxy" in said


def test_an_empty_secret_is_none(project: MakeProject) -> None:
    made = project({"Procfile": "web: x\n", ".env": "API_KEY=\n"})
    assert "API_KEY=" in lines(made.run("env"))


def test_one_line_each_that_does_nothing_to_a_terminal(project: MakeProject) -> None:
    made = project(
        {"Procfile": "web: x\n", ".env": 'A="one\\ntwo\\u001b[31m"\n'.replace("\\u001b", "\x1b")}
    )
    assert "A=one\\ntwo\\x1b[31m" in lines(made.run("env"))


def test_json(project: MakeProject) -> None:
    made = project(FILES)
    found = described(made.run("env", "--json", "web.2", env={"DROPPED": "1"}))
    assert (found["process"], found["group"]) == ("web.2", "project")
    assert found["variables"]["PORT"] == {
        "value": "7001",
        "origin": "gaffer",
        "hidden": False,
        "overrode": [{"value": "7000", "origin": ".env:2", "hidden": False}],
    }
    assert found["variables"]["DB_PASSWORD"]["hidden"] is True
    assert found["unset"] == {"DROPPED": "gaffer.yaml:6"}
    assert described(made.run("env", "--json"))["process"] is None


# ---- --export


def test_export_says_what_it_leaves_out(project: MakeProject) -> None:
    made = project({"Procfile": "web: x\n", ".env": "DB_PASSWORD=hunter-22\na.b=1\nC=2\n"})
    result = made.run("env", "--export")
    assert result.stderr == (
        "gaffer: .env:2: no shell can have a variable 'a.b', so processes may not get it "
        "(`shell: false` runs a command without one)\n"
        "gaffer: left out, as secrets: DB_PASSWORD (--show-secrets)\n"
        "gaffer: left out, as no shell can have such names: a.b\n"
    )
    assert result.lines == ["export C='2'", "export GAFFER_PORT_WEB='5000'"]
    assert result.status == 0


def test_a_shell_takes_the_export_back(project: MakeProject) -> None:
    made = project({**FILES, "odd.env": 'QUOTES="it\'s \\"so\\""\nLINES=\'a\n b\n\n\'\n'})
    script = (
        'eval "$($gaffer env -e .env,odd.env --export --show-secrets web.2)"; '
        'printf "%s|" "$PORT" "$DB_PASSWORD" "$QUOTES" "$LINES" "${DROPPED-unset}"'
    )
    result = made.shell(script, env={"DROPPED": "1"})
    assert result.stdout == '7001|hunter-22|it\'s "so"|a\n b\n\n|unset|'


def test_bytes_that_are_not_utf_8_pass_through_a_shell(project: MakeProject) -> None:
    made = project({"Procfile": "web: x\n"})
    script = (
        "ODD=$(printf 'a\\377b'); export ODD; "
        'eval "$($gaffer env --all --export 2>/dev/null)"; printf %s "$ODD"'
    )
    assert made.shell(script).raw == b"a\xffb"


@given(
    st.dictionaries(
        st.from_regex(r"V_[A-Z]{1,3}", fullmatch=True),
        st.binary(max_size=20).map(lambda data: os.fsdecode(data.replace(b"\0", b""))),
        max_size=4,
    )
)
def test_whatever_a_value_holds(values: dict[str, str]) -> None:
    environment = Environment({})
    for name, value in values.items():
        environment.set(name, value, ".env:1")
    found = _Found(None, None, environment)  # type: ignore[arg-type]  # no service is asked
    script = _as_exports(found, None, is_all=False)
    done = subprocess.run(
        ["/bin/sh", "-c", 'eval "$1"; exec env -0', "sh", script],
        env={"PATH": os.defpath},
        stdout=subprocess.PIPE,
        check=True,
    )
    got = dict(pair.split(b"=", 1) for pair in done.stdout.split(b"\0") if pair)
    assert {name: os.fsdecode(got[os.fsencode(name)]) for name in values} == values


# ---- whose


SERVICES: dict[str, str | bytes] = {
    "api/Procfile": "web: x\njobs: x\n",
    "api/.env": "WHO=api\n",
    "site/Procfile": "web: x\n",
    "site/.env": "WHO=site\n",
    "gaffer.yaml": "groups:\n  api: api\n  site: site\n",
}


def test_of_several_services(project: MakeProject) -> None:
    made = project(SERVICES)
    assert {"WHO=api", "GAFFER_PORT_SITE_WEB=6000"} <= set(lines(made.run("env", "api")))
    assert "WHO=site" in lines(made.run("env", "site:web"))
    jobs = lines(made.run("env", "jobs"))
    assert {"WHO=api", "GAFFER_PORT_WEB=5000", "PORT=5100"} <= set(jobs)
    why = made.run("env", "--why", "api:web").stdout
    assert "api/.env:1 " in why


def test_of_a_service_whose_name_ends_like_an_instances(project: MakeProject) -> None:
    made = project(
        {"v1.2/Procfile": "web: x\n", "v1.2/.env": "WHO=it\n", "api/Procfile": "web: x\n"}
    )
    both = ("-d", "v1.2", "-d", "api")
    assert "WHO=it" in lines(made.run("env", *both, "v1.2"))
    assert {"WHO=it", "PS=web.1"} <= set(lines(made.run("env", *both, "v1.2:web.1")))
    assert made.run("env", *both, "v1.3").error().startswith("unknown process 'v1'")


def test_what_a_file_above_unsets(project: MakeProject) -> None:
    config = "groups: {api: api}\nenv: {WHO: null}\ndefaults: {env: {WHAT: null}}\n"
    made = project({"gaffer.yaml": config, "api/Procfile": "web: x\n"})
    why = made.run("env", "--why", "web", env={"WHO": "me", "WHAT": "x"}).stdout
    assert "gaffer.yaml:2  WHO is unset\n" in why
    assert "gaffer.yaml:3  WHAT is unset\n" in why


@pytest.mark.parametrize(
    ("args", "message", "status"),
    [
        ([], "env of which service? (there is api, site)", 2),
        (
            ["web"],
            "there are several processes 'web' (api:web or site:web; '*:web' is all of them)",
            1,
        ),
        (["api:*"], "there are several processes 'api:*' (api:web or jobs)", 1),
        (["wbe"], "unknown process 'wbe' (did you mean 'jobs'?)", 1),
        (["jobs.2"], "there is no jobs.2 (-c jobs=2 asks for it)", 1),
        (["jobs.0"], "there is no jobs.0 (instances count from 1)", 1),
        (["jobs.x"], "unknown process 'jobs.x' (did you mean 'jobs'?)", 1),
        (
            ["--export", "--json", "jobs"],
            "--export is for a shell, which takes neither --json nor --why",
            2,
        ),
    ],
)
def test_what_can_not_be(project: MakeProject, args: list[str], message: str, status: int) -> None:
    result = project(SERVICES).run("env", *args)
    if args != ["wbe"]:
        assert result.error() == message
    assert result.error().startswith(message.partition(" (")[0])
    assert result.status == status


def test_one_that_runs_only_when_named(project: MakeProject) -> None:
    made = project({"Procfile": "web: x\nrelease: x\n"})
    assert "PS=release.1" in lines(made.run("env", "release"))
    assert "PS=web.2" in lines(made.run("env", "-c", "web=2", "web.2"))


def test_warnings_come_too_and_errors_are_the_end(project: MakeProject) -> None:
    made = project({"Procfile": "web: x\nwhat\n"})
    result = made.run("env")
    assert result.stderr.startswith("gaffer: Procfile:2: ") and result.status == 0
    assert made.run("env", "-e", "gone").error() == "gone: no such file or directory"

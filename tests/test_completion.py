"""Completion: what `gaffer __complete` finds, and the scripts in the shells themselves."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from cli import MakeProject, Result
from cli import project as project
from served import Serve, Served
from served import runtime as runtime
from served import serve as serve

from gaffer_procfile.cli import VERBS

STAYS = "exec sleep 600"
PROCFILE = f"web: {STAYS}\nworker: {STAYS}\nwatch-css: {STAYS}\n"


def words(result: Result) -> list[str]:
    assert result.status == 0 and result.stderr == "", result
    return [line.partition("\t")[0] for line in result.lines]


@pytest.fixture
def shop(serve: Serve) -> Served:
    return serve(PROCFILE, "web", "worker", settings={"web": {"numprocesses": 2}})


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["st"], ["start", "stop"]),
        (["help", "sc"], ["schema", "scale"]),
        (["completion", ""], ["bash", "fish", "zsh"]),
        (["stop", "w"], ["web", "web.1", "web.2", "worker"]),
        (["stop", "web", "wo"], ["worker"]),
        (["stop", "--no-wait", "web."], ["web.1", "web.2"]),
        (["stop", "--no"], ["--no-wait"]),
        (["-d", ".", "restart", "wo"], ["worker"]),
        (["logs", "-n", "5", "wo"], ["worker"]),
        (["logs", "-n", ""], []),
        (["logs", "--colour", "a"], ["auto", "always"]),
        (["logs", "-d", ""], [":directories"]),
        (["start", "-f", ""], [":files"]),
        (["scale", "w"], ["web=", "worker="]),
        (["signal", "US"], ["USR1", "USR2"]),
        (["signal", "USR1", "wo"], ["worker"]),
        (["send", "wo"], ["worker"]),
        (["send", "worker", ""], []),
        (["attach", "web.2"], ["web.2"]),
        (["down", ""], []),
        (["start", "w"], ["web", "worker", "watch-css"]),  # of the Procfile, if they run or not
        (["start", "--only", "wa"], ["watch-css"]),
        (["run", "wa"], ["watch-css", ":commands"]),
        (["run", "pyth"], [":commands"]),
        (["test", "--", "gre"], [":commands"]),
        (["test", "--fail-fast", "--", "grep", "x"], [":files"]),
        (["start", "-c", "w"], ["web=", "worker=", "watch-css="]),
        (["start", "-c", "web=2,wo"], ["web=2,worker="]),
        (["plan", "--formation", "web=2,"], ["web=2,web=", "web=2,worker=", "web=2,watch-css="]),
        (["run", "python", ""], [":files"]),
        (["nonesuch", ""], []),
        (["-d"], ["-d"]),
        (["__co"], []),
    ],
)
def test_what_may_come_next(shop: Served, typed: list[str], expected: list[str]) -> None:
    assert words(shop.run("__complete", *typed)) == expected


def test_names_of_several_services_of_a_one_off_and_of_another_procfile(
    project: MakeProject,
) -> None:
    made = project(
        {
            "api/Procfile": "web: x\nrelease: x\n",
            "site/Procfile": "web: x\nbroken\n",
            "Procfile.test": "tests: x\n",
            "gaffer.yaml": "groups: {api: api, site: site}\n"
            "processes: {db: {profiles: x, command: y}}\n",
        }
    )
    own = ["db", "api:web", "release", "site:web"]
    assert words(made.run("__complete", "start", ""))[: len(own)] == own
    assert {"api", "site"} <= set(words(made.run("__complete", "start", "")))
    assert words(made.run("__complete", "run", "")) == [*own, ":commands"]
    assert words(made.run("__complete", "start", "-f", "Procfile.test", "te")) == ["tests"]
    assert words(made.run("__complete", "start", "-fProcfile.test", "-d", "api", "te")) == ["tests"]


def test_all_verbs_come_with_what_they_do(runtime: str, project: MakeProject) -> None:
    result = project({}).run("__complete", "")
    assert words(result) == list(VERBS)
    assert all("\t" in line for line in result.lines)
    assert "down\tstop everything" in result.lines


def test_another_project_is_looked_at_where_it_is_named(shop: Served, project: MakeProject) -> None:
    elsewhere = project({})
    directory = str(shop.project.directory)
    assert words(elsewhere.run("__complete", "stop", "-d", directory, "wo")) == ["worker"]
    assert words(elsewhere.run("__complete", "-d", directory, "stop", "wo")) == ["worker"]
    assert words(elsewhere.run("__complete", "stop", "wo")) == []


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("help", "completion")])
def test_every_option_of_a_verb_is_known(project: MakeProject, verb: str) -> None:
    made = project({})
    shown = set(re.findall(r"^  (--?[a-z-]+)", made.run(verb, "--help").stdout, re.MULTILINE))
    found = words(made.run("__complete", verb, "-"))
    assert shown <= {*found}
    assert len(found) == len({*found}) and {"-h", "--help"} <= {*found}


# ---- the shells


def with_gaffer(served: Served) -> dict[str, str]:
    """The environment in which `gaffer` is this one."""
    served.project.write(
        {
            "bin/gaffer": f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gaffer_procfile "$@"\n',
            "bin/no-such-program-but-this": "#!/bin/sh\n",
        }
    )
    path = f"{served.project.path('bin')}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(served.project.directory), "TERM": "dumb"}


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@needs("bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gaffer sto", ["stop"]),
        ("gaffer stop wo", ["worker"]),
        ("gaffer stop web wo", ["worker"]),
        ("gaffer stop ", ["web", "web.1", "web.2", "worker"]),
        ("gaffer scale wo", ["worker="]),
        ("gaffer scale web=2 wo", ["worker="]),
        ("gaffer start -c web=2,wo", ["2,worker="]),  # bash has cut at the equals sign
        ("gaffer run no-such-program-", ["no-such-program-but-this"]),
        ("gaffer test -- no-such-program-", ["no-such-program-but-this"]),
    ],
)
def test_bash_functions(shop: Served, line: str, expected: list[str]) -> None:
    script = (
        'source <(gaffer completion bash); COMP_LINE="$1"; COMP_POINT=${#1}; _gaffer gaffer; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    result = shop.project._run(["bash", "-c", script, "bash", line], env=with_gaffer(shop))
    # compopt is for a completion that goes on; in a script it complains, to nobody.
    assert (result.status, result.lines) == (0, expected), result


@needs("bash")
def test_bash_with_names_that_have_a_colon(serve: Serve) -> None:
    files = {"api/Procfile": f"web: {STAYS}\n", "shop/Procfile": f"web: {STAYS}\n", "Procfile": ""}
    served = serve(files, directories=("api", "shop"))
    assert words(served.run("__complete", "stop", "api:")) == ["api:web"]
    env = with_gaffer(served)
    bash = served.project._spawn(["bash", "--norc", "-i"], env=env, pty=True)
    bash.send(b'PS1="> "; eval "$(gaffer completion bash)"; echo rea""dy\r')
    bash.read_until("^ready")
    bash.send(b"gaffer stop api:w\t")
    bash.read_until("gaffer stop api:web ")
    bash.send(b"\x15exit\r")
    bash.wait()


@needs("bash")
def test_bash_on_a_terminal(shop: Served) -> None:
    bash = shop.project._spawn(["bash", "--norc", "-i"], env=with_gaffer(shop), pty=True)
    bash.send(b'PS1="> "; eval "$(gaffer completion bash)"; echo rea""dy\r')
    bash.read_until("^ready")
    bash.send(b"gaffer sig\t")
    bash.read_until("gaffer signal ")
    bash.send(b"HUP wo\t")
    bash.read_until("HUP worker ")
    bash.send(b"\x15gaffer scale wo\t2")
    bash.read_until("gaffer scale worker=2")
    bash.send(b"\x15gaffer start -f Pro\t")
    bash.read_until("gaffer start -f Procfile ")
    bash.send(b"\x15exit\r")
    bash.wait()


@needs("zsh")
def test_zsh_on_a_terminal(shop: Served) -> None:
    zsh = shop.project._spawn(["zsh", "-f", "-i"], env=with_gaffer(shop), pty=True)
    zsh.send(b'PS1="> "; autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste\r')
    zsh.send(b'eval "$(gaffer completion zsh)"; echo rea""dy\r')
    zsh.read_until("^ready")
    zsh.send(b"gaffer sig\t")
    zsh.read_until("nal")
    zsh.send(b"HUP wo\t")
    zsh.read_until("rker")
    zsh.send(b"\x15gaffer scale wo\t")
    zsh.read_until("rker=")
    zsh.send(b"\x15gaffer start -f Procf\t")
    zsh.read_until("ile")
    zsh.send(b"\x15gaffer run no-such-pro\t")
    zsh.read_until("gram-but-this")
    zsh.send(b"\x15gaffer start -c wor\t")
    zsh.read_until("ker=")
    zsh.send(b"\x15exit\r")
    zsh.wait()


@needs("fish")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gaffer sto", ["stop\tstop processes"]),
        ("gaffer stop wo", ["worker\trunning"]),
        ("gaffer scale web=2 wo", ["worker=\trunning"]),
        ("gaffer start -f Proc", ["Procfile"]),
        ("gaffer run no-such-pro", ["no-such-program-but-this\tcommand"]),
        ("gaffer run wor", ["worker\texec sleep 600"]),
    ],
)
def test_fish(shop: Served, line: str, expected: list[str]) -> None:
    script = f"gaffer completion fish | source; complete -C {shlex.quote(line)}"
    result = shop.project._run(["fish", "--no-config", "-c", script], env=with_gaffer(shop))
    assert (result.status, result.lines) == (0, expected), result


def test_the_scripts_name_nothing_of_this_machine(project: MakeProject) -> None:
    made = project({})
    for shell in ("bash", "zsh", "fish"):
        script = made.run("completion", shell).stdout
        assert "gaffer" in script and str(Path(sys.executable).parent) not in script
    assert made.run("completion", "tcsh").status == 2

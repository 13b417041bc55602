"""The exit statuses of `gaffer start`, case by case, and the word for each."""

from __future__ import annotations

import signal
import sys

import pytest
from cli import MakeProject
from cli import project as project

# The Procfile, the exit status (negative: the signal that ends gaffer), what is told.
CASES = {
    "success": ("web: exit 0\n", 0, r"web.1 exited with status 0"),
    "exit 3": ("web: exit 3\n", 3, r"web.1 exited with status 3"),
    "exit 255": ("web: exit 255\n", 255, "exited with status 255"),
    "killed by KILL": ("web: kill -KILL $$\n", 137, "killed by SIGKILL"),
    "killed by SEGV": ("web: kill -SEGV $$\n", 139, "killed by SIGSEGV"),
    "killed by TERM": ("web: kill -TERM $$\n", 143, "killed by SIGTERM"),
    "killed by INT": ("web: kill -INT $$\n", 130, "killed by SIGINT"),
    "a wrapper around SEGV": ("web: sh -c 'kill -SEGV $$'; exit $?\n", 139, r"139 \(SIGSEGV\)"),
    "a wrapper around KILL": ("web: sh -c 'kill -KILL $$'; exit $?\n", 137, r"137 \(SIGKILL\)"),
    "command not found": ("web: no-such-command\n", 127, r"not found: no-such-command"),
    "path not found": ("web: ./no/such/file\n", 127, "not found: ./no/such/file"),
    "not executable": ("web: ./data\n", 126, "not executable: ./data"),
    "a directory": ("web: ./folder\n", 126, "not executable: ./folder"),
    "the first that failed": ("a: exit 4\nb: sleep 60\n", 4, "stopping the others because a.1"),
    "a success, then a failure": (
        "a: echo ready; exit 0\nb: trap 'exit 5' TERM; while :; do sleep 0.01; done\n",
        0,
        "stopping the others because a.1",
    ),
    "others that fail when stopped": (
        "a: sleep 0.2; exit 6\nb: trap 'exit 7' TERM; while :; do sleep 0.01; done\n",
        6,
        "stopping the others because a.1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_how_processes_end(project: MakeProject, case: str) -> None:
    procfile, status, said = CASES[case]
    made = project({"Procfile": procfile, "data": "not a program", "folder/": ""})
    running = made.spawn("start")
    running.read_until(said)
    assert running.wait() == status, running.text


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_how_gaffer_is_ended(project: MakeProject, signum: signal.Signals) -> None:
    running = project({"Procfile": "web: echo ready; exec sleep 60\n"}).spawn("start")
    running.read_until("ready$")
    running.signal(signum)
    assert running.wait() == -signum


@pytest.mark.parametrize(("name", "status"), [("INT", 130), ("TERM", 143), ("HUP", 129)])
def test_as_a_shell_sees_it(project: MakeProject, name: str, status: int) -> None:
    made = project({"Procfile": "web: kill -$NAME $PPID; exec sleep 60\n"})
    result = made.shell("trap : INT; $gaffer start; echo status $?", env={"NAME": name})
    assert result.lines[-1] == f"status {status}", result


@pytest.mark.parametrize(
    ("args", "files", "status", "said"),
    [
        (("start",), {}, 1, "no Procfile"),
        (("start",), {"Procfile": "web: a\nweb: b\n"}, 1, "web"),
        (("start", "nobody"), {"Procfile": "web: a\n"}, 1, "nobody"),
        (("start", "-e", "no.env"), {"Procfile": "web: a\n"}, 1, "no.env"),
        (("start", "--no-such-option"), {"Procfile": "web: a\n"}, 2, "no-such-option"),
        (("start", "--colour", "grey"), {"Procfile": "web: a\n"}, 2, "grey"),
        (("begin",), {"Procfile": "web: a\n"}, 2, "begin"),
    ],
)
def test_own_failures(
    project: MakeProject, args: tuple[str, ...], files: dict[str, str], status: int, said: str
) -> None:
    result = project(files).run(*args)
    assert result.status == status, result
    assert said in result.error()


def test_a_fault_of_gaffer_itself(project: MakeProject) -> None:
    made = project({
        "Procfile": "web: echo ready; exec sleep 60\n",
        "faulty.py": (
            "import sys\n"
            "from gaffer_procfile import cli\n"
            "from gaffer_procfile.manager import Manager\n"
            "def fail(self): raise RuntimeError('a fault')\n"
            "Manager.run = fail\n"
            "sys.exit(cli.main(['start']))\n"
        ),
    })  # fmt: skip
    result = made.shell("$python faulty.py", env={"python": sys.executable})
    assert result.status == 1, result
    assert "a fault" in result.stderr

"""A program that runs a project's processes and can be controlled, and a fixture that starts it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli import Files, MakeProject, Project, Running
from cli import project as project

from gaffer_procfile import control

# Its argument is JSON: the names of the processes to run, and settings by name.
PROGRAM = """\
import json
import sys

from gaffer_procfile.apps.signals import Signals
from gaffer_procfile.apps.readiness import Readiness
from gaffer_procfile.http import HttpHandler
from gaffer_procfile.loop import default_loop
from gaffer_procfile.manager import Manager
from gaffer_procfile.project import Options, load

given = json.loads(sys.argv[1])
plan = load(Options(names=given["names"], directories=given["directories"]))
probes = {each.full_name: each.ready for each in plan.templates if each.ready is not None}
manager = Manager(default_loop(None))

def say(*_args):
    pass

apps = [Signals(say)]
if probes:
    readiness = Readiness(probes, say, plan.names.display)
    apps.append(readiness)
apps.append(
    HttpHandler(".", tcp=given["tcp"], display=plan.names.display, probed=frozenset(probes))
)
manager.start(apps)
for each in plan.templates:
    ready = readiness.environment(each.full_name) if probes else {}
    settings = {
        "shell": True,
        "cwd": each.directory,
        "env": each.environment,
        "instance_env": {**each.instance_env, **ready},
        "port": each.port,
        "numprocesses": each.instances,
        "restart": "never",
        "stop_timeout": 5.0,
        "redirect_output": ("stdout", "stderr"),
        "redirect_input": given["input"],
    }
    own = {**given["settings"].get("*", {}), **given["settings"].get(each.name, {})}
    manager.add_process(each.full_name, each.command, **{**settings, **own})
print("it runs", flush=True)
manager.run()
"""

Serve = Callable[..., "Served"]


class Served:
    """A project that runs, and the program that runs it."""

    def __init__(self, project: Project, running: Running) -> None:
        self.project = project
        self.running = running
        self.run = project.run
        self.spawn = project.spawn
        self.shell = project.shell

    @property
    def socket(self) -> str:
        [found] = [
            run.path
            for run in control.runs_in(str(self.project.directory))
            if run.pid == self.running.pid
        ]
        return found

    def ps(self, *args: str) -> list[dict[str, Any]]:
        """What `gaffer ps --json` says."""
        result = self.run("ps", "--json", *args)
        assert result.status == 0, result
        found: list[dict[str, Any]] = json.loads(result.stdout)
        return found

    def state(self, process: str) -> str:
        [found] = [each["state"] for each in self.ps() if each["process"] == process]
        state: str = found
        return state


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place for sockets that no other test knows, with a path that is short enough."""
    place = tempfile.mkdtemp(prefix="gaffer-", dir="/tmp")
    monkeypatch.setenv("XDG_RUNTIME_DIR", place)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def serve(runtime: str, project: MakeProject) -> Serve:
    """Starts a project, from its Procfile or from all its files."""

    def start(
        files: str | Files,
        *names: str,
        settings: dict[str, Any] | None = None,
        in_project: Project | None = None,
        directories: tuple[str, ...] = (),
        tcp: str | None = None,
        has_input: bool = True,
    ) -> Served:
        made = in_project or project({"Procfile": files} if isinstance(files, str) else files)
        given = {
            "names": names,
            "settings": settings or {},
            "directories": directories,
            "tcp": tcp,
            "input": has_input,
        }
        program = Path(runtime) / "program.py"
        program.write_text(PROGRAM)
        running = made._spawn([sys.executable, str(program), json.dumps(given)])
        running.read_until("it runs")
        return Served(made, running)

    return start

"""A plan: the processes that are to run, as plain data, and how they come onto a manager."""

from __future__ import annotations

import os

from .locations import CONFIGS, join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from ..config.settings import Probe, Watch
    from ..dependency import Dependency
    from ..environment import Environment
    from ..errors import GafferError
    from .names import Names
    from .service import Service

    class ProcessAdder(Protocol):
        """What `install` needs of a Manager."""

        def add_process(self, name: str, cmd: str, **kwargs: Any) -> object: ...


class Template:
    """One entry that is to run: `instances` of `command`, the first on `port`, each next one up.

    `variables` is its environment, and `environment` the same as names and values; both are shared
    by the templates that have the same, and not to be changed. `instance_env` is per instance,
    "{instance}" in it standing for the instance's number, which counts from 1. `index` is the
    entry's place among all. What gaffer.yaml doesn't say is None, () or False.
    """

    __slots__ = (
        "colour",
        "command",
        "depends_on",
        "description",
        "directory",
        "environment",
        "group",
        "has_fixed_port",
        "healthy",
        "index",
        "instance_env",
        "instances",
        "log",
        "name",
        "once",
        "port",
        "pty",
        "ready",
        "restart",
        "shell",
        "source",
        "stop_signal",
        "stop_timeout",
        "stop_tree",
        "tty",
        "variables",
        "watch",
    )

    def __init__(
        self,
        name: str,
        group: str,
        command: str,
        *,
        directory: str,
        variables: Environment,
        environment: Mapping[str, str],
        port: int,
        has_fixed_port: bool = False,
        instances: int,
        index: int,
        source: str,
        depends_on: Sequence[Dependency] = (),
        ready: Probe | None = None,
        healthy: Probe | None = None,
        watch: Watch | None = None,
        once: bool = False,
        restart: str | None = None,
        stop_signal: int | None = None,
        stop_timeout: float | None = None,
        stop_tree: bool = True,
        pty: bool | None = None,
        tty: bool = False,
        log: bool | str | None = None,
        colour: str | None = None,
        shell: bool = True,
        description: str | None = None,
    ) -> None:
        self.name = name
        self.group = group
        self.command = command
        self.directory = directory
        self.variables = variables
        self.environment = environment
        instance_name = f"{name}.{{instance}}"
        self.instance_env = {"PS": instance_name, "GAFFER_PROCESS_NAME": instance_name}
        self.port = port
        self.has_fixed_port = has_fixed_port
        self.instances = instances
        self.index = index
        self.source = source
        self.depends_on = tuple(depends_on)
        self.ready = ready
        self.healthy = healthy
        self.watch = watch
        self.once = once
        self.restart = restart
        self.stop_signal = stop_signal
        self.stop_timeout = stop_timeout
        self.stop_tree = stop_tree
        self.pty = pty
        self.tty = tty
        self.log = log
        self.colour = colour
        self.shell = shell
        self.description = description

    @property
    def full_name(self) -> str:
        """The manager's name for it, `<group>:<name>`."""
        return f"{self.group}:{self.name}"

    def environment_of(self, instance: int) -> dict[str, str]:
        """The whole environment of one instance, as the manager gives it to the process."""
        own = {
            name: value.replace("{instance}", str(instance))
            for name, value in self.instance_env.items()
        }
        return {**self.environment, "PORT": str(self.port + instance - 1), **own}


class Plan:
    """What is to run, in the order of the files.

    `services` are the directories that it comes from, `names` knows all of their entries, also
    those that don't run; `notes` are for the user to know, `problems` are what was left out on the
    way (warnings all). `directory` is the project's. `moved_ports` are the first ports of all entries
    if they aren't those that the files say, else none.
    """

    __slots__ = (
        "directory",
        "moved_ports",
        "names",
        "notes",
        "problems",
        "services",
        "templates",
    )

    def __init__(
        self,
        directory: str,
        services: Sequence[Service],
        names: Names,
        templates: Sequence[Template],
        notes: Sequence[str],
        problems: Sequence[GafferError],
        moved_ports: Mapping[str, int],
    ) -> None:
        self.directory = directory
        self.moved_ports = moved_ports
        self.services = tuple(services)
        self.names = names
        self.templates = tuple(templates)
        self.notes = tuple(notes)
        self.problems = tuple(problems)

    @property
    def files(self) -> list[str]:
        """What it was made from, and what would change it if it were there; globs for groups to come."""
        found: dict[str, None] = {}
        for service in self.services:
            location, above = service.location, service.location.request.above
            if above is not None:
                from .groups import group_patterns  # it is loaded where there is one

                directory = os.path.dirname(above.files[0])
                found.update((os.path.join(directory, name), None) for name in CONFIGS)
                found.update(dict.fromkeys(group_patterns(directory, above)))
            found.update(dict.fromkeys(location.files))
            for entry in service.entries:
                for file in entry.settings.env_files or ():
                    found[join(location.start, file)] = None
        return list(found)

    @property
    def has_config(self) -> bool:
        """Whether there is a gaffer.yaml anywhere."""
        locations = [service.location for service in self.services]
        return any(each.config is not None or each.request.above is not None for each in locations)

    @property
    def watches_its_files(self) -> bool:
        """Whether a gaffer.yaml says that a change of them is to be carried out at once."""
        configs = [service.location.config for service in self.services]
        above = [service.location.request.above for service in self.services]
        return any(config is not None and config.watch_config for config in (*configs, *above))

    def environments(self) -> list[Environment]:
        """The different environments that processes get, each once."""
        found = {id(template.variables): template.variables for template in self.templates}
        return list(found.values())


def find_waves(templates: Sequence[Template]) -> list[int]:
    """For each template when it can start: 1 at once, 2 behind one of those, and so on."""
    needed = {
        template.full_name: [dependency.name for dependency in template.depends_on]
        for template in templates
    }
    found: dict[str, int] = {}
    for full in needed:
        todo = [full]  # its own stack: a chain may be longer than Python's may be deep
        while todo:
            before = [name for name in needed[todo[-1]] if name not in found]
            if before:
                todo += before
            else:
                last = todo.pop()
                found[last] = 1 + max((found[name] for name in needed[last]), default=0)
    return [found[template.full_name] for template in templates]


def find_followers(templates: Sequence[Template]) -> Mapping[str, list[str]]:
    """Who is restarted after whom: those whose dependency says so, and those who follow them."""
    direct: dict[str, list[str]] = {}
    for template in templates:
        for dependency in template.depends_on:
            if dependency.restart:
                direct.setdefault(dependency.name, []).append(template.full_name)
    followers: dict[str, list[str]] = {}
    for name, first in direct.items():
        found = list(first)
        known = set(found)
        for each in found:  # grows meanwhile
            more = [one for one in direct.get(each, ()) if one not in known]
            known.update(more)
            found += more
        followers[name] = found
    return followers


def install(plan: Plan, manager: ProcessAdder, **arguments: Any) -> None:
    """Put the plan's templates on a manager, as `<group>:<name>`. `arguments` as for `Installer`."""
    installer = Installer(**arguments)
    for template in plan.templates:
        manager.add_process(template.full_name, template.command, **installer.settings_of(template))


class Installer:
    """Makes a manager's settings of templates: theirs, `settings`, and `more(template)`.

    `defaults` are variables for those processes that don't have them.
    """

    def __init__(
        self,
        *,
        defaults: Mapping[str, str] | None = None,
        more: Callable[[Template], Mapping[str, Any]] | None = None,
        **settings: Any,
    ) -> None:
        self._defaults = defaults
        self._more = more
        self._settings = settings
        self._completed: dict[int, Mapping[str, str]] = {}

    def settings_of(self, template: Template) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "shell": template.shell,
            "cwd": template.directory,
            "env": self._complete(template.environment),
            "instance_env": template.instance_env,
            "port": template.port,
            "numprocesses": template.instances,
        }
        if template.depends_on:
            settings["depends_on"] = [dependency.name for dependency in template.depends_on]
        settings.update(self._settings)
        if self._more is not None:
            settings.update(self._more(template))
        return settings

    def _complete(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        if not self._defaults:
            return environment
        # Templates that share an environment share this one, too.
        key = id(environment)
        if key not in self._completed:
            self._completed[key] = {**self._defaults, **environment}
        return self._completed[key]

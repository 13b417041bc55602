"""A plan: the processes that a project wants, as plain data, and how they come onto a manager."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from .environment import Environment
    from .errors import GafferError
    from .procfile import Procfile

    class ProcessAdder(Protocol):
        """What `install` needs of a Manager."""

        def add_process(self, name: str, cmd: str, **kwargs: Any) -> object: ...


class Template:
    """One entry that is to run: `instances` of `command`, the first on `port`, each next one up.

    `environment` is shared by all templates of a plan, and not to be changed. `instance_env` is
    per instance, "{instance}" in it standing for the instance's number, which counts from 1.
    `index` is the entry's place in the Procfile.
    """

    __slots__ = (
        "command",
        "directory",
        "environment",
        "group",
        "index",
        "instance_env",
        "instances",
        "name",
        "port",
    )

    def __init__(
        self,
        name: str,
        group: str,
        command: str,
        *,
        directory: str,
        environment: Mapping[str, str],
        port: int,
        instances: int,
        index: int,
    ) -> None:
        self.name = name
        self.group = group
        self.command = command
        self.directory = directory
        self.environment = environment
        instance_name = f"{name}.{{instance}}"
        self.instance_env = {"PS": instance_name, "GAFFER_PROCESS_NAME": instance_name}
        self.port = port
        self.instances = instances
        self.index = index

    def environment_of(self, instance: int) -> dict[str, str]:
        """The whole environment of one instance, as the manager gives it to the process."""
        own = {
            name: value.replace("{instance}", str(instance))
            for name, value in self.instance_env.items()
        }
        return {**self.environment, "PORT": str(self.port + instance - 1), **own}


class Plan:
    """What is to run, in the Procfile's order.

    `environment` has the origin of each variable; `notes` are for the user to know, `problems` are
    what was left out on the way (warnings all).
    """

    __slots__ = (
        "directory",
        "environment",
        "group",
        "notes",
        "problems",
        "procfile",
        "templates",
    )

    def __init__(
        self,
        directory: str,
        group: str,
        procfile: Procfile,
        environment: Environment,
        templates: Sequence[Template],
        notes: Sequence[str],
        problems: Sequence[GafferError],
    ) -> None:
        self.directory = directory
        self.group = group
        self.procfile = procfile
        self.environment = environment
        self.templates = tuple(templates)
        self.notes = tuple(notes)
        self.problems = tuple(problems)


def install(
    plan: Plan,
    manager: ProcessAdder,
    *,
    defaults: Mapping[str, str] | None = None,
    **settings: object,
) -> None:
    """Put the plan's templates on a manager, as `<group>:<name>`, each with `settings`.

    `defaults` are variables for those processes that don't have them.
    """
    values = plan.environment.values()
    missing = {name: value for name, value in (defaults or {}).items() if name not in values}
    for template in plan.templates:
        manager.add_process(
            f"{template.group}:{template.name}",
            template.command,
            shell=True,
            cwd=template.directory,
            env={**template.environment, **missing} if missing else template.environment,
            instance_env=template.instance_env,
            port=template.port,
            numprocesses=template.instances,
            **settings,
        )

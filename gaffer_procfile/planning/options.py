"""What the user asked for, of what a project could run."""

from __future__ import annotations

import os

from .locations import Request
from .selection import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    # directory, first ports and counts by full name, display -> other first ports, and a note.
    MovePorts = Callable[
        [str, Mapping[str, int], Mapping[str, int], Callable[[str, int], str]],
        tuple[Mapping[str, int], str | None],
    ]


class Options:
    """What the user asked for. Paths are as typed; None and () mean not given.

    `directories` may be patterns; each is a service. `procfile` and `env_files` that are relative
    start from the directory, if they are there, else from the current directory. `names` and
    `exclude` select processes, `with_dependencies` also those that they need. `move_ports` may
    change the ports once more, when all is known.
    """

    __slots__ = (
        "directories",
        "env_files",
        "environ",
        "move_ports",
        "override",
        "port",
        "port_step",
        "procfile",
        "selection",
    )

    def __init__(
        self,
        *,
        directories: Sequence[str] = (),
        procfile: str | None = None,
        env_files: Sequence[str] = (),
        port: str | None = None,
        port_step: int | None = None,
        override: bool = True,
        names: Sequence[str] = (),
        exclude: Sequence[str] = (),
        formation: str | None = None,
        formation_place: tuple[str, int] | None = None,
        profiles: Sequence[str] = (),
        with_dependencies: bool = True,
        environ: Mapping[str, str] = os.environ,
        move_ports: MovePorts | None = None,
    ) -> None:
        self.directories = tuple(directories)
        self.procfile = procfile
        self.env_files = tuple(env_files)
        self.port = port
        self.port_step = port_step
        self.override = override
        self.selection = Selection(
            names=names,
            exclude=exclude,
            formation=formation,
            formation_place=formation_place,
            profiles=profiles,
            with_dependencies=with_dependencies,
        )
        self.environ = dict(environ)  # os.environ decodes whatever is read, each time
        self.move_ports = move_ports

    def request(self, directory: str | None) -> Request:
        return Request(
            directory=directory,
            procfile=self.procfile,
            env_files=self.env_files,
            override=self.override,
            environ=self.environ,
        )

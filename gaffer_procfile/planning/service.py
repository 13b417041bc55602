"""A service: one directory with its Procfile, its gaffer.yaml and its environment, as read.

Nothing is decided here: which of its processes run, and on which ports, is `project`'s.
"""

from __future__ import annotations

import os

from .. import environment as environments
from .. import formation as formations
from .. import procfile as procfiles
from ..errors import GafferError, ProcfileError, nearest, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from ..config import Config, ProcessSettings
    from ..environment import Environment
    from ..procfile import Procfile

PROCFILES = ("Procfile.dev", "Procfile")
CONFIGS = ("gaffer.yaml", "gaffer.yml", "gaffer.local.yaml", "gaffer.local.yml")


class Request:
    """Where a service is looked for, and what the user wants of its environment.

    Paths are as typed; None and () mean not given. `procfile` and `env_files` that are relative
    start from `directory`, if they are there, else from the current directory. `above` is
    the gaffer.yaml that has it as a group: its `defaults` hold here, too. `port` is that of the
    first process, `profiles` are those of all that have none themselves.
    """

    __slots__ = (
        "above",
        "directory",
        "env_files",
        "environ",
        "group",
        "override",
        "port",
        "procfile",
        "profiles",
    )

    def __init__(
        self,
        *,
        directory: str | None = None,
        procfile: str | None = None,
        env_files: Sequence[str] = (),
        override: bool = True,
        environ: Mapping[str, str] = os.environ,
        group: str | None = None,
        port: int | None = None,
        profiles: Sequence[str] = (),
        above: Config | None = None,
    ) -> None:
        self.directory = directory
        self.procfile = procfile
        self.env_files = tuple(env_files)
        self.override = override
        self.environ = environ
        self.group = group
        self.port = port
        self.profiles = tuple(profiles)
        self.above = above


class Location:
    """Where a service is: its directory, its files, its environment before any process.

    `directory` is absolute, `procfile` and `config_file` as typed and None where there is none;
    `files` are all that was read or would be if it were there; `problems` are those of the
    environment files and of gaffer.yaml.
    """

    __slots__ = (
        "config",
        "config_file",
        "directory",
        "environment",
        "files",
        "notes",
        "problems",
        "procfile",
        "request",
        "start",
    )

    def __init__(
        self,
        request: Request,
        start: str,
        directory: str,
        procfile: str | None,
        config: Config | None,
        config_file: str | None,
        environment: Environment,
        files: Sequence[str],
        notes: Sequence[str],
        problems: Sequence[GafferError],
    ) -> None:
        self.request = request
        self.start = start
        self.directory = directory
        self.procfile = procfile
        self.config = config
        self.config_file = config_file
        self.environment = environment
        self.files = tuple(files)
        self.notes = tuple(notes)
        self.problems = tuple(problems)


class Entry:
    """One process type of a service: its command, where that stands, and its settings."""

    __slots__ = ("command", "file", "line", "name", "settings")

    def __init__(
        self, name: str, command: str, file: str, line: int | None, settings: ProcessSettings
    ) -> None:
        self.name = name
        self.command = command
        self.file = file
        self.line = line
        self.settings = settings

    @property
    def source(self) -> str:
        """Where it stands: `Procfile:3`."""
        return f"{self.file}:{self.line}"


class Service:
    """A location with all that its files say. `problems` are those of its Procfile and entries."""

    __slots__ = ("entries", "file", "group", "location", "problems")

    def __init__(
        self,
        location: Location,
        group: str,
        file: str,
        entries: Sequence[Entry],
        problems: Sequence[GafferError],
    ) -> None:
        self.location = location
        self.group = group
        self.file = file
        self.entries = tuple(entries)
        self.problems = tuple(problems)


class _Unsaid:
    """The settings of an entry that no gaffer.yaml says anything about: each is None."""

    def __getattr__(self, name: str) -> None:
        self.__dict__[name] = None  # the next time it is there


UNSAID: Any = _Unsaid()


# ---- finding


def locate(request: Request) -> Location:
    """Find the files and read the environment. ProcfileError if the directory is gone.

    Which Procfile: `request.procfile`, else PROCFILE of the environment or of `.env`, else
    gaffer.yaml's, else Procfile.dev, else Procfile. The directory is the Procfile's, unless one was
    given.
    """
    notes: list[str] = []
    path = request.procfile or request.environ.get("PROCFILE") or None
    if path is not None:
        path = find(path, request.directory)
    start = request.directory or os.path.dirname(path or "") or os.curdir
    config, config_file, problems = _read_config(start)
    env_files = _env_files(request, start, config)
    environment = environments.Environment(request.environ)
    above = request.above
    if above is not None and config is not None and config.groups:
        problems.append(config.problem(("groups",), "the groups of a group are left out"))
        problems[-1].severity = "warning"
    if above is not None and above.env:
        problems += assign(environment, above.env, [(above, ("env",))], request.override)
    problems += environments.extend(environment, env_files, override=request.override)
    if config is not None and config.env:
        problems += assign(environment, config.env, [(config, ("env",))], request.override)

    variable = environment.get("PROCFILE")
    if not request.procfile and variable is not None:
        # A path in .env starts from where .env is, one of the environment from where we are.
        if variable.origin != environments.INHERITED:
            path = join(start, variable.value) if variable.value else None
        if path is not None:
            notes.append(f"{path} is used, by PROCFILE of {source(variable.origin)}")
    if path is None and config is not None and config.procfile is not None:
        path = join(start, config.procfile)
    elif path is None:
        path = next(filter(os.path.exists, (join(start, name) for name in PROCFILES)), None)
        if path is not None and os.path.basename(path) != "Procfile":
            notes.append(f"{path} is used")

    directory = absolute(request.directory or os.path.dirname(path or "") or start)
    files = [*(join(start, name) for name in CONFIGS), *(file for file, _ in env_files)]
    if path is not None:
        files.append(path)
    return Location(
        request, start, directory, path, config, config_file, environment, files, notes, problems
    )


def _read_config(start: str) -> tuple[Config | None, str | None, list[GafferError]]:
    """The gaffer.yaml of a directory, as typed, and what is wrong with it."""
    if not any(os.path.lexists(join(start, name)) for name in CONFIGS):
        return None, None, []
    from .. import config as configs  # with PyYAML: only where there is one

    try:
        name = configs.find(start)
    except configs.ConfigError as error:
        error.file = join(start, error.file or "")
        return None, error.file, [error]
    assert name is not None
    shown = join(start, name)
    config, problems = configs.read(absolute(shown), shown)
    return config, shown, list(problems)


def _env_files(request: Request, start: str, config: Config | None) -> list[tuple[str, bool]]:
    """The environment files, each a path and whether it must exist."""
    if request.env_files:
        return [(find(file, request.directory), True) for file in request.env_files]
    if config is not None and config.env_files is not None:
        return [(join(start, file), True) for file in config.env_files]
    return [(join(start, ".env"), False)]


def assign(
    environment: Environment,
    values: Mapping[str, str | None],
    configs: Sequence[tuple[Config, tuple[str, ...]]],
    override: bool,
) -> list[GafferError]:
    """Set `values`; a notice for each ${NAME} that isn't set.

    `configs` are where they may stand: the first that has one is its origin.
    """

    def find(name: str) -> tuple[Config, tuple[str, ...]]:
        paths = [(config, (*path, name)) for config, path in configs]
        return next((each for each in paths if each[0].place(each[1]) is not None), paths[0])

    def origin(name: str) -> str:
        config, path = find(name)
        return config.origin(path)

    problems: list[GafferError] = []
    for name, missing in environments.assign(environment, values, origin, override=override):
        config, path = find(name)
        message = f"${{{missing}}} is not set, so it is empty in {name}"
        problem = config.problem(path, message, f"${{{missing}:-}} if it is meant to be")
        problem.severity = "notice"
        problems.append(problem)
    return problems


# ---- reading


def read(location: Location) -> Service:
    """Read the entries of a service. ProcfileError where there is nothing to read."""
    config, config_file = location.config, location.config_file
    if location.procfile is None and (config is None or not config.processes):
        is_broken = any(problem.severity == "error" for problem in location.problems)
        if config_file is not None and (is_broken or config is None or config.groups):
            return Service(location, group_of(location), config_file, (), ())
        hint = f"looked for {' and '.join(PROCFILES)}; -f names another"
        raise ProcfileError(f"no Procfile in {location.directory}", hint=hint)
    problems: list[GafferError] = []
    entries: list[Entry] = []
    procfile: Procfile | None = None
    if location.procfile is not None:
        procfile = procfiles.read(absolute(location.procfile), location.procfile)
        problems += procfile.problems
        entries = [
            Entry(entry.name, entry.command, procfile.file, entry.line, UNSAID)
            for entry in procfile.entries
        ]
        if not entries and not problems and not (config is not None and config.processes):
            problems.append(
                ProcfileError("no process in it", file=procfile.file, hint=procfiles.EXAMPLE)
            )
    if config is not None or location.request.above is not None:
        entries = _refine(entries, location, problems)
    file = location.procfile or config_file or ""
    problems += _port_variable_clashes(file, entries)
    return Service(location, group_of(location), file, entries, problems)


def _refine(
    entries: Sequence[Entry], location: Location, problems: list[GafferError]
) -> list[Entry]:
    """The Procfile's entries with what gaffer.yaml says of them, and then its own."""
    from ..config import ProcessSettings, over
    from ..config.anchor import anchored

    config = location.config
    above = location.request.above
    own = config.defaults if config is not None else ProcessSettings()
    defaults = own if above is None else above.defaults
    if config is not None and above is not None:
        defaults = over(own, above.defaults)
    if not defaults.said():
        defaults = UNSAID
    processes = dict(config.processes) if config is not None else {}
    refined = []
    for entry in entries:
        refinement = processes.pop(entry.name, None)
        settings = defaults if refinement is None else _over(refinement, defaults)
        if settings is not UNSAID:
            settings = anchored(settings, location.directory)
        command = settings.command if settings.command is not None else entry.command
        refined.append(Entry(entry.name, command, entry.file, entry.line, settings))
    known = [entry.name for entry in entries]
    for name, own in processes.items():
        assert config is not None
        path = ("processes", name)
        settings = anchored(_over(own, defaults), location.directory)
        if settings.command is None:
            message = f"{name} has no command, and the Procfile doesn't have it"
            hint = nearest(name, known) or "command: says what to run"
            problems.append(config.problem(path, message, hint))
        else:
            place = config.place(path)
            file, line = (place.file, place.line) if place is not None else ("", None)
            refined.append(Entry(name, settings.command, file, line, settings))
    return refined


def _over(own: ProcessSettings, defaults: ProcessSettings) -> ProcessSettings:
    from ..config import over

    return own if defaults is UNSAID else over(own, defaults)


def _port_variable_clashes(file: str, entries: Sequence[Entry]) -> Iterable[GafferError]:
    """Both can run, so a Procfile that other runners take is not refused for it."""
    lines = {entry.name: entry.line for entry in entries}
    for earlier, later in formations.clashes(list(lines)):
        yield ProcfileError(
            f"{formations.port_variable(later)} is the port of {earlier!r} "
            f"(line {lines[earlier]}), so {later!r} has none",
            file=file,
            line=lines[later],
            hint="rename one of them",
            severity="warning",
        )


# ---- names and paths


def group_of(location: Location) -> str:
    """The name of a service's group: as its gaffer.yaml has it, else its directory's name."""
    # The colon is what parts a group from a name.
    name = location.request.group or os.path.basename(location.directory)
    return name.replace(":", "-") or "app"


def source(origin: str) -> str:
    """Where a variable comes from, for a sentence."""
    return "the environment" if origin == environments.INHERITED else origin


def find(path: str, directory: str | None) -> str:
    """`path` from `directory`, as honcho has it, or from here, as foreman has it."""
    if directory is not None and os.path.exists(inside := join(directory, path)):
        return inside
    return path


def join(directory: str, name: str) -> str:
    """`name` in `directory`, the way a person would type it: no "./" before it."""
    return os.path.normpath(os.path.join(directory, name))


def absolute(path: str) -> str:
    """`path` from the root. ProcfileError if the current directory is gone."""
    try:
        return os.path.abspath(path)
    except OSError as error:  # the current directory was removed
        raise ProcfileError(unreadable(error), file="the current directory") from error

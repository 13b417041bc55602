"""A project directory's files, made into a plan: what would run, how, and what is wrong with it.

Reads files, starts nothing; `install(load(Options(directory="shop")), manager)` does.
"""

from __future__ import annotations

import os

from . import environment as environments
from . import formation as formations
from . import procfile as procfiles
from .errors import (
    FormationError,
    GafferError,
    ProcfileError,
    UnknownProcessError,
    unreadable,
)
from .plan import Plan, Template, install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .environment import Environment
    from .procfile import Procfile


__all__ = ["Location", "Options", "Plan", "Template", "check", "install", "load", "locate"]

# Heroku's name for what runs once before a deployment: no service, though it stands among them.
RELEASE = "release"

_DEFAULT_PROCFILES = ("Procfile.dev", "Procfile")


class Options:
    """What the user asked for. Paths are as typed; None and () mean not given.

    `procfile` and `env_files` that are relative start from `directory`, if they are there, else
    from the current directory. `names` and `exclude` select entries.
    """

    __slots__ = (
        "directory",
        "env_files",
        "environ",
        "exclude",
        "formation",
        "names",
        "override",
        "port",
        "port_step",
        "procfile",
    )

    def __init__(
        self,
        *,
        directory: str | None = None,
        procfile: str | None = None,
        env_files: Sequence[str] = (),
        port: str | None = None,
        port_step: int = formations.DEFAULT_STEP,
        formation: str | None = None,
        override: bool = True,
        names: Sequence[str] = (),
        exclude: Sequence[str] = (),
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.directory = directory
        self.procfile = procfile
        self.env_files = tuple(env_files)
        self.port = port
        self.port_step = port_step
        self.formation = formation
        self.override = override
        self.names = tuple(names)
        self.exclude = tuple(exclude)
        self.environ = environ


class Location:
    """Where a project is: its directory, its Procfile, its environment before any process.

    `directory` is absolute, `procfile` as typed and None where there is none; `problems` are those
    of the environment files.
    """

    __slots__ = ("directory", "environment", "notes", "problems", "procfile")

    def __init__(
        self,
        directory: str,
        procfile: str | None,
        environment: Environment,
        notes: Sequence[str],
        problems: Sequence[GafferError],
    ) -> None:
        self.directory = directory
        self.procfile = procfile
        self.environment = environment
        self.notes = tuple(notes)
        self.problems = tuple(problems)


def locate(options: Options) -> Location:
    """Find the Procfile and read the environment files. ProcfileError if the directory is gone.

    Which Procfile: `options.procfile`, else PROCFILE of the environment or of `.env`, else
    Procfile.dev, else Procfile. The project's directory is the Procfile's, unless one was given.
    """
    notes: list[str] = []
    path = options.procfile or options.environ.get("PROCFILE") or None
    if path is not None:
        path = _find(path, options.directory)
    start = options.directory or os.path.dirname(path or "") or os.curdir

    if options.env_files:
        files = [(_find(file, options.directory), True) for file in options.env_files]
    else:
        files = [(_join(start, ".env"), False)]
    environment, problems = environments.load(files, options.environ, override=options.override)

    variable = environment.get("PROCFILE")
    if not options.procfile and variable is not None:
        # A path in .env starts from where .env is, one of the environment from where we are.
        if variable.origin != environments.INHERITED:
            path = _join(start, variable.value) if variable.value else None
        if path is not None:
            notes.append(f"{path} is used, by PROCFILE of {_source(variable.origin)}")
    if path is None:
        existing = [
            file for name in _DEFAULT_PROCFILES if os.path.exists(file := _join(start, name))
        ]
        path = existing[0] if existing else None
        if path is not None and os.path.basename(path) != "Procfile":
            notes.append(f"{path} is used")

    directory = options.directory or os.path.dirname(path or "") or start
    return Location(_absolute(directory), path, environment, notes, problems)


def load(options: Options) -> Plan:
    """Read the project's files; nothing is started. The first error found is raised."""
    location = locate(options)
    for problem in location.problems:
        if problem.severity == "error":
            raise problem
    procfile = _read(location)
    problems = _procfile_problems(procfile)
    for problem in problems:
        # With no entry left to go on with, even what is left out is the end of it.
        if problem.severity == "error" or not procfile.entries:
            raise problem

    instances = _instances(options, procfile)
    environment = location.environment
    first_ports = _first_ports(options, environment, procfile, instances)
    # The other way round, so that of two names with one variable the first has it.
    addresses = {
        formations.port_variable(name): first_ports[name] for name in reversed(first_ports)
    }
    for variable, port in addresses.items():
        environment.set(variable, str(port), environments.OURS)

    notes = list(location.notes)
    if _leaves_out_release(options, procfile, instances):
        notes.append(f"{RELEASE} is a one-off, left out; `gaffer run {RELEASE}` runs it")
    group = _group(location.directory)
    values = environment.values()
    templates = [
        Template(
            entry.name,
            group,
            entry.command,
            directory=location.directory,
            environment=values,
            port=first_ports[entry.name],
            instances=instances[entry.name],
            index=index,
        )
        for index, entry in enumerate(procfile.entries)
        if entry.name in instances
    ]
    warnings = [
        problem for problem in (*location.problems, *problems) if problem.severity == "warning"
    ]
    return Plan(location.directory, group, procfile, environment, templates, notes, warnings)


def check(options: Options) -> list[GafferError]:
    """All that is wrong, at once: of the environment files, the Procfile and the options."""
    try:
        location = locate(options)
    except GafferError as error:
        return [error]
    problems = list(location.problems)
    try:
        procfile = _read(location)
    except GafferError as error:
        return [*problems, error]

    in_procfile = [*_procfile_problems(procfile), *_unavailable(procfile, location)]
    problems += sorted(in_procfile, key=lambda problem: problem.line or 0)
    if not procfile.entries:
        return problems
    try:
        instances = _instances(options, procfile)
    except GafferError as error:
        problems.append(error)
        instances = dict.fromkeys((entry.name for entry in procfile.entries), 1)
    try:
        _first_ports(options, location.environment, procfile, instances)
    except GafferError as error:
        problems.append(error)
    return problems


def _read(location: Location) -> Procfile:
    if location.procfile is None:
        raise ProcfileError(
            f"no Procfile in {location.directory}",
            hint=f"looked for {' and '.join(_DEFAULT_PROCFILES)}; -f names another",
        )
    return procfiles.read(_absolute(location.procfile), location.procfile)


def _procfile_problems(procfile: Procfile) -> list[GafferError]:
    """What the text has wrong, in itself and as a whole."""
    problems: list[GafferError] = list(procfile.problems)
    if not procfile.entries and not problems:
        problems.append(
            ProcfileError("no process in it", file=procfile.file, hint=procfiles.EXAMPLE)
        )
    lines = {entry.name: entry.line for entry in procfile.entries}
    # Both can run, so a Procfile that other runners take is not refused for it.
    for earlier, later in formations.clashes(list(lines)):
        problems.append(
            ProcfileError(
                f"{formations.port_variable(later)} is the port of {earlier!r} "
                f"(line {lines[earlier]}), so {later!r} has none",
                file=procfile.file,
                line=lines[later],
                hint="rename one of them",
                severity="warning",
            )
        )
    return problems


def _unavailable(procfile: Procfile, location: Location) -> Iterable[GafferError]:
    """The entries whose program isn't there."""
    from . import commands  # only `check` asks

    path = location.environment.get("PATH")
    for entry in procfile.entries:
        reason = commands.unavailable(
            entry.command, location.directory, path.value if path is not None else None
        )
        if reason is not None:
            yield ProcfileError(
                f"{entry.name}: {reason}",
                file=procfile.file,
                line=entry.line,
                severity="warning",
            )


def _instances(options: Options, procfile: Procfile) -> dict[str, int]:
    """How many of each entry that was asked for; those not asked for aren't in it."""
    names = [entry.name for entry in procfile.entries]
    formation = formations.parse(options.formation or "")
    counts = formations.counts(formation, names)
    for name in (*options.names, *options.exclude):
        if name not in counts:
            raise UnknownProcessError(name, names)
    # A formation that names it asks for it as much as the command line's NAME does.
    wanted = options.names or [name for name in names if name != RELEASE or name in formation]
    excluded = frozenset(options.exclude)
    instances = {name: counts[name] for name in names if name in wanted and name not in excluded}
    if not any(instances.values()):
        one_off = _leaves_out_release(options, procfile, instances)
        raise FormationError(
            "nothing is left to run",
            hint=f"`gaffer run {RELEASE}` runs the one-off" if one_off else None,
        )
    return instances


def _leaves_out_release(options: Options, procfile: Procfile, instances: Mapping[str, int]) -> bool:
    """Whether `release` doesn't run though nobody said so."""
    if options.names or RELEASE in options.exclude or RELEASE in instances:
        return False
    return any(entry.name == RELEASE for entry in procfile.entries)


def _first_ports(
    options: Options, environment: Environment, procfile: Procfile, instances: Mapping[str, int]
) -> dict[str, int]:
    variable = environment.get("PORT")
    if options.port is not None:
        base = formations.parse_port(options.port, "-p")
    elif variable is not None and variable.value:
        base = formations.parse_port(variable.value, f"PORT of {_source(variable.origin)}")
    else:
        base = formations.DEFAULT_PORT
    everyone = {entry.name: instances.get(entry.name, 0) for entry in procfile.entries}
    return formations.ports(base, options.port_step, everyone)


def _source(origin: str) -> str:
    return "the environment" if origin == environments.INHERITED else origin


def _group(directory: str) -> str:
    # The colon is what parts a group from a name.
    return os.path.basename(directory).replace(":", "-") or "app"


def _find(path: str, directory: str | None) -> str:
    """`path` from `directory`, as honcho has it, or from here, as foreman has it."""
    if directory is not None and os.path.exists(inside := _join(directory, path)):
        return inside
    return path


def _join(directory: str, name: str) -> str:
    # The way a person would type it: no "./" before it.
    return os.path.normpath(os.path.join(directory, name))


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except OSError as error:  # the current directory was removed
        raise ProcfileError(unreadable(error), file="the current directory") from error

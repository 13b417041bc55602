"""Where the services of a project are, and their environments.

That is in given directories, those that patterns match, and those of the groups of a gaffer.yaml.
"""

from __future__ import annotations

import os

from .. import environment as environments
from ..errors import GafferError, ProcfileError, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ..config import Config
    from ..config.problems import Place
    from ..environment import Environment
    from .options import Options

PROCFILES = ("Procfile.dev", "Procfile")
OF_OVERMIND = ".overmind.env"
CONFIGS = ("gaffer.yaml", "gaffer.yml", "gaffer.local.yaml", "gaffer.local.yml")

# Any of these makes a directory one that a pattern means.
WANTED = (*PROCFILES, *CONFIGS)


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


# ---- all of them


def directories(options: Options) -> list[str | None]:
    """The directories, as typed, each once; patterns become what they match.

    ProcfileError if one matches nothing.
    """
    found: dict[str, str] = {}  # as typed, by where that is
    for word in options.directories:
        for path in expand(word) if is_pattern(word) else [word]:
            found.setdefault(os.path.realpath(path), path)
    return [*found.values()] or [None]


def is_pattern(word: str) -> bool:
    return any(character in word for character in "*?[") and not os.path.isdir(word)


def expand(pattern: str) -> list[str]:
    """The directories that `pattern` matches and that have something to run, or ProcfileError.

    Each once, by its own name rather than by that of a link to it.
    """
    matching = [path for path in sorted(_matching(pattern)) if os.path.isdir(path)]
    found: dict[str, str] = {}  # by where that is
    for path in matching:
        real = os.path.realpath(path)
        if real in found and os.path.islink(path):
            continue
        if any(os.path.lexists(os.path.join(path, name)) for name in WANTED):
            found[real] = path
    if not found:
        what = "no directory that it matches has a Procfile" if matching else "it matches nothing"
        raise ProcfileError(f"{pattern}: {what}")
    return sorted(found.values())


def _matching(pattern: str) -> list[str]:
    parent, last = os.path.split(pattern)
    if is_pattern(parent) or not is_pattern(last):
        from glob import glob

        return glob(pattern)
    # The usual `services/*`, without the 3 ms of that import.
    from fnmatch import filter as matching

    try:
        names = os.listdir(parent or os.curdir)
    except OSError:
        return []
    return [
        os.path.join(parent, name)
        for name in matching(names, last)
        if name[0] != "." or last[0] == "."
    ]


def find_locations(options: Options, problems: list[GafferError]) -> list[Location]:
    """Where all services are: the directories, and the groups of their gaffer.yaml."""
    found: list[Location] = []
    try:
        given = directories(options)
    except GafferError as error:
        problems.append(error)
        return found
    for directory in given:
        try:
            location = locate(options.request(directory))
        except GafferError as error:
            problems.append(error)
            continue
        if location.config is None or not location.config.groups:
            found.append(location)
        else:
            from .groups import find_groups  # few have any

            found += find_groups(options, location, location.config, problems)
    return found


# ---- one of them


def locate(request: Request) -> Location:
    """Find the files and read the environment. ProcfileError if the directory is gone.

    Which Procfile: `request.procfile`, else PROCFILE of the environment or of `.env`, else
    gaffer.yaml's, else Procfile.dev, else Procfile. The directory is the one given, else that of
    the Procfile that was asked for, else this one: what is read there moves nobody elsewhere.
    """
    notes: list[str] = []
    path = request.procfile or request.environ.get("PROCFILE") or None
    if path is not None:
        path = find(path, request.directory)
    start = request.directory or os.path.dirname(path or "") or os.curdir
    if not os.access(start, os.X_OK) and os.path.isdir(start):
        raise ProcfileError("permission denied", file=start)  # nothing in it can be seen
    config, config_file, problems = _read_config(start)
    env_files = _env_files(request, start, config)
    environment = environments.Environment(request.environ)
    above = request.above
    if above is not None and config is not None and config.groups:
        text = "the groups of a group are left out"
        problems.append(config.problem(("groups",), text, severity="warning"))
    if above is not None:
        problems += _assign_for_all(environment, above, request.override)
    of_files = environments.extend(environment, env_files, override=request.override)
    problems += tell_where_named(of_files, lambda path: _place_of(path, request, start, config))
    if config is not None:
        problems += _assign_for_all(environment, config, request.override)

    variable = environment.get("PROCFILE")
    if not request.procfile and variable is not None:
        # A path in .env starts from where .env is, one of the environment from where we are.
        if variable.origin != environments.INHERITED:
            path = join(start, variable.value) if variable.value else None
        if path is not None:
            notes.append(f"{path} is used, by PROCFILE of {variable.source}")
    if path is None and config is not None and config.procfile is not None:
        path = join(start, config.procfile)
    elif path is None:
        path = next(filter(os.path.lexists, (join(start, name) for name in PROCFILES)), None)
        if path is not None and os.path.basename(path) != "Procfile":
            notes.append(f"{path} is used")

    if not any(is_named for _, is_named in env_files):
        notes += _overlooked(start)

    directory = absolute(start)
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


def _overlooked(start: str) -> Iterator[str]:
    """A note of the environment file of another runner, which is there."""
    if os.path.exists(join(start, OF_OVERMIND)):
        names = [OF_OVERMIND, *([".env"] if os.path.exists(join(start, ".env")) else [])]
        yield f"{join(start, OF_OVERMIND)} is not read; -e {','.join(names)} reads it"


def _place_of(path: str, request: Request, start: str, config: Config | None) -> Place | None:
    """Where the environment file that is shown as `path` is named; None if no gaffer.yaml does."""
    if not request.env_files:
        words = (config.env_files or ()) if config is not None else ()
        found = [("env_files", word) for word in words if join(start, word) == path]
        return config.place(found[0]) if config is not None and found else None
    above = request.above
    if above is None:
        return None
    for name, group in above.groups.items():
        for word in group.env_files or ():
            if find(word, request.directory) == path:
                return above.place(("groups", name, "env_files", word))
    return None


def tell_where_named(
    problems: Iterable[GafferError], place_of: Callable[[str], Place | None]
) -> list[GafferError]:
    """`problems` of environment files; of one that can't be read, with where it is named."""
    told = list(problems)
    for problem in told:
        if problem.file is not None and problem.line is None and problem.hint is None:
            place = place_of(problem.file)
            problem.hint = f"{place} names it" if place is not None else None
    return told


def _assign_for_all(environment: Environment, config: Config, override: bool) -> list[GafferError]:
    return assign(environment, config.env or {}, lambda name: config.place(("env", name)), override)


def assign(
    environment: Environment,
    values: Mapping[str, str | None],
    place_of: Callable[[str], Place | None],
    override: bool,
    *,
    is_for_shell: bool = True,
) -> list[GafferError]:
    """Set `values`, each of which stands at `place_of(name)`; a notice for each ${NAME} not set.

    And a warning for each that `is_for_shell`, and that none can have.
    """
    problems: list[GafferError] = []
    unset = environments.assign(
        environment, values, lambda name: str(place_of(name) or ""), override=override
    )
    for name, missing in unset:
        place = place_of(name)
        assert place is not None  # what has a value stands in a file
        problems.append(place.error(*environments.complaint_of_unset(missing, name), "notice"))
    for name, value in values.items():
        if is_for_shell and value is not None and not environments.is_shell_name(name):
            place = place_of(name)
            assert place is not None
            problems.append(place.error(*environments.complaint_of_name(name), "warning"))
    return problems


# ---- paths


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

"""Where the services of a project are: given directories, patterns, and groups of a gaffer.yaml."""

from __future__ import annotations

import os

from ..errors import GafferError, ProcfileError
from . import service as services
from .service import Location, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config import Config
    from .options import Options


# Any of these makes a directory one that a pattern means.
WANTED = (*services.PROCFILES, *services.CONFIGS)


def directories(options: Options) -> list[str | None]:
    """The directories, as typed, each once; patterns become what they match.

    ProcfileError if one matches nothing.
    """
    found: dict[str, str] = {}  # as typed, by where that is
    for word in options.directories:
        for path in _expand(word, None) if is_pattern(word) else [word]:
            found.setdefault(os.path.realpath(path), path)
    return [*found.values()] or [None]


def is_pattern(word: str) -> bool:
    return any(character in word for character in "*?[") and not os.path.isdir(word)


def _expand(pattern: str, file: str | None) -> list[str]:
    """The directories that `pattern` matches and that have something to run."""
    matching = [path for path in sorted(_matching(pattern)) if os.path.isdir(path)]
    found = [
        path
        for path in matching
        if any(os.path.exists(os.path.join(path, name)) for name in WANTED)
    ]
    if not found:
        what = "no directory that it matches has a Procfile" if matching else "it matches nothing"
        raise ProcfileError(f"{pattern}: {what}", file=file)
    return found


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
            location = services.locate(options.request(directory))
        except GafferError as error:
            problems.append(error)
            continue
        config = location.config
        if config is None or not config.groups:
            found.append(location)
            continue
        if location.procfile is not None or config.processes:
            found.append(location)
        for name in config.groups:
            try:
                found += map(services.locate, _group_requests(options, location, config, name))
            except GafferError as error:
                problems.append(error)
    return found


def _group_requests(
    options: Options, location: Location, config: Config, name: str
) -> list[Request]:
    """Where the services of a group are looked for: in one directory, or in all of a pattern's."""
    group = config.groups[name]
    path = services.join(location.start, group.directory)
    paths = [path]
    if is_pattern(path):
        # What a group of its own says holds, not what is said of all.
        named = {
            os.path.realpath(services.join(location.start, other.directory))
            for other in config.groups.values()
        }
        matching = _expand(path, location.config_file)
        paths = [each for each in matching if os.path.realpath(each) not in named]
    if paths == [path] and not os.path.isdir(path):
        raise config.problem(("groups", name), f"{name}: there is no directory {path}")
    return [
        Request(
            directory=directory,
            procfile=group.procfile,
            env_files=group.env_files or (),
            override=options.override,
            environ=options.environ,
            group=name if directory == path else None,
            port=group.port,
            profiles=group.profiles or (),
            above=config,
        )
        for directory in paths
    ]


def group_patterns(start: str, config: Config) -> list[str]:
    """Globs of the files by which one more directory would be a group of this gaffer.yaml."""
    paths = [services.join(start, group.directory) for group in config.groups.values()]
    return [os.path.join(path, name) for path in paths if is_pattern(path) for name in WANTED]

"""The groups of a gaffer.yaml: other services, each in a directory, that are started with its own."""

from __future__ import annotations

import os

from ..errors import EnvironmentFileError, GafferError, ProcfileError
from .locations import WANTED, Request, expand, find, is_pattern, join, locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config import Config
    from .locations import Location
    from .options import Options


def find_groups(
    options: Options, top: Location, config: Config, problems: list[GafferError]
) -> Iterator[Location]:
    """The services of a gaffer.yaml with groups: its own, if it has something to run, and theirs."""
    places = {
        name: os.path.realpath(join(top.start, group.directory))
        for name, group in config.groups.items()
    }
    here = os.path.realpath(top.start)
    own = next((name for name, place in places.items() if place == here), None)
    if own is not None:
        top = locate(_group_request(options, config, own, top.request.directory))
    asked = options.procfile or options.environ.get("PROCFILE")
    if (
        asked
        and top.procfile == find(asked, top.request.directory)
        and not os.path.lexists(top.procfile)
    ):
        top.procfile = None  # the groups have it, or say that it isn't there
    if top.procfile is not None or config.processes:
        yield top
    else:  # its .env is nobody's
        problems += [
            problem for problem in top.problems if not isinstance(problem, EnvironmentFileError)
        ]
        if own is not None:
            problems.append(config.problem(("groups", own), f"{own}: there is no Procfile here"))
    # What a group of its own says holds, not what is said of all.
    taken = {here, *places.values()}
    for name in config.groups:
        if name == own:
            continue
        try:
            for directory in _group_directories(top, config, name, taken):
                request = _group_request(options, config, name, directory, top)
                yield locate(request)
        except GafferError as error:
            problems.append(error)


def _group_directories(top: Location, config: Config, name: str, taken: set[str]) -> list[str]:
    """The directory of a group, or those of a pattern that aren't `taken`, by where they are."""
    path = join(top.start, config.groups[name].directory)
    if not is_pattern(path):
        if not os.path.isdir(path):
            raise config.problem(("groups", name), f"{name}: there is no directory {path}")
        return [path]
    try:
        matching = expand(path)
    except ProcfileError as error:
        raise config.problem(("groups", name), error.message) from error
    found = [path for path in matching if os.path.realpath(path) not in taken]
    taken.update(map(os.path.realpath, found))
    return found


def _group_request(
    options: Options,
    config: Config,
    name: str,
    directory: str | None,
    top: Location | None = None,
) -> Request:
    """What is wanted of a group, or of one of a pattern's. `top` is None for the project's own."""
    group = config.groups[name]
    procfile = options.procfile
    if procfile and top and top.procfile and not os.path.lexists(join(directory or "", procfile)):
        procfile = None  # it is the top's
    return Request(
        directory=directory,
        procfile=procfile or group.procfile,
        env_files=options.env_files or group.env_files or (),
        override=options.override,
        environ=options.environ,
        # What a pattern has found has its directory's name.
        group=None if top and is_pattern(join(top.start, group.directory)) else name,
        port=group.port,
        profiles=group.profiles or (),
        above=config if top else None,
    )


def group_patterns(start: str, config: Config) -> list[str]:
    """Globs of the files by which one more directory would be a group of this gaffer.yaml."""
    paths = [join(start, group.directory) for group in config.groups.values()]
    return [os.path.join(path, name) for path in paths if is_pattern(path) for name in WANTED]

"""A project's files, made into a plan: what would run, how, and what is wrong with it.

Reads files, starts nothing; `install(load(Options(directories=["shop"])), manager)` does.
"""

from __future__ import annotations

import os

from . import environment as environments
from . import formation as formations
from .environment import Variable
from .errors import GafferError, ProcfileError
from .planning import service as services
from .planning.locations import (
    Location,
    absolute,
    assign,
    directories,
    find_locations,
    is_pattern,
    join,
    tell_where_named,
)
from .planning.locations import locate as locate_service
from .planning.options import Options
from .planning.plan import Plan, Template, install
from .planning.ports import assign_ports
from .planning.selection import (
    Members,
    find_dependencies,
    find_loop,
    find_strangers,
    leaves_out_release,
    select,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .dependency import Dependency
    from .environment import Environment
    from .planning.service import Entry, Service


__all__ = ["Location", "Options", "Plan", "Template", "check", "install", "load", "locate"]


# ---- the services


def locate(options: Options) -> Location:
    """Where the first service is. ProcfileError if the directory is gone."""
    return locate_service(options.request(directories(options)[0]))


def _set_apart(found: Sequence[Service]) -> None:
    """Give groups of one name those of the directories above them, too; one that was given stays."""
    names = [service.group for service in found]
    given = [service.group for service in found if service.location.request.group is not None]
    for service in found:
        stays = service.location.request.group is not None and given.count(service.group) == 1
        if names.count(service.group) > 1 and not stays:
            above = os.path.basename(os.path.dirname(service.location.directory))
            service.group = f"{services.as_group(above)}-{service.group}"
    taken: dict[str, Service] = {}
    for service in found:
        other = taken.setdefault(service.group, service)
        if other is not service:
            raise ProcfileError(
                f"{other.location.directory} and {service.location.directory} are both "
                f"{service.group!r}",
                hint="groups: of a gaffer.yaml gives them names",
            )


def find_members(options: Options) -> Members:
    """All entries, as far as the files can be read: for who can do without some, or without any."""
    found = []
    for location in find_locations(options, []):
        try:
            found.append(services.read(location))
        except ProcfileError:
            continue  # there is none, or it is broken
    _set_apart(found)
    return Members(found)


# ---- the plan


def load(options: Options) -> Plan:
    """Read the project's files; nothing is started. The first error found is raised."""
    in_places: list[GafferError] = []
    locations = find_locations(options, in_places)
    _raise_errors(in_places)
    _raise_errors(problem for location in locations for problem in location.problems)
    found = []
    for location in locations:
        service = services.read(location)
        # With no entry left to go on with, even what is left out is the end of it.
        if not service.entries:
            _raise_first(service.problems)
        _raise_errors(service.problems)
        found.append(service)
    _set_apart(found)
    members = Members(found)
    dependencies, problems = find_dependencies(members)
    if options.selection.with_dependencies:
        _raise_first(problems)
        _raise_first(find_loop(members, dependencies))
    counts = select(options.selection, members, dependencies)
    waiting = {
        full: [needed for needed in dependencies[full] if counts.get(needed.name)]
        for full in dependencies
        if full in counts
    }
    _raise_first(find_loop(members, waiting))

    notes = [note for location in locations for note in location.notes]
    first_ports: Mapping[str, int] = assign_ports(
        found, counts, notes, options.port, options.port_step
    )
    directory = _project_directory(options, locations)
    moved_ports: Mapping[str, int] = {}
    if options.move_ports is not None:
        ports, note = options.move_ports(directory, first_ports, counts, members.names.display)
        notes += [note] if note is not None else []
        if ports != first_ports:
            first_ports = moved_ports = ports
    for full in leaves_out_release(options.selection, members, counts):
        name = members.names.short(full)
        notes.append(f"{name} is a one-off, left out; `gaffer run {name}` runs it")
    templates, noticed = _templates(options, members, counts, first_ports, waiting)
    _raise_errors(noticed)
    in_places += [problem for location in locations for problem in location.problems]
    in_places += [problem for service in found for problem in service.problems]
    noticed += find_strangers(options.selection, members)
    warnings = _once(problem for problem in (*in_places, *noticed) if problem.severity == "warning")
    return Plan(directory, found, members.names, templates, notes, warnings, moved_ports)


def _project_directory(options: Options, locations: Sequence[Location]) -> str:
    """The project's: that of the gaffer.yaml with the groups, or from where several were named."""
    if len(options.directories) > 1 or any(map(is_pattern, options.directories)):
        return absolute(os.curdir)
    above = locations[0].request.above
    if above is not None:
        return os.path.dirname(above.files[0])
    return locations[0].directory


def _once(problems: Iterable[GafferError]) -> list[GafferError]:
    """What is wrong with what holds for several services is found in each of them."""
    return list({str(problem): problem for problem in problems}.values())


def _raise_errors(problems: Iterable[GafferError]) -> None:
    _raise_first(problem for problem in problems if problem.severity == "error")


def _raise_first(problems: Iterable[GafferError]) -> None:
    for problem in problems:
        raise problem


def _templates(
    options: Options,
    members: Members,
    counts: Mapping[str, int],
    first_ports: Mapping[str, int],
    dependencies: Mapping[str, Sequence[Dependency]],
) -> tuple[list[Template], list[GafferError]]:
    problems: list[GafferError] = [*_without_address(members)]
    of_groups = _group_addresses(members, first_ports)
    shared: dict[str, tuple[Environment, dict[str, str]]] = {}
    for service in {service.group: service for service in members.services.values()}.values():
        environment = service.location.environment
        _set_addresses(environment, service, of_groups, first_ports)
        shared[service.group] = environment, environment.values()
    templates = []
    for index, (full, entry) in enumerate(members.entries.items()):
        if full not in counts:
            continue
        service = members.services[full]
        variables, values = shared[service.group]
        if entry.settings.env or entry.settings.env_files:
            variables = variables.copy()
            problems += _refine(variables, entry, service, options.override)
            _set_addresses(variables, service, of_groups, first_ports)
            values = variables.values()
        settings = entry.settings
        cwd = settings.cwd
        templates.append(
            Template(
                entry.name,
                service.group,
                entry.command,
                directory=os.path.join(service.location.directory, cwd or "").rstrip("/") or "/",
                variables=variables,
                environment=values,
                port=first_ports[full],
                has_fixed_port=settings.port is not None,
                instances=counts[full],
                index=index,
                source=entry.source,
                depends_on=dependencies.get(full, ()),
                ready=settings.ready,
                healthy=settings.healthy,
                watch=settings.watch,
                once=bool(settings.once),
                restart=settings.restart,
                stop_signal=settings.stop_signal,
                stop_timeout=settings.stop_timeout,
                stop_tree=settings.stop_tree is not False,
                pty=settings.pty,
                tty=bool(settings.tty),
                log=settings.log,
                colour=settings.colour,
                shell=settings.shell is not False,
                description=settings.description,
            )
        )
    return templates, problems


def _group_addresses(members: Members, first_ports: Mapping[str, int]) -> dict[str, Variable]:
    """The variables by which all services find each other's processes.

    GAFFER_PORT_API_WEB, and GAFFER_PORT_WEB where there is only one.
    """
    if len({service.group for service in members.services.values()}) < 2:
        return {}
    # The other way round, so that of two names with one variable the first has it.
    ports = list(first_ports.items())[::-1]
    addresses = {members.names.short(full): port for full, port in ports} | dict(ports)
    return {
        (variable := formations.port_variable(name)): Variable(
            variable, str(port), environments.OURS
        )
        for name, port in addresses.items()
    }


def _without_address(members: Members) -> Iterable[GafferError]:
    """The processes whose variable with the group's name is that of another group's process."""
    known: dict[str, str] = {}
    for full, entry in members.entries.items():
        variable = formations.port_variable(full)
        other = known.setdefault(variable, full)
        if members.services[other] is not members.services[full]:
            yield ProcfileError(
                f"{variable} is the port of {other!r}, so {full!r} has none",
                file=entry.file,
                line=entry.line,
                hint="rename one of them",
                severity="warning",
            )


def _set_addresses(
    environment: Environment,
    service: Service,
    of_groups: Mapping[str, Variable],
    first_ports: Mapping[str, int],
) -> None:
    """Tell a service's processes where its others are, and with the group's name where all are."""
    environment.set_all(of_groups)
    own = {
        formations.port_variable(entry.name): first_ports[f"{service.group}:{entry.name}"]
        for entry in reversed(service.entries)
    }
    for variable, port in own.items():
        environment.set(variable, str(port), environments.OURS)


def _refine(
    variables: Environment, entry: Entry, service: Service, override: bool
) -> list[GafferError]:
    """Set what gaffer.yaml says for one process; what is wrong with that."""
    settings = entry.settings
    files = [(join(service.location.start, file), True) for file in settings.env_files or ()]
    words = {path: file for (path, _), file in zip(files, settings.env_files or (), strict=True)}
    problems = tell_where_named(
        environments.extend(variables, files, override=override),
        lambda path: service.place_of(entry.name, "env_files", words[path]),
    )
    if settings.env:
        problems += assign(
            variables,
            settings.env,
            lambda name: service.place_of(entry.name, "env", name),
            override,
            is_for_shell=settings.shell is not False,
        )
    return problems


# ---- what is wrong


def check(options: Options) -> list[GafferError]:
    """All that is wrong, at once: of the environment files, the Procfiles and the options."""
    return _once(_problems(options))


def _problems(options: Options) -> list[GafferError]:
    problems: list[GafferError] = []
    found: list[Service] = []
    for location in find_locations(options, problems):
        problems += location.problems
        try:
            service = services.read(location)
        except GafferError as error:
            problems.append(error)
            continue
        in_files = [*service.problems, *_unavailable(service)]
        problems += sorted(in_files, key=lambda problem: problem.line or 0)
        found.append(service)
    if not any(service.entries for service in found):
        return problems
    try:
        _set_apart(found)
    except GafferError as error:
        return [*problems, error]
    members = Members(found)
    dependencies, of_graph = find_dependencies(members)
    problems += [*of_graph, *find_loop(members, dependencies)]
    try:
        counts = select(options.selection, members, dependencies)
    except GafferError as error:
        problems.append(error)
        counts = dict.fromkeys(members.entries, 1)
    else:
        problems += find_strangers(options.selection, members)
    first_ports = dict.fromkeys(members.entries, formations.DEFAULT_PORT)
    try:
        first_ports = assign_ports(found, counts, [], options.port, options.port_step)
    except GafferError as error:
        problems.append(error)
    # Of all entries, also of those that wait for their profile.
    counts = {**dict.fromkeys(members.entries, 1), **counts}
    problems += _templates(options, members, counts, first_ports, dependencies)[1]
    return problems


def _unavailable(service: Service) -> Iterable[GafferError]:
    """The entries whose program, or whose directory, isn't there."""
    from . import commands  # only `check` asks

    path = service.location.environment.get("PATH")
    for entry in service.entries:
        directory = os.path.join(service.location.directory, entry.settings.cwd or "")
        if not os.path.isdir(directory):
            # No error: it may be made until the process is started.
            what = "is not a directory" if os.path.exists(directory) else "doesn't exist"
            message = f"cwd {entry.settings.cwd} {what}"
            yield service.problem(entry.name, "cwd", message, severity="warning")
            continue
        reason = commands.unavailable(
            entry.command, directory, path.value if path is not None else None
        )
        if reason is not None:
            yield ProcfileError(
                f"{entry.name}: {reason}", file=entry.file, line=entry.line, severity="warning"
            )

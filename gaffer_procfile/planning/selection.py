"""Which processes of the services run, how many of each, and who waits for whom."""

from __future__ import annotations

from .. import formation as formations
from ..dependency import COMPLETED, READY, STARTED, Dependency
from ..errors import FormationError, GafferError, UnknownProcessError, nearest
from .names import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from .service import Entry, Service

# Heroku's name for what runs once before a deployment: no service, though it stands among them.
RELEASE = "release"


class Members:
    """All entries of all services, by full name, in order."""

    __slots__ = ("entries", "names", "services")

    def __init__(self, services: Sequence[Service]) -> None:
        self.entries: dict[str, Entry] = {}
        self.services: dict[str, Service] = {}
        for service in services:
            for entry in service.entries:
                full = f"{service.group}:{entry.name}"
                self.entries[full] = entry
                self.services[full] = service
        self.names = Names(list(self.entries))

    def profiles(self, full: str) -> Sequence[str]:
        """With which profiles it runs; none: it always does."""
        return self.entries[full].settings.profiles or self.services[full].location.request.profiles


class Selection:
    """What the user asked for: names, groups and patterns of them, and profiles.

    `formation_place` is the file and the line that the formation is from, None if it was typed.
    """

    __slots__ = (
        "exclude",
        "formation",
        "formation_place",
        "names",
        "profiles",
        "with_dependencies",
    )

    def __init__(
        self,
        *,
        names: Sequence[str] = (),
        exclude: Sequence[str] = (),
        formation: str | None = None,
        formation_place: tuple[str, int] | None = None,
        profiles: Sequence[str] = (),
        with_dependencies: bool = True,
    ) -> None:
        self.names = tuple(names)
        self.exclude = tuple(exclude)
        self.formation = formation
        self.formation_place = formation_place
        self.profiles = tuple(profiles)
        self.with_dependencies = with_dependencies


def select(
    selection: Selection, members: Members, dependencies: dict[str, list[Dependency]]
) -> dict[str, int]:
    """How many of each entry that was asked for; those not asked for aren't in it.

    UnknownProcessError for a name that there isn't, FormationError if nothing is left.
    """
    names = members.names
    formation, strangers = _formation(selection, names)
    excluded = _find(selection.exclude, names)
    _check_profiles(selection.profiles, members)
    if selection.names:
        wanted = _find(selection.names, names)
    else:
        # A formation that names it asks for it as much as the command line's NAME does.
        wanted = {
            full: None
            for full, entry in members.entries.items()
            if full in formation
            or (entry.name != RELEASE and _is_in(members.profiles(full), selection.profiles))
        }
    if selection.with_dependencies:
        _add_dependencies(wanted, dependencies, excluded)
    for_all = formation.get(formations.ALL)
    counts = {}
    for full, entry in members.entries.items():
        if full in wanted and full not in excluded:
            scale = entry.settings.scale if for_all is None else for_all
            counts[full] = formation.get(full, 1 if scale is None else scale)
    if not any(counts.values()):
        if strangers:
            raise strangers[0]  # or nobody would know why
        one_off = any(leaves_out_release(selection, members, counts))
        raise FormationError(
            "nothing is left to run",
            hint=f"`gaffer run {RELEASE}` runs the one-off" if one_off else None,
        )
    return counts


def leaves_out_release(
    selection: Selection, members: Members, counts: Collection[str]
) -> Iterator[str]:
    """The full names of each `release` that doesn't run though nobody said so."""
    excluded = _find(selection.exclude, members.names)
    for full, entry in members.entries.items():
        if entry.name == RELEASE and not selection.names and full not in (*counts, *excluded):
            yield full


def find_strangers(selection: Selection, members: Members) -> list[GafferError]:
    """A warning for each name in the formation of a file that no process here has.

    The file may be one for several projects; what is typed is an error instead.
    """
    strangers = _formation(selection, members.names)[1]
    for stranger in strangers:
        stranger.severity = "warning"
    return strangers


def _find(words: Iterable[str], names: Names) -> dict[str, None]:
    return {full: None for word in words for full in names.find(word)}


def _formation(selection: Selection, names: Names) -> tuple[dict[str, int], list[GafferError]]:
    """By full name, and `all`; and what is wrong with the names in the formation of a file."""
    formation = {}
    strangers: list[GafferError] = []
    for word, count in formations.parse(selection.formation or "").items():
        if word == formations.ALL:
            formation[word] = count
            continue
        try:
            formation.update(dict.fromkeys(names.find(word), count))
        except UnknownProcessError as error:
            if selection.formation_place is None:
                raise
            error.file, error.line = selection.formation_place
            strangers.append(error)
    return formation, strangers


def _is_in(profiles: Sequence[str], asked: Sequence[str]) -> bool:
    return not profiles or any(profile in asked for profile in profiles)


def _check_profiles(profiles: Iterable[str], members: Members) -> None:
    known = {name: None for full in members.entries for name in members.profiles(full)}
    for profile in profiles:
        if profile not in known:
            hint = nearest(profile, known) or (f"there is {', '.join(known)}" if known else None)
            raise FormationError(f"no process has the profile {profile!r}", hint=hint)


def _add_dependencies(
    wanted: dict[str, None],
    dependencies: dict[str, list[Dependency]],
    excluded: Collection[str],
) -> None:
    todo = [full for full in wanted if full not in excluded]
    while todo:
        for dependency in dependencies.get(todo.pop(), ()):
            if dependency.name not in wanted and dependency.name not in excluded:
                wanted[dependency.name] = None
                todo.append(dependency.name)


# ---- who waits for whom


def find_dependencies(members: Members) -> tuple[dict[str, list[Dependency]], list[GafferError]]:
    """What each entry waits for, by full names, and what is wrong with that but for loops."""
    found: dict[str, list[Dependency]] = {}
    problems: list[GafferError] = []
    for full, entry in members.entries.items():
        for wanted in entry.settings.depends_on or ():
            try:
                target = _target(wanted.name, full, members)
            except UnknownProcessError as error:
                problems.append(_problem(members, full, error.message, error.hint))
                continue
            condition = wanted.condition or _natural_condition(members.entries[target])
            problem = _impossible(condition, members.entries[target], members.names.short(target))
            if problem is not None:
                problems.append(_problem(members, full, *problem))
            found.setdefault(full, []).append(Dependency(target, condition, wanted.restart))
    return found, problems


def find_loop(
    members: Members, dependencies: Mapping[str, Sequence[Dependency]]
) -> Iterator[GafferError]:
    """That some wait for each other, if they do: none of them would ever be started."""
    loop = _loop(dependencies)
    if loop:
        names = [members.names.short(full) for full in loop]
        steps = [f"{one} waits for {other}" for one, other in zip(names, [*names[1:], names[0]])]  # noqa: B905
        yield _problem(members, loop[0], "each waits for the other: " + ", ".join(steps))


def _target(name: str, of: str, members: Members) -> str:
    """The full name that `name` means in the settings of `of`: its own group's comes first."""
    sibling = f"{of.rpartition(':')[0]}:{name}"
    if sibling in members.entries:
        return sibling
    found = members.names.find(name)
    if len(found) > 1:
        raise UnknownProcessError(name, members.names.known())
    return found[0]


def _natural_condition(entry: Entry) -> str:
    if entry.settings.once:
        return COMPLETED
    return READY if entry.settings.ready is not None else STARTED


def _impossible(condition: str, entry: Entry, name: str) -> tuple[str, str] | None:
    if condition == READY and entry.settings.ready is None:
        return f"{name} is waited for to be ready, and nothing says when it is", f"{name}: ready: …"
    return None


def _problem(members: Members, full: str, message: str, hint: str | None = None) -> GafferError:
    """What is wrong with `depends_on` of an entry."""
    return members.services[full].problem(members.entries[full].name, "depends_on", message, hint)


def _loop(dependencies: Mapping[str, Sequence[Dependency]]) -> list[str]:
    """Entries each of which waits for the next, and the last one for the first; [] if none do."""
    done: set[str] = set()
    for start in dependencies:
        # The way from `start` on, each with those of its dependencies that are yet to be looked at.
        path = {start: iter(dependencies[start])}
        while path:
            full = next(reversed(path))
            following = next(path[full], None)
            if following is None:
                done.add(full)
                del path[full]
            elif following.name in path:
                way = list(path)
                return way[way.index(following.name) :]
            elif following.name not in done:
                path[following.name] = iter(dependencies.get(following.name, ()))
    return []

"""A service: what the Procfile and the gaffer.yaml of one directory say, as read.

Nothing is decided here: which of its processes run, and on which ports, is `project`'s.
"""

from __future__ import annotations

import os

from .. import formation as formations
from .. import procfile as procfiles
from ..errors import GafferError, ProcfileError, nearest
from .locations import PROCFILES, absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ..config import Config, ProcessSettings
    from ..config.problems import Place
    from ..errors import Severity
    from ..procfile import Procfile
    from .locations import Location


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

    def place_of(self, process: str, *keys: str) -> Place | None:
        """Where the setting of a process at `keys` is said; None if nowhere is.

        That is in its own settings, in the defaults of its file, or in those of the file that has
        the directory as a group.
        """
        config, above = self.location.config, self.location.request.above
        place = config.place(("processes", process, *keys)) if config is not None else None
        if place is None and above is not None:
            place = above.place(("defaults", *keys))
        return place

    def place_for_all(self, *keys: str) -> Place | None:
        """Where a setting of the whole service is said; None if nowhere is."""
        for config in (self.location.config, self.location.request.above):
            place = config.place(keys) if config is not None else None
            if place is not None:
                return place
        return None

    def problem(
        self,
        process: str,
        key: str,
        message: str,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> GafferError:
        """What is wrong with a setting of a process, which is said somewhere."""
        place = self.place_of(process, key)
        assert place is not None
        return place.error(f"{process}: {message}", hint, severity)


class _Unsaid:
    """The settings of an entry that no gaffer.yaml says anything about: each is None."""

    def __getattr__(self, name: str) -> None:
        self.__dict__[name] = None  # the next time it is there


UNSAID: Any = _Unsaid()


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
    problems += _unseen_beginnings(entries, config)
    problems += _port_variable_clashes(entries)
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
        if settings.command is None and config.place((*path, "command")) is None:
            message = f"{name} has no command, and the Procfile doesn't have it"
            hint = nearest(name, known) or "command: says what to run"
            problems.append(config.problem(path, message, hint))
        # Without a command, too: nothing is started then, but others may wait for it.
        place = config.place(path)
        file, line = (place.file, place.line) if place is not None else ("", None)
        refined.append(Entry(name, settings.command or "", file, line, settings))
    return refined


def _over(own: ProcessSettings, defaults: ProcessSettings) -> ProcessSettings:
    from ..config import over

    return own if defaults is UNSAID else over(own, defaults)


def _unseen_beginnings(entries: Sequence[Entry], config: Config | None) -> Iterable[GafferError]:
    for entry in entries:
        unseen = procfiles.unseen_beginning(entry.command)
        if unseen is None:
            continue
        message = f"the command of {entry.name!r} begins with {unseen}, no space for a shell"
        path = ("processes", entry.name, "command")
        place = config.place(path) if config is not None else None
        if place is not None:
            yield place.error(message, severity="warning")
        else:
            yield ProcfileError(message, file=entry.file, line=entry.line, severity="warning")


def _port_variable_clashes(entries: Sequence[Entry]) -> Iterable[GafferError]:
    """Both can run, so a Procfile that other runners take is not refused for it."""
    by_name = {entry.name: entry for entry in entries}
    for one, other in formations.clashes(list(by_name)):
        earlier, later = by_name[one], by_name[other]
        where = f"line {earlier.line}" if earlier.file == later.file else earlier.source
        variable = formations.port_variable(other)
        yield ProcfileError(
            f"{variable} is the port of {one!r} ({where}), so {other!r} has none",
            file=later.file,
            line=later.line,
            hint="rename one of them",
            severity="warning",
        )


def group_of(location: Location) -> str:
    """The name of a service's group: as its gaffer.yaml has it, else its directory's name."""
    return location.request.group or as_group(os.path.basename(location.directory)) or "app"


def as_group(name: str) -> str:
    """A directory's name as a group's."""
    # The colon is what parts a group from a name, and names stand in lines. What isn't UTF-8 stays.
    return "".join(
        character
        if character != ":" and (character.isprintable() or "\udc80" <= character <= "\udcff")
        else "-"
        for character in name
    )

"""What may stand in a gaffer.yaml: its types, all of them immutable, each setting described once.

The reader, the JSON Schema and the reference in docs/gaffer-yaml.md are all made from these.
"""

from __future__ import annotations

from types import MappingProxyType

from ..output.prefix import COLOURS
from ..restart import POLICIES
from .fields import Settings, setting
from .kinds import (
    GROUP_MARKS,
    PROCESS_MARKS,
    Duration,
    Flag,
    Name,
    OneOf,
    Signal,
    Text,
    VariableName,
    VariableValue,
    Whole,
)
from .nodes import BOOL, MAPPING, TEXT
from .parts import (
    DEPENDS_ON,
    HEALTHY_PROBE,
    PATH,
    PATHS,
    PORT,
    READY_PROBE,
    WATCH,
    Dependency,
    Probe,
    Watch,
)
from .shapes import Forms, MappingOf, Section, one_or_many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..errors import Severity
    from .problems import ConfigError, Place

__all__ = [
    "COLOURS",
    "CONFIG",
    "Config",
    "Dependency",
    "GroupSettings",
    "Probe",
    "ProcessSettings",
    "Watch",
    "over",
]

_WORD = Name("a name", GROUP_MARKS, "it has letters, digits, '-', '_' and '.'")
_PROFILES = one_or_many(_WORD, "a name or a list of names")
_PROCESS = Name("a process name (letters, digits, '-' and '_')", PROCESS_MARKS)
_GROUP = Name("a group's name (letters, digits, '-', '_' and '.')", GROUP_MARKS)
_VARIABLE = VariableName("a variable's name (no '=' in it)")
_ENVIRONMENT = MappingOf(_VARIABLE, VariableValue(), MappingProxyType)


class ProcessSettings(Settings):
    """What is said of a process; None is what isn't said."""

    command: str | None = setting(
        Text("the text of a command"),
        "What is run, by /bin/sh. Needed where the Procfile has no entry of this name.",
        default=None,
        unsaid="the Procfile's",
    )
    env: Mapping[str, str | None] | None = setting(
        _ENVIRONMENT,
        "Variables of its own; null unsets one. They win over the env files.",
        default=None,
        unsaid="none",
    )
    env_files: tuple[str, ...] | None = setting(
        PATHS,
        "Files like .env that are read for it, the later wins.",
        default=None,
        unsaid="those for all",
    )
    cwd: str | None = setting(
        PATH, "The directory that it runs in.", default=None, unsaid="that of this file"
    )
    scale: int | None = setting(
        Whole("a number", 0, 1000), "How many instances run.", default=None, unsaid="1"
    )
    port: int | None = setting(
        PORT, "PORT of its first instance.", default=None, unsaid="its place decides"
    )
    ready: Probe | None = setting(
        READY_PROBE,
        "When it counts as ready.",
        default=None,
        unsaid="no probe",
    )
    healthy: Probe | None = setting(
        HEALTHY_PROBE,
        "What is looked at once it is ready; if that fails again and again, it is restarted.",
        default=None,
        unsaid="nothing",
    )
    depends_on: tuple[Dependency, ...] | None = setting(
        DEPENDS_ON, "What it waits for before it starts.", default=None, unsaid="nothing"
    )
    restart: str | None = setting(
        OneOf(*POLICIES, topic="restart"),
        "Whether it is started again when it has ended.",
        default=None,
        unsaid="as the options say",
    )
    stop_signal: int | None = setting(
        Signal(), "What it is told to stop by.", default=None, unsaid="TERM"
    )
    stop_timeout: float | None = setting(
        Duration(),
        "How long it may take to stop; then it is killed.",
        default=None,
        unsaid="5 s",
    )
    stop_tree: bool | None = setting(
        Flag(),
        "Whether all that it has started is told to stop with it; if not, when it has ended.",
        default=None,
        unsaid="true",
    )
    once: bool | None = setting(
        Flag(),
        "It is to end (a migration, a build): status 0 is fine, and ends nothing else.",
        default=None,
        unsaid="false",
    )
    pty: bool | None = setting(
        Flag(),
        "Run it in a pseudo-terminal: it colours its output and writes each line at once.",
        default=None,
        unsaid="false",
    )
    tty: bool | None = setting(
        Flag(), "Give it a terminal as its own, to type into.", default=None, unsaid="false"
    )
    watch: Watch | None = setting(
        WATCH, "Files whose change restarts it.", default=None, unsaid="nothing"
    )
    log: bool | str | None = setting(
        Forms(
            "true, false or a path",
            {BOOL: (Flag(), None), TEXT: (PATH, None)},
        ),
        "Whether its output is shown; a path: a copy of it goes there, as it is.",
        default=None,
        unsaid="true",
    )
    colour: str | None = setting(
        OneOf(*COLOURS),
        "The colour of its name.",
        default=None,
        unsaid="its place decides",
    )
    profiles: tuple[str, ...] | None = setting(
        _PROFILES,
        "It runs only with one of these (`--profile`).",
        default=None,
        unsaid="it always runs",
    )
    shell: bool | None = setting(
        Flag(), "Whether /bin/sh runs the command.", default=None, unsaid="true"
    )
    description: str | None = setting(
        Text(), "What it is, for people.", default=None, unsaid="nothing"
    )


def over(own: ProcessSettings, defaults: ProcessSettings) -> ProcessSettings:
    """`own`, and `defaults` where nothing is said; `env` has the variables of both."""
    values = {**defaults.said(), **own.said()}
    if own.env is not None and defaults.env is not None:
        values["env"] = MappingProxyType({**defaults.env, **own.env})
    return ProcessSettings(**values)


class GroupSettings(Settings):
    """A project in a directory of its own; a glob stands for each directory that has one."""

    directory: str = setting(
        PATH, "Where it is. A glob (services/*): each one that has a Procfile or a gaffer.yaml."
    )
    procfile: str | None = setting(
        PATH, "Its Procfile.", default=None, unsaid="as gaffer finds it there"
    )
    env_files: tuple[str, ...] | None = setting(
        PATHS, "Its env files.", default=None, unsaid="its .env"
    )
    port: int | None = setting(
        PORT, "The first port of its block.", default=None, unsaid="the next free block"
    )
    profiles: tuple[str, ...] | None = setting(
        _PROFILES,
        "It runs only with one of these (`--profile`).",
        default=None,
        unsaid="it always runs",
    )


_PROCESS_SETTINGS = Section(
    "process", ProcessSettings.fields, ProcessSettings, may_be_null=True, meant_by_text="command"
)
_GROUP_SETTINGS = Forms(
    "a directory, or a mapping with directory",
    {
        TEXT: (PATH, GroupSettings),
        MAPPING: (
            Section("group", GroupSettings.fields, GroupSettings),
            None,
        ),
    },
)


class Config(Settings):
    """A gaffer.yaml, with the gaffer.local.yaml on top of it."""

    processes: Mapping[str, ProcessSettings] = setting(
        MappingOf(_PROCESS, _PROCESS_SETTINGS, MappingProxyType),
        "By name: what refines an entry of the Procfile, or is a process of its own.",
        default=MappingProxyType({}),
        unsaid="none",
    )
    defaults: ProcessSettings = setting(
        _PROCESS_SETTINGS,
        "What holds for every process of this file that doesn't say it itself.",
        default=ProcessSettings(),
        unsaid="nothing",
    )
    groups: Mapping[str, GroupSettings] = setting(
        MappingOf(_GROUP, _GROUP_SETTINGS, MappingProxyType),
        "By name: other projects that are started with this one. Text is the directory.",
        default=MappingProxyType({}),
        unsaid="none",
    )
    port: int | None = setting(PORT, "The first port.", default=None, unsaid="PORT, else 5000")
    port_step: int | None = setting(
        Whole("a number", 1, 10_000),
        "How far the ports of two processes are apart.",
        default=None,
        unsaid="100",
    )
    env: Mapping[str, str | None] | None = setting(
        _ENVIRONMENT, "Variables for all; null unsets one.", default=None, unsaid="none"
    )
    env_files: tuple[str, ...] | None = setting(
        PATHS,
        "Files of variables, the later wins; groups have their own.",
        default=None,
        unsaid=".env",
    )
    procfile: str | None = setting(PATH, "The Procfile.", default=None, unsaid="as gaffer finds it")
    watch_config: bool = setting(
        Flag(),
        "Whether a change of this file, the Procfile or the env files is carried out at once.",
        default=False,
    )
    files: tuple[str, ...] = setting(
        None, "The paths that it was read from.", default=(), is_aside=True
    )
    places: Mapping[tuple[str, ...], Place] = setting(
        None, "Where each setting stands.", default=MappingProxyType({}), is_aside=True
    )

    def place(self, path: Sequence[str]) -> Place | None:
        """Where the setting at `path` stands; None if it was not said.

        A path has the names of the keys: ("processes", "web", "port"), and at its end, where that
        is a list or one of several forms, the text of the item: (…, "depends_on", "db"). A setting
        of a process that only the defaults have is found there.
        """
        place = self.places.get(tuple(path))
        if place is None and path[:1] == ("processes",):
            place = self.places.get(("defaults", *path[2:]))
        return place

    def problem(
        self,
        path: Sequence[str],
        message: str,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> ConfigError:
        """What is wrong with what stands at `path`, or with what that would stand in."""
        from .problems import ConfigError

        for length in range(len(path), -1, -1):
            place = self.place(path[:length])
            if place is not None:
                return place.error(message, hint, severity)
        file = self.files[0] if self.files else None
        return ConfigError(message, file=file, hint=hint, severity=severity)


CONFIG = Section(
    "gaffer.yaml",
    Config.fields,
    Config,
    ignores="x-",
    hint_at_mapping="processes stand below 'processes:'",
)

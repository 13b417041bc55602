"""The smaller settings of a process: probes, what is watched, what it depends on; and their forms."""

from __future__ import annotations

from ..dependency import CONDITIONS
from ..formation import HIGHEST_PORT
from .fields import Field, Settings, setting
from .kinds import (
    PROCESS_MARKS,
    Duration,
    Flag,
    Name,
    OneOf,
    RegularExpression,
    Signal,
    Text,
    UrlPath,
    Whole,
    Yes,
)
from .nodes import BOOL, LIST, MAPPING, NUMBER, TEXT
from .shapes import Forms, ListOf, MappingOf, Section, Variants, one_or_many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SHORTEST_LOOK = 0.01  # seconds

PORT = Whole("a number", 1, HIGHEST_PORT)
PATH = Text("a path")
PATHS = one_or_many(PATH, "a path or a list of paths")

_ANY_PROCESS = Name(
    "a process name, or group:name",
    PROCESS_MARKS,
    "a name has letters, digits, '-' and '_'",
    has_group=True,
)


class Probe(Settings):
    """How to see that a process is ready, or well.

    `kind` is port, http, log, exec, file or notify; `target` the path of http, the regular
    expression of log, the command of exec, the path of file. `port` None: the instance's PORT;
    `status` None: any 2xx or 3xx. Times are seconds.
    """

    kind: str = setting(None, "What is looked at.")
    target: str = setting(None, "Which one of these.", default="")
    port: int | None = setting(
        PORT, "The port to connect to.", default=None, unsaid="PORT of the instance"
    )
    status: int | None = setting(
        Whole("a status", 100, 599),
        "The status that the answer must have.",
        default=None,
        unsaid="any 2xx or 3xx",
    )
    timeout: float = setting(
        Duration(SHORTEST_LOOK),
        "How long it may take until it is ready; in `healthy`, one look.",
        default=60.0,
    )
    interval: float | None = setting(
        Duration(SHORTEST_LOOK),
        "The time between two looks.",
        default=None,
        unsaid="`ready`: short, then longer; `healthy`: 10 s",
    )
    failures: int = setting(
        Whole("a number", 1, 1000),
        "How many failures in a row make the process unhealthy: it is restarted.",
        default=3,
    )


class Watch(Settings):
    """Which files restart a process when they change, or send it the signal of that number."""

    paths: tuple[str, ...] = setting(
        PATHS,
        "Files, directories and globs, relative to this file. An empty list: nothing is watched.",
    )
    ignore: tuple[str, ...] = setting(
        PATHS, "Globs of what is left out, besides what is always left out.", default=()
    )
    debounce: float = setting(
        Duration(),
        "How long nothing more must have changed until it is acted upon.",
        default=0.1,
    )
    signal: int | None = setting(
        Signal(), "Sent instead of a restart.", default=None, unsaid="a restart"
    )
    gitignore: bool = setting(
        Flag(), "Whether what .gitignore names is left out too.", default=True
    )


class Dependency(Settings):
    """A process that must be so far first; `condition` None: whatever is usual for it."""

    name: str = setting(None, "The process, or group:name.")
    condition: str | None = setting(
        OneOf(*CONDITIONS, topic="condition"),
        "How far it must be: `ready`, `completed` (ended with status 0) or `started`.",
        default=None,
        unsaid="`completed` for what is `once`, else `ready`",
    )
    restart: bool = setting(
        Flag(), "Whether this one is restarted when that one was, by watching.", default=False
    )


def _probe_section(name: str, kind: str, own: Field, options: tuple[str, ...]) -> Section:
    fields = {kind: own, **{option: Probe.fields[option] for option in options}}
    if name == "healthy":
        fields["timeout"] = _TIMEOUT_OF_A_LOOK

    def make(**said: Any) -> Probe:
        target = said.pop(kind)
        said.setdefault("timeout", fields["timeout"].default)
        if kind == "port":
            return Probe(kind, port=None if target is True else target, **said)
        return Probe(kind, "" if target is True else target, **said)

    return Section(f"{name}-{kind}", fields, make, is_whole=True)


_HTTP = setting(
    UrlPath("a path that begins with '/'", "port: names another port than the process's"),
    "A GET of this path is answered by localhost.",
)
_LOG = setting(
    RegularExpression(),
    "A line of its output has a match of this regular expression (Python's; colours are left out).",
)
_EXEC = setting(Text("the text of a command"), "This command ends with status 0.")
_FILE = setting(PATH, "This file exists.")
_NOTIFY = setting(Yes(), "It says READY=1, by the sd_notify protocol.")
_OWN_PORT = setting(
    Forms(
        f"true or a number from 1 to {HIGHEST_PORT}",
        {BOOL: (Yes(), None), NUMBER: (PORT, None)},
    ),
    "Something listens on this port; true: on PORT of the instance.",
)
_TIMEOUT_OF_A_LOOK = setting(Duration(), "How long a look may take.", default=5.0)
_READY_OPTIONS = ("timeout", "interval")
_HEALTHY_OPTIONS = (*_READY_OPTIONS, "failures")

READY_SECTIONS = Variants(
    {
        "http": _probe_section("ready", "http", _HTTP, ("status", "port", *_READY_OPTIONS)),
        "log": _probe_section("ready", "log", _LOG, _READY_OPTIONS),
        "exec": _probe_section("ready", "exec", _EXEC, _READY_OPTIONS),
        "file": _probe_section("ready", "file", _FILE, _READY_OPTIONS),
        "notify": _probe_section("ready", "notify", _NOTIFY, _READY_OPTIONS),
        "port": _probe_section("ready", "port", _OWN_PORT, _READY_OPTIONS),
    }
)
# A line of output and a notification tell once: they say nothing of how it is later.
HEALTHY_SECTIONS = Variants(
    {
        "http": _probe_section("healthy", "http", _HTTP, ("status", "port", *_HEALTHY_OPTIONS)),
        "exec": _probe_section("healthy", "exec", _EXEC, _HEALTHY_OPTIONS),
        "file": _probe_section("healthy", "file", _FILE, _HEALTHY_OPTIONS),
        "port": _probe_section("healthy", "port", _OWN_PORT, _HEALTHY_OPTIONS),
    }
)


def _dependencies(said: dict[str, dict[str, Any]]) -> tuple[Dependency, ...]:
    return tuple(Dependency(name, **terms) for name, terms in said.items())


_TERMS = Forms(
    "ready, completed or started, or a mapping with condition and restart",
    {
        TEXT: (
            OneOf(*CONDITIONS, topic="condition"),
            lambda word: {"condition": word},
        ),
        MAPPING: (Section("dependency", Dependency.fields, dict), None),
    },
)
DEPENDS_ON = Forms(
    "a process name, a list of them, or a mapping from them to ready, completed or started",
    {
        TEXT: (_ANY_PROCESS, lambda name: (Dependency(name),)),
        LIST: (
            ListOf(_ANY_PROCESS),
            lambda names: tuple(Dependency(name) for name in names),
        ),
        MAPPING: (MappingOf(_ANY_PROCESS, _TERMS, _dependencies), None),
    },
)
WATCH = Forms(
    "a path, a list of paths, or a mapping with paths",
    {
        TEXT: (PATH, lambda path: Watch((path,))),
        LIST: (ListOf(PATH), Watch),
        MAPPING: (
            Section("watch", Watch.fields, Watch, is_whole=True),
            None,
        ),
    },
)


READY_PROBE = Forms(
    "port, notify, or a mapping with one of http, log, exec, file, notify, port",
    {TEXT: (OneOf("port", "notify"), Probe), MAPPING: (READY_SECTIONS, None)},
)
HEALTHY_PROBE = Forms(
    "port, or a mapping with one of http, exec, file, port",
    {
        TEXT: (OneOf("port"), lambda kind: Probe(kind, timeout=_TIMEOUT_OF_A_LOOK.default)),
        MAPPING: (HEALTHY_SECTIONS, None),
    },
)

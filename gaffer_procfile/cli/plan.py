"""`gaffer plan`: what `gaffer start` would run, in which order and where, and who said so."""

from __future__ import annotations

import gc
import os
import signal

from ..planning.plan import find_waves
from ..planning.service import UNSAID
from ..project import load
from ..restart import NEVER
from .foreman_file import apply_defaults
from .options import COMMON, PORTS, SELECTION, Option
from .parser import parser
from .project import project_options
from .streams import STDOUT, complain, printable, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..config import Probe, Watch
    from ..planning.plan import Plan, Template
    from ..planning.service import Entry, Service

DESCRIPTION = """\
Show what `gaffer start` would run with these options: in which order, how many of each, where
and on which ports, and the file and line of each setting. Nothing is run."""

EPILOG = """\
Processes that wait for others are shown behind them; what doesn't wait starts at the same time.

exit status: 0, or 1 if the project's files are wrong, 2 if the command line is."""

OPTIONS = (Option("--json", action="store_true", help="one JSON object"),)

WIDTH = 80  # columns, where there is no terminal to ask
_LEAST = 30  # columns for what stands last in a line


def run(argv: Sequence[str]) -> int:
    made = parser(
        "plan",
        (*OPTIONS, *SELECTION, *COMMON, *PORTS),
        usage="[OPTIONS] [NAME ...]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument(
        "names", metavar="NAME", nargs="*", help="the processes to run (default: all)"
    )
    args = made.parse_intermixed_args(argv)
    apply_defaults(args)
    gc.disable()  # nothing of what follows is garbage before the end
    plan = load(project_options(args, args.names))
    for problem in plan.problems:
        complain(str(problem))
    entries = {
        f"{service.group}:{entry.name}": (service, entry)
        for service in plan.services
        for entry in service.entries
    }
    items = [
        _Item(plan, template, *entries[template.full_name], wave)
        for template, wave in zip(plan.templates, find_waves(plan.templates), strict=True)
    ]
    show(_as_json(plan, items) if args.json else _as_text(plan, items, _width()))
    gc.freeze()  # nor at the end, where Python would look at all of it once more
    return 0


class _Item:
    """One template with where it comes from."""

    __slots__ = ("entry", "name", "ports", "service", "template", "wave")

    def __init__(
        self, plan: Plan, template: Template, service: Service, entry: Entry, wave: int
    ) -> None:
        self.template = template
        self.service = service
        self.entry = entry
        self.wave = wave
        self.name = plan.names.short(template.full_name)
        self.ports = range(template.port, template.port + template.instances)

    def settings(self) -> Iterator[tuple[str, str]]:
        """The settings that a gaffer.yaml has for it, each with its origin."""
        if self.entry.settings is UNSAID:
            return
        for key in self.entry.settings.said():
            yield key, str(self.service.place_of(self.entry.name, key) or "")

    def command_origin(self) -> str:
        return str(self.service.place_of(self.entry.name, "command") or self.template.source)


# ---- for people


def _width() -> int:
    try:
        return os.get_terminal_size(STDOUT).columns or WIDTH
    except OSError:
        return WIDTH


def _as_text(plan: Plan, items: Sequence[_Item], width: int) -> str:
    lines = _service_lines(plan, width)
    names = [_counted(item) for item in items]
    ports = [_port_range(item) for item in items]
    name_width = max(map(len, names))
    port_width = max(map(len, ports))
    begin = 2 + name_width + 2 + port_width + 2
    rows = list(zip(items, names, ports, strict=True))
    for wave in range(1, max(item.wave for item in items) + 1):
        lines += ["", _wave_title(wave)]
        for item, name, port in rows:
            if item.wave != wave:
                continue
            head = f"  {name:{name_width}}  {port:{port_width}}  "
            lines += _filled(head, begin, item.template.command, item.command_origin(), width)
            lines += _setting_lines(plan, item, width)
    if plan.notes:
        lines += ["", *map(printable, plan.notes)]
    return "".join(f"{line}\n" for line in lines)


def _service_lines(plan: Plan, width: int) -> list[str]:
    lines: list[str] = []
    shown = [service for service in plan.services if service.entries]
    group_width = max(len(service.group) for service in shown)
    for service in shown:
        head = f"{service.group:{group_width}}  "
        lines.append(head + printable(service.location.directory))  # whole, to be copied
        indent = " " * len(head)
        lines += _filled(indent, len(head), ", ".join(_files(service)), "", width)
    return lines


def _files(service: Service) -> list[str]:
    """The files that it is made from, as far as they are there."""
    return [file for file in service.location.files if os.path.exists(file)]


def _wave_title(wave: int) -> str:
    return "1. at once" if wave == 1 else f"{wave}. after {wave - 1}"


def _counted(item: _Item) -> str:
    count = item.template.instances
    if count == 1:
        return item.name
    return f"{item.name}.1-{count}" if count else f"{item.name} (none)"


def _port_range(item: _Item) -> str:
    ports = item.ports
    if len(ports) == 0:
        return "-"
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"


def _setting_lines(plan: Plan, item: _Item, width: int) -> list[str]:
    shown = [
        (key, _setting_text(plan, item, key), origin)
        for key, origin in item.settings()
        if key != "command"
    ]
    key_width = max((len(key) for key, _, _ in shown), default=0)
    lines = []
    for key, text, origin in shown:
        head = f"      {key:{key_width}}  "
        lines += _filled(head, len(head), text, origin, width)
    return lines


def _setting_text(plan: Plan, item: _Item, key: str) -> str:
    template = item.template
    value: Any = getattr(item.entry.settings, key)
    if key == "port":
        return str(template.port)  # --auto-port has moved it
    if key == "scale":
        return str(template.instances)  # -c has the last word
    if key == "depends_on":
        return _dependencies(plan, template)
    if key in ("ready", "healthy"):
        return _probe(value)
    if key == "watch":
        return ", ".join(value.paths)
    if key == "env":
        return ", ".join(value)  # `gaffer env` has the values
    if key in ("env_files", "profiles"):
        return ", ".join(value)
    if key == "stop_signal":
        return _signal_name(value)
    if key == "stop_timeout":
        return f"{value:g} s"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _dependencies(plan: Plan, template: Template) -> str:
    terms = [
        f"{plan.names.short(dependency.name)} {dependency.condition}"
        + (", restarted with it" if dependency.restart else "")
        for dependency in template.depends_on
    ]
    return "; ".join(terms) or "none that runs"


def _probe(probe: Probe) -> str:
    words = [probe.kind]
    if probe.target:
        words.append(probe.target)
    if probe.port is not None:
        words.append(str(probe.port) if probe.kind == "port" else f"on port {probe.port}")
    if probe.status is not None:
        words.append(f"with status {probe.status}")
    return f"{' '.join(words)}, within {probe.timeout:g} s"


def _filled(head: str, begin: int, text: str, origin: str, width: int) -> list[str]:
    """`head`, then `text` from column `begin` on over as many lines as it needs, then `origin`."""
    room = max(width - begin, _LEAST)
    pieces = [piece for line in text.split("\n") for piece in _cut(printable(line), room)]
    if origin:
        shown = f"({printable(origin)})"
        if len(pieces[-1]) + 2 + len(shown) <= room:
            pieces[-1] += f"  {shown}"
        else:
            pieces.append(shown)
    indent = " " * begin
    return [(head if number == 0 else indent) + piece for number, piece in enumerate(pieces)]


def _cut(text: str, room: int) -> list[str]:
    """`text` in pieces that fit, cut at a space where there is one. Nothing of it is lost."""
    pieces = []
    while len(text) > room:
        cut = text.rfind(" ", 1, room) + 1 or room
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


# ---- for programs


def _as_json(plan: Plan, items: Sequence[_Item]) -> str:
    import json

    last = max(item.wave for item in items)
    shown = {
        "directory": plan.directory,
        "services": [
            {
                "group": service.group,
                "directory": service.location.directory,
                "files": _files(service),
            }
            for service in plan.services
            if service.entries
        ],
        "waves": [
            [item.name for item in items if item.wave == wave] for wave in range(1, last + 1)
        ],
        "processes": [_described(plan, item) for item in items],
        "notes": list(plan.notes),
        "problems": [str(problem) for problem in plan.problems],
    }
    return json.dumps(shown, indent=2) + "\n"


def _described(plan: Plan, item: _Item) -> dict[str, object]:
    template = item.template
    return {
        "name": item.name,
        "group": template.group,
        "wave": item.wave,
        "command": template.command,
        "shell": template.shell,
        "directory": template.directory,
        "instances": template.instances,
        "ports": list(item.ports),
        "depends_on": {
            plan.names.short(dependency.name): {
                "condition": dependency.condition,
                "restart": dependency.restart,
            }
            for dependency in template.depends_on
        },
        "ready": _plain(template.ready),
        "healthy": _plain(template.healthy),
        "watch": _plain(template.watch),
        "once": template.once,
        "restart": NEVER if template.once else template.restart or NEVER,
        "stop_signal": _signal_name(template.stop_signal or signal.SIGTERM),
        "stop_timeout": template.stop_timeout,
        "stop_tree": template.stop_tree,
        "description": template.description,
        "origins": {**dict(item.settings()), "command": item.command_origin()},
    }


def _plain(settings: Probe | Watch | None) -> dict[str, object] | None:
    if settings is None:
        return None
    return {name: getattr(settings, name) for name in type(settings).fields}


def _signal_name(number: int) -> str:
    """TERM for 15."""
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:  # one of the real-time signals between the two that have names
        return str(number)

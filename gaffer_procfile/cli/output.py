"""From parsed options to the console that they mean."""

from __future__ import annotations

import os

from ..apps.console import ConsoleOutput
from ..errors import UsageError, nearest
from ..output.prefix import Clock, Prefixes, check_template, palette
from ..output.screen import Screen
from .options import is_whole_number, split_names, whole_number
from .streams import STDOUT, complain, wants_colour

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from ..apps.console import MakeView, View
    from ..output.source import Source
    from ..planning.plan import Plan

_SIZE_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def wants_pty(args: Namespace) -> bool:
    """Whether the processes get terminals: asked for, or we have one ourselves and show it."""
    if args.pty is not None:
        return bool(args.pty)
    return os.isatty(STDOUT) and not args.json


def make_prefixes(args: Namespace, plan: Plan) -> Prefixes:
    """The prefixes of the screen. Raises UsageError for a template that can't be."""
    if args.no_prefix:
        return _prefixes("", plan, Clock("off"), None)
    if args.prefix is not None and (problem := check_template(args.prefix)):
        raise UsageError(f"--prefix {args.prefix!r}: {problem}")
    style = "off" if args.no_timestamps else args.timestamps or "on"
    if style not in ("on", "off", "relative", "delta") and "%" not in style:
        hint = "on, off, relative, delta or a format as %H:%M"
        raise UsageError(f"--timestamps doesn't know {style!r}", hint=hint)
    clock = Clock(style)
    colours = palette() if wants_colour(args.colour) else None
    return _prefixes(args.prefix, plan, clock, colours, mark_stderr=args.mark_stderr)


class LogSettings:
    """What a plan says of its processes' output; a later plan may say otherwise."""

    def __init__(self, plan: Plan) -> None:
        self.muted: set[str] = set()
        self.paths: dict[str, str] = {}
        self.update(plan)

    def update(self, plan: Plan) -> None:
        """This plan holds from now on, for processes that are yet to be started."""
        self.muted.clear()  # who asks has these
        self.paths.clear()
        for template in plan.templates:
            if template.log is False:
                self.muted.add(template.full_name)
            elif isinstance(template.log, str):
                self.paths[template.full_name] = template.log


def make_console(
    args: Namespace,
    plan: Plan,
    settings: LogSettings,
    prefixes: Prefixes,
    on_broken: Callable[[OSError], object],
    *,
    faults: list[str],
    display: Callable[[str, int], str],
    make_view: MakeView | None = None,
) -> ConsoleOutput:
    """The console. Raises UsageError and UnknownProcessError for options that can't be.

    `faults` gets what is said of log files that can't be written; `display` is how it calls a
    process; `make_view` makes another view than the options say.
    """

    quiet = args.quiet or args.no_prefix  # without a prefix our lines would look like theirs

    def warn(text: str) -> None:
        faults.append(text)
        if quiet:
            complain(text)
        else:
            console.say(text, "warning")

    console = ConsoleOutput(
        STDOUT,
        make_view or _view(args, prefixes),
        display=display,
        on_broken=on_broken,
        is_shown=_filter(args, plan, settings.muted),
        logs=_logs(args, plan, settings.paths, warn),
        secrets=find_secrets(args, plan),
        quiet=quiet,
    )
    return console


def _view(args: Namespace, prefixes: Prefixes) -> MakeView:
    if args.json:
        from ..output.json_lines import JsonLines

        return lambda _loop, write: JsonLines(write)
    return lambda loop, write: Screen(
        loop,
        write,
        None if args.no_prefix else prefixes,
        interactive=os.isatty(STDOUT),
        colour=wants_colour(args.colour),
        raw=args.raw,
    )


def _prefixes(
    template: str | None,
    plan: Plan,
    clock: Clock,
    colours: Sequence[str] | None,
    *,
    mark_stderr: bool = False,
) -> Prefixes:
    prefixes = Prefixes(clock, colours=colours, template=template, mark_stderr=mark_stderr)
    assign_prefixes(prefixes, plan)
    return prefixes


def assign_prefixes(prefixes: Prefixes, plan: Plan) -> None:
    """Make room for the names of a plan, and give them their colours."""
    for entry in plan.templates:
        for instance in range(1, entry.instances + 1):
            name = plan.names.display(entry.full_name, instance)
            prefixes.assign(name, entry.full_name, entry.colour)


def _filter(args: Namespace, plan: Plan, muted: AbstractSet[str]) -> Callable[[Source], bool]:
    """Which processes are shown: `--only` these, without those to `--hide` and the `muted`."""
    only, hidden = _chosen(args.only, plan), _chosen(args.hide, plan)

    def is_shown(source: Source) -> bool:
        known = {source.template, f"{source.template}.{source.index}"}
        if source.template in muted or not hidden.isdisjoint(known):
            return False
        return not only or not only.isdisjoint(known)

    return is_shown


def _chosen(words: Sequence[str] | None, plan: Plan) -> set[str]:
    """Full names of templates, `shop:web`, and of instances, `shop:web.1`, that `words` mean."""
    chosen: set[str] = set()
    for word in split_names(words):
        found, number = plan.names.find_instances(word)
        chosen.update(full if number is None else f"{full}.{number}" for full in found)
    return chosen


def _logs(
    args: Namespace, plan: Plan, paths: Mapping[str, str], warn: Callable[[str], object]
) -> list[View]:
    size = _size(args.log_size)
    kept = None if args.log_keep is None else whole_number(args.log_keep, "--log-keep", 0)
    logs: list[View] = []
    if paths or plan.watches_its_files:  # there may be some later
        from ..output.raw_files import RawFiles

        logs.append(RawFiles(paths, warn))
    if args.log_dir is None:
        return logs
    from ..output.log_directory import DEFAULT_KEPT, DEFAULT_SIZE, LogDirectory

    directory = LogDirectory(
        args.log_dir,
        _prefixes(None, plan, Clock("%Y-%m-%d %H:%M:%S"), None),
        warn,
        size=DEFAULT_SIZE if size is None else size,
        kept=DEFAULT_KEPT if kept is None else kept,
        ansi=args.log_ansi,
    )
    return [*logs, directory]


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.rstrip("KMGkmg")
    unit = _SIZE_UNITS.get(text[len(digits) :].upper())
    if unit is None or not is_whole_number(digits) or not int(digits):
        raise UsageError(f"--log-size takes a number of bytes as 500K or 10M, not {text!r}")
    return int(digits) * unit


def find_secrets(args: Namespace, plan: Plan) -> Sequence[bytes]:
    """What `--redact` hides; nothing without it. Raises UsageError for a variable there isn't."""
    if not args.redact and not args.redact_also:
        return ()
    from ..output.redact import secrets

    also = split_names(args.redact_also)
    environments = plan.environments()
    known = {name for environment in environments for name in environment}
    for name in also:
        if name not in known:
            hint = nearest(name, known)
            raise UsageError(f"--redact-also {name}: there is no such variable", hint=hint)
    found: dict[bytes, None] = {}
    for environment in environments:
        named = {name: environment[name].value for name in also if name in environment}
        found.update(dict.fromkeys(secrets({**environment.from_files(), **named}, also)))
    return sorted(found, key=lambda value: (-len(value), value))

"""`gaffer ps`: what runs, and how it is."""

from __future__ import annotations

import os

from ..client import Follower, Gone
from .options import COLOUR, Option
from .remote import choose, find_remotes, open_streams, tell_of_log_faults
from .streams import STDOUT, printable, show, wants_colour
from .table import GREEN, RED, YELLOW, Cell, Column, table
from .verb import CONTROL, add_names, show_json, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ..client import Stream
    from .remote import Remote, Target

    Json = dict[str, Any]

DESCRIPTION = "Show the processes of the gaffer that runs in this project: one line per instance."

EXAMPLES = """\
  gaffer ps
  gaffer ps web worker.2
  gaffer ps --watch
  gaffer ps --json | jq -r '.[] | select(.state != "running") | .process'"""

OPTIONS = (
    *CONTROL,
    Option("-w", "--watch", action="store_true", help="go on showing it, until Ctrl-C"),
    COLOUR,
)

INTERVAL = 1.0  # seconds from one look at CPU and memory to the next
MOST_OFTEN = 0.1  # seconds between two redrawings, whatever happens

_COLUMNS = (
    Column("NAME"),
    Column("STATE"),
    Column("READY"),
    Column("PID", is_right=True),
    Column("PORT", is_right=True),
    Column("UPTIME", is_right=True),
    Column("RESTARTS", is_right=True),
    Column("CPU", is_right=True),
    Column("MEM", is_right=True),
)
_RUN = Column("GAFFER", is_right=True)
_COLOURS = {"running": GREEN, "failed": RED, "gave-up": RED, "stopped": None, "exited": None}


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "ps", OPTIONS, usage="[OPTIONS] [NAME ...]", description=DESCRIPTION, examples=EXAMPLES
    )
    add_names(made, nargs="*")
    args = made.parse_intermixed_args(argv)
    remotes = find_remotes(args.directory)
    colour = wants_colour(args.colour)
    if args.watch:
        _watch(remotes, choose(remotes, args.names), as_json=args.json, colour=colour)
        return 0
    look_at_figures(remotes)
    tell_of_log_faults(remotes)
    _show(choose(remotes, args.names), as_json=args.json, colour=colour)
    return 0


def look_at_figures(remotes: Iterable[Remote]) -> None:
    """Add to the instances that run what they cost."""
    for remote in remotes:
        try:
            found = remote.connection.get("/stats")["stats"]
        except Gone:
            remote.note_end()
            continue
        figures = {each["id"]: each for each in found}
        for instance in remote.instances():
            costs = figures.get(instance["id"], {})
            for name in ("cpu", "mem", "rss"):
                instance[name] = costs.get(name)


def _show(targets: Sequence[Target], *, as_json: bool, colour: bool) -> None:
    if as_json:
        show_json([_described(target, each) for target in targets for each in _of(target)])
        return
    show("".join(f"{line}\n" for line in lines(targets, colour=colour, width=_width())))


def _of(target: Target) -> list[Json]:
    if target.remote.process(target.name) is None:
        return []  # it was removed while we watch, or its run has ended
    return target.instances()


def _described(target: Target, instance: Json) -> Json:
    return {**instance, "gaffer": target.remote.run.pid}


def _width() -> int | None:
    """Of the terminal; None where there is none (a program reads it), or it doesn't know."""
    try:
        return os.get_terminal_size(STDOUT).columns or None
    except OSError:
        return None


def lines(targets: Sequence[Target], *, colour: bool, width: int | None) -> list[str]:
    """The table. Which run a process is of is in it where there are several."""
    runs = {target.remote.run.pid for target in targets}
    columns = [*_COLUMNS, _RUN] if len(runs) > 1 else _COLUMNS
    rows = []
    for target in targets:
        for instance in _of(target):
            row = _row(instance)
            if len(runs) > 1:
                row.append(Cell(str(target.remote.run.pid)))
            rows.append(row)
    return table(columns, rows, width=width, colour=colour)


def _row(instance: Json) -> list[Cell]:
    ready = {None: Cell("-"), True: Cell("yes", GREEN), False: Cell("no", YELLOW)}
    state = instance["state"]
    cpu, rss, uptime = instance.get("cpu"), instance.get("rss"), instance["uptime"]
    return [
        Cell(printable(instance["process"])),
        Cell(state + outcome(instance), _COLOURS.get(state, YELLOW)),
        ready[instance["ready"]],
        Cell(_or_dash(instance["os_pid"])),
        Cell(_or_dash(instance["port"])),
        Cell("-" if uptime is None else duration(uptime)),
        Cell(str(instance["restarts"])),
        Cell("-" if cpu is None else f"{cpu:.1f}%"),
        Cell("-" if rss is None else size(rss)),
    ]


def outcome(instance: Json) -> str:
    """How the last process of an instance ended, where that is what its state is about."""
    if instance["state"] not in ("exited", "failed", "gave-up", "backing-off"):
        return ""
    if instance["term_signal"]:
        from ..apps.outcome import signal_name

        return f" ({signal_name(instance['term_signal']).removeprefix('SIG')})"
    if instance["exit_status"]:
        return f" ({instance['exit_status']})"
    return ""


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def duration(seconds: float) -> str:
    """A time in two units: `7s`, `3m12s`, `2h05m`, `3d04h`."""
    whole = int(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days}d{hours % 24:02d}h"
    if hours:
        return f"{hours}h{minutes % 60:02d}m"
    if minutes:
        return f"{minutes}m{whole % 60:02d}s"
    return f"{whole}s"


def size(count: int) -> str:
    """Bytes with a unit: `512K`, `12.3M`, `1.5G`."""
    for unit in "KMG":
        count_in_unit = count / 1024
        if count_in_unit < 1000 or unit == "G":
            digits = 0 if unit == "K" else 1
            return f"{count_in_unit:.{digits}f}{unit}"
        count = int(count_in_unit)
    raise AssertionError


# ---- --watch


def _watch(
    remotes: Sequence[Remote], targets: Sequence[Target], *, as_json: bool, colour: bool
) -> None:
    """Show it anew when something happens, and for the figures every second."""
    from .terminal import FullScreen, ending_by_signals

    streams = open_streams(dict.fromkeys(remotes, "/events?follow=1"))
    changed = [False]

    def handle(_stream: Stream, _message: object) -> None:
        changed[0] = True

    follower = Follower(list(streams), handle)
    screen = FullScreen(STDOUT) if os.isatty(STDOUT) and not as_json else None
    with ending_by_signals():
        try:
            if screen is not None:
                screen.enter()
            while not follower.has_ended:
                for remote in remotes:
                    remote.look()
                look_at_figures(remotes)
                if all(remote.has_ended for remote in remotes):
                    break
                if screen is not None:
                    screen.draw(lines(targets, colour=colour, width=_width()))
                else:
                    _show(targets, as_json=as_json, colour=colour)
                _wait(follower, changed)
        finally:
            if screen is not None:
                screen.leave()
            follower.close()
    if not as_json:
        show("gaffer has ended\n")


def _wait(follower: Follower, changed: list[bool]) -> None:
    """Wait until something has changed, but not longer than for the next figures."""
    import time

    began = time.monotonic()
    changed[0] = False
    while not follower.has_ended:
        passed = time.monotonic() - began
        if passed >= INTERVAL or (changed[0] and passed >= MOST_OFTEN):
            return
        follower.wait((MOST_OFTEN if changed[0] else INTERVAL) - passed)

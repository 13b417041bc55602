"""`gaffer events`: what has happened to the processes, and what happens."""

from __future__ import annotations

from ..client import Follower
from ..errors import UsageError, nearest
from ..loop.selector import SelectorLoop
from .happenings import KINDS, sentence
from .log_view import JsonView, ScreenView
from .options import COLOUR, Option
from .remote import choose, find_remotes, names_of, open_streams, queries_of, quoted
from .streams import complain, printable, show
from .verb import CONTROL, FEW, add_names, count_of, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..client import Message
    from ..planning.names import Names
    from .log_view import View
    from .remote import Remote

    Json = dict[str, Any]

DESCRIPTION = """\
Show what has happened to the processes: starts, ends, restarts, readiness. With -f also what
happens from now on. gaffer keeps the last 2000 events."""

EXAMPLES = """\
  gaffer events
  gaffer events -f web
  gaffer events -n 0 -f --event exit --json"""

OPTIONS = (
    *CONTROL,
    Option("-f", "--follow", action="store_true", help="go on with what happens, until Ctrl-C"),
    Option("-n", "--last", metavar="N", help="the last N events, or all (default: 100)"),
    Option("--event", metavar="KIND", action="append", help="only those: spawn, exit, ready, …"),
    COLOUR,
)


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "events", OPTIONS, usage="[OPTIONS] [NAME ...]", description=DESCRIPTION, examples=EXAMPLES
    )
    add_names(made, nargs="*")
    args = made.parse_intermixed_args(argv)
    count = count_of(args.last, FEW, "events")
    parameters = [f"n={count}"]
    parameters += [f"event={quoted(kind)}" for kind in args.event or ()]
    remotes = find_remotes(args.directory)
    _check_kinds(remotes, args.event or ())
    targets = choose(remotes, args.names) if args.names else []
    view: View = JsonView()
    if not args.json:
        view = ScreenView(SelectorLoop(), remotes, colour=args.colour)
    names = names_of(remotes)
    queries = queries_of(remotes, targets, parameters)
    if args.follow:
        paths = {remote: f"/events?follow=1&{query}" for remote, query in queries.items()}
        follower = Follower(
            list(open_streams(paths)), lambda _stream, message: _handle(view, names, message)
        )
        while not follower.has_ended:
            follower.wait()
        view.finish()
        if not args.json:
            show("gaffer has ended\n")
        return 0
    found: list[Json] = []
    for remote, query in queries.items():
        found += remote.connection.get(f"/events?{query}")["events"]
    found.sort(key=lambda event: str(event["time"]))
    for event in found[max(0, len(found) - count) :]:
        _show(view, names, event)
    view.finish()
    return 0


def _check_kinds(remotes: Sequence[Remote], kinds: Sequence[str]) -> None:
    """Raise UsageError for a kind that there is not, and that none of the runs has had."""
    for kind in kinds:
        if kind in KINDS:
            continue
        query = f"/events?n=1&event={quoted(kind)}"
        if not any(remote.connection.get(query)["events"] for remote in remotes):
            hint = nearest(kind, KINDS) or f"there is {', '.join(KINDS)}"
            raise UsageError(f"--event doesn't know {kind!r}", hint=hint)


def _handle(view: View, names: Names, message: Message) -> None:
    if message.kind == "event":
        _show(view, names, message.data)
    elif message.kind == "skipped":
        complain(f"{message.data['skipped']} events are left out")


def _show(view: View, names: Names, event: Json) -> None:
    # What concerns all instances is told of the process.
    name = event.get("process") or names.short(event["name"])
    view.say(printable(name), event["name"], printable(sentence(event)), event)

"""`gaffer events`: what has happened to the processes, and what happens."""

from __future__ import annotations

from ..client import Follower, Stream
from ..loop.selector import SelectorLoop
from .happenings import sentence
from .log_view import JsonView, ScreenView
from .logs import FEW, MOST
from .options import Option, is_whole_number
from .remote import choose, find_remotes, names_of, quoted
from .streams import complain, printable, show
from .verb import COLOUR, CONTROL, add_names, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..client import Message
    from ..planning.names import Names
    from .log_view import View

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
    query = f"n={_count(args.last)}"
    query += "".join(f"&event={quoted(kind)}" for kind in args.event or ())
    remotes = find_remotes(args.directory)
    targets = choose(remotes, args.names) if args.names else []
    view: View = JsonView()
    if not args.json:
        view = ScreenView(SelectorLoop(), remotes, colour=args.colour)
    names = names_of(remotes)
    queries = {}
    for remote in remotes:
        chosen = [target for target in targets if target.remote is remote]
        if targets and not chosen:
            continue
        named = "".join(
            f"&process={quoted(target.name)}" + ("" if number is None else f".{number}")
            for target in chosen
            for number in ([None] if target.numbers is None else sorted(target.numbers))
        )
        queries[remote] = query + named
    if args.follow:
        streams = [
            Stream(remote.run.path, f"/events?follow=1&{query}")
            for remote, query in queries.items()
        ]
        follower = Follower(streams, lambda _stream, message: _handle(view, names, message))
        while not follower.has_ended:
            follower.wait()
        if not args.json:
            show("gaffer has ended\n")
        return 0
    found: list[Json] = []
    for remote, query in queries.items():
        found += remote.connection.get(f"/events?{query}")["events"]
    for event in sorted(found, key=lambda event: str(event["time"])):
        _show(view, names, event)
    view.finish()
    return 0


def _count(text: str | None) -> int:
    from ..errors import UsageError

    if text is None:
        return FEW
    if text == "all":
        return MOST
    if not is_whole_number(text):
        raise UsageError(f"-n takes a number of events or 'all', not {text!r}")
    return min(int(text), MOST)


def _handle(view: View, names: Names, message: Message) -> None:
    if message.kind == "event":
        _show(view, names, message.data)
    elif message.kind == "skipped":
        complain(f"{message.data['skipped']} events are left out")


def _show(view: View, names: Names, event: Json) -> None:
    # What concerns all instances is told of the process.
    name = event.get("process") or names.short(event["name"])
    view.say(printable(name), event["name"], printable(sentence(event)), event)

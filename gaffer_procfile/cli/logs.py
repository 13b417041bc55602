"""`gaffer logs [NAME ...]`: what the processes wrote, and what they write."""

from __future__ import annotations

import time

from ..errors import UsageError
from ..loop.selector import SelectorLoop
from .log_view import JsonView, ScreenView
from .options import COLOUR, Option
from .remote import choose, find_remotes, open_streams, queries_of, tell_of_log_faults
from .streams import complain, show
from .verb import CONTROL, FEW, MOST, add_names, count_of, verb_parser
from .when import parse_since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Any

    from ..client import Message, Stream
    from .log_view import View
    from .remote import Remote

    Json = dict[str, Any]

DESCRIPTION = """\
Show what the processes of the running gaffer wrote, with -f also what they write from now on.
gaffer keeps the last 1 MiB of all of them in memory; what is older comes from the log files, if
`gaffer start` has some (-D, --log-dir)."""

EXAMPLES = """\
  gaffer logs                  the last 100 lines
  gaffer logs -f web           those of web, and what comes
  gaffer logs -n all worker.2
  gaffer logs --since 5m
  gaffer logs --json | jq -r 'select(.stream == "stderr").line'"""

OPTIONS = (
    *CONTROL,
    Option("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl-C"),
    Option(
        "-n",
        "--lines",
        metavar="N",
        help="the last N lines, or all (default: 100; all with --since)",
    ),
    Option("--since", metavar="TIME", help="from then on: 5m, 1h30m, 13:27 or ISO 8601"),
    Option("--stderr", action="store_true", help="only what was written to stderr"),
    Option("--no-prefix", action="store_true", help="the lines as they are"),
    Option("--timestamps", metavar="STYLE", help="on (default), off, or a format of strftime"),
    Option("--no-timestamps", action="store_true", help="no time in the prefix"),
    Option("--raw", action="store_true", help="keep escape sequences and what was overwritten"),
    COLOUR,
)


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "logs", OPTIONS, usage="[OPTIONS] [NAME ...]", description=DESCRIPTION, examples=EXAMPLES
    )
    add_names(made, nargs="*")
    args = made.parse_intermixed_args(argv)
    count = count_of(args.lines, FEW if args.since is None else MOST, "lines")
    since = parse_since(args.since, time.time()) if args.since is not None else None
    style = _style(args)
    remotes = find_remotes(args.directory)
    targets = choose(remotes, args.names) if args.names else []
    tell_of_log_faults(remotes)
    loop = SelectorLoop()
    view: View
    if args.json:
        view = JsonView()
    else:
        view = ScreenView(
            loop,
            remotes,
            colour=args.colour,
            timestamps=style,
            has_prefix=not args.no_prefix,
            raw=args.raw,
        )
    parameters = [f"n={count}"]
    if since is not None:
        parameters.append(f"since=@{since:.6f}")
    if args.stderr:
        parameters.append("stream=stderr")
    queries = queries_of(remotes, targets, parameters)
    if args.follow:
        _follow(loop, view, queries)
        if not args.json:
            show("gaffer has ended\n")
    else:
        _show(view, queries, count)
    return 0


def _style(args: Namespace) -> str:
    if args.no_timestamps:
        return "off"
    style: str = args.timestamps or "on"
    if style not in ("on", "off") and "%" not in style:
        raise UsageError(
            f"--timestamps doesn't know {style!r}", hint="on, off or a format as %H:%M"
        )
    return style


def _show(view: View, queries: dict[Remote, str], count: int) -> None:
    lines: list[Json] = []
    for remote, query in queries.items():
        lines += remote.connection.get(f"/logs?{query}")["lines"]
    if len(queries) > 1:
        lines.sort(key=lambda line: line["time"])  # all have one zone: ours
        lines = lines[max(0, len(lines) - count) :]
    view.show(lines)
    view.finish()


def _follow(loop: SelectorLoop, view: View, queries: dict[Remote, str]) -> None:
    """Show what comes, until all runs have ended."""
    paths = {remote: f"/logs?follow=1&{query}" for remote, query in queries.items()}
    streams = list(open_streams(paths))

    def handle(message: Message) -> None:
        if message.kind == "lines":
            view.show(message.data)
        elif message.kind == "skipped":
            complain(f"{message.data['skipped']} lines are left out, they came too fast")

    def handle_readable(stream: Stream) -> None:
        fd = stream.fileno()
        for message in stream.read():
            handle(message)
        if stream.has_ended:
            loop.remove_reader(fd)
            streams.remove(stream)
            if not streams:
                loop.stop()

    for stream in streams:
        loop.add_reader(stream.fileno(), handle_readable, stream)
        if stream.has_news:
            loop.call_soon(handle_readable, stream)
    if streams:
        loop.run()
    view.finish()

"""`gaffer send NAME TEXT ...`: write to a process's standard input."""

from __future__ import annotations

import os

from ..client import Refused
from ..errors import GafferError, UsageError
from .options import Option
from .remote import choose, choose_running, find_remotes
from .streams import printable, show
from .verb import CONTROL, show_json, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """\
Write a line to a process's standard input, as an answer to what it asks. Several words are
joined by spaces; a single - sends what comes on gaffer's own standard input, as it is."""

EXAMPLES = """\
  gaffer send web yes
  gaffer send console 'User.count()'
  gaffer send --raw web q          without a newline
  gaffer send psql - < query.sql"""

OPTIONS = (*CONTROL, Option("--raw", action="store_true", help="add no newline"))

MOST = 512 * 1024  # bytes in one request
_CONFLICT = 409


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "send", OPTIONS, usage="[OPTIONS] NAME TEXT ...", description=DESCRIPTION, examples=EXAMPLES
    )
    made.add_argument("name", metavar="NAME", help="a process, or an instance of it (web.2)")
    made.add_argument("text", metavar="TEXT", nargs="+", help="what to write, or -")
    args = made.parse_intermixed_args(argv)
    found = choose_running(choose(find_remotes(args.directory), [args.name]))
    if args.text == ["-"]:
        data = _read_all()
    else:
        data = os.fsencode(" ".join(args.text)) + (b"" if args.raw else b"\n")
    for remote, instance in found:
        for start in range(0, len(data), MOST):
            try:
                remote.connection.post_bytes(
                    f"/instances/{instance['id']}/input", data[start : start + MOST]
                )
            except Refused as error:
                if error.status == _CONFLICT:
                    raise GafferError(f"{instance['process']} takes no input") from error
                raise
    if args.json:
        names = [instance["process"] for _remote, instance in found]
        show_json({"bytes": len(data), "processes": names})
    elif len(found) > 1:
        show("".join(f"{printable(each['process'])} got it\n" for _, each in found))
    return 0


def _read_all() -> bytes:
    if os.isatty(0):
        raise UsageError("- is what comes on standard input, and that is a terminal")
    pieces = []
    while piece := os.read(0, 65536):
        pieces.append(piece)
    return b"".join(pieces)

"""`gaffer signal SIGNAL NAME ...`: send a signal to processes."""

from __future__ import annotations

import signal

from ..errors import UsageError, nearest
from .options import Option, is_whole_number
from .remote import ask, choose, choose_running, find_remotes
from .streams import printable, show
from .verb import CONTROL, add_names, show_json, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """\
Send a signal to processes. What follows is theirs: gaffer treats their end as any other."""

EXAMPLES = """\
  gaffer signal HUP web
  gaffer signal USR1 web.2
  gaffer signal --tree TERM worker    also what it has started"""

OPTIONS = (
    *CONTROL,
    Option("--tree", action="store_true", help="send it also to all that they have started"),
)


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "signal",
        OPTIONS,
        usage="[OPTIONS] SIGNAL NAME ...",
        description=DESCRIPTION,
        examples=EXAMPLES,
    )
    made.add_argument("signal", metavar="SIGNAL", help="HUP, SIGHUP or 1")
    add_names(made)
    args = made.parse_intermixed_args(argv)
    number, name = signal_of(args.signal)
    found = choose_running(choose(find_remotes(args.directory, verb="signal"), args.names))
    for remote, instance in found:
        ask(remote, f"/instances/{instance['id']}/signal", {"signal": number, "tree": args.tree})
        if not args.json:
            show(f"{printable(instance['process'])} got {name} (pid {instance['os_pid']})\n")
    if args.json:
        show_json({"signal": name, "signalled": [instance["process"] for _, instance in found]})
    return 0


def signal_of(text: str) -> tuple[int, str]:
    """The number of a signal, and its name. Raises UsageError."""
    if is_whole_number(text) and int(text) in signal.valid_signals():
        number = int(text)
    else:
        word = text.upper()
        known = signal.Signals.__members__
        full = word if word.startswith("SIG") else f"SIG{word}"
        if full not in known:
            raise UsageError(f"there is no signal {text!r}", hint=nearest(full, known))
        number = int(known[full])
    try:
        return number, signal.Signals(number).name
    except ValueError:  # a real-time one
        return number, f"signal {number}"

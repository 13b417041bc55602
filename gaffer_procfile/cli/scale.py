"""`gaffer scale NAME=N ...`: run more or fewer of a process."""

from __future__ import annotations

from ..errors import GafferError, UsageError
from .options import Option, is_whole_number
from .progress import Progress, is_settled
from .ps import outcome
from .remote import ask, choose, find_remotes, names_of
from .streams import complain, printable, show
from .verb import CONTROL, show_json, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .remote import Remote

    Json = dict[str, Any]

DESCRIPTION = """\
Run so many of a process (web=3), or so many more or fewer (web=+1, web=-1). Returns when they
run, or are gone. Instances keep their numbers: the highest ones go first."""

EXAMPLES = """\
  gaffer scale web=3
  gaffer scale web=+1 worker=0"""

OPTIONS = (
    *CONTROL,
    Option("--no-wait", action="store_true", help="return at once, and not when it is done"),
)


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "scale", OPTIONS, usage="[OPTIONS] NAME=N ...", description=DESCRIPTION, examples=EXAMPLES
    )
    made.add_argument("changes", metavar="NAME=N", nargs="+", help="how many of which")
    args = made.parse_intermixed_args(argv)
    wanted = [_change(word) for word in args.changes]
    remotes = find_remotes(args.directory, verb="scale")
    changed: dict[tuple[Remote, str], int] = {}  # how many ran before
    chosen = [(target, body) for name, body in wanted for target in choose(remotes, [name])]
    for target, _body in chosen:
        if target.numbers is not None:
            raise UsageError("one instance can't be scaled", hint=f"{target.name}=N")
    with Progress(remotes) as progress:
        for target, body in chosen:
            changed.setdefault((target.remote, target.name), len(target.running()))
            ask(target.remote, f"{target.path}/scale", body)
        if not args.no_wait:
            progress.wait(lambda: all(_is_done(remote, name) for remote, name in changed))
        else:
            for remote in remotes:
                remote.look()
    has_failed = False
    names = names_of(remotes)
    for (remote, name), before in changed.items():
        process = remote.process(name)
        if process is None:
            continue
        failed = [each for each in process["instances"] if outcome(each)]
        has_failed = has_failed or bool(failed)
        if not args.json:
            _tell(names.short(name), process, before)
            for instance in failed:
                complain(f"{instance['process']} {instance['state']}{outcome(instance)}")
    if args.json:
        found = [remote.process(name) for remote, name in changed]
        show_json([process for process in found if process is not None])
    return GafferError.exit_status if has_failed else 0


def _change(word: str) -> tuple[str, Json]:
    """The name in `NAME=N`, and what is to be asked for it. Raises UsageError."""
    name, equals, count = word.rpartition("=")
    sign, digits = (count[0], count[1:]) if count[:1] in ("+", "-") else ("", count)
    if not (equals and name and is_whole_number(digits)):
        raise UsageError(f"scale takes NAME=N, not {word!r}", hint="web=3, web=+1, web=-1")
    if sign:
        return name, {"by": int(f"{sign}{digits}")}
    return name, {"numprocesses": int(digits)}


def _is_done(remote: Remote, name: str) -> bool:
    process = remote.process(name)
    if process is None or not process["active"]:
        return True  # it was removed, or is stopped: nothing follows
    instances = process["instances"]
    return len(instances) == process["numprocesses"] and all(map(is_settled, instances))


def _tell(name: str, process: Json, before: int) -> None:
    count, running = process["numprocesses"], process["running"]
    if not process["active"]:
        text = f"{count}, when it is started again"
    elif running == before:
        text = f"{running} running, as before"
    else:
        text = f"{running} running ({before} before)"
    show(f"{printable(name)}: {text}\n")

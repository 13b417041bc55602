"""`gaffer stop NAME ...`: stop processes, and see them gone."""

from __future__ import annotations

from ..errors import GafferError
from ..slots import AT_REST, PENDING, STOPPING
from .options import Option
from .progress import Progress, is_at_rest
from .remote import ask, choose, find_remotes
from .streams import complain, printable, show
from .verb import CONTROL, add_names, show_json, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .remote import Remote, Target

    Json = dict[str, Any]

DESCRIPTION = """\
Stop processes, and what they have started: SIGTERM, and after their time-out SIGKILL. The
others, and gaffer, go on. `gaffer restart` starts them again, `gaffer down` stops all of it."""

EXAMPLES = """\
  gaffer stop worker
  gaffer stop web.2          one instance of several
  gaffer stop 'test-*'"""

OPTIONS = (
    *CONTROL,
    Option("--no-wait", action="store_true", help="return at once, and not when they are gone"),
)


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "stop", OPTIONS, usage="[OPTIONS] NAME ...", description=DESCRIPTION, examples=EXAMPLES
    )
    add_names(made)
    args = made.parse_intermixed_args(argv)
    targets = choose(find_remotes(args.directory, verb="stop"), args.names)
    with Progress(target.remote for target in targets) as progress:
        stopping = [(target.remote, each) for target in targets for each in target.instances()]
        for target in targets:
            _stop(target)
        failed = False
        if not args.no_wait:
            failed = not _wait(progress, stopping, is_silent=args.json)
        elif not args.json:
            show("".join(f"{printable(each['process'])} is to stop\n" for _, each in stopping))
    if args.json:
        show_json(_afterwards(stopping))
    return GafferError.exit_status if failed else 0


def _stop(target: Target) -> None:
    # What waits, at first or between two processes, has no id by which it could be stopped alone.
    idle = [each for each in target.instances() if each["id"] is None and not is_at_rest(each)]
    are_all = len(target.instances()) == len(target.process()["instances"])
    if target.numbers is None or (idle and are_all):
        ask(target.remote, f"{target.path}/stop")
        return
    if idle:
        name = idle[0]["process"].rpartition(".")[0]
        is_pending = idle[0]["state"] == PENDING
        how = "waits to be started" if is_pending else f"is {idle[0]['state']}: it has no process"
        which = "that wait" if is_pending else "of it"
        raise GafferError(
            f"{idle[0]['process']} {how}", hint=f"`gaffer stop {name}` stops all {which}"
        )
    for instance in target.running():
        ask(target.remote, f"/instances/{instance['id']}/stop")


def _wait(progress: Progress, stopping: Sequence[tuple[Remote, Json]], *, is_silent: bool) -> bool:
    """Say of each that it has stopped, as soon as it has; whether all have."""
    left = list(stopping)
    has_failed = False

    def is_done() -> bool:
        nonlocal has_failed
        for remote, instance in list(left):
            now = remote.instance(instance["name"], instance["instance"])
            if now is not None and now["state"] not in (STOPPING, *AT_REST):
                left.remove((remote, instance))  # somebody else wants something else
                complain(f"{printable(instance['process'])} was started meanwhile")
                has_failed = True
            elif is_at_rest(now):
                left.remove((remote, instance))
                if not is_silent:
                    what = "wasn't running" if is_at_rest(instance) else "stopped"
                    show(f"{printable(instance['process'])} {what}\n")
        return not left

    progress.wait(is_done)
    return not has_failed


def _afterwards(stopping: Sequence[tuple[Remote, Json]]) -> list[Json]:
    found = []
    for remote, instance in stopping:
        now = remote.instance(instance["name"], instance["instance"])
        found.append({**(now or instance), "gaffer": remote.run.pid})
    return found

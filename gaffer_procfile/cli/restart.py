"""`gaffer restart NAME ...`: restart processes, or start what was stopped."""

from __future__ import annotations

from ..apps.outcome import listing
from ..client import Gone
from ..errors import GafferError
from ..planning.plan_files import as_seen_from_here
from ..slots import WILL_RESTART
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
    Slot = tuple[Remote, str, int]

DESCRIPTION = """\
Restart processes, the instances of one after the other, and start those that are stopped.
Returns when each has been started anew."""

EXAMPLES = """\
  gaffer restart web
  gaffer restart web.2 worker     one instance of web, all of worker
  gaffer restart && gaffer wait   everything, until it is ready again"""

OPTIONS = (
    *CONTROL,
    Option("--no-wait", action="store_true", help="return at once, and not when they are started"),
)


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "restart",
        OPTIONS,
        usage="[OPTIONS] [NAME ...]",
        description=DESCRIPTION,
        examples=EXAMPLES,
    )
    add_names(made, nargs="*")
    args = made.parse_intermixed_args(argv)
    targets = choose(find_remotes(args.directory, verb="restart"), args.names)
    if not args.json:
        _tell_of_changed_files(targets)
    restarts = _Restarts(is_silent=args.json)
    with Progress((target.remote for target in targets), restarts.handle) as progress:
        for target in targets:
            waiting = [] if args.names else target.waiting()
            if not waiting:
                restarts.ask(target)
            elif not args.json:
                names = [printable(each["process"]) for each in waiting]
                show("".join(f"{name} goes on waiting to be started\n" for name in names))
        if args.no_wait:
            restarts.announce()
        else:
            progress.wait(restarts.is_done)
    if args.json:
        show_json(restarts.described())
    return GafferError.exit_status if restarts.has_failed else 0


def _tell_of_changed_files(targets: Sequence[Target]) -> None:
    """A restart gives a process what was read at the start: say it where a file says otherwise."""
    changed: dict[str, None] = {}
    for remote in dict.fromkeys(target.remote for target in targets):
        run = remote.connection.get("/run")
        # A gaffer that was started before it was brought up to date doesn't tell.
        changed.update(dict.fromkeys(run.get("changed_files", ())))
    if changed:
        names = listing([f"`{printable(as_seen_from_here(path))}`" for path in changed])
        has, it = ("has", "it") if len(changed) == 1 else ("have", "them")
        complain(
            f"{names} {has} changed since the start: `gaffer down` and `gaffer start` use {it}, "
            "or `watch_config: true` does at once"
        )


class _Restarts:
    """The instances that are to be started anew, and what has become of each."""

    def __init__(self, *, is_silent: bool) -> None:
        self.has_failed = False
        self._is_silent = is_silent
        self._all: dict[Slot, str] = {}  # what each is called
        self._left: set[Slot] = set()
        self._ended: set[Slot] = set()  # and nothing was to follow then

    def ask(self, target: Target) -> None:
        if target.numbers is None:
            answer = ask(target.remote, f"{target.path}/restart")
            wanted = [
                each for each in answer["instances"] if each["instance"] <= answer["numprocesses"]
            ]
            if not wanted and not self._is_silent:
                complain(f"{target.name.rpartition(':')[2]} is scaled to 0")
        else:
            wanted = target.instances()
            for instance in wanted:
                if instance["id"] is None:
                    raise GafferError(
                        f"{instance['process']} isn't running",
                        hint=f"`gaffer restart {instance['process'].rpartition('.')[0]}` "
                        "starts all that aren't",
                    )
                ask(target.remote, f"/instances/{instance['id']}/restart")
        for instance in wanted:
            slot = (target.remote, instance["name"], instance["instance"])
            self._all[slot] = instance["process"]
            self._left.add(slot)

    def handle(self, remote: Remote, event: Json) -> None:
        kind, name = event["event"], event["name"]
        if kind in ("stop", "delete"):  # somebody else wants something else
            for slot in [slot for slot in self._left if slot[:2] == (remote, name)]:
                self._finish(slot, "was stopped meanwhile", has_failed=True)
        slot = (remote, name, event.get("instance", 0))
        if slot not in self._left:
            return
        if kind == "spawn":
            self._finish(slot, f"started (pid {event['os_pid']})")
        elif kind == "exit" and event.get("reason"):
            self._finish(slot, event["reason"], has_failed=True)
        elif kind == "exit" and event["then"] not in WILL_RESTART:
            self._ended.add(slot)

    def _finish(self, slot: Slot, what: str, *, has_failed: bool = False) -> None:
        self._left.discard(slot)
        text = f"{printable(self._all[slot])} {printable(what)}"
        if has_failed:
            self.has_failed = True
            complain(text)
        elif not self._is_silent:
            show(f"{text}\n")

    def is_done(self) -> bool:
        if any(remote.has_ended for remote, _name, _number in self._left):
            raise Gone
        # Before its turn came one may have ended by itself, or somebody else may have stopped it. If
        # that was before we asked, it isn't at rest any more.
        for slot in self._left & self._ended:
            if is_at_rest(slot[0].instance(slot[1], slot[2])):
                self._finish(slot, "ended meanwhile, or was stopped", has_failed=True)
        return not self._left

    def announce(self) -> None:
        if not self._is_silent:
            show("".join(f"{printable(name)} is to restart\n" for name in self._all.values()))

    def described(self) -> list[Json]:
        found = []
        for remote, name, number in self._all:
            instance = remote.instance(name, number)
            if instance is not None:
                found.append({**instance, "gaffer": remote.run.pid})
        return found

"""`gaffer wait NAME ...`: wait until processes are ready, or have ended; the status tells."""

from __future__ import annotations

from ..apps.outcome import describe, shell_status
from ..client import Gone
from ..errors import GafferError, UsageError
from .options import Option
from .progress import Progress, is_at_rest
from .remote import choose, find_remotes
from .streams import complain, printable, show
from .verb import CONTROL, add_names, seconds_of, show_json, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .remote import Remote, Target

    Json = dict[str, Any]
    Slot = tuple[Remote, str, int]

TOO_LATE = 124  # as timeout(1) says it

DESCRIPTION = """\
Wait until processes are ready (those for which nothing says when that is: until they run), or
with --exit until they have ended. Without a NAME all processes are waited for."""

EXAMPLES = """\
  gaffer wait                          until everything is ready
  gaffer wait --timeout 60 web db && npm test
  gaffer wait --exit migrate           its exit status is ours"""

STATUSES = """\
0 if they are ready; with --exit that of the first that failed (128 + n if signal n killed it),
  0 if none did; 1 if one can't become ready (it has ended, wasn't ready in time, or what it
  depends on has failed), 124 if --timeout is over, 2 if the command line is wrong, 3 if nothing
  is running or gaffer ends meanwhile."""

OPTIONS = (
    *CONTROL,
    Option("--ready", action="store_true", help="until they are ready (default)"),
    Option("--exit", action="store_true", help="until they have ended"),
    Option("-t", "--timeout", metavar="SECONDS", help="don't wait longer (default: no limit)"),
)


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "wait",
        OPTIONS,
        usage="[--ready | --exit] [OPTIONS] [NAME ...]",
        description=DESCRIPTION,
        examples=EXAMPLES,
        statuses=STATUSES,
    )
    add_names(made, nargs="*")
    args = made.parse_intermixed_args(argv)
    if args.ready and args.exit:
        raise UsageError("either --ready or --exit")
    timeout = seconds_of(args.timeout, "--timeout")
    remotes = find_remotes(args.directory)
    waiting: _Exits | _Readiness = _Exits() if args.exit else _Readiness()
    # Heard from before they are looked at: an end in between would be missed.
    with Progress(remotes, waiting.handle) as progress:
        for remote in remotes:
            remote.look()
        targets = choose(remotes, args.names)
        waiting.begin(targets)
        is_in_time = progress.wait(waiting.is_done, timeout)
    if not is_in_time:
        complain(f"not within {args.timeout} s: {', '.join(waiting.missing())}")
    if args.json:
        show_json(waiting.described())
    elif waiting.status == 0 and is_in_time:
        show("".join(f"{line}\n" for line in waiting.lines()))
    return waiting.status if is_in_time else TOO_LATE


class _Readiness:
    """Whether all of the targets are ready; those that have ended, or failed to, can't become so."""

    def __init__(self) -> None:
        self.status = 0
        self._targets: list[Target] = []

    def begin(self, targets: list[Target]) -> None:
        self._targets = targets

    def handle(self, _remote: Remote, _event: Json) -> None:
        """What there is to know is seen by looking."""

    def is_done(self) -> bool:
        if any(target.remote.has_ended for target in self._targets):
            raise Gone
        are_all_there = True
        for target in self._targets:
            process = target.process()
            instances = target.instances()
            for instance in instances:
                fate = _fate(instance)
                if fate is not None:
                    complain(f"{printable(instance['process'])} {printable(fate)}")
                    self.status = GafferError.exit_status
            if target.numbers is None and len(instances) < process["numprocesses"]:
                are_all_there = False
        return bool(self.status) or (are_all_there and not self.missing())

    def missing(self) -> list[str]:
        return [
            printable(each["process"])
            for target in self._targets
            if target.remote.process(target.name) is not None
            for each in target.instances()
            if not _is_ready(each)
        ]

    def lines(self) -> list[str]:
        return [
            f"{printable(each['process'])} {_word(each)}"
            for target in self._targets
            for each in target.instances()
        ]

    def described(self) -> list[Json]:
        return [
            {**each, "gaffer": target.remote.run.pid}
            for target in self._targets
            if target.remote.process(target.name) is not None
            for each in target.instances()
        ]


def _is_ready(instance: Json) -> bool:
    # What has ended well has done what it was there for.
    is_there = instance["state"] in ("running", "exited")
    return is_there and instance["ready"] is not False


def _word(instance: Json) -> str:
    if instance["state"] == "exited":
        return "has ended well"
    return "is ready" if instance["ready"] else "runs"


def _fate(instance: Json) -> str | None:
    """Why it can't become ready, in words; None if it can, or is."""
    if is_at_rest(instance) and instance["state"] != "exited":
        if instance["state"] == "stopped" or instance["exit_status"] is None:
            return f"is {instance['state']}"
        return describe(instance)
    # A gaffer that was started before it was brought up to date doesn't tell.
    reason = instance.get("not_ready")
    if reason is None:
        return None
    how = "waits in vain" if instance["id"] is None else "is not ready"
    return f"{how}: {reason}"


class _Exits:
    """The first end of each of the targets."""

    def __init__(self) -> None:
        self.status = 0
        self._left: dict[Slot, str] = {}  # what each is called
        self._ended: list[Json] = []

    def begin(self, targets: list[Target]) -> None:
        for target in targets:
            for instance in target.instances():
                slot = (target.remote, instance["name"], instance["instance"])
                self._left[slot] = instance["process"]
                if is_at_rest(instance):
                    self._note(slot, instance)

    def handle(self, remote: Remote, event: Json) -> None:
        slot = (remote, event["name"], event.get("instance", 0))
        if event["event"] == "exit" and slot in self._left:
            self._note(slot, event)

    def _note(self, slot: Slot, end: Json) -> None:
        name = self._left.pop(slot)
        names = ("exit_status", "term_signal", "reason")
        known = {field: end.get(field) for field in names}
        self._ended.append({"process": name, "name": slot[1], "instance": slot[2], **known})
        if known["exit_status"] is None:
            return  # it has never run
        if not self.status:
            self.status = shell_status(known)
        if shell_status(known):
            complain(f"{printable(name)} {describe(known)}")

    def is_done(self) -> bool:
        if any(remote.has_ended for remote, _name, _number in self._left):
            raise Gone
        for slot in list(self._left):  # one that was stopped while it waited has no end to tell of
            instance = slot[0].instance(slot[1], slot[2])
            if is_at_rest(instance):
                self._note(slot, instance or {})
        return not self._left

    def missing(self) -> list[str]:
        return [printable(name) for name in self._left.values()]

    def lines(self) -> list[str]:
        return [f"{printable(end['process'])} has ended" for end in self._ended]

    def described(self) -> list[Json]:
        return self._ended

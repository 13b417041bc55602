"""The runs of a project that a verb speaks with, and which of their processes it means."""

from __future__ import annotations

import os

from ..client import TIMEOUT, Connection, Gone, Stream
from ..control import runs_of
from ..errors import GafferError, UnknownProcessError
from ..planning.names import Names
from ..slots import PENDING
from .streams import complain, printable
from .verb import directory_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from ..control import Run

    Json = dict[str, Any]

NOTHING_RUNS = 3

_UNSAFE = frozenset('/?#%&+= "<>')


class NothingRunning(GafferError):
    """No gaffer runs in the project."""

    exit_status = NOTHING_RUNS

    def __init__(self, directory: str) -> None:
        from .last_run import describe_last  # it hardly ever is needed

        path = os.path.realpath(directory)
        hint = "`gaffer start` starts it"
        last = describe_last(path)
        super().__init__(
            f"nothing is running in {path}", hint=hint if last is None else f"{hint}; {last}"
        )


class Remote:
    """One run, and its processes as they were when last looked at."""

    def __init__(self, run: Run, timeout: float = TIMEOUT, verb: str | None = None) -> None:
        self.run = run
        self.connection = Connection(run.path, timeout, f"gaffer-{verb}" if verb else "gaffer")
        self.processes: list[Json] = []
        self.has_ended = False

    def look(self) -> None:
        """Look at all processes."""
        try:
            self.processes = self.connection.get("/processes")["processes"]
        except Gone:
            self.note_end()

    def note_end(self) -> None:
        """It has ended, and has no processes."""
        self.has_ended = True
        self.processes = []

    def process(self, name: str) -> Json | None:
        """A process by its full name."""
        return next((each for each in self.processes if each["name"] == name), None)

    def instance(self, name: str, number: int) -> Json | None:
        process = self.process(name)
        if process is None:
            return None
        return next((each for each in process["instances"] if each["instance"] == number), None)

    def instances(self) -> Iterator[Json]:
        for process in self.processes:
            yield from process["instances"]


class Target:
    """A process of a run, or some instances of it (`numbers`; None for all that there are)."""

    __slots__ = ("name", "numbers", "remote")

    def __init__(self, remote: Remote, name: str, numbers: set[int] | None) -> None:
        self.remote = remote
        self.name = name
        self.numbers = numbers

    @property
    def path(self) -> str:
        return f"/processes/{quoted(self.name)}"

    def process(self) -> Json:
        """The process. GafferError where it isn't there any more."""
        if self.remote.has_ended:
            raise Gone
        found = self.remote.process(self.name)
        if found is None:
            raise GafferError(f"{self.name} was removed meanwhile")
        return found

    def waiting(self) -> list[Json]:
        """Those of its instances that wait to be started for the first time."""
        if self.process()["active"]:
            return []
        return [each for each in self.instances() if each["state"] == PENDING]

    def instances(self) -> list[Json]:
        """The instances that are meant."""
        return [
            each
            for each in self.process()["instances"]
            if self.numbers is None or each["instance"] in self.numbers
        ]

    def running(self) -> list[Json]:
        """Those of them that run."""
        return [each for each in self.instances() if each["id"] is not None]

    def parameters(self) -> list[str]:
        """What asks for these alone, in a query."""
        name = f"process={quoted(self.name)}"
        return [name] if self.numbers is None else [f"{name}.{n}" for n in sorted(self.numbers)]


def find_remotes(
    directory: str | None, timeout: float = TIMEOUT, *, verb: str | None = None
) -> list[Remote]:
    """The runs of the project that `directory` is in, which have so many seconds to answer in.

    `verb` is what is going to give them orders. One that is being started is waited for. Raises
    NothingRunning.
    """
    place = directory_of(directory)
    remotes = _look_for_remotes(place, timeout, verb)
    if not remotes:
        from .twins import wait_for_start  # mostly there is one

        if wait_for_start(place):
            remotes = _look_for_remotes(place, timeout, verb)
    if not remotes:
        raise NothingRunning(place)
    return remotes


def _look_for_remotes(place: str, timeout: float, verb: str | None) -> list[Remote]:
    remotes = [Remote(run, timeout, verb) for run in runs_of(place)]
    for remote in remotes:
        remote.look()
    return [remote for remote in remotes if not remote.has_ended]


def tell_of_log_faults(remotes: Iterable[Remote]) -> None:
    """Say which log files the runs can't write: one in the background has told nobody."""
    for remote in remotes:
        try:
            run = remote.connection.get("/run")
        except Gone:
            continue  # which is told of what was asked for
        for fault in run.get("log_faults", ()):
            complain(printable(fault))


def names_of(remotes: Iterable[Remote]) -> Names:
    """The names of all processes of all runs."""
    return Names(list({each["name"]: None for remote in remotes for each in remote.processes}))


def choose(remotes: Sequence[Remote], words: Iterable[str]) -> list[Target]:
    """What `words` mean, in their order; all, if there are none. Raises UnknownProcessError.

    A name that several runs have means all of them. Raises Gone if all runs have ended meanwhile.
    """
    if all(remote.has_ended for remote in remotes):
        raise Gone
    names = names_of(remotes)
    chosen: dict[tuple[str, str], Target] = {}
    for word in words:
        for name, number in _find(word, names, remotes):
            for remote in remotes:
                if remote.process(name) is None:
                    continue
                target = chosen.setdefault((remote.run.path, name), Target(remote, name, set()))
                if number is None:
                    target.numbers = None
                elif target.numbers is not None:
                    target.numbers.add(number)
    if chosen:
        return list(chosen.values())
    return [Target(remote, each["name"], None) for remote in remotes for each in remote.processes]


def _find(word: str, names: Names, remotes: Sequence[Remote]) -> Iterator[tuple[str, int | None]]:
    """Full names, with the number of an instance where `word` names one (`web.2`, `w*.2`)."""
    found, number = names.find_instances(word)
    if number is not None:
        found = [full for full in found if any(remote.instance(full, number) for remote in remotes)]
        if not found:
            known = [each["process"] for remote in remotes for each in remote.instances()]
            raise UnknownProcessError(word, known)
    for full in found:
        yield full, number


def queries_of(
    remotes: Iterable[Remote], targets: Sequence[Target], parameters: Sequence[str]
) -> dict[Remote, str]:
    """The query for each of the runs that `targets` are in, about these; without them about all."""
    queries = {}
    for remote in remotes:
        chosen = [target for target in targets if target.remote is remote]
        if chosen or not targets:
            named = [each for target in chosen for each in target.parameters()]
            queries[remote] = "&".join([*parameters, *named])
    return queries


def open_streams(paths: Mapping[Remote, str]) -> dict[Stream, Remote]:
    """What the runs that are still there tell at these paths from now on."""
    streams = {}
    for remote, path in paths.items():
        try:
            streams[Stream(remote.run.path, path)] = remote
        except Gone:
            # What is known of its processes stays: nobody has told their ends.
            remote.has_ended = True
    return streams


def choose_running(targets: Iterable[Target]) -> list[tuple[Remote, Json]]:
    """The instances that run. GafferError if there is none."""
    targets = list(targets)
    found = [(target.remote, each) for target in targets for each in target.running()]
    if not found:
        names = [each["process"] for target in targets for each in target.instances()]
        what = names or [target.name.rpartition(":")[2] for target in targets]
        verb = "isn't" if len(what) == 1 else "aren't"
        raise GafferError(f"{' and '.join(what)} {verb} running")
    return found


def choose_one(targets: Iterable[Target], word: str) -> tuple[Remote, Json]:
    """The one instance that runs. GafferError if there is none, or several."""
    found = choose_running(targets)
    if len(found) > 1:
        names = [each["process"] for _remote, each in found]
        raise GafferError(f"{word!r} is several: {', '.join(names)}", hint="name one of them")
    return found[0]


def ask(remote: Remote, target: str, value: Any = None) -> Any:
    """POST; a problem with it becomes an error of ours."""
    try:
        return remote.connection.post(target, value)
    except Gone:
        remote.note_end()
        raise


def quoted(text: str) -> str:
    """`text` as a part of a path or of a query."""
    return "".join(
        character
        if character.isascii() and character.isprintable() and character not in _UNSAFE
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))
        for character in text
    )

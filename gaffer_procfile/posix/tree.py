"""The whole tree of a process: what it started, wherever that has gone."""

from __future__ import annotations

import os
import time

from ..lean import Lock, signal
from . import system
from .exits import open_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..loop import Cancellable, Loop
    from .system import Row

MARK = "GAFFER_MARK"  # the variable that a process and all that it starts have in common
LOOK_AGE = 0.02  # seconds; many processes that stop at once share one look at the orphans
LOOK_SHARE = 10  # and a look that took long is good for so many times as long
POLL_INTERVAL = 0.02  # seconds; only where there are neither pidfds nor /proc


class Orphans:
    """The processes that have lost their parent, with their marks, at one moment.

    Who has adopted them is one of our own ancestors: the guard, another subreaper (the manager of a
    user's session, say), or init.
    """

    _recent: Orphans | None = None

    def __init__(self) -> None:
        began = time.monotonic()
        self.rows: list[tuple[Row, bytes]] = []
        prefix = f"{MARK}=".encode()
        for pid in _children_of_ancestors():
            row = system.process_row(pid)
            if row is not None and not row.has_ended:
                variables = system.process_environment(pid).split(b"\0")
                marks = [name[len(prefix) :] for name in variables if name.startswith(prefix)]
                self.rows.append((row, marks[0] if marks else b""))
        self.began = began
        now = time.monotonic()
        self._good_until = now + max(LOOK_AGE, LOOK_SHARE * (now - began))

    @classmethod
    def recent(cls, since: float | None = None) -> Orphans:
        """A look that is not too old, or one that began after `since`."""
        orphans = cls._recent
        if orphans is not None and since is not None:
            is_good = orphans.began > since
        else:
            is_good = orphans is not None and time.monotonic() <= orphans._good_until
        if orphans is None or not is_good:
            orphans = cls._recent = cls()
        return orphans


def _children_of_ancestors() -> set[int]:
    """The children of all our ancestors, without ourselves."""
    children: set[int] = set()
    ancestor = system.process_row(os.getppid())
    while ancestor is not None:
        children.update(system.children_of(ancestor.pid))
        ancestor = system.process_row(ancestor.parent)
    return children - {os.getpid()}


class Tree:
    """What a process, the leader of a session, started: directly or not, wherever it has gone.

    That is: its descendants, the members of its session, and what carries its mark. What was seen
    once is known from then on, by pid and time of start. Thread-safe.
    """

    def __init__(self, leader: int, mark: str) -> None:
        self._leader = leader
        self._mark = mark.encode()
        self._known: dict[int, int] = {}
        self._lock = Lock()

    def look(self, *, leader_is_there: bool, since: float | None = None) -> list[Row]:
        """What lives of it, without the leader. Empty where processes can't be looked at.

        `leader_is_there` says that the leader isn't reaped yet: only then its number is its own.
        `since` is when a member was found to have ended (time.monotonic): what that has left behind
        is an orphan from then on only.
        """
        if not system.has_process_table():
            return []
        with self._lock:
            found: dict[int, Row] = {}
            queue = self._begin(leader_is_there, since)
            while queue:
                row = queue.pop()
                if row.pid not in found and row.pid != self._leader:
                    found[row.pid] = row
                    queue += _rows(system.children_of(row.pid))
            living = [row for row in found.values() if not row.has_ended]
            self._known = {row.pid: row.started for row in living}
            return living

    def send(self, signum: int, *, leader_is_there: bool, told: Told | None = None) -> None:
        """Send `signum` to all of it, the leader included, and note in `told` who has got it."""
        # Those outside of its group first: they are found by way of the others.
        rows = self.look(leader_is_there=leader_is_there)
        for row in rows:
            if not leader_is_there or row.group != self._leader:
                send(row, signum)
        # Not reaped, its number is nobody else's. Else each is known by pid and time of start,
        # where that can be seen.
        if leader_is_there or not system.has_process_table():
            try:
                os.killpg(self._leader, signum)
            except ProcessLookupError:
                pass  # it ended just now, and its exit is on the way
        if told is not None:
            told.members.update(row.member for row in rows)
            told.group = self._leader if leader_is_there else None

    def _begin(self, leader_is_there: bool, since: float | None) -> list[Row]:
        rows = [row for row in _rows(self._known) if row.started == self._known[row.pid]]
        if leader_is_there:
            rows += _rows(system.children_of(self._leader))
        for row, mark in Orphans.recent(since).rows:
            if mark == self._mark or (leader_is_there and row.session == self._leader):
                rows.append(row)
        return rows


def _rows(pids: Iterable[int]) -> list[Row]:
    return [row for pid in pids if (row := system.process_row(pid)) is not None]


def send(row: Row, signum: int) -> None:
    """Signal the process that was seen, and never another that has its number by now."""
    try:
        pidfd = system.open_pidfd(row.pid)
        try:
            now = system.process_row(row.pid)
            if now is None or now.started != row.started:
                return
            if pidfd is not None:
                signal.pidfd_send_signal(pidfd, signum)
            else:
                os.kill(row.pid, signum)
        finally:
            if pidfd is not None:
                os.close(pidfd)
    except ProcessLookupError:
        pass  # it has ended


class Told:
    """Who of a tree has been told to stop: some by name, and perhaps all of a process group at once.

    Who comes to be in such a group later was started by one that had been told, as Linux begins a
    fork anew that a signal comes between: it is part of a clean-up.
    """

    __slots__ = ("group", "members")

    def __init__(self) -> None:
        self.members: set[tuple[int, int]] = set()
        self.group: int | None = None

    def __contains__(self, row: Row) -> bool:
        return row.member in self.members or row.group == self.group


class TreeWatch:
    """Calls `on_empty` once when nothing is left of a tree whose leader has been reaped.

    Members that come to light meanwhile are sent `signum`, but not those that have been `told`.
    Loop's thread only.
    """

    def __init__(
        self,
        loop: Loop,
        tree: Tree,
        leader: int,
        signum: int,
        told: Told,
        on_empty: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._tree = tree
        self._leader = leader
        self._signum = signum
        self._on_empty = on_empty
        self._told = told
        self._pidfds: set[int] = set()
        self._timer: Cancellable | None = None
        self._look_in(0)

    def _look_in(self, delay: float) -> None:
        # Later even without a delay: trees that lose members at once share a look at the orphans.
        self._timer = self._loop.call_later(delay, self._look, time.monotonic())

    def _look(self, since: float) -> None:
        self._timer = None
        members = self._tree.look(leader_is_there=False, since=since)
        for row in members:
            if row not in self._told:
                self._told.members.add(row.member)
                send(row, self._signum)
            self._watch(row.pid)
        if self._pidfds:
            return
        if members or (not system.has_process_table() and system.group_exists(self._leader)):
            self._look_in(POLL_INTERVAL)
        else:
            self._on_empty()

    def _watch(self, pid: int) -> None:
        try:
            fd = open_end(pid)
        except ProcessLookupError:
            return
        if fd is not None:
            self._pidfds.add(fd)
            self._loop.add_reader(fd, self._handle_end, fd)

    def _handle_end(self, fd: int) -> None:
        self._forget(fd)
        if not self._pidfds:
            self._look_in(0)  # a member may have started another since

    def _forget(self, fd: int) -> None:
        self._pidfds.discard(fd)
        self._loop.remove_reader(fd)
        os.close(fd)

    def close(self) -> None:
        for fd in list(self._pidfds):
            self._forget(fd)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

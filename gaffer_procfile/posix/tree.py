"""The whole tree of a process: what it started, wherever that has gone."""

from __future__ import annotations

import os
import time

from ..lean import Lock, signal
from . import system
from .exits import open_end
from .spawn import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..loop import Cancellable, Loop
    from .system import Row

MARK = "GAFFER_MARK"  # the variable that a process and all that it starts have in common
LOOK_AGE = 0.02  # seconds; many processes that stop at once share one look at the orphans
LOOK_SHARE = 10  # and a look that took long is good for so many times as long
YOUTH = 0.2  # seconds in which a fork has certainly got to its own program
POLL_INTERVAL = 0.02  # seconds; only where pidfds or /proc are missing, or descriptors for them


class Orphans:
    """The processes that have lost their parent, with their marks, at one moment.

    Who has adopted them is one of our own ancestors: the guard, another subreaper (the manager of a
    user's session, say), or init. Or it is ourselves: the first process of a container, say.
    """

    _recent: Orphans | None = None

    def __init__(self) -> None:
        began = time.monotonic()
        self.rows: list[tuple[Row, bytes]] = []
        prefix = f"{MARK}=".encode()
        for pid in _children_of_ancestors() | _adopted():
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


def _adopted() -> set[int]:
    """Our own children, without those that we have started."""
    return set(system.children_of(os.getpid())) - Child.unreaped


class Tree:
    """What a process, the leader of a session, started: directly or not, wherever it has gone.

    That is: its descendants, the members of its session, and what carries its mark. What was seen
    once is known from then on, by pid and time of start. Thread-safe.
    """

    def __init__(self, leader: int, mark: str, stop_signal: int = signal.SIGTERM) -> None:
        self._leader = leader
        self._mark = mark.encode()
        self._stop_signal = stop_signal
        self._known: dict[int, int] = {}
        # The leader's number is its own until it is reaped: it is signalled or reaped, never the one
        # during the other.
        self._leader_is_there = True
        self._lock = Lock()
        # Who has been told to stop: some by name, and perhaps all of the leader's group at once. Whom
        # a living one of that group has started since is part of its clean-up.
        self._told: set[tuple[int, int]] = set()
        # Those who were told when they had just been forked, with their images. Such a one has its
        # parent's handlers until it executes its own program, which never hears of a signal that those
        # have noted: then it is told again.
        self._told_early: dict[tuple[int, int], bytes] = {}
        self._group_is_told = False
        self._leader_image = b""

    def look(self) -> list[Row]:
        """What lives of it, without the leader. Empty where processes can't be looked at."""
        with self._lock:
            return self._try_to_look() or []

    def reap(
        self, poll: Callable[[], int | None], since: float | None = None
    ) -> tuple[int, bool] | None:
        """Reap the leader by `poll()`: its return code, and whether others are left; None if it runs.

        `since` is when it was found to have ended (time.monotonic): what it has left behind is an
        orphan from then on only.
        """
        with self._lock:
            others = self._try_to_look(since)  # while its number is its own
            code = poll()
            if code is None:
                return None
            self._leader_is_there = False
            return code, others is None or bool(others) or self._is_left_unseen()

    def send_to_leader(self, signum: int) -> bool:
        """Send `signum` to the leader alone; False if the system refuses that."""
        with self._lock:
            return not self._leader_is_there or _is_sent(os.kill, self._leader, signum)

    def send(self, signum: int) -> bool:
        """Send `signum` to all of it, the leader included; False if the system refuses that of some."""
        with self._lock:
            return self._send(signum, self._try_to_look() or [])

    def stop(self) -> bool:
        """Send all of it the stop signal; whether `stop_again` is to follow, in YOUTH seconds."""
        with self._lock:
            others = self._try_to_look() or []
            self._send(self._stop_signal, others)
            self._note_told(others, others)
            self._group_is_told = self._leader_is_there or not system.has_process_table()
            return bool(self._told_early)

    def stop_again(self) -> None:
        """Send the stop signal to those that have got to their own program since they were told."""
        with self._lock:
            for row in filter(self._has_lost_the_signal, self._try_to_look() or []):
                try:
                    send(row, self._stop_signal)
                except OSError:
                    return  # no descriptor is left: SIGKILL follows in its time
                self._note_told([row], [])

    def stop_others(self, since: float) -> tuple[list[Row], bool]:
        """Send the stop signal to those that haven't had it, when the leader has been reaped.

        What lives of it, and whether anything does. `since` is when a member was found to have ended.
        Raises OSError while nobody can be looked at: no descriptor is left.
        """
        with self._lock:
            others = self._look(since)
            living = {row.pid for row in others}
            untold = [row for row in others if not self._is_told(row, living)]
            told: list[Row] = []
            try:
                for row in untold:
                    send(row, self._stop_signal)
                    told.append(row)
            finally:
                self._note_told(told, others)
            is_left_unseen = self._is_left_unseen()
            if is_left_unseen and not self._group_is_told:
                self._group_is_told = True
                _is_sent(os.killpg, self._leader, self._stop_signal)
            return others, bool(others) or is_left_unseen

    def _note_told(self, told: Iterable[Row], others: Iterable[Row]) -> None:
        images = {row.pid: row.image for row in others}
        for row in told:
            is_fork = row.image == images.get(row.parent, self._leader_image)
            if is_fork and row.age < YOUTH:
                self._told_early[row.member] = row.image
            else:
                self._told_early.pop(row.member, None)
                self._told.add(row.member)

    def _has_lost_the_signal(self, row: Row) -> bool:
        return row.image != self._told_early.get(row.member, row.image)

    def _is_told(self, row: Row, living: set[int]) -> bool:
        if row.member in self._told:
            return True
        if row.member in self._told_early:
            return not self._has_lost_the_signal(row)
        return self._group_is_told and row.group == self._leader and row.parent in living

    def _try_to_look(self, since: float | None = None) -> list[Row] | None:
        """As `_look`; None while nobody can be looked at, as no descriptor is left."""
        try:
            return self._look(since)
        except OSError:
            return None

    def _look(self, since: float | None = None) -> list[Row]:
        if not system.has_process_table():
            return []
        found: dict[int, Row] = {}
        queue = self._begin(since)
        while queue:
            row = queue.pop()
            if row.pid not in found and row.pid != self._leader:
                found[row.pid] = row
                queue += _rows(system.children_of(row.pid))
        living = [row for row in found.values() if not row.has_ended]
        self._known = {row.pid: row.started for row in living}
        return living

    def _begin(self, since: float | None) -> list[Row]:
        rows = [row for row in _rows(self._known) if row.started == self._known[row.pid]]
        if self._leader_is_there:
            leader = system.process_row(self._leader)
            if leader is not None and not leader.has_ended:
                self._leader_image = leader.image
            rows += _rows(system.children_of(self._leader))
        for row, mark in Orphans.recent(since).rows:
            if mark == self._mark or (self._leader_is_there and row.session == self._leader):
                rows.append(row)
        return rows

    def _is_left_unseen(self) -> bool:
        """Whether others are in the leader's group, where processes can't be looked at."""
        return not system.has_process_table() and system.group_exists(self._leader)

    def _send(self, signum: int, others: Iterable[Row]) -> bool:
        # Those outside of its group first: they are found by way of the others.
        is_sent = True
        for row in others:
            if not self._leader_is_there or row.group != self._leader:
                try:
                    is_sent = send(row, signum) and is_sent
                except OSError:
                    pass  # no descriptor is left for a look at it; SIGKILL is sent again
        # Not reaped, its number is nobody else's. Else each is known by pid and time of start,
        # where that can be seen.
        if self._leader_is_there or not system.has_process_table():
            is_sent = _is_sent(os.killpg, self._leader, signum) and is_sent
        return is_sent


def _rows(pids: Iterable[int]) -> list[Row]:
    return [row for pid in pids if (row := system.process_row(pid)) is not None]


def send(row: Row, signum: int) -> bool:
    """Signal the process that was seen, and never another that has its number by now.

    False if the system refuses that. Raises OSError while it can't be looked at.
    """
    try:
        pidfd = system.open_pidfd(row.pid)
    except ProcessLookupError:
        return True  # it has ended
    try:
        now = system.process_row(row.pid)
        if now is None or now.started != row.started:
            return True
        if pidfd is not None:
            return _is_sent(signal.pidfd_send_signal, pidfd, signum)
        return _is_sent(os.kill, row.pid, signum)
    finally:
        if pidfd is not None:
            os.close(pidfd)


def _is_sent(send_signal: Callable[[int, int], object], target: int, signum: int) -> bool:
    """Send a signal; False if the system refuses it: another user's, as by `sudo`."""
    try:
        send_signal(target, signum)
    except ProcessLookupError:
        pass  # it has ended, and that is on the way
    except PermissionError:
        return False
    return True


class TreeWatch:
    """Stops what is left of a tree whose leader has been reaped, and calls `on_empty` once at its end.

    Loop's thread only.
    """

    def __init__(self, loop: Loop, tree: Tree, on_empty: Callable[[], object]) -> None:
        self._loop = loop
        self._tree = tree
        self._on_empty = on_empty
        self._pidfds: dict[int, int] = {}  # by pid
        self._timer: Cancellable | None = None
        self._look_in(0)

    def _look_in(self, delay: float) -> None:
        # Later even without a delay: trees that lose members at once share a look at the orphans.
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, self._look, time.monotonic())

    def _look(self, since: float) -> None:
        self._timer = None
        try:
            members, is_left = self._tree.stop_others(since)
        except OSError:
            self._look_in(POLL_INTERVAL)  # no descriptor is left, for a moment
            return
        for row in members:
            self._watch(row.pid)
        if any(row.age < YOUTH for row in members):
            self._look_in(YOUTH)  # they may have to be told again
        elif self._pidfds:
            return
        elif is_left:
            self._look_in(POLL_INTERVAL)
        else:
            self._on_empty()

    def _watch(self, pid: int) -> None:
        if pid in self._pidfds:
            return
        try:
            fd = open_end(pid)
        except ProcessLookupError:
            return
        if fd is not None:
            self._pidfds[pid] = fd
            self._loop.add_reader(fd, self._handle_end, pid)

    def _handle_end(self, pid: int) -> None:
        self._forget(pid)
        if not self._pidfds:
            self._look_in(0)  # a member may have started another since

    def _forget(self, pid: int) -> None:
        fd = self._pidfds.pop(pid)
        self._loop.remove_reader(fd)
        os.close(fd)

    def close(self) -> None:
        for pid in list(self._pidfds):
            self._forget(pid)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""The whole tree of a process: what it started, wherever that has gone."""

from __future__ import annotations

import os
import signal
import time

from . import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .loop import Cancellable, Loop
    from .system import Row

MARK = "GAFFER_MARK"  # the variable that a process and all that it starts have in common
TABLE_AGE = 0.02  # seconds; many processes that stop at once share one look
POLL_INTERVAL = 0.02  # seconds; only where there are neither pidfds nor /proc


class ProcessTable:
    """All processes at one moment."""

    _recent: ProcessTable | None = None

    def __init__(self, rows: Iterable[Row]) -> None:
        self._taken = time.monotonic()
        self._rows = {row.pid: row for row in rows}
        self._children: dict[int, list[Row]] = {}
        self._sessions: dict[int, list[Row]] = {}
        for row in self._rows.values():
            self._children.setdefault(row.parent, []).append(row)
            self._sessions.setdefault(row.session, []).append(row)
        self._marked: dict[bytes, list[Row]] | None = None

    @classmethod
    def recent(cls) -> ProcessTable:
        """A look that is TABLE_AGE old at the most."""
        table = cls._recent
        if table is None or time.monotonic() - table._taken > TABLE_AGE:
            table = cls._recent = cls(system.process_table())
        return table

    def family(self, leader: int, mark: str) -> list[Row]:
        """The live processes that `leader` started, directly or not, without itself.

        They are its descendants, the members of its session, what carries its mark after its parent
        has ended, and the descendants of all these.
        """
        found: dict[int, Row] = {}
        queue = [*self._children.get(leader, ()), *self._sessions.get(leader, ())]
        queue += self._orphans().get(mark.encode(), ())
        while queue:
            row = queue.pop()
            if row.pid not in found and row.pid != leader:
                found[row.pid] = row
                queue += self._children.get(row.pid, ())
        return [row for row in found.values() if not row.has_ended]

    def _orphans(self) -> dict[bytes, list[Row]]:
        """Who carries which mark, of those whose parent has ended: an adopter is their parent now."""
        if self._marked is None:
            self._marked = {}
            adopters = {1, os.getppid()}
            prefix = f"{MARK}=".encode()
            for adopter in adopters:
                for row in self._children.get(adopter, ()):
                    if row.pid == os.getpid():
                        continue
                    for variable in system.process_environment(row.pid).split(b"\0"):
                        if variable.startswith(prefix):
                            mark = variable[len(prefix) :]
                            self._marked.setdefault(mark, []).append(row)
        return self._marked


class Tree:
    """What a process started, itself included until it is reaped. Signalling is thread-safe."""

    def __init__(self, leader: int, mark: str) -> None:
        self._leader = leader
        self._mark = mark

    def signal(self, signum: int, *, with_group: bool) -> None:
        """Signal the processes of the tree, `with_group` those of the leader's group as well.

        While the leader isn't reaped, its group is better signalled as one.
        """
        for row in self.members():
            if with_group or row.group != self._leader:
                send(row, signum)

    def members(self) -> list[Row]:
        """What lives of it, without the leader. Empty where processes can't be looked at."""
        if not system.has_process_table():
            return []
        return ProcessTable.recent().family(self._leader, self._mark)


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


class TreeWatch:
    """Calls `on_empty` once when nothing is left of a tree whose leader has ended.

    Members that come to light meanwhile are sent `signum`. Loop's thread only.
    """

    def __init__(
        self, loop: Loop, tree: Tree, leader: int, signum: int, on_empty: Callable[[], object]
    ) -> None:
        self._loop = loop
        self._tree = tree
        self._leader = leader
        self._signum = signum
        self._on_empty = on_empty
        self._told: set[tuple[int, int]] = set()
        self._pidfds: set[int] = set()
        self._timer: Cancellable | None = None
        self._look()

    def _look(self) -> None:
        self._timer = None
        members = self._tree.members()
        for row in members:
            if (row.pid, row.started) not in self._told:
                self._told.add((row.pid, row.started))
                send(row, self._signum)
            self._watch(row.pid)
        if self._pidfds:
            return
        if members or not self._is_empty():
            # They have ended since the table was taken, or there are no pidfds.
            self._timer = self._loop.call_later(POLL_INTERVAL, self._look)
        else:
            self._on_empty()

    def _is_empty(self) -> bool:
        return system.has_process_table() or not system.group_exists(self._leader)

    def _watch(self, pid: int) -> None:
        try:
            fd = system.open_pidfd(pid)
        except ProcessLookupError:
            return
        if fd is not None:
            self._pidfds.add(fd)
            self._loop.add_reader(fd, self._handle_end, fd)

    def _handle_end(self, fd: int) -> None:
        self._forget(fd)
        if not self._pidfds:
            self._look()  # a member may have started another since

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

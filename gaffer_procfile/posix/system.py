"""What this platform can do, and what stands in where it can't.

The only module that asks. `GAFFER_WITHOUT=pidfd,proc,prctl,nowait,epoll,posix_spawn,cgroup` takes
features away, so that the ways without them are tested where they are not needed.
"""

from __future__ import annotations

import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PID_LIMIT = 4194304  # the kernel gives no higher numbers
_PID_BLOCK = 4096  # so many are asked for together

_WITHOUT = frozenset(os.environ.get("GAFFER_WITHOUT", "").split(","))


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when `pid` ends; None where the kernel has no such thing."""
    if "pidfd" in _WITHOUT or not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:
        # An old kernel (ENOSYS), a strict sandbox (EPERM) or no descriptor left (EMFILE): each has
        # the same way out.
        return None


def has_ended(pid: int) -> bool:
    """Whether a child of ours has ended, without reaping it; True where that can't be told."""
    if not hasattr(os, "waitid"):
        return True
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True  # somebody else has reaped it


def group_exists(pgid: int) -> bool:
    """Whether a process group has a member, a zombie included."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Row:
    """A process as /proc shows it: `started` is in clock ticks since the system's start.

    `image` is what a fork has in common with its parent until it executes a program of its own: where
    the stack begins, which is another place at each exec.
    """

    __slots__ = ("group", "image", "parent", "pid", "session", "started", "state")

    def __init__(self, pid: int, stat: bytes) -> None:
        # The command's name comes before, in parentheses, and may hold anything (see proc(5)).
        fields = stat[stat.rindex(b")") + 2 :].split(None, 26)
        self.pid = pid
        self.state = fields[0]
        self.parent = int(fields[1])
        self.group = int(fields[2])
        self.session = int(fields[3])
        self.started = int(fields[19])
        self.image = fields[25]

    @property
    def member(self) -> tuple[int, int]:
        """What tells it from all others: a pid is used again, but not with the same start."""
        return self.pid, self.started

    @property
    def age(self) -> float:
        """Seconds since its start, to some hundredths."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / os.sysconf("SC_CLK_TCK")

    @property
    def has_ended(self) -> bool:
        return self.state in (b"Z", b"X")


def has_process_table() -> bool:
    """Whether all processes can be looked at."""
    return "proc" not in _WITHOUT and os.path.exists("/proc/self/stat")


def process_table() -> Iterator[Row]:
    """All processes that can be seen."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            row = process_row(int(name))
            if row is not None:
                yield row


def children_of(pid: int) -> list[int]:
    """The pids of a process's children; empty if it isn't there, or can't be seen."""
    try:
        return _read_children(pid)
    except PermissionError:
        return []


def _read_children(pid: int) -> list[int]:
    try:
        found: list[int] = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:
                found += map(int, file.readall().split())
    except ProcessLookupError:
        return []
    except FileNotFoundError:
        if os.path.exists("/proc/self/task"):
            if os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
                return []
            # A kernel without these files: all processes have to be looked at.
            return [row.pid for row in process_table() if row.parent == pid]
        raise
    return found


def own_children() -> list[int]:
    """The pids of our own children, also of those that have ended and aren't reaped.

    Of some of them only, where processes can't be looked at; of none only if there is none.
    """
    if has_process_table():
        try:
            return _read_children(os.getpid())
        except OSError:
            pass  # no descriptor left, say: the other way needs none
    # Whoever isn't our child can't be waited for. Numbers are given out in turn, so ours is where to
    # begin; to ask them all takes 5 s or more.
    own = os.getpid()
    for first in (*range(own + 1, _PID_LIMIT, _PID_BLOCK), *range(1, own, _PID_BLOCK)):
        if found := list(filter(_is_own_child, range(first, first + _PID_BLOCK))):
            return found
    return []


def _is_own_child(pid: int) -> bool:
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def process_row(pid: int) -> Row | None:
    """One process; None if it isn't there, or can't be seen: another user's, under hidepid (proc(5))."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return Row(pid, file.read(1024))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def process_environment(pid: int) -> bytes:
    """The environment that a process was started with, NUL-separated; empty if it can't be seen."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            return file.readall()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""  # it has ended, or is somebody else's


def has_subreaper() -> bool:
    """Whether a process can adopt the orphans among its descendants (Linux)."""
    return sys.platform == "linux" and "prctl" not in _WITHOUT


def become_subreaper() -> None:
    """Have the orphans among this process's descendants become its children.

    Raises OSError, and ImportError where Python was built without ctypes.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hear_of_parents_end(signum: int) -> None:
    """Have this signal sent to us when our parent ends. Raises as `become_subreaper`."""
    _prctl(_PR_SET_PDEATHSIG, signum)


def _prctl(option: int, value: int) -> None:
    import ctypes  # 4 ms, and only the guard's

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def has_cgroups() -> bool:
    """Whether there may be cgroups, whose files then say what they can (Linux)."""
    return sys.platform == "linux" and "cgroup" not in _WITHOUT


def has_posix_spawn() -> bool:
    """Whether posix_spawn(3) can start a session, and our descriptors can be listed (Linux)."""
    return sys.platform == "linux" and "posix_spawn" not in _WITHOUT and has_process_table()


def close_on_exec() -> None:
    """Have none of our open descriptors above stderr inherited. Where `has_posix_spawn`."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2:
            try:
                os.set_inheritable(fd, False)
            except OSError:
                pass  # it was the one that the list was read by


def has_nowait_writes() -> bool:
    """Whether a write to a pipe can be told not to wait (RWF_NOWAIT)."""
    return hasattr(os, "RWF_NOWAIT") and "nowait" not in _WITHOUT


def open_epoll() -> select.epoll | None:
    """An epoll object; None where there is no such thing."""
    return select.epoll() if hasattr(select, "epoll") and "epoll" not in _WITHOUT else None

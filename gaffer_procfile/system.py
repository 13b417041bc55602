"""What this platform can do, and what stands in where it can't.

The only module that asks. `GAFFER_WITHOUT=pidfd,proc` takes features away, so that the ways without
them are tested where they are not needed.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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


def group_members(pgid: int) -> list[int] | None:
    """The live processes of a process group; None where there is no /proc to look them up in."""
    if "proc" in _WITHOUT or not os.path.exists("/proc/self/stat"):
        return None
    return [pid for pid, group, state in _process_table() if group == pgid and state not in "ZX"]


def group_exists(pgid: int) -> bool:
    """Whether a process group has a member, a zombie included."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _process_table() -> Iterator[tuple[int, int, str]]:
    """Each process's pid, process group and state letter, from /proc (see proc(5))."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                stat = file.read()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        # The command's name comes before, in parentheses, and may hold anything.
        state, _parent, group = stat[stat.rindex(b")") + 2 :].split(None, 3)[:3]
        yield int(name), int(group), state.decode("ascii")

"""A cgroup of the guard's own: all that gaffer starts is in it, and is killed at one blow.

The kernel does that (cgroup.kill of cgroup v2, Linux 5.14), to forks under way as well: nothing forks
faster. The sweep comes after it and needs none of this, so whatever fails here means: no cgroup.
"""

from __future__ import annotations

import os
import select
import time

from . import system

PREFIX = "gaffer-"  # before the guard's pid
PATIENCE = 1.0  # seconds for the end of those that aren't our children

# A program that asks how much it may use looks at its own cgroup, seldom at those above.
LIMITS = ("memory.max", "cpu.max")


class Cgroup:
    """One that was made below our own."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def kill(self) -> None:
        """Kill all that is in it, and below it."""
        try:
            _write(f"{self._directory}/cgroup.kill", b"1")
        except OSError:
            pass  # somebody has removed it: the sweep finds what was in it

    def remove(self) -> None:
        """Remove it, and what was made below it, when all in it have ended."""
        try:
            self._wait_until_empty()
            _remove(self._directory)
            _remove_leftovers(os.path.dirname(self._directory))
        except OSError:
            pass  # somebody else has removed it

    def _wait_until_empty(self) -> None:
        """Wait for those that we don't reap: without a subreaper they have become init's."""
        end = time.monotonic() + PATIENCE
        poll = select.poll()
        with open(f"{self._directory}/cgroup.events", "rb", buffering=0) as events:
            poll.register(events, select.POLLPRI)
            while _is_populated(events.readall()) and (left := end - time.monotonic()) > 0:
                poll.poll(left * 1000)
                events.seek(0)


def enclose(pid: int) -> Cgroup | None:
    """Move our child `pid`, and with it what it will start, into a new cgroup; None if that can't be.

    Takes 10 ms or so, in which the child runs on, and forks.
    """
    if not system.has_cgroups():
        return None
    try:
        own = find_directory(_read("/proc/self/cgroup"), _read("/proc/self/mountinfo"))
        if own is None or _shares_out(own) or _is_limited(own):
            return None
        directory = f"{own}/{PREFIX}{os.getpid()}"
        os.mkdir(directory)
    except OSError:
        return None  # most often it isn't ours to write to
    try:
        if os.path.exists(f"{directory}/cgroup.kill"):
            _write(f"{directory}/cgroup.procs", b"%d" % pid)
            return Cgroup(directory)
    except OSError:
        pass  # it has ended already, or may not be moved
    _remove(directory)
    return None


def find_directory(cgroups: bytes, mounts: bytes) -> str | None:
    """Where the v2 cgroup of a process is to be seen; None if nowhere.

    `cgroups` and `mounts` are what its /proc/PID/cgroup and /proc/PID/mountinfo say.
    """
    places = [line[3:].rstrip(b"/") for line in cgroups.split(b"\n") if line.startswith(b"0::/")]
    if not places or b".." in places[0].split(b"/"):
        return None  # outside of what this container sees
    for line in mounts.split(b"\n"):
        fields, _, kind = line.partition(b" - ")
        if kind.startswith(b"cgroup2 "):
            # The root isn't "/" where only a part of all cgroups is mounted.
            root, mount = (_unescape(field).rstrip(b"/") for field in fields.split(b" ")[3:5])
            if (places[0] + b"/").startswith(root + b"/"):
                return os.fsdecode(mount + places[0][len(root) :])
    return None


def _unescape(field: bytes) -> bytes:
    r"""A path of mountinfo, in which a space is `\040`."""
    return field.decode("unicode_escape").encode("latin-1")


def _shares_out(directory: str) -> bool:
    """Whether what the cgroup has is shared out to those below it: ours would want a share."""
    return bool(_read(f"{directory}/cgroup.subtree_control").strip())


def _is_limited(directory: str) -> bool:
    for name in LIMITS:
        try:
            if not _read(f"{directory}/{name}").startswith(b"max"):
                return True
        except FileNotFoundError:
            pass  # the topmost cgroup has none
    return False


def _is_populated(events: bytes) -> bool:
    return b"populated 1" in events


def _remove_leftovers(parent: str) -> None:
    """Remove what guards that were killed have left, if nobody is in it any more."""
    for name in os.listdir(parent):
        pid = name.removeprefix(PREFIX)
        if name == pid or not pid.isdigit() or os.path.exists(f"/proc/{pid}"):
            continue
        if not _is_populated(_read(f"{parent}/{name}/cgroup.events")):
            _remove(f"{parent}/{name}")


def _remove(directory: str) -> None:
    """Remove a cgroup and those below it, as far as nobody is in them."""
    for path, _, _ in os.walk(directory, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            return  # somebody is in it


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def _write(path: str, data: bytes) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(data)

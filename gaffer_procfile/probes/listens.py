"""The probe `listens`: whether the process, or what it has started, listens on its PORT.

Nobody else's listener counts, so a port that was taken before is never mistaken for readiness.
"""

from __future__ import annotations

import os

from ..posix import system
from ..posix.tree import MARK, Tree
from .attempt import Attempt
from .listeners import listening_sockets
from .port import NO_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_MARK = "-"  # nobody has this one


class ListensAttempt(Attempt):
    def start(self) -> None:
        port = self._subject.port(self._probe)
        if port is None:
            self._tell(NO_PORT)
            return
        look = _look_in_proc if system.has_process_table() else _look_by_psutil
        self._tell(look(self._subject.os_pid, port))


def _look_in_proc(pid: int, port: int) -> str | None:
    listeners = set(listening_sockets(port))
    if not listeners:
        return f"nothing listens on port {port}"
    # Only now: while nothing listens a look is one question to the kernel.
    for member in _members(pid):
        if not listeners.isdisjoint(_sockets(member)):
            return None
    return f"port {port} is somebody else's: neither it nor what it has started listens there"


def _members(pid: int) -> Iterator[int]:
    """The process and all that it has started, wherever that has gone."""
    yield pid
    prefix = f"{MARK}=".encode()
    marks = [
        variable[len(prefix) :].decode()
        for variable in system.process_environment(pid).split(b"\0")
        if variable.startswith(prefix)
    ]
    tree = Tree(pid, marks[0] if marks else _NO_MARK)
    for row in tree.look():
        yield row.pid


def _sockets(pid: int) -> Iterator[int]:
    """The inodes of the sockets that a process has open."""
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{name}")
            except FileNotFoundError:
                continue  # closed meanwhile
            if target.startswith("socket:["):
                yield int(target[len("socket:[") : -1])
    except OSError:
        return  # it has ended, or is somebody else's


def _look_by_psutil(pid: int, port: int) -> str | None:
    import psutil

    try:
        leader = psutil.Process(pid)
        members = [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return "it has ended"
    for member in members:
        # Its name until psutil 6, and all that older ones have.
        connections = getattr(member, "net_connections", None) or member.connections
        try:
            for connection in connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return None
        except psutil.Error:
            continue  # it has ended meanwhile, or is somebody else's
    return f"neither it nor what it has started listens on port {port}"

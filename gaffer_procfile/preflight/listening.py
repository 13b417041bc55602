"""Which ports of this machine somebody listens on already, and who that is.

Asked by trying: /proc/net/tcp would tell too, but takes the kernel milliseconds to write, and only
Linux has it. What listens on any address is found: 127.0.0.1, ::1 or all. A connection that was
closed a moment ago (TIME_WAIT) is not in anybody's way.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

FREE = "free"
TAKEN = "taken"
UNCLEAR = "unclear"  # a port that only root may have


class Listener:
    """Who listens on a port. `directory` is where it runs; None is what we may not see."""

    __slots__ = ("directory", "name", "pid")

    def __init__(
        self, name: str | None = None, pid: int | None = None, directory: str | None = None
    ) -> None:
        self.name = name
        self.pid = pid
        self.directory = directory

    def __str__(self) -> str:
        """As in "port 5000 is in use by …"."""
        if self.pid is None:
            return "another user's process"
        where = "" if self.directory is None else f", in {_shortened(self.directory)}"
        return f"{self.name or 'a process'} (pid {self.pid}{where})"


def find_listeners(ports: Iterable[int]) -> dict[int, Listener]:
    """Those of `ports` that are in use, each with who listens there. Cheap where none is."""
    import _socket  # `socket` has a hundred times as much in it

    states = {port: _state(_socket, port) for port in ports}
    suspects = [port for port, state in states.items() if state != FREE]
    if not suspects:
        return {}
    found = _owners(suspects)
    if found is not None:
        # Taken and without a listener: by an outgoing connection that happens to have this number
        # here, and is no reason to refuse anything.
        return {port: found[port] for port in suspects if port in found}
    return {port: Listener() for port in suspects if states[port] == TAKEN}


def is_free(port: int) -> bool:
    """Whether we could listen on `port`, on every address."""
    import _socket

    return _state(_socket, port) == FREE


def _state(socket: Any, port: int) -> str:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 here, so nobody listens by it
        try:
            # As servers do: TIME_WAIT is passed over then, a listener never.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return TAKEN
            if error.errno == errno.EACCES:
                return UNCLEAR
            # EADDRNOTAVAIL and the like: this kind of address is switched off.
        finally:
            probe.close()
    return FREE


def _owners(ports: Sequence[int]) -> dict[int, Listener] | None:
    """Who listens on which of `ports`; None where that can't be told."""
    import psutil  # 15 ms, for those who have a conflict

    try:
        rows = [(row.laddr, row.status, row.pid) for row in psutil.net_connections("tcp")]
    except (psutil.Error, OSError):
        # Without root macOS tells of one's own processes only, each by itself.
        rows = list(_own_rows(psutil))
        if not rows:
            return None
        found = _by_port(psutil, rows, ports)
        return {port: found.get(port) or Listener() for port in ports}
    return _by_port(psutil, rows, ports)


def _own_rows(psutil: Any) -> Iterator[tuple[Any, str, int]]:
    for process in psutil.process_iter():
        # Its name until psutil 6, and all that older ones have.
        connections = getattr(process, "net_connections", None) or process.connections
        try:
            for row in connections("tcp"):
                yield row.laddr, row.status, process.pid
        except psutil.Error:
            continue  # it has ended meanwhile, or is somebody else's


def _by_port(
    psutil: Any, rows: Iterable[tuple[Any, str, int | None]], ports: Sequence[int]
) -> dict[int, Listener]:
    found: dict[int, Listener] = {}
    for address, status, pid in rows:
        if status != psutil.CONN_LISTEN or address.port not in ports:
            continue
        # Of several, one that can be named.
        if address.port not in found or found[address.port].pid is None:
            found[address.port] = _listener(psutil, pid)
    return found


def _listener(psutil: Any, pid: int | None) -> Listener:
    if pid is None:
        return Listener()
    name = directory = None
    try:
        process = psutil.Process(pid)
        name = process.name()
        directory = process.cwd() or None
    except (psutil.Error, OSError):
        pass  # it is ending, or doesn't let everybody look
    return Listener(name, pid, directory)


def _shortened(directory: str) -> str:
    """…/other-project: its last part is what tells people which one it is."""
    name = os.path.basename(directory)
    return f"…/{name}" if name else directory

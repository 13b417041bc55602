"""A run's control socket: where it is, who may connect to it, and which runs a project has.

A socket is named by its project's directory and the run's pid, in a private directory of the user's:
so several runs of a project are found, and two projects never meet.
"""

from __future__ import annotations

import _socket
import os
import stat
import sys

from .errors import GafferError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

NAME = "gaffer"
SUFFIX = ".sock"
RUNTIME = "/run/user"  # where systemd has a directory of each user's
EARLY = ".new"  # behind the name of a socket that doesn't listen yet
LONGEST_PATH = 103  # bytes; an address holds 108 on Linux, 104 elsewhere, with a NUL at its end
BACKLOG = 512  # connections
_SOL_LOCAL = 0  # of macOS and the BSDs
_LOCAL_PEERPID = 2  # of macOS


class ControlError(GafferError):
    """There is no control socket to be had."""


class UnixListener:
    """A run's socket, on which it listens; only who runs gaffer may connect, and root.

    `pid` is the number by which the run is known, where that isn't this process's. Who connects
    before anybody accepts waits for that. Raises ControlError.
    """

    is_local: Literal[True] = True

    def __init__(self, directory: str, pid: int | None = None) -> None:
        self.pid = os.getpid() if pid is None else pid
        self.path = socket_path(directory, self.pid)
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        # Under its own name it is there only while it listens: so one that doesn't is a dead run's.
        early = f"{self.path}{EARLY}"
        if os.path.lexists(early):
            os.unlink(early)  # of one with our number that was killed at this point
        try:
            self.socket.bind(early)
            os.chmod(early, 0o600)
            self.socket.listen(BACKLOG)
            self.socket.setblocking(False)
            os.rename(early, self.path)
        except OSError as error:
            self.socket.close()
            raise ControlError(f"can't listen on {self.path}: {error.strerror}") from error
        self._made = os.lstat(self.path).st_ino

    def admits(self, connection: _socket.socket) -> bool:
        return _peer(connection)[1] in (os.getuid(), 0)

    def close(self) -> None:
        self.socket.close()
        try:
            if os.lstat(self.path).st_ino == self._made:
                os.unlink(self.path)
        except FileNotFoundError:
            pass  # somebody has tidied up


class Run:
    """A run that can be reached: its socket, its pid and the project's directory.

    The pid is that of the process that the user has started; `server_pid` is gaffer proper's.
    """

    __slots__ = ("directory", "path", "pid")

    def __init__(self, path: str, pid: int, directory: str) -> None:
        self.path = path
        self.pid = pid
        self.directory = directory

    def __repr__(self) -> str:
        return f"Run({self.path!r}, pid={self.pid}, directory={self.directory!r})"


def runs_of(directory: str) -> list[Run]:
    """The live runs of the project that `directory` is in, oldest first.

    That is the directory itself, or the nearest above it that has any.
    """
    for path in with_those_above(directory):
        found = runs_in(path)
        if found:
            return found
    return []


def runs_in(directory: str) -> list[Run]:
    """The live runs of exactly this project directory, oldest first."""
    return _live([os.path.realpath(directory)])


def runs_around(directories: Iterable[str]) -> list[Run]:
    """The live runs of exactly these directories, and of all that are above them, oldest first."""
    return _live({path for directory in directories for path in with_those_above(directory)})


def with_those_above(directory: str) -> Iterator[str]:
    """The real path of a directory, and those of all that it is in, from the inside out."""
    path = os.path.realpath(directory)
    yield path
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above


def _live(paths: Iterable[str]) -> list[Run]:
    return [run for run in _runs(paths) if is_live(run.path)]


def connect(path: str) -> _socket.socket:
    """A blocking connection to a run's socket. Raises OSError."""
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        made.connect(path)
    except OSError:
        made.close()
        raise
    return made


def server_pid(path: str) -> int | None:
    """The process that listens on a run's socket; None where the system doesn't say, or it has ended."""
    try:
        made = connect(path)
    except OSError:
        return None
    try:
        return _peer(made)[0]
    finally:
        made.close()


def _peer(connection: _socket.socket) -> tuple[int | None, int]:
    """The pid (None where the system doesn't say) and the user at the other end of a unix socket."""
    import struct

    if hasattr(_socket, "SO_PEERCRED"):
        found = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        pid, uid, _gid = struct.unpack("3i", found)
        return pid or None, uid  # 0 is one in another namespace
    option: int = getattr(_socket, "LOCAL_PEERCRED", 1)
    _version, uid = struct.unpack_from("2I", connection.getsockopt(_SOL_LOCAL, option, 128))
    if sys.platform != "darwin":
        return None, uid
    (pid,) = struct.unpack("i", connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
    return pid, uid


def is_live(path: str) -> bool:
    """Whether somebody listens on the socket. One of a run that was killed is refused."""
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.connect(path)
    except BlockingIOError:
        return True  # it is there, and has no time for us
    except OSError:
        return False
    finally:
        made.close()
    return True


def socket_path(directory: str, pid: int) -> str:
    """The path for the socket of a run, in a directory that is made if need be.

    What runs of this project that were killed have left there is removed. Raises ControlError.
    """
    path = os.path.realpath(directory)
    name = f"{project_hash(path)}-{pid}{SUFFIX}"
    place = os.path.join(_make_place(len(name) + len(EARLY)), name)
    for run in _runs([path]):
        if not is_live(run.path):
            _remove(run.path)
    if not os.path.lexists(place):
        return place
    # Another container's process may have our number, where both share the directory.
    number = next(n for n in range(1, 1000) if not os.path.lexists(_numbered(place, n)))
    return _numbered(place, number)


def open_shared(name: str) -> int:
    """A descriptor of a file that all runs of this user share. Raises ControlError and OSError."""
    path = os.path.join(_make_place(len(name)), name)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _numbered(place: str, number: int) -> str:
    return f"{place.removesuffix(SUFFIX)}-{number}{SUFFIX}"


def project_hash(path: str) -> str:
    """What a project's real path becomes in the names of its sockets."""
    try:
        from _blake2 import blake2b  # hashlib around it takes ten times as long to import
    except ImportError:
        from hashlib import blake2b
    return blake2b(os.fsencode(path), digest_size=10).hexdigest()


def project_number(directory: str) -> int:
    """A number of a project's own, as far as 40 bits can tell; any file may be as long as that."""
    return int(project_hash(os.path.realpath(directory))[:10], 16)


def places() -> Iterator[str]:
    """Where the sockets of this user may be, the best place first."""
    uid = os.getuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isabs(runtime):
        runtime = os.path.realpath(runtime)
        yield os.path.join(runtime, NAME)
    # Without the variable too: cron and sudo take it away.
    usual = os.path.realpath(f"{RUNTIME}/{uid}")
    if usual != runtime and os.path.isdir(usual):
        yield os.path.join(usual, NAME)
    yield f"/tmp/{NAME}-{uid}"


def _runs(paths: Iterable[str]) -> list[Run]:
    """The runs of which there are sockets, live or not, by the real paths of projects, oldest first."""
    projects = {project_hash(path): path for path in paths}
    found = []
    for place in places():
        if _fault_of(place) is not None:
            continue  # somebody else could have put them there
        for name in os.listdir(place):
            project, _dash, rest = name.partition("-")
            if project not in projects:
                continue  # there may be very many
            pid = rest.removesuffix(SUFFIX).partition("-")[0]
            if name.endswith(SUFFIX) and pid.isdecimal():
                socket = os.path.join(place, name)
                try:
                    made = os.lstat(socket).st_mtime
                except FileNotFoundError:
                    continue  # that run has just ended
                found.append((made, socket, Run(socket, int(pid), projects[project])))
    return [run for _made, _socket, run in sorted(found, key=lambda each: each[:2])]


def _make_place(length: int) -> str:
    """A private directory in which a name of `length` bytes makes an address."""
    fault = ""
    for place in places():
        if len(os.fsencode(place)) + 1 + length > LONGEST_PATH:
            fault = f"{place} is too long a path for a socket"
            continue
        try:
            os.mkdir(place, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            fault = f"can't make {place}: {error.strerror}"
            continue
        found = _fault_of(place)
        if found is None:
            return place
        fault = f"{place} {found}"
    raise ControlError(
        f"no place for the control socket: {fault}",
        hint="set XDG_RUNTIME_DIR to a directory that is yours alone",
    )


def _fault_of(place: str) -> str | None:
    """Why a directory isn't to be trusted with sockets; None if it is ours alone."""
    try:
        found = os.lstat(place)
        above = os.stat(os.path.dirname(place))
    except OSError as error:
        return f"can't be looked at: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return "isn't a directory"
    if found.st_uid != os.getuid():
        return "belongs to somebody else"
    if stat.S_IMODE(found.st_mode) & 0o077:
        return "is open to others"
    if above.st_uid not in (0, os.getuid()):
        return "is in somebody else's directory"
    if above.st_mode & 0o022 and not above.st_mode & stat.S_ISVTX:
        return "is in a directory in which others may replace it"
    return None


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # another run was as quick

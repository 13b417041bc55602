"""Starting one operating-system process exactly as a template says, or saying why it can't be."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import subprocess
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NOT_FOUND = 127  # the exit statuses with which a shell says so
NOT_EXECUTABLE = 126
FIRST_EXTRA_FD = 3

_VARIABLE = r"\$(?:\{(\w+)\}|(\w+))"
_extra_fds_lock = Lock()


class CannotSpawn(Exception):
    """The command can't be executed: `status` is what a shell would exit with, `reason` says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def split_args(args: str | Sequence[str] | None) -> list[str]:
    """Arguments as a list; a string is split as a shell splits words."""
    if args is None:
        return []
    return _split(args) if isinstance(args, str) else list(args)


def command_line(cmd: str, args: Sequence[str], env: Mapping[str, str], shell: bool) -> list[str]:
    """The words to execute. `$NAME` is replaced from `env`, but for a shell, which does it itself."""
    if shell:
        return ["/bin/sh", "-c", f"{cmd} {_quote(args)}" if args else cmd]
    return [expand(word, env) for word in [*_split(cmd), *args]]


def _split(text: str) -> list[str]:
    import shlex  # a Procfile's commands need neither this nor the next one

    return shlex.split(text)


def _quote(words: Sequence[str]) -> str:
    import shlex

    return shlex.join(words)


def expand(word: str, env: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}`; a name that `env` doesn't have stays as it is."""
    return re.sub(_VARIABLE, lambda match: env.get(match[1] or match[2], match[0]), word)


class Credentials:
    """The user and groups to run as, looked up once, so that an unknown name is refused at once.

    `uid` and `gid` are numbers or names. With a user alone, the group and the supplementary groups
    are that user's. Raises ValueError for a name that the system doesn't know.
    """

    __slots__ = ("gid", "groups", "uid")

    def __init__(self, uid: int | str | None, gid: int | str | None) -> None:
        self.uid: int | None = None
        self.gid: int | None = None
        self.groups: list[int] | None = None
        if gid is not None:
            self.gid = _group_id(gid)
            self.groups = [self.gid]
        if uid is not None:
            import pwd

            try:
                user = pwd.getpwnam(uid) if isinstance(uid, str) else pwd.getpwuid(uid)
            except KeyError:
                if isinstance(uid, str):
                    raise ValueError(f"no such user: {uid!r}") from None
                self.uid = uid  # a number needs no entry
                self.groups = self.groups or []
            else:
                self.uid = user.pw_uid
                self.gid = user.pw_gid if self.gid is None else self.gid
                self.groups = os.getgrouplist(user.pw_name, self.gid)
        if os.geteuid() != 0:
            self.groups = None  # only root may set them; for itself a user has them already


def _group_id(gid: int | str) -> int:
    if isinstance(gid, int):
        return gid
    import grp

    try:
        return grp.getgrnam(gid).gr_gid
    except KeyError:
        raise ValueError(f"no such group: {gid!r}") from None


def spawn(
    words: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: str | None = None,
    credentials: Credentials | None = None,
    stdio: Sequence[int],
    extra_fds: Sequence[int] = (),
    controls_terminal: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `words` in a session of its own, with `stdio` as descriptors 0 to 2 and `extra_fds` from 3.

    With `controls_terminal` descriptor 0 is a terminal, and controls the session. Raises CannotSpawn.
    """
    if not words:
        raise CannotSpawn(NOT_FOUND, "empty command")

    def start(
        pass_fds: Sequence[int] = (), move_fds: Callable[[], None] | None = None
    ) -> subprocess.Popen[bytes]:
        prepare = move_fds
        if controls_terminal:
            from .pty import control

            def prepare() -> None:
                if move_fds is not None:
                    move_fds()
                control(0)

        return subprocess.Popen(
            words,
            env=env,
            cwd=cwd,
            stdin=stdio[0],
            stdout=stdio[1],
            stderr=stdio[2],
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=prepare,
            user=credentials.uid if credentials else None,
            group=credentials.gid if credentials else None,
            extra_groups=credentials.groups if credentials else None,
        )

    try:
        if not extra_fds:
            return start()
        with _extra_fds_lock:
            return _start_with_extra_fds(start, extra_fds)
    except ValueError as error:  # a NUL byte in a word or in the environment
        raise CannotSpawn(NOT_EXECUTABLE, str(error)) from error
    except subprocess.SubprocessError as error:
        raise CannotSpawn(NOT_EXECUTABLE, str(error)) from error
    except OSError as error:
        raise _explain(error, words[0], cwd, credentials) from error


def _start_with_extra_fds(
    start: Callable[..., subprocess.Popen[bytes]], extra_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Put `extra_fds` at 3, 4, … of the child, whatever has these numbers here.

    Python passes descriptors on under their own numbers only, so the child moves them before it
    executes. Until then the numbers must be taken in the parent as well, or the pipe that reports a
    failed exec would get one of them.
    """
    targets = range(FIRST_EXTRA_FD, FIRST_EXTRA_FD + len(extra_fds))
    above = targets.stop
    placeholders: list[int] = []
    sources: list[int] = []
    null = os.open(os.devnull, os.O_RDWR)
    try:
        while (fd := fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, targets.start)) < above:
            placeholders.append(fd)
        placeholders.append(fd)
        sources.extend(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in extra_fds)

        def move() -> None:
            for source, target in zip(sources, targets, strict=True):
                os.dup2(source, target)

        return start(pass_fds=targets, move_fds=move)
    finally:
        for fd in [null, *placeholders, *sources]:
            os.close(fd)


def describe_failure(error: OSError) -> CannotSpawn:
    """No process could be had at all: no descriptors, no memory, too many processes."""
    return CannotSpawn(NOT_EXECUTABLE, f"can't start a process: {error.strerror}")


def _explain(
    error: OSError, program: str, cwd: str | None, credentials: Credentials | None
) -> CannotSpawn:
    if cwd is not None and not os.path.isdir(cwd):
        return CannotSpawn(NOT_EXECUTABLE, f"no such directory: {cwd}")
    if error.errno == errno.EPERM and credentials is not None:
        return CannotSpawn(NOT_EXECUTABLE, f"can't become user {credentials.uid}: {error.strerror}")
    if error.filename is None or error.errno in (
        errno.EAGAIN,
        errno.ENOMEM,
        errno.EMFILE,
        errno.ENFILE,
    ):
        return describe_failure(error)
    if error.errno == errno.ENOENT:
        if os.path.dirname(program) and os.path.exists(os.path.join(cwd or ".", program)):
            # The kernel says "not found" of a script whose #! line names nothing.
            return CannotSpawn(NOT_EXECUTABLE, f"{program}: its interpreter was not found")
        return CannotSpawn(NOT_FOUND, f"command not found: {program}")
    if error.errno in (errno.EACCES, errno.ENOEXEC, errno.EISDIR, errno.ENOTDIR):
        return CannotSpawn(NOT_EXECUTABLE, f"not executable: {program} ({error.strerror})")
    return CannotSpawn(NOT_EXECUTABLE, f"{program}: {error.strerror}")

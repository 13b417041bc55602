"""Starting one operating-system process exactly as a template says, or saying why it can't be."""

from __future__ import annotations

import errno
import os

from ..lean import signal
from . import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import ClassVar

    from .credentials import Credentials
    from .plumbing import Plumbing

    Owner = tuple[int | str | None, int | str | None]  # user and group, numbers or names

NOT_FOUND = 127  # the exit statuses with which a shell says so
NOT_EXECUTABLE = 126
STATUS_UNKNOWN = 255  # as asyncio has it
TAKEN = "its exit status is unknown: something else in this program has taken it"

_VARIABLE = r"\$(?:\{(\w+)\}|(\w+))"
_LEAST_LIMIT = 256  # of descriptors, that a system begins with
_is_sealed = False
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
IGNORED_BY_SHELLS = (signal.SIGINT, signal.SIGQUIT)  # for what they put into the background


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


def command_line(
    cmd: str, args: Sequence[str], env: Mapping[str, str], shell: bool, expands: bool = True
) -> list[str]:
    """The words to execute. `$NAME` is replaced from `env`, but for a shell, which does it itself."""
    if shell:
        return ["/bin/sh", "-c", f"{cmd} {_quote(args)}" if args else cmd]
    words = [*_split(cmd), *args]
    return [expand(word, env) for word in words] if expands else words


def _split(text: str) -> list[str]:
    import shlex  # a Procfile's commands need neither this nor the next one

    return shlex.split(text)


def _quote(words: Sequence[str]) -> str:
    import shlex

    return shlex.join(words)


def expand(word: str, env: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}`; a name that `env` doesn't have stays as it is."""
    import re  # as above

    return re.sub(_VARIABLE, lambda match: env.get(match[1] or match[2], match[0]), word)


def find_credentials(uid: int | str | None, gid: int | str | None) -> Credentials | None:
    """Whom to run as, None for ourselves. Raises ValueError for a name that nobody has."""
    if uid is None and gid is None:
        return None
    from .credentials import Credentials  # pwd and grp, for the few who ask for it

    return Credentials(uid, gid)


class Child:
    """A process that we have started, until it is reaped.

    `reason` tells when somebody else has: SIGCHLD is ignored, or the program waits for any child.
    """

    __slots__ = ("_returncode", "pid", "reason")

    unreaped: ClassVar[set[int]] = set()
    """The pids of all of them."""
    _let_go: ClassVar[list[Child]] = []

    def __init__(self, pid: int) -> None:
        self._reap_let_go()
        self.pid = pid
        self.unreaped.add(pid)
        self.reason: str | None = None
        self._returncode: int | None = None

    def let_go(self) -> None:
        """Leave it to the next one that is started to reap it: nobody waits for its end any more."""
        self._let_go.append(self)

    @classmethod
    def _reap_let_go(cls) -> None:
        running = []
        for _ in range(len(cls._let_go)):
            try:
                # Out of it first: no other thread is to ask for its pid meanwhile.
                child = cls._let_go.pop()
            except IndexError:
                break
            if child.poll() is None:
                running.append(child)
        cls._let_go += running

    def poll(self) -> int | None:
        """Reap it if it has ended: its exit status, or minus the signal that killed it; else None.

        STATUS_UNKNOWN where it was taken: nobody is to think that it has done well.
        """
        if self._returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.reason = TAKEN
                self._returncode = STATUS_UNKNOWN
            else:
                if not pid:
                    return None
                self._returncode = os.waitstatus_to_exitcode(status)
            self.unreaped.discard(self.pid)
        return self._returncode


def start(
    make_words: Callable[[], Sequence[str]],
    env: Mapping[str, str],
    open_plumbing: Callable[[], Plumbing],
    *,
    cwd: str | None,
    owner: Owner,
    channels: Sequence[int],
    controls_terminal: bool,
) -> tuple[Child, Plumbing]:
    """Start what `make_words()` gives on what `open_plumbing()` opens: the process, and our ends.

    Raises CannotSpawn, with nothing left open, whatever the fault: nobody may wait for what wasn't
    started.
    """
    try:
        words, credentials = make_words(), find_credentials(*owner)
        plumbing = open_plumbing()
        try:
            child = spawn(
                words,
                env,
                cwd=cwd,
                credentials=credentials,
                stdio=plumbing.stdio,
                extra_fds=[*plumbing.extra, *channels],
                controls_terminal=controls_terminal,
            )
        except BaseException:
            plumbing.close_ours()
            raise
        finally:
            plumbing.close_theirs()
    except CannotSpawn:
        raise
    except OSError as error:
        raise describe_failure(error) from error
    except ValueError as error:  # a user who isn't known any more, say
        raise CannotSpawn(NOT_EXECUTABLE, str(error)) from error
    except Exception as error:
        raise CannotSpawn(NOT_EXECUTABLE, f"can't start a process: {error!r}") from error
    return child, plumbing


def spawn(
    words: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: str | None = None,
    credentials: Credentials | None = None,
    stdio: Sequence[int],
    extra_fds: Sequence[int] = (),
    controls_terminal: bool = False,
) -> Child:
    """Start `words` in a session of its own, with `stdio` as descriptors 0 to 2 and `extra_fds` from 3.

    With `controls_terminal` descriptor 0 is a terminal, and controls the session. Raises CannotSpawn.
    """
    if not words:
        raise CannotSpawn(NOT_FOUND, "empty command")
    try:
        if not (credentials or extra_fds or controls_terminal) and _is_direct(words[0], cwd, stdio):
            return _spawn_directly(words, env, stdio)
        from .popen import popen  # with subprocess, which takes longer than a first spawn

        pid = popen(
            words,
            env,
            cwd=cwd,
            credentials=credentials,
            stdio=stdio,
            extra_fds=extra_fds,
            controls_terminal=controls_terminal,
        )
        return Child(pid)
    except ValueError as error:  # a NUL byte in a word, say
        raise CannotSpawn(NOT_EXECUTABLE, str(error)) from error
    except OSError as error:
        raise _explain(error, words[0], cwd, credentials) from error


def seal_descriptors() -> None:
    """Mark what our parent left open above stderr, so that no process of ours inherits it.

    Python opens its own descriptors so. When all are, posix_spawn(3) can do without the closing that
    `subprocess` is good for. Only for a program of which we know that it keeps it so.
    """
    global _is_sealed
    if system.has_posix_spawn():
        system.close_on_exec()
        _is_sealed = True


def make_room(processes: int) -> None:
    """Allow ourselves the descriptors that so many processes take, as far as we may."""
    wanted = 64 + 5 * processes
    if wanted <= _LEAST_LIMIT:
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _is_direct(program: str, cwd: str | None, stdio: Sequence[int]) -> bool:
    """Whether posix_spawn(3) can do it: it looks nowhere, stays where we are, closes nothing."""
    return (
        _is_sealed
        and os.path.dirname(program) != ""
        and min(stdio) > 2
        and (cwd is None or _is_here(cwd))
    )


def _is_here(cwd: str) -> bool:
    try:
        return os.path.samefile(cwd, ".")
    except OSError:
        return False  # one of them is gone


def _spawn_directly(words: Sequence[str], env: Mapping[str, str], stdio: Sequence[int]) -> Child:
    pid = os.posix_spawn(
        words[0],
        list(words),
        env,
        file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(stdio)],
        setsid=True,
        setsigdef=(*_IGNORED_BY_PYTHON, *IGNORED_BY_SHELLS),
        setsigmask=(),
    )
    return Child(pid)


def describe_failure(error: OSError) -> CannotSpawn:
    """No process could be had at all: no descriptors, no memory, too many processes."""
    return CannotSpawn(NOT_EXECUTABLE, f"can't start a process: {error.strerror}")


def _explain(
    error: OSError, program: str, cwd: str | None, credentials: Credentials | None
) -> CannotSpawn:
    if cwd is not None and not os.path.isdir(cwd):
        return CannotSpawn(NOT_EXECUTABLE, f"no such directory: {cwd}")
    if error.errno == errno.EPERM and credentials is not None:
        return CannotSpawn(NOT_EXECUTABLE, f"can't become {credentials}: {error.strerror}")
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

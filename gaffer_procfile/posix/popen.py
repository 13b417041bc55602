"""Spawning by `subprocess`: in another directory, as another user, with descriptors past stderr."""

from __future__ import annotations

import fcntl
import os
import subprocess

from ..lean import Lock, signal
from .spawn import IGNORED_BY_SHELLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .credentials import Credentials

FIRST_EXTRA_FD = 3

_extra_fds_lock = Lock()


def popen(
    words: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: str | None,
    credentials: Credentials | None,
    stdio: Sequence[int],
    extra_fds: Sequence[int],
    controls_terminal: bool,
) -> int:
    """Start `words`, as `spawn` has it; the pid. Raises OSError, and ValueError for bad arguments."""

    def start(
        pass_fds: Sequence[int] = (), move_fds: Callable[[], None] | None = None
    ) -> subprocess.Popen[bytes]:
        prepare = move_fds
        ignored = [each for each in IGNORED_BY_SHELLS if signal.getsignal(each) == signal.SIG_IGN]
        if controls_terminal or ignored or signal.pthread_sigmask(signal.SIG_BLOCK, ()):

            def prepare() -> None:
                for signum in ignored:
                    signal.signal(signum, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_SETMASK, ())
                if move_fds is not None:
                    move_fds()
                if controls_terminal:
                    from .pty import control

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
        if extra_fds:
            with _extra_fds_lock:
                started = _start_with_extra_fds(start, extra_fds)
        else:
            started = start()
    except subprocess.SubprocessError as error:
        raise ValueError(str(error)) from error
    started.returncode = 0  # whoever has the pid reaps it, `subprocess` is to leave it alone
    return started.pid


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

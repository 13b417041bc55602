"""The guard: nothing that `gaffer start` started outlives it, however it ends.

The process that the user started, the outer one, forks at once:

    outer    in the user's process group: passes signals on, ends as gaffer ended
    └─ guard in a session of its own, where no signal meant for gaffer reaches it
       └─ gaffer proper, in the user's process group

The guard is a child subreaper: whatever gaffer started and lost (a daemon that forked twice, all of
it when gaffer is killed) becomes the guard's child. It reaps them while gaffer runs. When gaffer has
ended it kills what is left, at one blow where gaffer has a cgroup (`posix/cgroup.py`), and only then
lets the outer one know. When the outer one or the guard is killed, gaffer learns it from the end of a
pipe and stops everything in order.

Linux only (prctl(2), PR_SET_CHILD_SUBREAPER); elsewhere `enter` does nothing.
"""

from __future__ import annotations

import os

from .lean import signal
from .posix import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

_PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGCONT,
)
# What the keys of a terminal, and its window, send to the whole group: gaffer has got it as well.
_FROM_KEYS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH)
_FROM_KERNEL = 0x80  # si_code SI_KERNEL


class Guarded:
    """What gaffer proper knows of the two others. `fds` become readable when either is gone."""

    def __init__(self, outer: int, guard: int) -> None:
        self.fds = (outer, guard)
        self._guard = guard

    def wait(self) -> None:
        """Wait until the guard would get what we start and lose."""
        os.read(self._guard, 1)


def enter() -> Guarded | None:
    """Become gaffer proper, under a guard. The other two processes never return from here.

    None where there is no guard: on another platform, or where no process can be had for it.
    """
    if not system.has_subreaper():
        return None
    watched = [signum for signum in _PASSED_ON if signal.getsignal(signum) != signal.SIG_IGN]
    if signal.SIGINT not in watched:
        # A shell's background job has SIGINT ignored; `kill -INT` is to stop us all the same.
        watched.append(signal.SIGINT)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would take our children's statuses
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [*watched, signal.SIGCHLD])
    outer_reader, outer_writer = os.pipe()  # its end: the outer process is gone
    guard_reader, guard_writer = os.pipe()  # a byte: the guard is ready; its end: it is gone
    status_reader, status_writer = os.pipe()  # how gaffer ended, and which process it is
    try:
        guard = os.fork()
    except OSError:
        for pipe in ((outer_reader, outer_writer), (guard_reader, guard_writer)):
            _close(*pipe)
        _close(status_reader, status_writer)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return None
    if guard:
        _close(outer_reader, guard_reader, guard_writer, status_writer)
        _pass_signals_on(guard, status_reader, watched)
    _close(outer_writer, status_reader)
    try:
        gaffer = os.fork()
    except OSError as error:
        os.write(2, f"gaffer: can't start a process: {error.strerror}\n".encode())
        os._exit(1)
    if gaffer:
        _close(outer_reader, guard_reader)
        _guard(gaffer, guard_writer, status_writer)
    _close(guard_writer, status_writer)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return Guarded(outer_reader, guard_reader)


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


# ---- the outer process


def _pass_signals_on(guard: int, status_reader: int, watched: Iterable[int]) -> NoReturn:
    """Pass on to gaffer proper what comes, until the guard says that all is over."""
    for signum in watched:
        signal.signal(signum, signal.SIG_DFL)
    gaffer = os.read(status_reader, 4)
    if not gaffer:
        _end_as(b"")
    target = _Target(int.from_bytes(gaffer, "little"))
    modes = _terminal_modes()
    wanted = {*watched, signal.SIGCHLD}
    while True:
        found = signal.sigwaitinfo(wanted)
        if found.si_signo == signal.SIGCHLD:
            # As PID 1 of a container we have other children than our own, too.
            if guard in _reap():
                status = os.read(status_reader, 4)
                if os.WIFSIGNALED(int.from_bytes(status, "little")):
                    _restore(modes)  # it may have had no time to
                _end_as(status)
            continue
        if found.si_code != _FROM_KERNEL or found.si_signo not in _FROM_KEYS:
            target.send(found.si_signo)


def _terminal_modes() -> list[Any] | None:
    """Those of our terminal; None where there is none."""
    if not os.isatty(0):
        return None
    import termios

    return termios.tcgetattr(0)


def _restore(modes: list[Any] | None) -> None:
    """Put the terminal back as it was, if it is there and ours."""
    if modes is None:
        return
    import termios

    try:
        if os.tcgetpgrp(0) == os.getpgrp():
            termios.tcsetattr(0, termios.TCSANOW, modes)
    except (OSError, termios.error):
        pass  # it has hung up


def _reap() -> list[int]:
    """Take the status of every child that has ended; which ones."""
    ended: list[int] = []
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended.append(pid)


class _Target:
    """Gaffer proper, which isn't our child: its number may be another's when it has ended."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        try:
            self._pidfd = system.open_pidfd(pid)
        except ProcessLookupError:
            self._pid = 0

    def send(self, signum: int) -> None:
        try:
            if self._pid and self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, signum)
            elif self._pid:
                os.kill(self._pid, signum)
        except ProcessLookupError:
            pass  # it has ended: SIGCHLD is on its way


def _end_as(status: bytes) -> NoReturn:
    """End as gaffer proper has ended; with 1 when even the guard was killed."""
    code = os.waitstatus_to_exitcode(int.from_bytes(status, "little")) if status else 1
    if code < 0:
        end_by(-code)
    os._exit(code)


def end_by(signum: int) -> NoReturn:
    """End by a signal, so that whoever waits for us sees what happened."""
    if signum not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signum])
    os.kill(os.getpid(), signum)
    os._exit(128 + signum)  # PID 1 of a container doesn't end by its own signals


# ---- the guard


def _guard(gaffer: int, ready: int, status_writer: int) -> NoReturn:
    """Reap until gaffer proper has ended, then kill what is left, then say how it ended."""
    outer = os.getppid()
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        _let_go_of_files(keep=(ready, status_writer))
        os.write(status_writer, gaffer.to_bytes(4, "little"))
        try:
            system.become_subreaper()
        except OSError:
            pass  # a sandbox forbids it: what gaffer starts is then init's when gaffer is killed
        os.write(ready, b"!")
        from .posix.cgroup import enclose  # after that: nobody waits for it

        cgroup = enclose(gaffer)
        status = _wait_for(gaffer, outer)
        if cgroup is not None:
            cgroup.kill()
        sweep()
        os.write(status_writer, status.to_bytes(4, "little"))
        if cgroup is not None:
            cgroup.remove()
    finally:
        os._exit(0)


def _let_go_of_files(keep: tuple[int, int]) -> None:
    """Close what is gaffer's: whoever reads its output waits until nobody can write to it."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    low, high = sorted(keep)
    limit = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, min(limit, 65536))
    os.chdir("/")


def _wait_for(gaffer: int, outer: int) -> int:
    """Gaffer's wait status, when it has ended. When it is halted, so is the outer process."""
    while True:
        pid, status = os.waitpid(-1, os.WUNTRACED)
        if pid != gaffer:
            continue
        if not os.WIFSTOPPED(status):
            return status
        # Now, and not before: whoever then continues the outer one continues gaffer, too. The
        # shell waits for the outer one to halt.
        if os.getppid() == outer:
            os.kill(outer, signal.SIGSTOP)


def sweep() -> None:
    """Kill and reap until we have no child left. Only for a process whose children all may die.

    The children of a killed one become ours, and their turn comes.
    """
    me = os.getpid()
    while True:
        for pid in system.children_of(me):
            os.kill(pid, signal.SIGKILL)  # not reaped by us yet: the number is nobody else's
        try:
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return

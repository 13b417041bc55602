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

A gaffer proper that hangs does nothing of that. The outer one kills it when it is told to stop for the
third time, and the guard does when the outer one is gone and gaffer doesn't hear of it.

Linux only (prctl(2), PR_SET_CHILD_SUBREAPER); elsewhere `enter` does nothing.
"""

from __future__ import annotations

import os
import time

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
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# Seconds since the wish to stop before, from which on the next one counts: one keypress or one `kill`
# of a group is one wish, and after the second, which kills all, gaffer gets the time to end.
_PAUSES = (0.0, 0.2, 2.0)

_OUTER_ENDED = signal.SIGUSR1  # the guard's signal for that
_HEARING = 5.0  # seconds in which gaffer has to hear that the outer one is gone
_DYING = 5.0  # seconds in which what was killed has to end
_MOST_TOLD = 100  # pids of what can't be killed


class Guarded:
    """What gaffer proper knows of the two others.

    `fds` become readable when either is gone. Who has heard it, or ends, closes them: the guard
    would take gaffer for hanging. `pid` is that of the outer one: what a shell, a service manager
    and a pid file know.
    """

    def __init__(self, pid: int, outer: int, guard: int) -> None:
        self.pid = pid
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
    outer = os.getpid()
    pipes: list[int] = []
    try:
        for _ in range(3):
            pipes += os.pipe()
        guard = os.fork()
    except OSError:
        _close(*pipes)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return None
    outer_reader, outer_writer = pipes[:2]  # its end: the outer process is gone
    guard_reader, guard_writer = pipes[2:4]  # a byte: the guard is ready; its end: it is gone
    status_reader, status_writer = pipes[4:]  # which process gaffer is; how it ended, who is left
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
        _guard(gaffer, outer, guard_writer, status_writer)
    _close(guard_writer, status_writer)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return Guarded(outer, outer_reader, guard_reader)


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
        os.waitpid(guard, 0)  # whose child we are may take us for all that there was
        _end_as(b"")
    target = _Target(int.from_bytes(gaffer, "little"))
    modes = _terminal_modes()
    wishes = _Wishes()
    wanted = {*watched, signal.SIGCHLD}
    while True:
        found = signal.sigwaitinfo(wanted)
        if found.si_signo == signal.SIGCHLD:
            # As PID 1 of a container we have other children than our own, too.
            if guard in _reap():
                status = os.read(status_reader, 4)
                if os.WIFSIGNALED(int.from_bytes(status, "little")):
                    _restore(modes)  # it may have had no time to
                    if wishes.are_urgent:
                        _say("it didn't end, and was killed")
                if left := _numbers(os.read(status_reader, 4096)):
                    _say(f"left running, and can't be killed: {', '.join(map(str, left))}")
                _end_as(status)
            continue
        if found.si_signo in _STOPS:
            wishes.add(found.si_signo, time.monotonic())
            if wishes.are_urgent:
                target.send(signal.SIGKILL)
                continue
        if found.si_code != _FROM_KERNEL or found.si_signo not in _FROM_KEYS:
            target.send(found.si_signo)


class _Wishes:
    """Counts how often gaffer was told to stop. With the third it is taken for hanging."""

    def __init__(self) -> None:
        self._count = 0
        self._last = 0.0

    @property
    def are_urgent(self) -> bool:
        return self._count == len(_PAUSES)

    def add(self, signum: int, now: float) -> None:
        """Count this one if gaffer does: for it a SIGHUP is never the second."""
        if self.are_urgent or now - self._last < _PAUSES[self._count]:
            return
        self._last = now
        if self._count == 0 or signum != signal.SIGHUP:
            self._count += 1


def _say(text: str) -> None:
    try:
        os.write(2, f"gaffer: {text}\n".encode())
    except OSError:
        pass  # nobody reads it


def _numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]


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
            if os.environ.get("TERM") != "dumb":
                _write_to_terminal(b"\x1b[?2004l")  # pastes are no longer marked
    except (OSError, termios.error):
        pass  # it has hung up


def _write_to_terminal(sequence: bytes) -> None:
    flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(os.ttyname(0), flags)
    try:
        os.write(fd, sequence)
    finally:
        os.close(fd)


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


def _guard(gaffer: int, outer: int, ready: int, status_writer: int) -> NoReturn:
    """Reap until gaffer proper has ended, then kill what is left, then say how it ended."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        _let_go_of_files(keep=(ready, status_writer))
        _tell(status_writer, _packed(gaffer))
        try:
            system.become_subreaper()
            system.hear_of_parents_end(_OUTER_ENDED)
        except (OSError, ImportError):
            pass  # a sandbox forbids it: what gaffer starts is then init's when gaffer is killed
        _tell(ready, b"!")
        from .posix.cgroup import enclose  # after that: nobody waits for it

        cgroup = enclose(gaffer)
        status = _wait_for(gaffer, outer, ready)
        left: list[int] = []
        try:
            if cgroup is not None:
                cgroup.kill()
            left = sweep()
        finally:
            _tell(status_writer, _packed(status, *left[:_MOST_TOLD]))
        if cgroup is not None:
            cgroup.remove()
    finally:
        os._exit(0)


def _tell(writer: int, what: bytes) -> None:
    """Tell one of the other two, if it is there still: whoever has ended needs to know nothing."""
    try:
        os.write(writer, what)
    except BrokenPipeError:
        pass


def _packed(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def _let_go_of_files(keep: tuple[int, int]) -> None:
    """Close what is gaffer's: whoever reads its output waits until nobody can write to it."""
    # In the place of the first three comes what has nothing to read and can't be written to: /dev may
    # be empty.
    nothing, writer = os.pipe()
    os.close(writer)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    low, high = sorted(keep)
    limit = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, min(limit, 65536))
    os.chdir("/")


def _wait_for(gaffer: int, outer: int, ready: int) -> int:
    """Gaffer's wait status, when it has ended. When it is halted, so is the outer process."""
    is_alone = False
    while True:
        while (changed := os.waitpid(-1, os.WUNTRACED | os.WNOHANG))[0]:
            pid, status = changed
            if pid != gaffer:
                continue
            if not os.WIFSTOPPED(status):
                return status
            # Now, and not before: whoever then continues the outer one continues gaffer, too. The
            # shell waits for the outer one to halt.
            if os.getppid() == outer:
                os.kill(outer, signal.SIGSTOP)
        if not is_alone and os.getppid() != outer:
            is_alone = True
            if not _is_heard(ready):
                os.kill(gaffer, signal.SIGKILL)
        signal.sigwaitinfo((signal.SIGCHLD, _OUTER_ENDED))


def _is_heard(ready: int) -> bool:
    """Whether gaffer hears that the outer one is gone: it closes its end of this pipe then."""
    import select

    poll = select.poll()
    poll.register(ready, 0)  # that nobody can read it any more is told in any case
    return bool(poll.poll(_HEARING * 1000))


def sweep() -> list[int]:
    """Kill and reap until we have no child left; those that are left and can't be killed.

    Only for a process that has SIGCHLD blocked, and whose children all may die. The children of a
    killed one become ours, and their turn comes.
    """
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return []
        left = system.own_children()
        doomed = [pid for pid in left if _kill(pid)]
        if not doomed or signal.sigtimedwait((signal.SIGCHLD,), _DYING) is None:
            return left


def _kill(pid: int) -> bool:
    """Kill a child that isn't reaped: its number is nobody else's. False if it isn't ours to kill."""
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        return False
    return True

"""Process: one operating-system process, its pipes and the whole tree of what it starts."""

from __future__ import annotations

import os
import time

from .lean import signal
from .loop import adapt
from .posix import system
from .posix.exits import ChildWatch, enlist
from .posix.spawn import CannotSpawn, command_line, find_credentials, split_args, start
from .posix.tree import MARK, YOUTH, Tree, TreeWatch
from .process_io import STDIN, ProcessIO, Stream
from .stats_monitor import StatsMonitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from .events import Listener
    from .loop import Cancellable
    from .posix.plumbing import Plumbing, Size
    from .posix.spawn import Child

    ExitCallback = Callable[["Process", int, int], object]
    Callback = Callable[["Process"], object]

__all__ = ["Process", "Stream"]


class Process:
    """One operating-system process, made from a template.

    `id` is the manager's number for it, `pid` the system's (None until it runs), `name` and `group`
    are the template's, `instance` numbers the processes of one template from 1.

    `cmd` is split as a shell splits words, `args` (a list, or a string to be split) follow, and
    `$NAME` in both is replaced from `env` unless `expand` is False. With `shell` all of it goes to
    `/bin/sh -c` as it is. `env` is the whole environment; without it there is none. `uid` and `gid` are
    numbers or names; with a user alone the groups are that user's. One that is detached goes on when its
    manager stops.

    `redirect_output` labels stdout, then stderr: what has a label is read, what has none is thrown
    away. `redirect_input` opens stdin for `write`, else it is empty. `custom_streams` are labels of
    two-way pipes from descriptor 3 on, reached by `streams[label]`; `custom_channels` are open
    descriptors that follow them.

    `pty` makes each redirected output a pseudo-terminal instead of a pipe, so that the process
    colours it and writes each line at once; it is True or a size (rows, columns). `tty` makes one
    terminal of stdin, stdout and stderr, which controls the process's session, as an interactive
    program wants it; its output has the first label.

    `stop` sends `stop_signal` to all that the process has started, too. Without one that is SIGTERM, and
    for a `tty` SIGHUP and SIGCONT as well, as of a terminal that is closed. Without `stop_tree` the
    process has it first and alone, as it may end its workers itself; what it leaves behind gets it then.

    `on_exit_cb(process, exit_status, term_signal)` is called when the process itself has ended, and
    `on_gone_cb(process)` when nothing of its tree is left too, after an exit that left nobody behind or
    after `stop()`; `on_closed_cb(process)` when moreover all that was written has been read. All three
    are called in the loop's thread. Any thread may call the methods.

    Raises ValueError for a user or group that doesn't exist, words that can't be split, and more than
    two labels of outputs, unless all this has been `checked`, as a template's is.
    """

    def __init__(
        self,
        loop: Any,
        id: int,
        name: str,
        cmd: str,
        group: str | None = None,
        args: str | Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        uid: int | str | None = None,
        gid: int | str | None = None,
        cwd: str | None = None,
        detach: bool = False,
        shell: bool = False,
        redirect_output: Sequence[str] = (),
        redirect_input: bool = False,
        custom_streams: Sequence[str] = (),
        custom_channels: Sequence[int] = (),
        on_exit_cb: ExitCallback | None = None,
        *,
        on_gone_cb: Callback | None = None,
        on_closed_cb: Callback | None = None,
        stop_signal: int | None = None,
        stop_tree: bool = True,
        expand: bool = True,
        instance: int = 1,
        pty: bool | Size = False,
        tty: bool | Size = False,
        checked: bool = False,
    ) -> None:
        self.id = id
        self.name = name
        self.group = group
        self.cmd = cmd
        # What can't be is refused before the loop has one user more.
        self.args = split_args(args)
        if not checked:
            if not shell:
                split_args(cmd)
            if len(redirect_output) > 2:
                raise ValueError("redirect_output labels stdout and stderr: two labels at the most")
            find_credentials(uid, gid)
        self._env: Mapping[str, str] = env or {}
        self.cwd = cwd
        self.detach = detach
        self.shell = shell
        self.expand = expand
        self.redirect_input = redirect_input
        self.instance = instance
        self.pid: int | None = None
        self.exit_status: int | None = None
        self.term_signal: int | None = None
        self.reason: str | None = None
        """Why the command could not be executed, or its status isn't known; else None."""
        self.stopping = False
        self.left_behind = False
        """Whether it has ended and others of its tree were there still."""
        self.unkillable = False
        """Whether the system has refused SIGKILL to one of its tree: nobody waits for its end."""
        self.gone = False
        self.closed = False
        self._custom_channels = list(custom_channels)
        self._owner = (uid, gid)
        self._stop_signal = signal.SIGTERM if stop_signal is None else stop_signal
        # An interactive shell ignores SIGTERM, and ends as its terminal does.
        self._hangs_up = bool(tty) and stop_signal is None
        self._stop_tree = stop_tree
        self._on_exit = on_exit_cb
        self._on_gone = on_gone_cb
        self._on_closed = on_closed_cb
        self._loop = adapt(loop)
        self._io = ProcessIO(
            self._loop,
            id,
            name,
            self._close_if_done,
            redirect_input=redirect_input,
            redirect_output=redirect_output,
            custom_streams=list(custom_streams),
            pty=pty,
            tty=tty,
        )
        self.redirect_output = self._io.labels
        self.streams = self._io.streams
        self._stats = StatsMonitor(self._loop, lambda: self.info)
        self._child: Child | None = None
        # How what it starts is known even when that has lost its parent: all of it inherits this.
        self._mark = f"{os.getpid()}-{time.monotonic_ns()}-{id}"
        self._tree: Tree | None = None
        self._child_watch: ChildWatch | None = None
        self._end_fd: int | None = None  # keeps its end in its place among others'
        self._tree_watch: TreeWatch | None = None
        self._again: Cancellable | None = None

    def __repr__(self) -> str:
        return f"<Process {self.id} {self.name!r} pid={self.pid} {self.status}>"

    # ---- what it is

    @property
    def status(self) -> str:
        """`created`, `running`, `stopping` or `exited`."""
        if self.exit_status is not None:
            return "exited"
        if self.stopping:
            return "stopping"
        return "created" if self.pid is None else "running"

    @property
    def active(self) -> bool:
        """Whether the process runs."""
        return self.pid is not None and self.exit_status is None

    @property
    def info(self) -> dict[str, Any]:
        """What it is (`pid` is `id`), and while it runs what it costs (see `ProcessStats.read`)."""
        info: dict[str, Any] = {
            "pid": self.id,
            "os_pid": self.pid,
            "name": self.name,
            "group": self.group,
            "cmd": self.cmd,
            "args": self.args,
            "active": self.active,
            "status": self.status,
        }
        if self.active:
            info.update(self._stats.read())
        return info

    # ---- its life

    def spawn(self, on_spawned: Callable[[], object] | None = None) -> None:
        """Start the process. When this returns it runs, or its exit with 127 or 126 is under way.

        `on_spawned()` is called when it runs, before anything else can be told of it.
        """
        if self._child is not None or self.exit_status is not None:
            raise RuntimeError(f"{self!r} was started before")
        # Needed this once; a thousand processes with a thousand variables each are a lot of memory.
        env, self._env = {**self._env, MARK: self._mark}, {}
        try:
            self._child, plumbing = start(
                lambda: command_line(self.cmd, self.args, env, self.shell, self.expand),
                env,
                self._io.open,
                cwd=self.cwd,
                owner=self._owner,
                channels=self._custom_channels,
                controls_terminal=self._io.is_one_terminal,
            )
        except CannotSpawn as error:
            self._loop.call_soon_threadsafe(self._handle_failure, error)
            return
        self.pid = self._child.pid
        self._io.take_inputs(plumbing)
        self._end_fd = enlist(self._loop, self.pid)
        self._tree = Tree(self.pid, self._mark, self._stop_signal)
        self._stats.os_pid = self.pid
        if on_spawned is not None:
            on_spawned()
        self._loop.call_soon_threadsafe(self._watch, plumbing)

    def _handle_failure(self, error: CannotSpawn) -> None:
        self.reason = error.reason
        self._handle_exit(error.status, 0)

    def _watch(self, plumbing: Plumbing) -> None:
        assert self.pid is not None
        self._io.watch(plumbing)
        self._child_watch = ChildWatch(self._loop, self.pid, self._handle_end, self._end_fd)
        self._stats.start()

    def _handle_end(self) -> bool:
        """Reap the process if it has ended; whether it has."""
        assert self.pid is not None
        if not system.has_ended(self.pid):
            return False
        now = time.monotonic()
        if not system.has_process_table():
            return self._reap(now)
        # A moment later: those that have ended at once share a look at the orphans.
        self._loop.call_soon(self._reap, now)
        return True

    def _reap(self, ended_at: float) -> bool:
        """Take the exit status of what was found to have ended at `ended_at`; whether it has."""
        assert self._child is not None and self._tree is not None
        if self.gone or self.exit_status is not None:
            return True  # it was let go meanwhile, or a callback of its end has raised
        reaped = self._tree.reap(self._child.poll, ended_at)
        if reaped is None:
            return False
        code, is_left = reaped
        # What is detached may leave others behind, unless it was told to stop.
        self.left_behind = is_left and (self.stopping or not self.detach)
        self.reason = self._child.reason
        self._io.drain()  # what it wrote before it ended is told before its end is
        self._handle_exit(max(code, 0), max(-code, 0))
        return True

    def _handle_exit(self, exit_status: int, term_signal: int) -> None:
        self.exit_status, self.term_signal = exit_status, term_signal
        self._stats.stop()
        self._io.close_inputs()
        try:
            if self._on_exit is not None:
                self._on_exit(self, exit_status, term_signal)
        finally:  # whatever a callback raises, its end goes on
            if not self.left_behind:
                self._handle_gone()
            elif self.stopping:
                self._watch_tree()

    def _watch_tree(self) -> None:
        if self._tree_watch is None and not self.gone:
            assert self._tree is not None
            self._tree_watch = TreeWatch(self._loop, self._tree, self._handle_gone)

    def _handle_gone(self) -> None:
        if self.gone:
            return
        self.gone = True
        self._io.drain()
        try:
            if self._on_gone is not None:
                self._on_gone(self)
        finally:
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self.gone and not self.closed and self._io.is_at_its_end:
            self.closed = True
            try:
                if self._on_closed is not None:
                    self._on_closed(self)
            finally:
                if self._again is not None:
                    self._again.cancel()
                self._io.close_emitters()
                self._stats.close()
                self._loop.close()

    def close(self) -> None:
        """Let go of it without stopping it: read what is there, and wait no more. Loop's thread only."""
        if self._child is not None and self.exit_status is None and not self.gone:
            self._child.let_go()
            if self._child_watch is not None:
                self._child_watch.close()
        if self._tree_watch is not None:
            self._tree_watch.close()
        self._stats.stop()
        self.gone = True
        self._io.close()
        self._close_if_done()

    # ---- stopping and signals

    def stop(self) -> None:
        """Send the stop signal to the process and to all that it has started, or to it first."""
        self.stopping = True
        if not self._stop_tree:
            self.kill(self._stop_signal)
        elif self._tree is not None and not self.gone and self._tree.stop():
            self._loop.call_soon_threadsafe(self._stop_again_later)
        if self._hangs_up:
            for signum in (signal.SIGHUP, signal.SIGCONT):
                self.kill(signum, tree=self._stop_tree)
        if self.left_behind and not self.gone:
            self._loop.call_soon_threadsafe(self._watch_tree)

    def _stop_again_later(self) -> None:
        if self._tree is not None and not self.gone:
            self._again = self._loop.call_later(YOUTH, self._tree.stop_again)

    def kill(self, signum: int, *, tree: bool = False) -> bool:
        """Send `signum` to the process, or to its whole tree. One that is gone is no error.

        False if the system refuses it of some: those that are another user's, by `sudo` for one.
        """
        if self._tree is None or self.gone:
            return True
        return self._tree.send(signum) if tree else self._tree.send_to_leader(signum)

    # ---- output

    def monitor_io(self, label: str, listener: Listener) -> None:
        """Call `listener(label, {event, name, pid, data})` with what it writes.

        `label` is one of `redirect_output`, or "." for both. `data` is a chunk of bytes as it was
        read, cut anywhere; an empty one says that the stream has ended.
        """
        self._io.emitter.subscribe(label, listener)

    def unmonitor_io(self, label: str, listener: Listener) -> None:
        self._io.emitter.unsubscribe(label, listener)

    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`: a full pipe then makes the process wait.

        Both belong to the loop's thread.
        """
        self._io.pause()

    def resume_reading(self) -> None:
        self._io.resume()

    def set_window_size(self, rows: int, columns: int) -> None:
        """Tell the size of the window to a process with a pseudo-terminal. Loop's thread only."""
        if self.active and self._io.set_window_size(rows, columns):
            self.kill(signal.SIGWINCH, tree=True)  # without a controlling terminal nobody else does

    # ---- input

    def write(self, data: bytes) -> None:
        """Send `data` to its standard input. Raises RuntimeError without `redirect_input`."""
        if not self.redirect_input:
            raise RuntimeError(f"{self!r} was made without redirect_input")
        self._io.send(STDIN, data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        self.write(b"".join(lines))

    # ---- what it costs

    def monitor(self, listener: Listener) -> None:
        """Call `listener("stat", info)` now and every second while it runs."""
        self._stats.subscribe(listener)

    def unmonitor(self, listener: Listener) -> None:
        self._stats.unsubscribe(listener)

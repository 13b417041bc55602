"""WatchFiles: restarts processes, or signals them, when files of theirs have changed."""

from __future__ import annotations

import os
from collections import deque
from functools import partial

from ..loop import adapt
from ..watching.thread import STEP, WatchThread
from .outcome import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..config.settings import Watch
    from ..loop import Cancellable, Loop
    from ..manager import Manager
    from ..watching.selection import Selection
    from ..watching.thread import Changes

    Paths = Callable[[list[str]], object]

CALLBACK_DEBOUNCE = 0.1  # seconds
LONGEST_STORM = 5.0  # seconds; what never ceases to change is acted upon all the same
LAST_WORD = 0.3  # seconds in which a thread tells what it has heard: three rounds of its own
# What may be the end of a restart under way; `start`, where there was nothing to be replaced.
PROGRESS = ("start", "spawn", "exit", "stop", "delete")


class WatchFiles:
    """Watches files for templates: what has changed restarts them, and then their `followers`.

    `watches` and `followers` are by full template name, paths start from the template's directory.
    A storm of changes is one restart, and what changes while one is under way gives one more. What
    was stopped is left alone. `own` are files that gaffer itself writes, or globs of them: who holds
    the list may change it before an `update`.
    """

    def __init__(
        self,
        watches: Mapping[str, Watch],
        say: Callable[[str], object],
        display: Callable[[str, int], str],
        followers: Mapping[str, Sequence[str]] | None = None,
        own: Sequence[str] = (),
    ) -> None:
        self._watches = watches
        self._own = own
        self._followers = followers or {}
        self._say = say
        self._display = display
        self._callbacks: list[tuple[Sequence[str], Paths]] = []
        self._wanted: dict[object, object] | None = None  # what the thread looks at
        self._told: set[str] = set()  # what isn't there
        self._thread: WatchThread | None = None
        # The one before it, until that has begun and this has told the rest; and what both look at.
        self._former: WatchThread | None = None
        self._former_end: Cancellable | None = None
        self._kept: set[object] = set()
        self._is_started = False
        self.is_watching = False
        """Whether a change would be seen now."""
        self._changes: dict[object, _Changes] = {}
        self._due: set[str] = set()  # templates with changes that wait for a restart under way
        self._restarts: dict[str, deque[str]] = {}  # by template: it and those that follow, to go

    def on_change(self, paths: Sequence[str], callback: Paths) -> None:
        """Call `callback(paths)` in the loop's thread when some of these files have changed.

        They start from the current directory, and none of them is ignored. Before `start`. A list
        may have others when `update` is called.
        """
        self._callbacks.append((paths, callback))

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        self._is_started = True
        for evtype in PROGRESS:
            manager.subscribe(evtype, self._handle_progress)
        # Two turns later: after the first process, which shouldn't wait for what this imports.
        self._loop.call_soon(self._loop.call_soon, self._begin)

    def update(
        self, watches: Mapping[str, Watch], followers: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Watch other files from now on. Loop's thread only.

        What has changed before and was not acted upon yet still is, where it is still watched.
        """
        self._watches = watches
        self._followers = followers or {}
        if not self._is_started:
            return
        for name in [key for key in self._changes if isinstance(key, str) and key not in watches]:
            self._changes.pop(name).cancel()
            self._due.discard(name)
        wants = self._wants()
        if wants != self._wanted:
            before = self._wanted or {}
            kept = {
                key
                for key in wants
                if isinstance(key, int) or (key in before and before[key] == wants[key])
            }
            if self.is_watching:
                self._end_former()
                self._former, self._thread = self._thread, None
                self._kept = kept
            else:
                self._kept &= kept
            self._end_thread()
            self._begin()
            if self._thread is None:
                self._end_former()
            self._await_quiet()

    def stop(self) -> None:
        self._is_started = False
        self._end()
        self._loop.close()

    def restart(self) -> None:
        """Files are watched all the time."""

    def _end(self) -> None:
        self._end_thread()
        self._end_former()
        for changes in self._changes.values():
            changes.cancel()
        self._changes.clear()
        self._due.clear()
        self._restarts.clear()

    def _end_thread(self) -> None:
        self.is_watching = False
        self._wanted = None
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    def _end_former(self) -> None:
        if self._former_end is not None:
            self._former_end.cancel()
            self._former_end = None
        if self._former is not None:
            self._former.stop()
            self._former = None

    def _let_former_go(self) -> None:
        self._end_former()
        self._await_quiet()

    def _await_quiet(self) -> None:
        """Nothing will tell that a storm is over which the thread before has told of."""
        for key in self._changes:
            self._wait_for_quiet(key)

    def _begin(self) -> None:
        is_needed = self._is_started and (self._watches or self._callbacks)
        if self._thread is not None or not is_needed:
            return
        makers: dict[object, Callable[[], Selection]] = {
            name: self._maker(name, watch) for name, watch in self._watches.items()
        }
        for number, (paths, _) in enumerate(self._callbacks):
            absolute = [os.path.abspath(path) for path in paths]
            makers[number] = partial(_select, ".", absolute, (), False, only_files=True)
        self._wanted = self._wants()
        self._thread = thread = WatchThread(
            self._loop,
            makers,
            on_begun=lambda missing: self._handle_begun(thread, missing),
            on_changes=lambda changes, over: self._handle_changes(thread, changes, over),
            on_trouble=self._say,
        )
        thread.start()

    def _wants(self) -> dict[object, object]:
        """What is to be watched, to be compared with what is."""
        wants: dict[object, object] = {
            name: (self._directory(name), watch, tuple(self._own))
            for name, watch in self._watches.items()
        }
        wants.update((number, tuple(paths)) for number, (paths, _) in enumerate(self._callbacks))
        return wants

    def _maker(self, name: str, watch: Watch) -> Callable[[], Selection]:
        directory = self._directory(name)
        own = tuple(self._own)
        return partial(_select, directory, watch.paths, watch.ignore, watch.gitignore, own=own)

    def _directory(self, name: str) -> str:
        state = self._manager.get_process_state(name)
        directory: str = (state.settings.get("cwd") if state else None) or "."
        return os.path.realpath(directory)

    # ---- what the thread tells, in the loop's

    def _handle_begun(self, thread: WatchThread, missing: Changes) -> None:
        if thread is not self._thread:
            return  # from before an update
        self.is_watching = True
        if self._former is not None:
            self._former_end = self._loop.call_later(LAST_WORD, self._let_former_go)
        for key, paths in missing.items():
            if isinstance(key, str):
                for path in paths:
                    if path in self._told:
                        continue
                    self._told.add(path)
                    shown = os.path.relpath(path, self._directory(key))
                    self._say(f"{self._names(key)}: there is no {shown} to be watched yet")

    def _handle_changes(self, thread: WatchThread, changes: Changes, over: set[object]) -> None:
        if thread is self._former:
            changes = {key: paths for key, paths in changes.items() if key in self._kept}
        elif thread is not self._thread:
            return
        now = self._loop.time()
        for key, paths in changes.items():
            known = self._changes.get(key)
            if known is None:
                latest = now + max(LONGEST_STORM, self._debounce(key))
                known = self._changes[key] = _Changes(latest)
            known.paths.update(dict.fromkeys(paths))
            known.cancel()
            self._due.discard(str(key))  # not before these are over too
        for key, known in list(self._changes.items()):
            if self._changes.get(key) is not known:
                continue  # an update has left it out
            if now >= known.latest:
                self._handle_quiet(key)
            elif key in over:
                self._wait_for_quiet(key)

    def _wait_for_quiet(self, key: object) -> None:
        changes = self._changes[key]
        changes.cancel()
        delay = max(0.0, self._debounce(key) - STEP / 1000)
        changes.timer = self._loop.call_later(delay, self._handle_quiet, key)

    def _debounce(self, key: object) -> float:
        return self._watches[key].debounce if isinstance(key, str) else CALLBACK_DEBOUNCE

    def _handle_quiet(self, key: object) -> None:
        """Nothing has changed for a while."""
        if key not in self._changes:
            return
        if isinstance(key, int):
            self._callbacks[key][1](sorted(self._changes.pop(key).paths))
        elif isinstance(key, str):
            self._due.add(key)
            self._go_on()

    def _handle_progress(self, _evtype: str, _event: dict[str, Any]) -> None:
        if self._restarts or self._due:
            self._go_on()

    # ---- restarts, one template after the other

    def _go_on(self) -> None:
        """Restart what can be now: it and those before it are not in a restart."""
        for name, queue in list(self._restarts.items()):
            while queue and not self._is_restarting(queue[0]):
                queue.popleft()
                if queue:
                    self._restart(queue[0])
            if not queue:
                del self._restarts[name]
        for name in sorted(self._due):
            if name not in self._restarts and not self._is_restarting(name):
                self._due.discard(name)
                changes = self._changes.pop(name)
                changes.cancel()
                self._act(name, list(changes.paths))

    def _is_restarting(self, name: str) -> bool:
        state = self._manager.get_process_state(name)
        return state is not None and bool(state.restarting)

    def _may_act_on(self, name: str) -> bool:
        state = self._manager.get_process_state(name)
        return state is not None and state.active and not self._manager.stopping

    def _act(self, name: str, paths: list[str]) -> None:
        if not self._may_act_on(name):
            return
        what = f"{self._names(name)}: {_list(paths, self._directory(name))} changed"
        signum = self._watches[name].signal
        if signum is not None:
            if self._manager.get_process(name).pids:
                self._say(f"{what}, sending {signal_name(signum)}")
                self._manager.send_signal(name, signum)
            return
        queue = deque([name, *filter(self._may_act_on, self._followers.get(name, ()))])
        then = "".join(f", then {self._names(follower)}" for follower in list(queue)[1:])
        self._say(f"{what}, restarting{then}")
        self._restarts[name] = queue
        self._restart(name)

    def _restart(self, name: str) -> None:
        if self._may_act_on(name):
            self._manager.restart_process(name, revive=False)

    def _names(self, name: str) -> str:
        """How a person calls the processes of a template."""
        state = self._manager.get_process_state(name)
        last = state.numprocesses if state else 1
        first = self._display(name, 1)
        return first if last <= 1 else f"{first} to {self._display(name, last)}"


class _Changes:
    """Files that have changed and were not acted upon yet; at the `latest` then they are."""

    __slots__ = ("latest", "paths", "timer")

    def __init__(self, latest: float) -> None:
        self.paths: dict[str, None] = {}
        self.latest = latest
        self.timer: Cancellable | None = None

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def _select(
    directory: str,
    paths: Sequence[str],
    ignore: Sequence[str],
    gitignore: bool,
    *,
    only_files: bool = False,
    own: Sequence[str] = (),
) -> Selection:
    from ..watching.selection import Selection  # in the thread: pathspec takes its time

    return Selection(directory, paths, ignore, gitignore=gitignore, only_files=only_files, own=own)


def _list(paths: list[str], directory: str) -> str:
    first = os.path.relpath(paths[0], directory)
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"

"""Manager: keeps the processes of its templates alive.

Its public methods and events are those of gaffer's manager.
"""

from __future__ import annotations

from .events import EventEmitter
from .lean import RLock
from .lifecycle import Lifecycle
from .loop import adapt, default_loop
from .process import Process
from .state import FlappingInfo, ProcessState, ProcessTracker
from .supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, overload

    from .events import Listener
    from .lifecycle import App as App
    from .lifecycle import ManagerCallback

__all__ = ["FlappingInfo", "Manager", "Process", "ProcessState", "ProcessTracker"]


class Manager:
    """Keeps alive the processes of its templates, and tells what happens to them.

    `loop` is a pyuv loop, an asyncio loop or a `SelectorLoop`; without one it is pyuv's default loop
    where pyuv is installed, else a new `SelectorLoop`. `manager.loop` gives back what was given.

        manager = Manager()
        manager.start(apps=[...])
        manager.add_process("web", "python3 -m http.server", numprocesses=2)
        manager.run()

    Any public method may be called from any thread; `start` and `run` belong to the loop's. An
    unknown name raises KeyError, and so does the id of a process that has ended, but where it is to
    be stopped, restarted or signalled: who asks for that can't know.

    Events are heard as `listener(evtype, event)`, where `event` is a dict with at least `event` and
    `name`: `create`, `start`, `update`, `delete`, `stop` and `flap` of a template, `spawn`, `reap`,
    `stop_pid` and `exit` of a process, with its `pid` (the manager's id), `os_pid` and `instance`.
    Each is also published as `proc.<name>.<event>`. An exit has `exit_status` and `term_signal`
    (0 where it wasn't one), a `reason` where it couldn't be executed or nobody knows its status,
    `by_itself` (False where it was told to stop), and `then`: the state that follows (see `slots`;
    `pending` and `backing-off`, after `delay` seconds, are a restart). Where others of its tree go on,
    it has `left_behind` (True), and `gone` follows, once they are told to stop and the last has ended.
    `kill` tells of SIGKILL after the stop timeout, `give_up` of the end of restarts. Apps add events
    of their own (see `report`).
    """

    def __init__(self, loop: Any = None) -> None:
        self.loop = default_loop() if loop is None else loop
        self._loop = adapt(self.loop)
        self._emitter = EventEmitter(self._loop)
        self._lock = RLock()
        self._supervisor = Supervisor(
            self._loop, self._lock, self._publish, self._answer_restarts, self.get_process_id
        )
        self._lifecycle = Lifecycle(self, self._loop, self._lock, self._supervisor, self._close)
        self.max_process_id = 0
        self.processes: dict[str, ProcessState] = {}
        self.running: dict[int, Process] = self._supervisor.running
        self.groups: dict[str, list[str]] = {}

    # ---- the manager itself

    @property
    def apps(self) -> list[App]:
        """The apps, in the order in which they are started and stopped."""
        return self._lifecycle.apps

    @property
    def started(self) -> bool:
        """Whether the apps run: from `start` to the end of a stop."""
        return self._lifecycle.started

    @property
    def stopping(self) -> bool:
        """Whether a stop has begun; it stays so."""
        return self._lifecycle.stopping

    def start(self, apps: Sequence[App] = ()) -> None:
        """Start `apps`, each by `app.start(loop, manager)`. Raises RuntimeError the second time."""
        self._lifecycle.start(apps)

    def run(self) -> None:
        """Run the loop. Raises RuntimeError if the manager hasn't been started, or the loop runs."""
        if not self.started:
            raise RuntimeError("the manager hasn't been started")
        self._loop.run()

    def stop(self, callback: ManagerCallback | None = None) -> None:
        """Stop all processes, then the apps, call `callback(manager)`, and let go of the loop."""
        self._lifecycle.stop(callback)

    def restart(self, callback: ManagerCallback | None = None) -> None:
        """Restart the apps and all processes. `callback(manager)` is called when all are replaced."""
        self._lifecycle.restart(callback)

    def kill(self) -> None:
        """Kill at once what was told to stop and hasn't yet: a stop that is in a hurry."""
        self._supervisor.kill()

    def wakeup(self) -> None:
        """Have the loop look at what `stop` and `restart` asked for."""
        self._lifecycle.wakeup()

    def _answer_restarts(self) -> None:
        self._lifecycle.answer_restarts()

    def _close(self) -> None:
        self._emitter.close()
        self._supervisor.close()
        self._loop.close()

    # ---- events

    def subscribe(self, evtype: str, listener: Listener) -> None:
        """Hear of an event by its name, of all of a template (`proc.<name>`), of everything (`.`)."""
        self._emitter.subscribe(evtype, listener)

    on = subscribe

    def subscribe_once(self, evtype: str, listener: Listener) -> None:
        self._emitter.subscribe_once(evtype, listener)

    once = subscribe_once

    def unsubscribe(self, evtype: str, listener: Listener) -> None:
        self._emitter.unsubscribe(evtype, listener)

    def report(self, id: int, evtype: str, **details: Any) -> None:
        """Publish an app's own event about the process with this id, for other apps to hear."""
        with self._lock:
            self._supervisor.publish_of(self.get_process(id), evtype, **details)

    def _publish(self, evtype: str, name: str, **details: Any) -> None:
        for published in (evtype, f"proc.{name}.{evtype}"):
            self._emitter.publish(published, {"event": published, "name": name, **details})

    # ---- all processes

    def start_processes(self) -> None:
        """Start all templates."""
        self._for_each(list(self.processes), self.start_process)

    def stop_processes(self) -> None:
        """Stop all templates."""
        self._for_each(list(self.processes), self.stop_process)

    def running_processes(self) -> dict[int, Process]:
        """The running processes by id."""
        with self._lock:
            return dict(self.running)

    def processes_stats(self) -> Iterator[dict[str, Any]]:
        """The stats of each template (see `get_process_stats`)."""
        for name in list(self.processes):
            try:
                yield self.get_process_stats(name)
            except KeyError:
                continue  # another thread removed it meanwhile

    # ---- groups

    def get_groups(self) -> list[str]:
        """The names of the groups."""
        with self._lock:
            return list(self.groups)

    def get_group(self, groupname: str) -> list[str]:
        """The names of the templates of a group."""
        with self._lock:
            if groupname not in self.groups:
                raise KeyError(f"no such group: {groupname!r}")
            return list(self.groups[groupname])

    def start_group(self, groupname: str) -> None:
        """Start all templates of a group."""
        self._for_group(groupname, self.start_process)

    def stop_group(self, groupname: str) -> None:
        """Stop all templates of a group."""
        self._for_group(groupname, self.stop_process)

    def restart_group(self, groupname: str) -> None:
        """Restart all templates of a group."""
        self._for_group(groupname, self.restart_process)

    def remove_group(self, groupname: str) -> None:
        """Stop and remove all templates of a group, and the group."""
        self._for_group(groupname, self.remove_process)

    def _for_group(self, groupname: str, function: Callable[[str], object]) -> None:
        self._for_each(self.get_group(groupname), function)

    def _for_each(self, names: list[str], function: Callable[[str], object]) -> None:
        for name in names:
            with self._lock:
                if name in self.processes:  # else another thread has removed it meanwhile
                    function(name)

    # ---- templates

    def add_process(self, name: str, cmd: str, *, start: bool = True, **settings: Any) -> None:
        """Add a template, and start it unless `start` is False.

        `<group>:<name>` puts it into a group. The settings are those of `ProcessState`. Raises KeyError
        if the name is taken, TypeError and ValueError for settings that can't be, RuntimeError after
        the manager's end; a command that can't be executed raises nothing, its `exit` tells.
        """
        if ":" in name:
            settings["group"] = name.partition(":")[0]
        with self._lock:
            if self._lifecycle.has_ended:
                raise RuntimeError(f"the manager has stopped: {name!r} can't be added any more")
            if name in self.processes:
                raise KeyError(f"a process named {name!r} is already managed")
            state = ProcessState(name, cmd, **settings)
            state.stopped = not start
            self.processes[name] = state
            if state.group is not None:
                self.groups.setdefault(state.group, []).append(name)
            self._publish("create", name)
            if start:
                self._publish("start", name)
                self._supervisor.manage(state, at_once=True)

    def update_process(
        self, name: str, cmd: str, *, start: bool | None = True, **settings: Any
    ) -> None:
        """Stop a template's processes, and start new ones with this command and these settings.

        `start` None leaves what was stopped so. Raises TypeError and ValueError as `add_process` does.
        """
        with self._lock:
            state = self._state(name)
            settings["group"] = state.group
            state.setup(cmd, **settings)
            self._supervisor.replace(state, start)

    def remove_process(self, name: str) -> None:
        """Stop a template's processes and forget the template."""
        with self._lock:
            state = self._state(name)
            self._supervisor.remove(state)
            del self.processes[name]
            if state.group is not None:
                self.groups[state.group].remove(name)
                if not self.groups[state.group]:
                    del self.groups[state.group]
            self._publish("delete", name)
            self._answer_restarts()

    def start_process(self, name: str) -> None:
        """Start a template: all its processes that don't run. Past exits are forgiven."""
        with self._lock:
            state = self._state(name)
            state.forgive()
            self._supervisor.start(state)

    def stop_process(self, name_or_id: str | int) -> None:
        """Stop a template, or the one process with this id; either stays stopped until it is started."""
        with self._lock:
            if isinstance(name_or_id, str):
                self._supervisor.call_off(self._state(name_or_id))
            elif (process := self._active(name_or_id)) is not None:
                self._supervisor.stop_one(self.processes[process.name], process)

    def restart_process(self, name_or_id: str | int, *, revive: bool = True) -> None:
        """Replace a template's processes, one after the other, or the one with this id.

        What was stopped is started, a template or some of it, unless `revive` is False.
        """
        with self._lock:
            if isinstance(name_or_id, str):
                self._supervisor.restart(self._state(name_or_id), revive=revive)
            elif (process := self._active(name_or_id)) is not None:
                self._supervisor.restart_one(self.processes[process.name], process)

    def manage_process(self, name: str) -> None:
        """Start what is missing of a template and stop what is too much."""
        with self._lock:
            self._supervisor.manage(self._state(name))

    if TYPE_CHECKING:

        @overload
        def get_process(self, name_or_id: str) -> ProcessState: ...
        @overload
        def get_process(self, name_or_id: int) -> Process: ...

    def get_process(self, name_or_id: str | int) -> ProcessState | Process:
        """The template of this name, or the process with this id, until nothing of it is left."""
        with self._lock:
            if isinstance(name_or_id, str):
                return self._state(name_or_id)
            try:
                return self._supervisor.unclosed[name_or_id]
            except KeyError:
                raise KeyError(f"no process has the id {name_or_id}") from None

    def get_process_state(self, name: str) -> ProcessState | None:
        """The template of this name, or None."""
        return self.processes.get(name)

    def get_process_info(self, name: str) -> dict[str, Any]:
        """Name, command and settings of a template."""
        with self._lock:
            state = self._state(name)
            return {"name": state.name, "cmd": state.cmd, **state.settings}

    def get_process_status(self, name: str) -> dict[str, Any]:
        """`active` ("active" or "stopped"), `running` and `max_processes` (numbers) of a template."""
        with self._lock:
            state = self._state(name)
            return {
                "active": "active" if state.active else "stopped",
                "running": len(state.running),
                "max_processes": state.numprocesses,
            }

    def get_process_stats(self, name_or_id: str | int) -> dict[str, Any]:
        """What a process costs, or each process of a template (see `Process.info`)."""
        with self._lock:
            if isinstance(name_or_id, int):
                return self._process(name_or_id).info
            return self._state(name_or_id).stats()

    def monitor(self, name_or_id: str | int, listener: Listener) -> None:
        """Call `listener("stat", info)` now and every second for a process, or each of a template."""
        with self._lock:
            self._monitored(name_or_id).monitor(listener)

    def unmonitor(self, name_or_id: str | int, listener: Listener) -> None:
        with self._lock:
            self._monitored(name_or_id).unmonitor(listener)

    def _monitored(self, name_or_id: str | int) -> Process | ProcessState:
        if isinstance(name_or_id, int):
            return self._process(name_or_id)
        return self._state(name_or_id)

    def ttin(self, name: str, i: int = 1) -> int:
        """Run `i` processes more of a template; how many there should be now.

        Many are started over some turns of the loop. Raises ValueError past the last port that there is.
        """
        with self._lock:
            state = self._state(name)
            wanted = state.ttin(i)
            self._publish("update", name)
            self._supervisor.manage(state)
            return wanted

    def ttou(self, name: str, i: int = 1) -> int:
        """Run `i` processes fewer of a template, down to none; how many there should be now."""
        return self.ttin(name, -i)

    def send_signal(self, name_or_id: str | int, signum: int, *, tree: bool = False) -> None:
        """Send a signal to a process, or to all of a template, or to their whole trees.

        One that isn't there, or no longer, is no error.
        """
        with self._lock:
            if isinstance(name_or_id, int):
                targets = [self.running[name_or_id]] if name_or_id in self.running else []
            else:
                state = self.processes.get(name_or_id)
                targets = state.list_processes() if state else []
            for process in targets:
                process.kill(signum, tree=tree)

    def get_process_id(self) -> int:
        """The next id for a process."""
        with self._lock:
            self.max_process_id += 1
            return self.max_process_id

    def _state(self, name: str) -> ProcessState:
        try:
            return self.processes[name]
        except KeyError:
            raise KeyError(f"no such process: {name!r}") from None

    def _active(self, id: int) -> Process | None:
        """The process with this id until it has ended; None also if its template was removed."""
        held = (slot.process for state in self.processes.values() for slot in state.slots.values())
        return next((it for it in held if it is not None and it.id == id and it.active), None)

    def _process(self, id: int) -> Process:
        try:
            return self.running[id]
        except KeyError:
            raise KeyError(f"no running process has the id {id}") from None

"""The template of processes: what to run and how, which processes run of it, when to give up."""

from __future__ import annotations

import os

from .lean import deque, signal
from .loop import adapt
from .process import Process
from .restart import BackOff, ExitHistory, FlappingInfo, RestartHistory
from .settings import check
from .slots import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .events import Listener
    from .loop import Cancellable
    from .process import Callback, ExitCallback

__all__ = ["ExitHistory", "FlappingInfo", "ProcessState", "ProcessTracker"]

GRACEFUL_TIMEOUT = 30.0  # seconds between the stop signal and SIGKILL

_PROCESS_SETTINGS = (
    "args",
    "uid",
    "gid",
    "cwd",
    "detach",
    "shell",
    "redirect_output",
    "redirect_input",
    "custom_streams",
    "custom_channels",
    "pty",
    "tty",
    "stop_signal",
    "stop_tree",
)


class ProcessState:
    """A template: a command, its settings and the processes that run of it.

    Each process has a slot, numbered from 1 to `numprocesses`: its instance number. A slot keeps its
    number and port over a restart and belongs to one process at a time, until nothing of it is left.

    Settings, all optional: those of `Process`, and

    - `numprocesses` (1), `group`, `flapping` (a FlappingInfo);
    - `env`: a mapping; `os_env`: gaffer's own environment comes before it;
    - `port`: PORT of the first instance, the others have the next ones; `instance_env`: a mapping
      in whose values `{instance}` stands for the slot;
    - `graceful_timeout` or `stop_timeout` (30): seconds from the stop signal to SIGKILL;
    - `depends_on`: names of templates; when the manager stops, they are stopped after this one;
    - `restart`: `always` (the default), `on-failure` or `never`; `back_off` (a BackOff): how long to
      wait before a restart, without it not at all.

    None stands for the default. A setting that doesn't exist, or is of another type, raises TypeError,
    a value that can't be ValueError (see `settings`).
    """

    def __init__(self, name: str, cmd: str, **settings: Any) -> None:
        self.name = name
        self.stopped = False
        self.running: list[Process] = []
        self.slots: dict[int, Slot] = {}
        self.restarting: deque[Slot] = deque()
        """Those that a restart under way has still to go through; the first one is being stopped."""
        self.retry_timer: Cancellable | None = None
        self._stats_listeners: list[Listener] = []
        self.setup(cmd, **settings)

    def setup(self, cmd: str, **settings: Any) -> None:
        """Take a new command and new settings; processes that run keep the old ones."""
        check(cmd, settings)
        self.cmd = cmd
        settings = {name: value for name, value in settings.items() if value is not None}
        self.settings = settings
        self.numprocesses: int = settings.get("numprocesses", 1)
        self.restart: str = settings.get("restart", "always")
        self.group: str | None = settings.get("group")
        self.flapping: FlappingInfo | None = settings.get("flapping")
        self.back_off: BackOff | None = settings.get("back_off")
        self.depends_on: tuple[str, ...] = tuple(settings.get("depends_on", ()))
        self.forgive()
        self.detach: bool = settings.get("detach", False)
        self.graceful_timeout: float = _stop_timeout(settings)

    def __repr__(self) -> str:
        return f"<ProcessState {self.name!r} {len(self.running)}/{self.numprocesses}>"

    @property
    def active(self) -> bool:
        """Whether it is meant to run; False when it was stopped."""
        return not self.stopped

    @property
    def holds_anything(self) -> bool:
        """Whether anything is left of its processes, but what is detached."""
        return any(
            slot.process is not None and not slot.process.detach for slot in self.slots.values()
        )

    @property
    def pids(self) -> list[int]:
        """The manager's ids of the running processes."""
        return [process.id for process in self.running]

    def list_processes(self) -> list[Process]:
        return list(self.running)

    def make_process(
        self,
        loop: Any,
        id: int,
        on_exit: ExitCallback | None,
        *,
        instance: int = 1,
        on_gone: Callback | None = None,
        on_closed: Callback | None = None,
    ) -> Process:
        """A process of this template, for the slot `instance`; not spawned yet."""
        settings = {key: self.settings[key] for key in _PROCESS_SETTINGS if key in self.settings}
        process = Process(
            loop,
            id,
            self.name,
            self.cmd,
            group=self.group,
            env=self.environment(instance),
            instance=instance,
            on_exit_cb=on_exit,
            on_gone_cb=on_gone,
            on_closed_cb=on_closed,
            **settings,
        )
        for listener in self._stats_listeners:
            process.monitor(listener)
        return process

    def environment(self, instance: int) -> dict[str, str]:
        """The environment of the process in the slot `instance`."""
        env: dict[str, str] = dict(os.environ) if self.settings.get("os_env") else {}
        env.update(self.settings.get("env", {}))
        port: int | None = self.settings.get("port")
        if port is not None:
            env["PORT"] = str(port + instance - 1)
        per_instance: Mapping[str, str] = self.settings.get("instance_env", {})
        for name, value in per_instance.items():
            env[name] = value.replace("{instance}", str(instance))
        return env

    def slot(self, number: int) -> Slot:
        """The slot of this number, made if it isn't there."""
        if number not in self.slots:
            self.slots[number] = Slot(number, self.new_history())
        return self.slots[number]

    def new_history(self) -> RestartHistory | None:
        """What a slot has that was never restarted."""
        return RestartHistory(self.back_off) if self.back_off is not None else None

    def ttin(self, i: int = 1) -> int:
        """Want `i` processes more; how many there should be now."""
        self.numprocesses = max(0, self.numprocesses + i)
        return self.numprocesses

    def ttou(self, i: int = 1) -> int:
        """Want `i` processes fewer, down to none; how many there should be now."""
        self.numprocesses = max(0, self.numprocesses - i)
        return self.numprocesses

    def reset(self) -> None:
        """Be as at first: as many processes wanted, no exit remembered."""
        self.numprocesses = self.settings.get("numprocesses", 1)
        self.forgive()

    def forgive(self) -> None:
        """Forget past exits."""
        self._exits = ExitHistory(self.flapping) if self.flapping else None
        self.may_retry = True
        for slot in self.slots.values():
            slot.history = self.new_history()

    def count_exit(self, now: float) -> bool:
        """Count an exit at `now` (seconds): whether it doesn't flap. Else `may_retry` tells more."""
        if self._exits is None:
            return True
        is_well, self.may_retry = self._exits.add(now)
        return is_well

    def stats(self) -> dict[str, Any]:
        """The figures of each process, and the sums of their `cpu` and `mem`."""
        infos = [process.info for process in self.list_processes()]
        return {
            "name": self.name,
            "stats": infos,
            "cpu": sum(info.get("cpu", 0.0) for info in infos),
            "mem": sum(info.get("mem", 0.0) for info in infos),
        }

    def monitor(self, listener: Listener) -> None:
        """Call `listener("stat", info)` for each process, also those that are yet to come."""
        self._stats_listeners.append(listener)
        for process in self.running:
            process.monitor(listener)

    def unmonitor(self, listener: Listener) -> None:
        if listener in self._stats_listeners:
            self._stats_listeners.remove(listener)
            for process in self.running:
                process.unmonitor(listener)


def _stop_timeout(settings: Mapping[str, Any]) -> float:
    timeout: float = settings.get(
        "stop_timeout", settings.get("graceful_timeout", GRACEFUL_TIMEOUT)
    )
    return timeout


class ProcessTracker:
    """Sees to it that what was told to stop does end: SIGKILL to its tree when its time is up.

    `check` and `on_done` may be called from any thread.
    """

    def __init__(self, loop: Any, on_kill: Callable[[Process], object] | None = None) -> None:
        self._loop = adapt(loop)
        self._on_kill = on_kill
        self._tracked: dict[int, tuple[Process, Cancellable]] = {}
        self._waiting: list[Callable[[], object]] = []

    def check(self, process: Process, graceful_timeout: float) -> None:
        """Kill `process` in `graceful_timeout` seconds, unless `uncheck`ed until then."""
        self._loop.call_soon_threadsafe(self._check, process, graceful_timeout)

    def _check(self, process: Process, graceful_timeout: float) -> None:
        if process.id not in self._tracked and not process.gone:
            timer = self._loop.call_later(graceful_timeout, self._kill, process)
            self._tracked[process.id] = (process, timer)

    def _kill(self, process: Process) -> None:
        if self._on_kill is not None:
            self._on_kill(process)
        process.kill(signal.SIGKILL, tree=True)

    def uncheck(self, process: Process) -> None:
        """`process` is gone. Loop's thread only."""
        if process.id in self._tracked:
            self._tracked.pop(process.id)[1].cancel()
        self._report()

    def kill_all(self) -> None:
        """Wait for nobody any longer. Loop's thread only."""
        for process, _timer in list(self._tracked.values()):
            self._kill(process)

    def on_done(self, callback: Callable[[], object]) -> None:
        """Call `callback()` in the loop's thread, once, as soon as nothing is tracked."""
        self._loop.call_soon_threadsafe(self._wait, callback)

    def _wait(self, callback: Callable[[], object]) -> None:
        self._waiting.append(callback)
        self._report()

    def _report(self) -> None:
        while self._waiting and not self._tracked:
            self._waiting.pop(0)()

    def close(self) -> None:
        self._loop.close()

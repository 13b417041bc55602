"""The template of processes: what to run and how, which processes run of it, when to give up."""

from __future__ import annotations

import os

from .lean import deque
from .process import Process
from .restart import BackOff, ExitHistory, FlappingInfo, RestartHistory, is_restarted
from .settings import check, check_change, check_ports
from .slots import BACKING_OFF, EXITED, FAILED, GAVE_UP, PENDING, STOPPED, STOPPING, Slot
from .tracker import ProcessTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .events import Listener
    from .loop import Cancellable
    from .process import Callback, ExitCallback

__all__ = ["FlappingInfo", "ProcessState", "ProcessTracker"]

GRACEFUL_TIMEOUT = 30.0  # seconds between the stop signal and SIGKILL
UNSTARTABLE_DELAY = 1.0  # seconds; what can't be executed would fail again as fast as we can try

_PROCESS_SETTINGS = (
    "args",
    "uid",
    "gid",
    "cwd",
    "detach",
    "shell",
    "expand",
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
    def awaits_start(self) -> bool:
        """Whether it was neither started nor stopped so far."""
        return self.stopped and not self.slots

    @property
    def kept_empty(self) -> list[Slot]:
        """The slots whose process was stopped while the others go on."""
        if self.stopped:
            return []
        return [
            slot
            for slot in self.slots.values()
            if slot.state == STOPPED or (slot.state == STOPPING and slot.then == STOPPED)
        ]

    @property
    def holds_anything(self) -> bool:
        """Whether anything is left of its processes."""
        return any(slot.process is not None for slot in self.slots.values())

    @property
    def is_stopping(self) -> bool:
        """Whether anything is left of what was told to stop, but what can't be killed."""
        return any(
            slot.state == STOPPING and not (slot.process is not None and slot.process.unkillable)
            for slot in self.slots.values()
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
            checked=True,
            **settings,
        )
        for listener in self._stats_listeners:
            process.monitor(listener)
        return process

    def environment(self, instance: int) -> dict[str, str]:
        """The environment of the process in the slot `instance`."""
        env: dict[str, str] = dict(os.environ) if self.settings.get("os_env") else {}
        env.update(self.settings.get("env", {}))
        port = self.port(instance)
        if port is not None:
            env["PORT"] = str(port)
        per_instance: Mapping[str, str] = self.settings.get("instance_env", {})
        for name, value in per_instance.items():
            env[name] = value.replace("{instance}", str(instance))
        return env

    def port(self, instance: int) -> int | None:
        """The port of the process in the slot `instance`, if it has one."""
        first: int | None = self.settings.get("port")
        return None if first is None else first + instance - 1

    def slot(self, number: int) -> Slot:
        """The slot of this number, made if it isn't there."""
        if number not in self.slots:
            self.slots[number] = Slot(number, self.new_history())
        return self.slots[number]

    def new_history(self) -> RestartHistory | None:
        """What a slot has that was never restarted."""
        return RestartHistory(self.back_off) if self.back_off is not None else None

    def ttin(self, i: int = 1) -> int:
        """Want `i` processes more; how many there should be now. Raises TypeError unless `i` is a whole
        number, ValueError if there is no port for so many."""
        check_change(i)
        wanted = max(0, self.numprocesses + i)
        check_ports(self.settings.get("port"), wanted)
        self.numprocesses = wanted
        return wanted

    def ttou(self, i: int = 1) -> int:
        """Want `i` processes fewer, down to none; how many there should be now."""
        return self.ttin(-i)

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

    def after_exit(
        self, slot: Slot, status: int, signum: int, now: float, *, is_last: bool = False
    ) -> str:
        """The state that follows when a slot's process has ended so, by itself, at `now` (seconds).

        BACKING_OFF is for `slot.delay` seconds. `is_last`: nothing is started any more.
        """
        assert slot.process is not None
        if is_last or slot.process.detach or not is_restarted(self.restart, status, signum):
            return FAILED if status or signum else EXITED
        if slot.history is not None:
            delay = slot.history.add(now, now - slot.started_at)
            if delay is None:
                return GAVE_UP
        elif slot.process.pid is None:
            delay = UNSTARTABLE_DELAY
        else:
            return PENDING
        slot.delay = delay
        return BACKING_OFF

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
            for slot in self.slots.values():  # also those that are being stopped
                if slot.process is not None:
                    slot.process.unmonitor(listener)


def _stop_timeout(settings: Mapping[str, Any]) -> float:
    timeout: float = settings.get(
        "stop_timeout", settings.get("graceful_timeout", GRACEFUL_TIMEOUT)
    )
    return timeout

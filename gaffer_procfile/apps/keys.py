"""Keys: a few keys in the terminal of `gaffer start`, for what a person wants while it runs."""

from __future__ import annotations

import time

from ..loop import adapt
from .keyboard import Keyboard
from .outcome import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from ..loop import Loop
    from ..manager import Manager

    class Console(Protocol):
        """What is told here, and shown."""

        def say(self, text: str) -> object: ...
        def show_only(self, templates: Sequence[str] | None) -> object: ...


HINT = "keys: r restart, s status, f filter, a attach, h help, q quit"
HELP = (
    "r  restart a process, or all",
    "s  how the processes are",
    "f  show the output of one process only, or of all again",
    "a  attach to a process: type into it, a debugger's prompt for one",
    "h  this help",
    "q  stop everything, as Ctrl-C does",
)
CHOICES = "123456789abcdefghijklmnopqrstuvwxyz"
ALL = "0"
ESCAPE = "\x1b"


class Keys:
    """Hears keys from the terminal at `path`, and answers through `console`.

    `short` turns a template's name into what a person sees. `attach(name)` is the command that
    attaches to a process; without it there is no such key.
    """

    def __init__(
        self,
        path: str,
        console: Console,
        short: Callable[[str], str],
        attach: Callable[[str], Sequence[str]],
    ) -> None:
        self._path = path
        self._console = console
        self._short = short
        self._attach = attach
        self._keyboard: Keyboard | None = None
        self._choosing: tuple[Callable[[str | None], object], list[str], bool] | None = None
        self._shown: str | None = None
        self._started: dict[int, float] = {}

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        manager.subscribe("spawn", self._handle_spawn)
        self._keyboard = Keyboard(self._loop, self._path, self._handle_key)
        self._console.say(HINT)

    def stop(self) -> None:
        if self._keyboard is not None:
            self._keyboard.close()
            self._keyboard = None
        self._loop.close()

    def restart(self) -> None:
        """Keys are heard all the time."""

    def halt(self) -> None:
        """Gaffer is about to be halted: the shell gets its terminal as it was."""
        if self._keyboard is not None:
            self._keyboard.give_back()

    def go_on(self) -> None:
        """Gaffer goes on, in the foreground or not."""
        if self._keyboard is not None:
            self._keyboard.take()

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        self._started[event["pid"]] = time.monotonic()

    # ---- keys

    def _handle_key(self, key: str) -> None:
        if self._choosing is not None:
            self._handle_choice(key)
            return
        if key == "r":
            self._choose("restart", self._restart)
        elif key == "s":
            self._show_status()
        elif key == "f":
            self._choose("show only", self._filter)
        elif key == "a":
            self._choose("attach to", self._attach_to, with_all=False)
        elif key in ("h", "?"):
            for line in HELP:
                self._console.say(line)
        elif key == "q":
            self._console.say("q: stopping")
            self._manager.stop()

    def _choose(
        self, what: str, then: Callable[[str | None], object], *, with_all: bool = True
    ) -> None:
        """Ask which one, and call `then` with it, or with None for all. One is no question."""
        names = list(self._manager.processes)[: len(CHOICES)]
        if len(names) == 1:
            then(names[0])
            return
        choices = [f"{key} {self._short(name)}" for key, name in zip(CHOICES, names, strict=False)]
        if with_all:
            choices.append(f"{ALL} all")
        self._choosing = then, names, with_all
        self._console.say(f"{what}: {', '.join(choices)}")

    def _handle_choice(self, key: str) -> None:
        assert self._choosing is not None
        then, names, with_all = self._choosing
        self._choosing = None
        if key == ALL and with_all:
            then(None)
        elif key in CHOICES and CHOICES.index(key) < len(names):
            then(names[CHOICES.index(key)])
        elif key != ESCAPE:
            self._console.say(f"{key!r} is none of these")

    # ---- what they do

    def _restart(self, name: str | None) -> None:
        for each in list(self._manager.processes) if name is None else [name]:
            if self._manager.get_process_state(each) is not None:
                self._manager.restart_process(each)

    def _filter(self, name: str | None) -> None:
        if name is not None and name == self._shown:
            name = None  # the same again: as it was
        self._shown = name
        self._console.show_only(None if name is None else [name])
        if name is None:
            self._console.say("showing all")
        else:
            self._console.say(f"showing only {self._short(name)}; f {ALL} shows all again")

    def _attach_to(self, name: str | None) -> None:
        if name is None or self._keyboard is None:
            return
        self._console.show_only([])
        self._keyboard.lend(self._attach(name), self._handle_detached)

    def _handle_detached(self) -> None:
        self._console.show_only(None if self._shown is None else [self._shown])
        self._console.say("what the others wrote meanwhile: `gaffer logs`")

    def _show_status(self) -> None:
        now = time.monotonic()
        width = max(len(self._short(name)) for name in self._manager.processes) + 3
        for name, state in list(self._manager.processes.items()):
            for number, slot in sorted(state.slots.items()):
                text = f"{self._short(name)}.{number}".ljust(width) + f" {slot.state}"
                if slot.process is not None and slot.process.active:
                    up = now - self._started.get(slot.process.id, now)
                    text += f", pid {slot.process.pid}, up {_duration(up)}"
                self._console.say(text)
            if not state.slots:
                self._console.say(f"{self._short(name).ljust(width)} waits")
        groups = self._manager.get_groups()
        if len(groups) > 1:
            self._console.say(f"groups: {listing(groups)}")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

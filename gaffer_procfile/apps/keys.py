"""Keys: a few keys in the terminal of `gaffer start`, for what a person wants while it runs."""

from __future__ import annotations

from ..errors import unreadable
from ..loop import adapt
from ..output.columns import padded, width_of
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
        def hold(self) -> object: ...
        def release(self) -> object: ...


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
MORE = "+"
ESCAPE = "\x1b"


class _Question:
    """Which one of some, each a name to show and what it stands for."""

    def __init__(
        self,
        what: str,
        entries: Sequence[tuple[str, str]],
        then: Callable[[str | None], object],
        with_all: bool,
    ) -> None:
        self.then = then
        self.with_all = with_all
        self._what = what
        self._entries = entries
        self._first = 0  # of those that are shown: there are more processes than keys

    def text(self) -> str:
        shown = [f"{key} {label}" for key, (label, _value) in self._shown()]
        if len(self._entries) > len(CHOICES):
            shown.append(f"{MORE} more")
        if self.with_all:
            shown.append(f"{ALL} all")
        return f"{self._what}: {', '.join(shown)}"

    def turn(self) -> bool:
        """Go on to those that weren't shown; False if all were."""
        if len(self._entries) <= len(CHOICES):
            return False
        self._first += len(CHOICES)
        if self._first >= len(self._entries):
            self._first = 0
        return True

    def answer(self, key: str) -> str | None:
        """What a key stands for, None if for nothing."""
        return next((value for each, (_label, value) in self._shown() if each == key), None)

    def _shown(self) -> list[tuple[str, tuple[str, str]]]:
        return list(zip(CHOICES, self._entries[self._first :], strict=False))


class Keys:
    """Hears keys from the terminal at `path`, and answers through `console`.

    `short` turns a template's name into what a person sees. `attach(name)` is the command that
    attaches to the process of this name, `web.2`; `on_detached()` is called when that has ended.
    """

    def __init__(
        self,
        path: str,
        console: Console,
        short: Callable[[str], str],
        attach: Callable[[str], Sequence[str]],
        on_detached: Callable[[], object] = lambda: None,
    ) -> None:
        self._path = path
        self._console = console
        self._short = short
        self._attach = attach
        self._on_detached = on_detached
        self._keyboard: Keyboard | None = None
        self._question: _Question | None = None
        self._shown: str | None = None
        self._is_attached = False

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        manager.subscribe("delete", self._handle_delete)
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
            self._keyboard.halt()

    def go_on(self) -> None:
        """Gaffer goes on, in the foreground or not."""
        if self._keyboard is not None:
            self._keyboard.take()

    # ---- keys

    def _handle_key(self, key: str) -> None:
        if self._question is not None:
            self._handle_answer(self._question, key)
        elif key == "r":
            self._ask("restart", self._templates(), self._restart, with_all=True)
        elif key == "s":
            self._show_status()
        elif key == "f":
            self._ask("show only", self._templates(), self._filter, with_all=True)
        elif key == "a":
            self._ask("attach to", self._running(), self._attach_to)
        elif key in ("h", "?"):
            for line in HELP:
                self._console.say(line)
        elif key == "q":
            self._console.say("q: stopping")
            self._manager.stop()

    def _templates(self) -> list[tuple[str, str]]:
        return [(self._short(name), name) for name in self._manager.processes]

    def _running(self) -> list[tuple[str, str]]:
        return [
            (f"{self._short(name)}.{number}", f"{name}.{number}")
            for name, state in self._manager.processes.items()
            for number in sorted(process.instance for process in state.list_processes())
        ]

    def _ask(
        self,
        what: str,
        entries: Sequence[tuple[str, str]],
        then: Callable[[str | None], object],
        *,
        with_all: bool = False,
    ) -> None:
        """Ask which one, and call `then` with it, or with None for all. One is no question."""
        if not entries:
            self._console.say(f"{what}: nothing is there")
        elif len(entries) == 1:
            then(entries[0][1])
        else:
            self._question = _Question(what, entries, then, with_all)
            self._console.say(self._question.text())

    def _handle_answer(self, question: _Question, key: str) -> None:
        if key == MORE and question.turn():
            self._console.say(question.text())
            return
        self._question = None
        if key == ALL and question.with_all:
            question.then(None)
        elif (answer := question.answer(key)) is not None:
            question.then(answer)
        elif key != ESCAPE:
            self._console.say(f"{key!r} is none of these")

    # ---- what they do

    def _restart(self, name: str | None) -> None:
        if name is None:
            states = list(self._manager.processes.items())
            names = [each for each, state in states if not state.awaits_start]
        else:
            names = [name] if self._manager.get_process_state(name) is not None else []
        for each in names:
            self._manager.restart_process(each)

    def _filter(self, name: str | None) -> None:
        if name == self._shown or name not in self._manager.processes:
            name = None  # the same again: as it was
        self._shown = name
        self._console.show_only(None if name is None else [name])
        if name is None:
            self._console.say("showing all")
        else:
            self._console.say(f"showing only {self._short(name)}; f {ALL} shows all again")

    def _handle_delete(self, _evtype: str, event: dict[str, Any]) -> None:
        if self._shown is not None and event["name"] == self._shown:
            self._shown = None
            if not self._is_attached:
                self._console.show_only(None)
            self._console.say(f"{self._short(event['name'])} was removed, showing all")

    def _attach_to(self, name: str | None) -> None:
        if name is None or self._keyboard is None:
            return
        self._is_attached = True
        self._console.show_only([])
        self._console.hold()
        try:
            self._keyboard.lend(self._attach(name), self._handle_detached)
        except OSError as error:
            self._show_again()
            template, _dot, number = name.rpartition(".")
            shown = f"{self._short(template)}.{number}"
            self._console.say(f"can't attach to {shown}: {unreadable(error)}")

    def _handle_detached(self) -> None:
        self._on_detached()
        self._show_again()
        if not self._manager.stopping:  # else there is hardly the time to ask for it
            self._console.say("what the others wrote meanwhile: `gaffer logs`")

    def _show_again(self) -> None:
        self._is_attached = False
        self._console.show_only(None if self._shown is None else [self._shown])
        self._console.release()

    def _show_status(self) -> None:
        names = map(self._short, self._manager.processes)
        width = max(map(width_of, names), default=0) + 3
        for name, state in list(self._manager.processes.items()):
            for number, slot in sorted(state.slots.items()):
                text = f"{padded(f'{self._short(name)}.{number}', width)} {slot.state}"
                if slot.process is not None and slot.process.active:
                    up = self._loop.time() - slot.started_at
                    text += f", pid {slot.process.pid}, up {_duration(up)}"
                self._console.say(text)
            if not state.slots:
                how = "waits" if state.numprocesses else "is scaled to 0"
                self._console.say(f"{padded(self._short(name), width)} {how}")
        groups = self._manager.get_groups()
        if len(groups) > 1:
            self._console.say(f"groups: {listing(groups)}")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

"""ConsoleOutput: what the processes write and what happens to them, as one stream of lines.

The only writer of standard output while a manager runs.
"""

from __future__ import annotations

from ..loop import adapt
from ..output.redact import Redactor
from ..output.source import EXIT, NOTICE, Source
from ..output.tail import Tail
from ..output.writer import Writer
from ..slots import BACKING_OFF, GAVE_UP, PENDING
from .outcome import describe, shell_status, stop_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from ..loop import Loop
    from ..manager import Manager
    from ..process import Process

    class Stream(Protocol):
        """One stream of one process on its way through a view."""

        def feed(self, data: bytes) -> object: ...
        def end(self) -> object: ...

    class View(Protocol):
        """A form in which the output is shown or kept: the screen, JSON, log files."""

        def open(self, source: Source) -> Stream: ...
        def say(
            self, text: str, event: str, details: dict[str, Any], last_lines: Sequence[bytes]
        ) -> object: ...
        def finish(self) -> object: ...

    MakeView = Callable[[Loop, Callable[[bytes], object]], View]


HELD = 100  # of gaffer's own lines, while the screen is somebody else's


class _Flow:
    """One stream of one process on its way to all views; `shown` is the one on the screen."""

    __slots__ = ("_logged", "_redactor", "_tail", "process", "shown", "source")

    def __init__(
        self,
        process: Process,
        source: Source,
        shown: Stream | None,
        logged: list[Stream],
        tail: Tail,
        redactor: Redactor | None,
    ) -> None:
        self.process = process
        self.source = source
        self.shown = shown
        self._logged = logged
        self._tail = tail
        self._redactor = redactor

    def feed(self, data: bytes) -> None:
        if self._redactor is not None:
            data = self._redactor.feed(data)
        self._pass_on(data)

    def end(self) -> None:
        if self._redactor is not None:
            self._pass_on(self._redactor.end())
        if self.shown is not None:
            self.shown.end()
        for stream in self._logged:
            stream.end()

    def _pass_on(self, data: bytes) -> None:
        if data:
            self._tail.feed(self.source.stream, data)
            if self.shown is not None:
                self.shown.feed(data)
            for stream in self._logged:
                stream.feed(data)


class ConsoleOutput:
    """Shows what the processes write on `fd`, in the form that `make_view` gives it.

    `is_shown` says of which processes; `logs` keep it for all of them. `display` turns a template's
    name and an instance number into the name that a person sees. `secrets` are never shown.
    `quiet` leaves out what gaffer itself says. `on_broken(error)` is called when nothing can be
    written any more.
    """

    def __init__(
        self,
        fd: int,
        make_view: MakeView,
        *,
        display: Callable[[str, int], str],
        on_broken: Callable[[OSError], object],
        is_shown: Callable[[Source], bool] = lambda source: True,
        logs: Sequence[View] = (),
        secrets: Sequence[bytes] = (),
        quiet: bool = False,
    ) -> None:
        self._fd = fd
        self._make_view = make_view
        self._display = display
        self._on_broken = on_broken
        self._is_shown = is_shown
        self._logs = list(logs)
        self._secrets = secrets
        self._quiet = quiet
        self._flows: dict[tuple[int, str], _Flow] = {}
        self._tails: dict[int, Tail] = {}
        self._paused = False
        self._only: Sequence[str] | None = None
        self._held: list[tuple[str, str, dict[str, Any], Sequence[bytes]]] | None = None
        self._untold: dict[int, tuple[str, dict[str, Any]]] = {}  # ends; others are left behind

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        self._writer = Writer(self._loop, self._fd, self._handle_pressure, self._on_broken)
        self._view = self._make_view(self._loop, self._writer.write)
        manager.subscribe("spawn", self._handle_spawn)
        manager.subscribe("exit", self._handle_exit)
        manager.subscribe("gone", self._handle_gone)

    def stop(self) -> None:
        if self._held is not None:
            self._writer.detach()  # the screen is given back when the loop has ended
        self.release()
        self._view.finish()
        for logs in self._logs:
            logs.finish()
        self._writer.detach()
        self._loop.close()

    def restart(self) -> None:
        """Nothing of it needs a restart."""

    @property
    def secrets(self) -> Sequence[bytes]:
        """What is never shown."""
        return self._secrets

    def hide(self, secrets: Sequence[bytes]) -> None:
        """Show these no more, beside those before; in what is written by processes yet to come."""
        found = {*self._secrets, *secrets}
        self._secrets = sorted(found, key=lambda secret: (-len(secret), secret))

    def finish(self) -> None:
        """Write what is left, waiting for the reader; for when the loop has ended."""
        self._writer.finish()

    def say(
        self,
        text: str,
        event: str = NOTICE,
        details: dict[str, Any] | None = None,
        last_lines: Sequence[bytes] = (),
    ) -> None:
        """Write a line of gaffer's own, about `event`, and the last lines that a process wrote."""
        text = self.redact(text)
        views = [*([] if self._quiet else [self._view]), *self._logs]
        if self._held is not None and not self._quiet:
            self._held = [*self._held[1 - HELD :], (text, event, details or {}, last_lines)]
            views = self._logs
        for view in views:
            view.say(text, event, details or {}, last_lines)

    def hold(self) -> None:
        """Keep for later what gaffer itself says: the screen is somebody else's for a while."""
        self._held = []

    def release(self) -> None:
        """Say the last of what was kept."""
        held, self._held = self._held or [], None
        for words in held:
            self._view.say(*words)

    def show_only(self, templates: Sequence[str] | None) -> None:
        """Show on the screen from now on what these write, and nothing else; None: what was shown."""
        self._only = templates
        for flow in self._flows.values():
            is_shown = self._may_show(flow.source)
            if flow.shown is not None and not is_shown:
                flow.shown.end()
                flow.shown = None
            elif flow.shown is None and is_shown:
                flow.shown = self._view.open(flow.source)

    def _may_show(self, source: Source) -> bool:
        return self._is_shown(source) if self._only is None else source.template in self._only

    def redact(self, text: str) -> str:
        """`text` without secrets."""
        if not self._secrets:
            return text
        redactor = Redactor(self._secrets)
        data = redactor.feed(text.encode("utf-8", "surrogateescape")) + redactor.end()
        return data.decode("utf-8", "surrogateescape")

    def tail(self, id: int, count: int) -> list[bytes]:
        """The last lines that a process wrote; until its exit has been told."""
        tail = self._tails.get(id)
        return tail.lines(count) if tail is not None else []

    # ---- what happens

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        name = self._display(event["name"], event["instance"])
        process = self._manager.get_process(event["pid"])
        tail = self._tails[event["pid"]] = Tail()
        for label in process.redirect_output:
            source = Source(name, event["name"], event["instance"], event["os_pid"], label)
            self._flows[event["pid"], label] = _Flow(
                process,
                source,
                self._view.open(source) if self._may_show(source) else None,
                [logs.open(source) for logs in self._logs],
                tail,
                Redactor(self._secrets) if self._secrets else None,
            )
        process.monitor_io(".", self._handle_output)
        if self._paused:
            process.pause_reading()
        self.say(f"{name} started (pid {event['os_pid']})", "spawn", self._details(event))

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        name = self._display(event["name"], event["instance"])
        state = self._manager.get_process_state(event["name"])
        if not event["by_itself"]:
            asked = stop_signals(state.settings if state is not None else {})
            as_asked = event["term_signal"] in asked or shell_status(event) == 0
            how = "" if as_asked else f" ({describe(event)})"
            text = f"{name} stopped{how}"
        else:
            text = f"{name} {describe(event, state)}{_what_follows(event)}"
        self._tails.pop(event["pid"], None)
        if event.get("left_behind") and not event["by_itself"]:
            # A shell in front ends at once, while what it has run still cleans up and tells of it.
            self._untold[event["pid"]] = (text, self._details(event))
        else:
            self.say(text, EXIT, self._details(event))

    def _handle_gone(self, _evtype: str, event: dict[str, Any]) -> None:
        text, details = self._untold.pop(event["pid"], ("", {}))
        if text:  # else it had ended by itself, which was told then
            self.say(text, EXIT, details)

    def _details(self, event: dict[str, Any]) -> dict[str, Any]:
        """What a program wants to know of an event, beside its text."""
        details = {
            "process": self._display(event["name"], event["instance"]),
            "pid": event["os_pid"],
        }
        if event["event"] == "exit":
            details["exit_status"] = event["exit_status"]
            details["term_signal"] = event["term_signal"]
        return details

    # ---- what they write

    def _handle_output(self, label: str, message: dict[str, Any]) -> None:
        key = (message["pid"], label)
        if message["data"]:
            self._flows[key].feed(message["data"])
        else:
            self._flows.pop(key).end()

    def _handle_pressure(self, pressed: bool) -> None:
        """The reader is slower than the processes: let them wait, and keep nothing more for it."""
        self._paused = pressed
        for flow in self._flows.values():
            if pressed:
                flow.process.pause_reading()
            else:
                flow.process.resume_reading()


def _what_follows(event: dict[str, Any]) -> str:
    if event["then"] == BACKING_OFF:
        return f", starting it again in {event['delay']:.1f} s"
    if event["then"] == PENDING:
        return ", starting it again"
    if event["then"] == GAVE_UP:
        return ", giving up"
    return ""

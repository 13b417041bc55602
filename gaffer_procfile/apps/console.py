"""ConsoleOutput: what the processes write and what happens to them, as one stream of lines.

The only writer of standard output while a manager runs.
"""

from __future__ import annotations

import signal

from ..loop import adapt
from ..output.redact import Redactor
from ..output.source import Source
from ..output.tail import Tail
from ..output.writer import Writer
from ..slots import BACKING_OFF, GAVE_UP, PENDING
from .outcome import describe

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


class _Flow:
    """One stream of one process on its way to all views."""

    __slots__ = ("_label", "_redactor", "_streams", "_tail", "process")

    def __init__(
        self,
        process: Process,
        label: str,
        streams: list[Stream],
        tail: Tail,
        redactor: Redactor | None,
    ) -> None:
        self.process = process
        self._label = label
        self._streams = streams
        self._tail = tail
        self._redactor = redactor

    def feed(self, data: bytes) -> None:
        if self._redactor is not None:
            data = self._redactor.feed(data)
        self._pass_on(data)

    def end(self) -> None:
        if self._redactor is not None:
            self._pass_on(self._redactor.end())
        for stream in self._streams:
            stream.end()

    def _pass_on(self, data: bytes) -> None:
        if data:
            self._tail.feed(self._label, data)
            for stream in self._streams:
                stream.feed(data)


class ConsoleOutput:
    """Shows what the processes write on `fd`, in the form that `make_view` gives it.

    `is_shown` says of which processes; `logs` keeps it for all of them. `display` turns a template's
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
        logs: View | None = None,
        secrets: Sequence[bytes] = (),
        quiet: bool = False,
    ) -> None:
        self._fd = fd
        self._make_view = make_view
        self._display = display
        self._on_broken = on_broken
        self._is_shown = is_shown
        self._logs = logs
        self._secrets = secrets
        self._quiet = quiet
        self._flows: dict[tuple[int, str], _Flow] = {}
        self._tails: dict[int, Tail] = {}
        self._paused = False

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        self._writer = Writer(self._loop, self._fd, self._handle_pressure, self._on_broken)
        self._view = self._make_view(self._loop, self._writer.write)
        manager.subscribe("spawn", self._handle_spawn)
        manager.subscribe("exit", self._handle_exit)

    def stop(self) -> None:
        self._view.finish()
        if self._logs is not None:
            self._logs.finish()
        self._writer.detach()
        self._loop.close()

    def restart(self) -> None:
        """Nothing of it needs a restart."""

    def finish(self) -> None:
        """Write what is left, waiting for the reader; for when the loop has ended."""
        self._writer.finish()

    def say(
        self,
        text: str,
        event: str = "notice",
        details: dict[str, Any] | None = None,
        last_lines: Sequence[bytes] = (),
    ) -> None:
        """Write a line of gaffer's own, about `event`, and the last lines that a process wrote."""
        if self._secrets:
            data = text.encode("utf-8", "surrogateescape")
            redactor = Redactor(self._secrets)
            text = (redactor.feed(data) + redactor.end()).decode("utf-8", "surrogateescape")
        views = [] if self._quiet else [self._view]
        if self._logs is not None:
            views.append(self._logs)
        for view in views:
            view.say(text, event, details or {}, last_lines)

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
            views = [self._view] if self._is_shown(source) else []
            if self._logs is not None:
                views.append(self._logs)
            self._flows[event["pid"], label] = _Flow(
                process,
                label,
                [view.open(source) for view in views],
                tail,
                Redactor(self._secrets) if self._secrets else None,
            )
        process.monitor_io(".", self._handle_output)
        if self._paused:
            process.pause_reading()
        self.say(f"{name} started (pid {event['os_pid']})", "spawn", self._details(event))

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        name = self._display(event["name"], event["instance"])
        if not event["by_itself"]:
            how = f" ({describe(event)})" if event["term_signal"] != signal.SIGTERM else ""
            text = f"{name} stopped{how}"
        else:
            state = self._manager.get_process_state(event["name"])
            text = f"{name} {describe(event, state.cmd if state else '')}"
            text += _what_follows(event)
        self.say(text, "exit", self._details(event))
        self._tails.pop(event["pid"], None)

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

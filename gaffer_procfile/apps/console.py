"""ConsoleOutput: what the processes write and what happens to them, as one stream of lines.

The only writer of standard output while a manager runs.
"""

from __future__ import annotations

import signal

from ..loop import adapt
from ..output.lines import Lines, prefixed
from ..output.prefix import CONTINUATION, SEPARATOR, STDERR
from ..output.writer import Writer
from .outcome import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..loop import Loop
    from ..manager import Manager
    from ..output.prefix import Prefixes
    from ..process import Process

SYSTEM = "gaffer"  # whose name the lines have that no process wrote


class _Source:
    """One stream of one process on its way to the terminal."""

    __slots__ = ("lines", "name", "separator")

    def __init__(self, name: str, separator: str) -> None:
        self.name = name
        self.separator = separator
        self.lines = Lines()


class ConsoleOutput:
    """Writes every line that a process writes to `fd`, under the process's name.

    `prefixes` is None for lines without one. `quiet` leaves out what gaffer itself says. `mark_stderr`
    tells stderr's lines by a mark of their own. `display` turns a template's name and an instance
    number into the name that a person sees. `on_broken(error)` is called when nothing can be written
    any more.
    """

    def __init__(
        self,
        *,
        fd: int,
        prefixes: Prefixes | None,
        display: Callable[[str, int], str],
        on_broken: Callable[[OSError], object],
        quiet: bool = False,
        mark_stderr: bool = False,
    ) -> None:
        self._fd = fd
        self._prefixes = prefixes
        self._display = display
        self._on_broken = on_broken
        self._quiet = quiet
        self._mark_stderr = mark_stderr
        self._sources: dict[tuple[int, str], _Source] = {}
        self._processes: dict[int, Process] = {}
        self._told_to_stop: set[int] = set()
        self._paused = False

    def start(self, loop: Any, manager: Manager) -> None:
        self._loop: Loop = adapt(loop)
        self._manager = manager
        self._writer = Writer(self._loop, self._fd, self._handle_pressure, self._on_broken)
        if self._prefixes is not None and not self._quiet:
            self._prefixes.assign(SYSTEM, SYSTEM)
        manager.subscribe("spawn", self._handle_spawn)
        manager.subscribe("stop_pid", self._handle_stop)
        manager.subscribe("reap", self._handle_stop)
        manager.subscribe("exit", self._handle_exit)

    def stop(self) -> None:
        self._writer.release()
        self._loop.close()

    def restart(self) -> None:
        """Nothing of it needs a restart."""

    def finish(self) -> None:
        """Write what is left, waiting for the reader; for when the loop has ended."""
        self._writer.finish()

    def say(self, text: str) -> None:
        """Write a line of gaffer's own."""
        if not self._quiet:
            line = text.encode("utf-8", "surrogateescape") + b"\n"
            self._write(SYSTEM, SEPARATOR, line)

    # ---- what happens

    def _handle_spawn(self, _evtype: str, event: dict[str, Any]) -> None:
        name = self._name(event)
        process = self._processes[event["pid"]] = self._manager.get_process(event["pid"])
        for label, separator in zip(process.redirect_output, (SEPARATOR, STDERR), strict=False):
            mark = separator if self._mark_stderr else SEPARATOR
            self._sources[event["pid"], label] = _Source(name, mark)
        process.monitor_io(".", self._handle_output)
        if self._paused:
            process.pause_reading()
        self.say(f"{name} started (pid {event['os_pid']})")

    def _handle_stop(self, _evtype: str, event: dict[str, Any]) -> None:
        self._told_to_stop.add(event["pid"])

    def _handle_exit(self, _evtype: str, event: dict[str, Any]) -> None:
        name = self._name(event)
        if event["pid"] in self._told_to_stop:
            self._told_to_stop.discard(event["pid"])
            how = f" ({describe(event)})" if event["term_signal"] != signal.SIGTERM else ""
            self.say(f"{name} stopped{how}")
            return
        state = self._manager.get_process_state(event["name"])
        self.say(f"{name} {describe(event, state.cmd if state else '')}")

    def _name(self, event: dict[str, Any]) -> str:
        name = self._display(event["name"], event["instance"])
        if self._prefixes is not None:
            self._prefixes.assign(name, event["name"])
        return name

    # ---- what they write

    def _handle_output(self, label: str, message: dict[str, Any]) -> None:
        key = (message["pid"], label)
        source = self._sources[key]
        data = message["data"]
        blocks = source.lines.feed(data) if data else source.lines.end()
        for continued, text in blocks:
            self._write(source.name, source.separator, text, continued=continued)
        if not data:
            del self._sources[key]
            if not any(pid == message["pid"] for pid, _label in self._sources):
                del self._processes[message["pid"]]

    def _write(self, name: str, separator: str, text: bytes, *, continued: bool = False) -> None:
        if self._prefixes is not None:
            prefix = self._prefixes.get(name, separator)
            first = self._prefixes.get(name, CONTINUATION) if continued else prefix
            text = prefixed(text, first, prefix)
        self._writer.write(text)

    def _handle_pressure(self, pressed: bool) -> None:
        """The reader is slower than the processes: let them wait instead of keeping what they write."""
        self._paused = pressed
        for process in self._processes.values():
            if pressed:
                process.pause_reading()
            else:
                process.resume_reading()

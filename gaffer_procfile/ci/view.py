"""The log of a CI run: the command's output as it comes, the services' folded, or when it failed."""

from __future__ import annotations

from ..output.lines import prefixed
from ..output.screen import Screen
from ..output.source import FAILURE, report, system_source
from .kept import Kept
from .results import WORDS
from .workflow import Disarmed, workflow_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from ..loop import Loop
    from ..output.prefix import Prefixes
    from ..output.screen import ScreenStream
    from ..output.source import Source
    from .results import Results, ServiceResult

# What is shown of the services' output: of those that failed, of all, of none; or all as it comes.
FAILED = "failed"
ALL = "all"
NONE = "none"
STREAM = "stream"
LOGS = (FAILED, ALL, NONE, STREAM)

LINES = 20  # of a process that failed
MOST_ERRORS = 10  # annotations that GitHub shows of one step

_OURS = b"gaffer: "


class CiView:
    """Shows a run by `write`. `command` is the command's name; `redact` hides secrets in a text.

    With `github` services are folded into groups and what failed is an annotation; nothing that
    they or the command write is taken for a workflow command, but the command's if it `is_trusted`.
    `prefixes` are those of STREAM.
    """

    def __init__(
        self,
        loop: Loop,
        write: Callable[[bytes], object],
        results: Results,
        outputs: dict[str, Kept],
        *,
        command: str,
        prefixes: Prefixes,
        redact: Callable[[str], str],
        logs: str = FAILED,
        github: bool = False,
        is_trusted: bool = False,
        interactive: bool = False,
        colour: bool = False,
        quiet: bool = False,
    ) -> None:
        self._loop = loop
        self._write = write
        self._results = results
        self._outputs = outputs
        self._command = command
        self._redact = redact
        self._logs = logs
        self._github = github
        self._colour = colour
        self._quiet = quiet
        self._show = Disarmed(write).write if github else write
        interactive = interactive and not github and logs != STREAM
        self._screen = Screen(
            loop, self._show, None, interactive=interactive, colour=colour, raw=True
        )
        self._trusted = (
            Screen(loop, write, None, interactive=False, colour=colour, raw=True)
            if is_trusted and github
            else self._screen
        )
        self._stream = Screen(loop, self._show, prefixes, interactive=False, colour=colour)
        self._recorders: dict[str, Screen] = {}
        self._ours = self._screen.open(system_source())

    def open(self, source: Source) -> _Streams:
        streams = [self._recorder(source.name).open(source)]
        if source.template == self._command:
            streams.append(self._trusted.open(source))
        elif self._logs == STREAM:
            streams.append(self._stream.open(source))
        return _Streams(streams)

    def _recorder(self, name: str) -> Screen:
        """What makes lines of a process's streams, to be kept."""
        if name not in self._recorders:
            kept = self._outputs.setdefault(name, Kept())
            self._recorders[name] = Screen(
                self._loop, kept.write, None, interactive=False, colour=self._colour
            )
        return self._recorders[name]

    def say(
        self, text: str, event: str, details: dict[str, Any], last_lines: Sequence[bytes] = ()
    ) -> None:
        if event == FAILURE:
            return  # it has a block of its own, at the end
        if self._logs == STREAM:
            self._stream.say(text, event, details, last_lines)
        else:
            self._ours.feed(prefixed(report(text, last_lines), _OURS, _OURS))

    # ---- the end

    def finish(self) -> None:
        for screen in {self._screen, self._trusted, self._stream, *self._recorders.values()}:
            screen.finish()
        if self._logs in (FAILED, ALL):
            for service in self._folded():
                self._fold(service)
        self._tell_failures()
        if self._results.has_failed or not self._quiet:
            self._tell(self._results.verdict())

    def _folded(self) -> Iterable[ServiceResult]:
        """The services whose output is shown."""
        if self._logs == ALL:
            return self._results.services
        # Where the command failed and no service did, any of them may have had to do with it.
        culprits = self._results.culprits() or self._results.services
        return culprits if self._results.has_failed else []

    def _fold(self, service: ServiceResult) -> None:
        title = self._redact(f"{service.name}: {service.describe()}")
        kept = self._outputs.get(service.name)
        text = kept.text if kept is not None else b""
        if self._github:
            self._write(workflow_command("group", title))
            self._show(text or b"(no output)\n")
            self._write(workflow_command("endgroup", ""))
        elif text:
            self._show(f"----- {title}\n".encode("utf-8", "surrogateescape") + text)

    def _tell_failures(self) -> None:
        """A block for each that failed, and an annotation."""
        errors = []
        for service in self._results.culprits():
            lines = self.last_lines(service.name)
            self._tell(f"{service.name} {service.fault}", lines)
            assert service.fault_status is not None
            errors.append((f"{service.name} {WORDS[service.fault_status]}", service.fault, lines))
        command = self._results.command
        if command is not None and command.has_failed:
            self._tell(f"the command {command.ending}: {command.text}")
            lines = self.last_lines(self._command)
            errors.append((f"the command {command.ending}", command.text, lines))
        if self._github:
            for title, text, lines in errors[:MOST_ERRORS]:
                shown = [self._redact(text), *(line.decode("utf-8", "replace") for line in lines)]
                self._write(workflow_command("error", "\n".join(shown), title=self._redact(title)))

    def last_lines(self, name: str) -> list[bytes]:
        kept = self._outputs.get(name)
        return kept.last_lines(LINES) if kept is not None else []

    def _tell(self, text: str, lines: Sequence[bytes] = ()) -> None:
        self._show(prefixed(report(self._redact(text), lines), _OURS, _OURS))


class _Streams:
    """One stream of a process on its way to where it is kept, and to where it is shown."""

    def __init__(self, streams: Sequence[ScreenStream]) -> None:
        self._streams = streams

    def feed(self, data: bytes) -> None:
        for stream in self._streams:
            stream.feed(data)

    def end(self) -> None:
        for stream in self._streams:
            stream.end()

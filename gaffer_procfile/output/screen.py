"""The screen: the lines of many streams written as one stream, each line whole.

On a terminal a line that has begun and doesn't end (a prompt) is shown after a moment, and owns the
screen until it ends, or until others have waited for a moment. Then they go on below it, and the
rest of it follows with a mark.
"""

from __future__ import annotations

from .ansi import Cleaner
from .lines import Lines, prefixed
from .source import EXIT, FAILURE, NOTICE, report, system_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..loop import Cancellable, Loop
    from .lines import Block
    from .prefix import Prefixes
    from .source import Source

PATIENCE = 0.1  # seconds until an open line is shown, and then until others may break it
REDRAW_PATIENCE = 5.0  # seconds until a progress bar that was interrupted is shown again
MOST_HELD = 256 * 1024  # bytes that wait for an open line to end

LONGEST_BAR = 4096  # bytes; what writes a longer line isn't redrawing it

_ANEW = b"\r\x1b[K"
# What is to be written anew must not go on in the next row: there is no way back from there.
_CLIP, _WRAP = b"\x1b[?7l", b"\x1b[?7h"


class Screen:
    """Writes lines by `write(bytes)`. Loop's thread only.

    `prefixes` is None for lines without one. `interactive` says that somebody watches: open lines
    are shown. `raw` passes everything on as it is, `colour` the colours of the processes.
    """

    def __init__(
        self,
        loop: Loop,
        write: Callable[[bytes], object],
        prefixes: Prefixes | None,
        *,
        interactive: bool,
        colour: bool,
        raw: bool = False,
    ) -> None:
        self.interactive = interactive
        self._loop = loop
        self._write = write
        self._prefixes = prefixes
        self._colour = colour
        self._raw = raw
        self._is_plain = raw and prefixes is None  # no mark would tell of a break that we put in
        self._owner: ScreenStream | None = None  # whose open line is the last one on the screen
        # The open line, if it is redrawn: the terminal shows what fits in a row.
        self._bar: bytes | None = None
        self._held: list[bytes] = []  # what the others have written meanwhile
        self._held_size = 0
        self._held_timer: Cancellable | None = None
        self._names: set[str] = set()  # of the processes that are shown here
        self._told: str | None = None  # of whose end was told last, if nothing since
        self._system = self._make_stream(system_source())

    def open(self, source: Source) -> ScreenStream:
        """A stream of its own for `source`: `feed` it, `end` it."""
        self._names.add(source.name)
        return self._make_stream(source)

    def _make_stream(self, source: Source) -> ScreenStream:
        if self._prefixes is not None:
            self._prefixes.assign(source.name, source.template)
        cleaner = None if self._raw else Cleaner(colour=self._colour, controls=self.interactive)
        lines = Lines(raw=self._raw, clock=self._loop.time)
        return ScreenStream(self, self._loop, source, lines, cleaner)

    def say(
        self, text: str, event: str, details: Mapping[str, Any], last_lines: Sequence[bytes] = ()
    ) -> None:
        """Show lines of gaffer's own, but no report of a failure that stands just above."""
        process = details.get("process")
        if event == FAILURE and self._has_just_told(process, last_lines):
            return
        self._told = process if event == EXIT else None
        if self.interactive and self._owner is None and event == NOTICE:
            self._write(b"\r")  # over the ^C that the terminal has echoed
        self._system.feed(report(text, last_lines))

    def _has_just_told(self, process: str | None, last_lines: Sequence[bytes]) -> bool:
        """Whether the end of a single process, and what it wrote last, stand just above."""
        is_single = self._names == {process} or not (self._names or last_lines)
        return is_single and process is not None and process == self._told

    def finish(self) -> None:
        """No stream is left: end the open line, and show what waits."""
        self._release()

    # ---- what its streams call

    def owns(self, stream: ScreenStream) -> bool:
        """Whether the open line of `stream` is the last one on the screen."""
        return self._owner is stream

    def show(self, stream: ScreenStream, block: Block) -> None:
        """Show what `stream` has: now, or when the open line has ended that is another's."""
        if self._owner is stream:
            self._continue(stream, block)
            return
        text = block.text
        continued = block.continued and not block.overwrites
        if continued and text.startswith(b"\n"):
            # The line was shown in full, only its end was not.
            text = text[1:]
            continued = False
        if not text:
            return
        line = text if self._prefixes is None else self._prefixed(stream, text, continued)
        if self._owner is None and block.partial and self._is_plain:
            self._owner = stream  # the rest of its line belongs just behind
            self._write(line)
            return
        if block.partial:
            # Cut because it is too long: a line break that isn't there in what the process wrote.
            line += b"\n"
        if self._owner is None:
            self._write(line)
        else:
            self._held.append(line)
            self._held_size += len(line)
            if self._held_size > MOST_HELD:
                self._release()
            else:
                self._hold()

    def show_open(self, stream: ScreenStream) -> bool:
        """Show the open line of `stream`; False if it has to wait for another's."""
        if self._owner is not None and self._owner is not stream:
            self._hold()
            return False
        is_bar = stream.is_bar  # before it is taken
        block = stream.take_open()
        if block is None:
            return True
        if self._owner is stream:
            self._continue(stream, block)
            return True
        self._owner = stream
        text = block.text
        if self._prefixes is not None:
            text = self._prefixed(stream, text, block.continued and not block.overwrites)
        if is_bar and len(text) <= LONGEST_BAR:
            self._bar = text
            text = _CLIP + text + _WRAP
        self._write(text)
        return True

    def close(self, stream: ScreenStream) -> None:
        """`stream` has ended."""
        if self._owner is stream:
            self._release()
        if self._prefixes is not None:
            self._prefixes.forget(stream.source)

    # ---- how it is written

    def _prefixed(self, stream: ScreenStream, text: bytes, continued: bool = False) -> bytes:
        assert self._prefixes is not None
        first = self._prefixes.get(stream.source, continued=continued)
        if b"\n" not in text[:-1]:
            return first + text
        # Asked for again: the time since the process's last line is another one now.
        return prefixed(text, first, self._prefixes.get(stream.source))

    def _continue(self, stream: ScreenStream, block: Block) -> None:
        """Go on in the open line, or write it anew."""
        line, newline, rest = block.text.partition(b"\n")
        if block.overwrites:
            prefix = self._prefixes.get(stream.source) if self._prefixes is not None else b""
            self._bar = prefix + line
        elif self._bar is not None:
            self._bar += line
        if self._bar is None:
            self._write(line + newline)
        elif newline or len(self._bar) > LONGEST_BAR:
            self._end_bar()
            self._write(newline)
        else:
            self._write(_ANEW + _CLIP + self._bar + _WRAP)
        if newline:
            self._owner = None
            if rest:
                self._write(rest if self._prefixes is None else self._prefixed(stream, rest))
            self._flush_held()

    def _end_bar(self) -> None:
        """Write its last state, if there is one, as any other line: in full."""
        if self._bar is not None:
            self._write(_ANEW + self._bar)
            self._bar = None

    def _hold(self) -> None:
        if self._held_timer is None:
            self._held_timer = self._loop.call_later(PATIENCE, self._release)

    def _release(self) -> None:
        """Break the open line, for the others have waited long enough."""
        if self._owner is not None:
            owner, self._owner = self._owner, None
            self._end_bar()
            self._write(b"\n")
            owner.handle_interruption()
        self._flush_held()

    def _flush_held(self) -> None:
        if self._held_timer is not None:
            self._held_timer.cancel()
            self._held_timer = None
        held, self._held = self._held, []
        self._held_size = 0
        for text in held:
            self._write(text)


class ScreenStream:
    """One stream on its way to the screen: what is a line in it, and when an open one is shown.

    The screen decides what is written then.
    """

    def __init__(
        self, screen: Screen, loop: Loop, source: Source, lines: Lines, cleaner: Cleaner | None
    ) -> None:
        self.source = source
        self._screen = screen
        self._loop = loop
        self._lines = lines
        self._cleaner = cleaner
        self._timer: Cancellable | None = None
        self._settle_timer: Cancellable | None = None
        self._was_interrupted = False

    def feed(self, data: bytes) -> None:
        self._pass_on(self._lines.feed(data))
        if self._screen.interactive:
            self._watch_open_line()
        if self._settle_timer is None:
            self._await_settling()

    def end(self) -> None:
        for timer in (self._timer, self._settle_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._settle_timer = None
        self._pass_on(self._lines.end())
        self._screen.close(self)

    @property
    def is_bar(self) -> bool:
        """Whether the open line is written again and again."""
        return self._lines.overwrites

    def take_open(self) -> Block | None:
        """What there is of a line that hasn't ended, for the screen to show."""
        block = self._lines.take_open()
        return None if block is None else self._cleaned(block)

    def handle_interruption(self) -> None:
        """Others have written below the open line."""
        self._was_interrupted = True

    def _pass_on(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            self._screen.show(self, self._cleaned(block))

    def _cleaned(self, block: Block) -> Block:
        if self._cleaner is not None:
            block.text = self._cleaner.clean(block.text)
        return block

    def _settle(self) -> None:
        """Show what was kept and whose time has come."""
        self._settle_timer = None
        self._pass_on(self._lines.settle())
        if self._screen.interactive:
            self._watch_open_line()
        self._await_settling()

    def _await_settling(self) -> None:
        delay = self._lines.settles_in
        if delay is not None:
            self._settle_timer = self._loop.call_later(delay, self._settle)

    def _watch_open_line(self) -> None:
        if not self._lines.is_open:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._was_interrupted = False
        elif self._screen.owns(self):
            self._screen.show_open(self)  # it is on the screen: what follows follows at once
        elif self._timer is None:
            # A bar that redraws itself would leave a line at every interruption.
            bar = self._was_interrupted and self.is_bar
            patience = REDRAW_PATIENCE if bar else PATIENCE
            self._timer = self._loop.call_later(patience, self._show_open)

    def _show_open(self) -> None:
        self._timer = None
        if self._lines.is_open and not self._screen.show_open(self):
            self._timer = self._loop.call_later(PATIENCE, self._show_open)

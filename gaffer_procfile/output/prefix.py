"""The prefix of a line: `12:34:56 web.1    | `, in the colour of its process."""

from __future__ import annotations

import time

from .ansi import RESET
from .columns import padded, width_of
from .source import STDERR, SYSTEM, system_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .source import Source

LINE = "|"
CONTINUATION = "+"  # this line goes on with the one above
STDERR_MARK = "!"
NO_PID = "-"  # of what no process wrote

_BASIC = ("cyan", "yellow", "green", "magenta", "red", "blue")
# By name, in the palette's order; gaffer.yaml takes these.
COLOURS = (*_BASIC, *(f"bright-{name}" for name in _BASIC))
_FIELDS = ("name", "index", "pid", "time", "stream", "group", "mark")


def palette() -> Sequence[str]:
    """The escape sequences that the processes take in turn."""
    from colorama import Fore  # brings ctypes with it, so only where colours are on

    names = [name.upper() for name in _BASIC]
    return [getattr(Fore, name) for name in (*names, *(f"LIGHT{name}_EX" for name in names))]


class Clock:
    """The time of a line, as text.

    `style` is `on` (the time of day), `off`, `relative` (seconds since the start), `delta` (seconds
    since the last line of the same process) or a format of strftime.
    """

    def __init__(self, style: str = "on", now: Callable[[], float] | None = None) -> None:
        self.style = style
        if now is None:  # how much time has passed is nothing to ask a clock that may be set
            now = time.monotonic if style in ("relative", "delta") else time.time
        self._now = now
        self._format = "%H:%M:%S" if style == "on" else style
        self._start = now()
        self._last: dict[str, float] = {}
        self._second = -1
        self._text = ""

    def text(self, name: str) -> str:
        """The time of a line of `name` that is written now."""
        if self.style == "off":
            return ""
        now = self._now()
        if self.style == "relative":
            return f"{now - self._start:8.3f}"
        if self.style == "delta":
            last = self._last.get(name, self._start)
            self._last[name] = now
            return f"{now - last:+8.3f}"
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = time.strftime(self._format, time.localtime(second))
        return self._text


class Prefixes:
    """Makes the prefixes of all sources, their names as wide as the longest.

    `template` has `{time} {name} {index} {pid} {stream} {group}` and `{mark}`: `|`, or `+` for a line
    that goes on with the one above, or with `mark_stderr` `!` for stderr.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        colours: Sequence[str] | None = None,
        template: str | None = None,
        mark_stderr: bool = False,
    ) -> None:
        self._clock = clock
        self._colours = colours
        if template is None:
            template = ("{time} " if clock.style != "off" else "") + "{name} {mark} "
        self._template = template
        self._mark_stderr = mark_stderr
        self._width = 0
        self._colour_of: dict[str, str] = {}
        self._cache: dict[tuple[Source, bool], tuple[str, bytes]] = {}

    @property
    def width(self) -> int:
        """How many columns a prefix takes."""
        return width_of(self._text(system_source(), self._clock.text(SYSTEM), LINE))

    def assign(self, name: str, template: str, colour: str | None = None) -> None:
        """Make room for `name`, and give its template a colour: `colour`, or the next one."""
        width = width_of(name)
        if width > self._width:
            self._width = width
            self._cache.clear()
        if self._colours and colour is not None:
            self._colour_of[template] = self._colours[COLOURS.index(colour)]
        elif self._colours and template not in self._colour_of:
            self._colour_of[template] = self._colours[len(self._colour_of) % len(self._colours)]

    def forget(self, source: Source) -> None:
        """`source` has ended."""
        for continued in (False, True):
            self._cache.pop((source, continued), None)

    def get(self, source: Source, *, continued: bool = False) -> bytes:
        """The prefix of a line that is written now."""
        text = self._clock.text(source.name)
        cached = self._cache.get((source, continued))
        if cached is not None and cached[0] == text:
            return cached[1]
        prefix = self._make(source, text, continued)
        self._cache[source, continued] = text, prefix
        return prefix

    def _make(self, source: Source, text: str, continued: bool) -> bytes:
        mark = CONTINUATION if continued else LINE
        if self._mark_stderr and source.stream == STDERR and not continued:
            mark = STDERR_MARK
        prefix = self._text(source, text, mark)
        colour = self._colour_of.get(source.template)
        if colour is not None:
            # Reset first: whatever wrote here before us may have left something on.
            prefix = f"{RESET.decode()}{colour}{prefix}{RESET.decode()}"
        return prefix.encode("utf-8", "surrogateescape")

    def _text(self, source: Source, time: str, mark: str) -> str:
        return self._template.format(
            name=padded(source.name, self._width),
            index=source.index,
            pid=source.pid or NO_PID,
            time=time,
            stream=source.stream,
            group=source.group,
            mark=mark,
        )


def check_template(template: str) -> str | None:
    """What is wrong with a prefix template; None if nothing is."""
    try:
        for pid in (1, NO_PID):
            template.format(**{**dict.fromkeys(_FIELDS, ""), "index": 1, "pid": pid})
    except (KeyError, IndexError, AttributeError, TypeError):
        return f"it knows {', '.join('{' + field + '}' for field in _FIELDS)}"
    except ValueError as error:
        return str(error)
    return None

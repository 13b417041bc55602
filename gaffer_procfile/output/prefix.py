"""The prefix of a line: `12:34:56 web.1    | `, in the colour of its process."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SEPARATOR = "|"
CONTINUATION = "+"  # this line goes on with the one above
STDERR = "!"

_COLOURS = ("CYAN", "YELLOW", "GREEN", "MAGENTA", "RED", "BLUE")


def palette() -> Sequence[str]:
    """The escape sequences that the processes take in turn."""
    from colorama import Fore  # brings ctypes with it, so only where colours are on

    names = [*_COLOURS, *(f"LIGHT{name}_EX" for name in _COLOURS)]
    return [getattr(Fore, name) for name in names]


class Prefixes:
    """Makes the prefixes of all names, as wide as the longest of them."""

    def __init__(self, *, timestamps: bool, colours: Sequence[str] | None, width: int = 0) -> None:
        self._timestamps = timestamps
        self._colours = colours
        self._width = width
        self._next_colour = 0
        self._colour_of: dict[str, str] = {}
        self._second = 0
        self._time = ""
        self._cache: dict[tuple[str, str], bytes] = {}

    def assign(self, name: str, key: str) -> None:
        """Make room for `name`, and give it the colour of `key`: of its template."""
        self._width = max(self._width, len(name))
        if self._colours and name not in self._colour_of:
            known = self._colour_of.get(key)
            if known is None:
                known = self._colours[self._next_colour % len(self._colours)]
                self._colour_of[key] = known
                self._next_colour += 1
            self._colour_of[name] = known
        self._cache.clear()

    def get(self, name: str, separator: str = SEPARATOR) -> bytes:
        """The prefix of a line of `name` written now."""
        if self._timestamps:
            second = int(time.time())
            if second != self._second:
                self._second = second
                self._time = time.strftime("%H:%M:%S ", time.localtime(second))
                self._cache.clear()
        prefix = self._cache.get((name, separator))
        if prefix is None:
            prefix = self._cache[name, separator] = self._make(name, separator)
        return prefix

    def _make(self, name: str, separator: str) -> bytes:
        text = f"{self._time}{name:<{self._width}} {separator} "
        colour = self._colour_of.get(name)
        if colour is not None:
            # Reset first: what the last line left switched on ends here.
            text = f"\x1b[0m{colour}{text}\x1b[0m"
        return text.encode()

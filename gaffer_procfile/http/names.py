"""Names: which template, instance or process a client means by what it says."""

from __future__ import annotations

from ..errors import nearest
from .answers import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..manager import Manager
    from ..process import Process

    Display = Callable[[str, int], str]
    """What a person calls an instance, by its template's name and its number."""


class Choice:
    """Those that a client has chosen, each a template and an instance, or None for all; none is all."""

    def __init__(self, chosen: Sequence[tuple[str, int | None]]) -> None:
        self._chosen = chosen

    def __bool__(self) -> bool:
        return bool(self._chosen)

    def has(self, name: str, instance: int | None) -> bool:
        return not self._chosen or any(
            name == wanted and number in (None, instance) for wanted, number in self._chosen
        )


class Names:
    """Looks names up in a manager.

    `resolve(text)` gives the full name of a template, or None; without it a name alone stands for
    `group:name` where only one group has it.
    """

    def __init__(self, manager: Manager, resolve: Callable[[str], str | None] | None) -> None:
        self._manager = manager
        self._resolve = resolve

    def find(self, text: str) -> str | None:
        """The full name of the template that `text` means; None if there is none, or several."""
        known = self._manager.processes
        if text in known:
            return text
        if self._resolve is not None:
            found = self._resolve(text)
            return found if found in known else None
        short = self._by_short_name(text)
        return short[0] if len(short) == 1 else None

    def full_name(self, text: str) -> str:
        """The same. Raises Problem."""
        name = self.find(text)
        if name is None:
            raise self._unknown(text)
        return name

    def choose(self, texts: Sequence[str]) -> Choice:
        """What names of templates and of instances (`web.1`) mean. Raises Problem."""
        return Choice([self._chosen(text) for text in texts])

    def _chosen(self, text: str) -> tuple[str, int | None]:
        known = self.find(text)
        if known is not None:
            return known, None
        name, _dot, number = text.rpartition(".")
        known = self.find(name)
        if known is not None and number.isascii() and number.isdecimal() and len(number) < 9:
            return known, int(number)
        raise self._unknown(text)

    def running(self, text: str) -> Process | None:
        """The process with the id `text` that runs, and wasn't told to stop."""
        return self._manager.running_processes().get(int(text)) if _is_id(text) else None

    def active(self, text: str) -> Process | None:
        """The process with the id `text` until it has ended."""
        if not _is_id(text):
            return None
        try:
            process = self._manager.get_process(int(text))
        except KeyError:
            return None
        return process if process.active else None

    def _by_short_name(self, text: str) -> list[str]:
        """Those of any group that are called so; none is called nothing."""
        known = self._manager.processes
        return [name for name in known if text and name.partition(":")[2] == text]

    def _unknown(self, text: str) -> Problem:
        several = self._by_short_name(text)
        if len(several) > 1:
            hint = f"there is {', '.join(several)}"
        else:
            known = list(self._manager.processes)
            short = (name.partition(":")[2] for name in known)
            hint = nearest(text, [*known, *short]) or "see /processes"
        return Problem(404, f"no such process: {text[:200]!r}", hint=hint)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16

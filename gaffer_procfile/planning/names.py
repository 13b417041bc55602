"""The names of processes: full (`api:web`), and as short as people say them (`web`)."""

from __future__ import annotations

from ..errors import SEVERAL, UnknownProcessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_GLOB_CHARACTERS = frozenset("*?[")


class Names:
    """The full names, `<group>:<name>`, that there are, and what a person calls them."""

    __slots__ = ("_full", "_groups", "_short")

    def __init__(self, full_names: Sequence[str]) -> None:
        self._full = list(full_names)
        self._groups: dict[str, list[str]] = {}
        owners: dict[str, list[str]] = {}
        for full in self._full:
            group, _, name = full.rpartition(":")
            self._groups.setdefault(group, []).append(full)
            owners.setdefault(name, []).append(full)
        self._short = owners

    def replace(self, others: Names) -> None:
        """Become what `others` are: for a plan that has changed, and whoever holds its names."""
        self._full, self._groups, self._short = others._full, others._groups, others._short

    def short(self, full: str) -> str:
        """The shortest name that no other process has: `web`, or `api:web` where there are two."""
        name = full.rpartition(":")[2]
        return full if len(self._short.get(name, ())) > 1 else name

    def display(self, full: str, instance: int) -> str:
        """An instance's name as a person sees it: `web.1`."""
        return f"{self.short(full)}.{instance}"

    def find(self, word: str) -> list[str]:
        """The full names that `word` means: a name, a full name, a group or a pattern of these.

        UnknownProcessError if there is none, or if a name is that of several.
        """
        if _GLOB_CHARACTERS & set(word):
            found = self._matching(word)
        elif ":" in word:
            group = word.partition(":")[0]
            if group not in self._groups:
                raise UnknownProcessError(word, self.known(), f"there is no group {group!r} here")
            found = [word] if word in self._full else []
        else:
            found = self._short.get(word, [])
            if len(found) > 1:
                hint = f"{' or '.join(found)}; '*:{word}' is all of them"
                raise UnknownProcessError(word, found, hint, SEVERAL)
            found = found or self._groups.get(word, [])
        if not found:
            raise UnknownProcessError(word, self.known())
        return found

    def known(self) -> list[str]:
        """What could have been meant: all short names, and the groups where there are several."""
        groups = [group for group in self._groups if group] if len(self._groups) > 1 else []
        return [self.short(full) for full in self._full] + groups

    def _matching(self, pattern: str) -> list[str]:
        from fnmatch import fnmatchcase  # few type patterns

        with_group = ":" in pattern
        return [
            full
            for full in self._full
            if fnmatchcase(full if with_group else full.rpartition(":")[2], pattern)
        ]

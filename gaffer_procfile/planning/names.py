"""The names of processes: full (`api:web`), and as short as people say them (`web`)."""

from __future__ import annotations

from ..errors import SEVERAL, UnknownProcessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_GLOB_CHARACTERS = frozenset("*?[")
_MOST_DIGITS = 9  # of an instance's number


class Names:
    """The full names, `<group>:<name>`, that there are, and what a person calls them."""

    __slots__ = ("_full", "_groups", "_known", "_short")

    def __init__(self, full_names: Sequence[str]) -> None:
        self._full = list(full_names)
        self._groups: dict[str, list[str]] = {}
        owners: dict[str, list[str]] = {}
        for full in self._full:
            group, _, name = full.rpartition(":")
            self._groups.setdefault(group, []).append(full)
            owners.setdefault(name, []).append(full)
        self._short = owners
        self._known = {name: set(full) for name, full in owners.items()}  # also those before

    def follow(self, former: Names) -> None:
        """Keep those of the run so far apart, too: what has left is still to end, and was read of."""
        for name, full in former._known.items():
            self._known.setdefault(name, set()).update(full)

    def replace(self, others: Names) -> None:
        """Become what `others` are: for a plan that has changed, and whoever holds its names."""
        self._full, self._groups, self._short = others._full, others._groups, others._short
        self._known = others._known

    def short(self, full: str) -> str:
        """The shortest name that no other process has: `web`, or `api:web` where there are two."""
        name = full.rpartition(":")[2]
        return full if len(self._known.get(name, ())) > 1 else name

    def display(self, full: str, instance: int) -> str:
        """An instance's name as a person sees it: `web.1`."""
        return f"{self.short(full)}.{instance}"

    def find(self, word: str) -> list[str]:
        """The full names that `word` means: a name, a full name, a group or a pattern of these.

        UnknownProcessError if there is none, or if a name is that of several.
        """
        found = self._short.get(word, [])
        if len(found) > 1:
            hint = f"{' or '.join(found)}; '*:{word}' is all of them"
            raise UnknownProcessError(word, found, hint, SEVERAL)
        if not found:
            # A directory's name, and so a group's, may have a pattern's characters.
            found = [word] if word in self._full else self._groups.get(word, [])
        if not found and _GLOB_CHARACTERS & set(word):
            found = self._matching(word)
        elif not found and ":" in word:
            group = word.partition(":")[0]
            if group not in self._groups:
                raise UnknownProcessError(word, self.known(), f"there is no group {group!r} here")
        if not found:
            raise UnknownProcessError(word, self.known())
        return found

    def find_instances(self, word: str) -> tuple[list[str], int | None]:
        """The same for a word that may name an instance, `web.2` or `w*.2`: and its number.

        None for all instances, which are `web.*`, too.
        """
        try:
            return self.find(word), None
        except UnknownProcessError:
            name, number = split_instance(word)
            if name == word:
                raise
            return self.find(name), number

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


def split_instance(word: str) -> tuple[str, int | None]:
    """`api:web.2` as its name and its number, `web.*` as `web` and None; others are a name only.

    A group's name may have dots in it, too.
    """
    name, _dot, number = word.rpartition(".")
    if name and number == "*":
        return name, None
    if name and number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS:
        return name, int(number)
    return word, None

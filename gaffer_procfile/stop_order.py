"""The order in which a manager stops its templates."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .state import ProcessState


class StopOrder:
    """Each template when nothing depends on it that is left; those that depend on each other at last."""

    def __init__(self, states: Sequence[ProcessState]) -> None:
        self.is_urgent = False
        """Whether nobody waits for anybody any more."""
        self._waiting = list(states)
        self._stopping: list[ProcessState] = []

    @property
    def is_done(self) -> bool:
        """Whether all have been taken."""
        return not self._waiting

    def take(self) -> list[ProcessState]:
        """Those that are to be stopped now; none while all that are left wait for others."""
        self._stopping = [state for state in self._stopping if state.is_stopping]
        left = self._stopping + self._waiting
        needed = {name for state in left for name in state.depends_on}
        free = [state for state in self._waiting if state.name not in needed]
        if self.is_urgent or not (free or self._stopping):
            free, needed = self._waiting, set()  # the latter: they depend on each other
        self._waiting = [state for state in self._waiting if state.name in needed]
        self._stopping += free
        return free

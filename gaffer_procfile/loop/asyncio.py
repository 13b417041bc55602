"""An asyncio or uvloop loop as the manager uses it."""

from __future__ import annotations

from .base import RUNS_ALREADY, Adapter, Interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from .base import Callback


class AsyncioLoop(Adapter):
    """An asyncio (or uvloop) loop used as it is. Only `run()` and `close()` are added to it.

    One object per asyncio loop, shared by all who use that loop.
    """

    _adapters: ClassVar[dict[int, AsyncioLoop]] = {}

    def __init__(self, raw: Any) -> None:
        super().__init__()
        self._raw = raw
        self._is_run_here = False
        self.time = raw.time
        self.call_soon = raw.call_soon
        self.call_later = raw.call_later
        self.add_reader = raw.add_reader
        self.remove_reader = raw.remove_reader
        self.add_writer = raw.add_writer
        self.remove_writer = raw.remove_writer
        self.add_signal_handler = raw.add_signal_handler
        self.remove_signal_handler = raw.remove_signal_handler
        self.stop = raw.stop

    @classmethod
    def of(cls, raw: Any) -> AsyncioLoop:
        adapter = cls._adapters.get(id(raw))
        if adapter is None:
            adapter = cls._adapters[id(raw)] = cls(raw)
        return adapter

    def call_soon_threadsafe(self, callback: Callback, /, *args: Any) -> None:
        # A closed one refuses it. Here as on the other loops: what isn't run any more runs nothing.
        if not self._raw.is_closed():
            self._raw.call_soon_threadsafe(callback, *args)

    def run(self) -> None:
        if self._raw.is_running():
            raise RuntimeError(RUNS_ALREADY)
        self._is_run_here = True
        interrupts = Interrupts(self.call_soon_threadsafe)
        try:
            self._raw.run_forever()
        finally:
            self._is_run_here = False
            interrupts.end()

    def _end(self) -> None:
        self._adapters.pop(id(self._raw), None)
        # asyncio never ends by itself: what `run()` began, the last user ends.
        if self._is_run_here:
            self._raw.call_soon(self._raw.stop)

"""The event loops that the manager runs on.

`Loop` is what it needs, in the names and shapes of asyncio's AbstractEventLoop. `adapt()` turns
whatever a caller has (a pyuv loop, an asyncio loop, a `SelectorLoop`) into one.

Callbacks run in the loop's thread, in the order in which they were asked for. `call_soon_threadsafe`
is the only method that other threads may call.
"""

from __future__ import annotations

from .base import Adapter
from .selector import SelectorLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .base import Callback, Cancellable, Loop

    __all__ = ["Callback", "Cancellable", "Loop", "SelectorLoop", "adapt", "default_loop"]


def default_loop(kind: str | None = None) -> Any:
    """A loop for a caller who has none: pyuv's if it is there, or of `kind`.

    `kind` is "pyuv", "selectors" or "asyncio".

    Raises ImportError for "pyuv" where pyuv isn't installed, ValueError for another kind.
    """
    if kind == "selectors":
        return SelectorLoop()
    if kind == "asyncio":
        import asyncio

        return asyncio.new_event_loop()
    if kind not in (None, "pyuv"):
        raise ValueError(f"no such event loop: {kind!r} (pyuv, selectors or asyncio)")
    try:
        import pyuv
    except ImportError as error:
        if kind == "pyuv":
            how = "docs/pyuv.md has the command that installs it"
            raise ImportError(f"pyuv can't be imported ({error}); {how}") from error
        return SelectorLoop()
    return pyuv.Loop.default_loop()


def adapt(loop: Any) -> Loop:
    """Use `loop`, of any kind or already adapted, until the result's `close()`."""
    if isinstance(loop, Adapter):
        adapter: Any = loop
    elif hasattr(loop, "call_soon_threadsafe"):
        from .asyncio import AsyncioLoop

        adapter = AsyncioLoop.of(loop)
    elif hasattr(loop, "default_loop"):
        from .pyuv import PyuvLoop

        adapter = PyuvLoop.of(loop)
    else:
        raise TypeError(
            f"not an event loop: {loop!r} (a pyuv, an asyncio or a SelectorLoop is one)"
        )
    opened: Loop = adapter.open()
    return opened

"""What a start needs of `signal`, `threading`, `collections` and `heapq`, straight from C.

Each of these has its work done by a C module of CPython, behind a module in Python that brings along
much more: `signal` alone loads enum, functools and their like, and takes half as long as the bare
interpreter. Together they were a third of the time until the first process runs. So what is loaded
before that takes the names from here; what comes after it may use the modules themselves.

The functions of `signal` are the same, but give and take plain numbers: there is no `signal.Signals`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections import deque
    from heapq import heappop, heappush
    from threading import Lock, RLock, get_ident
else:
    try:
        import _signal as signal
        from _collections import deque
        from _heapq import heappop, heappush
        from _thread import RLock, get_ident
        from _thread import allocate_lock as Lock  # noqa: N812 - that is its name in `threading`
    except ImportError:  # another Python than CPython has no such modules
        import signal
        from collections import deque
        from heapq import heappop, heappush
        from threading import Lock, RLock, get_ident

__all__ = ["Lock", "RLock", "deque", "get_ident", "heappop", "heappush", "signal"]

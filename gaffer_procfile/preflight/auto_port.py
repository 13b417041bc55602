"""`--auto-port`: a block of free ports for a whole project, where one of its own is taken."""

from __future__ import annotations

import os

from ..errors import FormationError
from .listening import find_listeners, is_free

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Above what services usually have, below what systems give to outgoing connections.
LOWEST = 10_000
HIGHEST = 32_767
ROOM = 10  # ports for each entry, so that another scale moves nobody


def move_if_taken(
    directory: str,
    first_ports: Mapping[str, int],
    counts: Mapping[str, int],
    display: Callable[[str, int], str],
) -> tuple[dict[str, int], str | None]:
    """The ports to have instead of `first_ports`, and what is to be said about that.

    They are the same if none of those that run (`counts`, by full name) is in use. `directory`
    decides where the block is looked for first, so a project finds its own again.
    """
    running = {
        first_ports[full] + offset: display(full, offset + 1)
        for full, count in counts.items()
        for offset in range(count)
    }
    listeners = find_listeners(running)
    if not listeners:
        return dict(first_ports), None
    moved = _free_block(directory, first_ports, counts)
    port, listener = next(iter(listeners.items()))
    lowest = min(moved.values())
    note = f"port {port} ({running[port]}) is in use by {listener}, so the ports begin at {lowest}"
    return moved, note


def _free_block(
    directory: str, first_ports: Mapping[str, int], counts: Mapping[str, int]
) -> dict[str, int]:
    offsets: dict[str, int] = {}
    size = 0
    for full in first_ports:
        offsets[full] = size
        size += -(-max(counts.get(full, 0), 1) // ROOM) * ROOM
    for base in _bases(directory, size):
        moved = {full: base + offset for full, offset in offsets.items()}
        wanted = (moved[full] + number for full, count in counts.items() for number in range(count))
        if all(is_free(port) for port in wanted):
            return moved
    raise FormationError(f"no block of {size} ports is free from {LOWEST} to {HIGHEST}")


def _bases(directory: str, size: int) -> Iterator[int]:
    """Where a block of `size` ports can begin, from the directory's own place on, all around."""
    from zlib import crc32  # the same in every run, unlike hash()

    places = (HIGHEST + 1 - LOWEST) // ROOM - size // ROOM + 1
    if places < 1:
        return
    first = crc32(os.fsencode(os.path.realpath(directory))) % places
    for number in range(places):
        yield LOWEST + (first + number) % places * ROOM

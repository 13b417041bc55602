"""`--auto-port`: a block of free ports for a whole project, where one of its own is taken."""

from __future__ import annotations

import os

from ..errors import FormationError
from .claims import OURS
from .listening import find_listeners, is_free

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from ..planning.options import MovePorts

# Above what services usually have, below what systems give to outgoing connections.
LOWEST = 10_000
HIGHEST = 32_767
ROOM = 10  # ports for each entry, so that another scale moves nobody


def take_ports(
    directory: str,
    first_ports: Mapping[str, int],
    counts: Mapping[str, int],
    display: Callable[[str, int], str],
) -> tuple[dict[str, int], str | None]:
    """The ports to have instead of `first_ports`, and what is to be said about that.

    They are the same if none of those that run (`counts`, by full name) is in use, or claimed by
    another run. `directory` decides where the block is looked for first, so a project finds its own
    again. From now on they are claimed for us.
    """
    running = {
        first_ports[full] + offset: display(full, offset + 1)
        for full, count in counts.items()
        for offset in range(count)
    }
    claimed = OURS.find_claimed(running)
    if claimed is None:
        listeners = find_listeners(running)
        if not listeners:
            return dict(first_ports), None
        OURS.release(running)
        port, listener = next(iter(listeners.items()))
        why = f"port {port} ({running[port]}) is in use by {listener}"
    else:
        why = f"port {claimed} ({running[claimed]}) is another run's"
    moved = _take_block(directory, first_ports, counts)
    return moved, f"{why}, so the ports begin at {min(moved.values())}"


def find_ports(
    directory: str,
    first_ports: Mapping[str, int],
    counts: Mapping[str, int],
    display: Callable[[str, int], str],
) -> tuple[dict[str, int], str | None]:
    """The ports that `take_ports` would give now."""
    found, note = take_ports(directory, first_ports, counts, display)
    OURS.release(_running(found, counts))
    return found, note


def keep_ports(kept: Mapping[str, int]) -> MovePorts:
    """As `take_ports`, for another plan of a run whose ports have been moved to `kept`.

    Those stay where they are; what is new has others, also from now on claimed for us.
    """

    def take_others(
        directory: str, first_ports: Mapping[str, int], counts: Mapping[str, int], _display: object
    ) -> tuple[dict[str, int], None]:
        others = [full for full in first_ports if full not in kept]
        avoided = {
            kept[full] + offset for full in kept for offset in range(_room(counts.get(full, 0)))
        }
        found = {**kept, **(_take_block(directory, others, counts, avoided) if others else {})}
        return {full: found[full] for full in first_ports}, None

    return take_others


def _take_block(
    directory: str,
    names: Iterable[str],
    counts: Mapping[str, int],
    avoided: Container[int] = (),
) -> dict[str, int]:
    offsets: dict[str, int] = {}
    size = 0
    for full in names:
        offsets[full] = size
        size += _room(counts.get(full, 0))
    for base in _bases(directory, size):
        if any(port in avoided for port in range(base, base + size)):
            continue
        moved = {full: base + offset for full, offset in offsets.items()}
        wanted = _running(moved, counts)
        if OURS.find_claimed(wanted) is None:
            if all(is_free(port) for port in wanted):
                return moved
            OURS.release(wanted)
    raise FormationError(f"no block of {size} ports is free from {LOWEST} to {HIGHEST}")


def _room(count: int) -> int:
    """How many ports an entry has, of which so many are used."""
    return -(-max(count, 1) // ROOM) * ROOM


def _running(first_ports: Mapping[str, int], counts: Mapping[str, int]) -> list[int]:
    return [
        first + offset
        for full, first in first_ports.items()
        for offset in range(counts.get(full, 0))
    ]


def _bases(directory: str, size: int) -> Iterator[int]:
    """Where a block of `size` ports can begin, from the directory's own place on, all around."""
    from zlib import crc32  # the same in every run, unlike hash()

    places = (HIGHEST + 1 - LOWEST) // ROOM - size // ROOM + 1
    if places < 1:
        return
    first = crc32(os.fsencode(os.path.realpath(directory))) % places
    for number in range(places):
        yield LOWEST + (first + number) % places * ROOM

"""Which port each entry of all services gets."""

from __future__ import annotations

from .. import environment as environments
from .. import formation as formations
from ..errors import FormationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from .service import Service

# From one service's ports to the next one's: the first of these with which all find room.
BLOCKS = (1000, 500, 200, 100)


def assign_ports(
    found: Sequence[Service],
    counts: Mapping[str, int],
    notes: list[str],
    port: str | None = None,
    port_step: int | None = None,
) -> dict[str, int]:
    """The first port of each entry, by full name: a block for each service, none over another.

    `port` and `port_step` are the command line's; `notes` gets what the user should know. A service
    whose block was its .env's wish is moved out of another's way; one whose block was said outright
    is not: FormationError.
    """
    size = _block_size(found, port, port_step) if len(found) > 1 else BLOCKS[0]
    placed, ranges = _place(size, found, counts, notes, port, port_step)
    running = [(full, first, counts[full]) for full, first, _ in ranges if full in counts]
    clash = formations.overlap(running)
    if clash is not None:
        one, other, shared = clash
        raise FormationError(
            f"{one} and {other} would both get port {shared}",
            hint="`port:` in gaffer.yaml, or another -p, keeps them apart",
        )
    return placed


def _block_size(found: Sequence[Service], port: str | None, port_step: int | None) -> int:
    """How far blocks are apart, by what the files say: what is selected moves no ports."""
    scales = {
        f"{service.group}:{entry.name}": entry.settings.scale or 1
        for service in found
        for entry in service.entries
    }
    for size in BLOCKS:
        try:
            _place(size, found, scales, [], port, port_step)
        except FormationError:
            continue
        return size
    return BLOCKS[0]  # what is wrong has nothing to do with that


def _place(
    size: int,
    found: Sequence[Service],
    counts: Mapping[str, int],
    notes: list[str],
    port: str | None,
    port_step: int | None,
) -> tuple[dict[str, int], list[tuple[str, int, int]]]:
    """The first port of each entry, and for each its full name, its first port, and how many."""
    placed: dict[str, int] = {}
    ranges: list[tuple[str, int, int]] = []
    taken: set[int] = set()
    begin = formations.DEFAULT_PORT
    for number, service in enumerate(found):
        block = _Block(service, counts, port_step, is_one_of_many=len(found) > 1)
        wish, whose = _wish(service, port if number == 0 else None, is_first=number == 0)
        if number == 0:
            begin = formations.DEFAULT_PORT if wish is None else wish
            own = block.ports(begin)
        elif wish is not None and (whose is None or block.is_free(wish, taken)):
            own = block.ports(wish)
        else:
            base = begin
            while not block.is_free(base, taken) and base <= formations.HIGHEST_PORT:
                base += size
            if whose is not None:
                text = f"{whose} is in another service's way, so its ports begin at {base}"
                notes.append(f"{service.group}: {text}")
            own = block.ports(base)
        own_ranges = block.ranges(own)
        for _, first, count in own_ranges:
            taken.update(range(first, first + count))
        ranges += own_ranges
        placed.update({f"{service.group}:{name}": first for name, first in own.items()})
    return placed, ranges


class _Block:
    """The ports of one service, wherever they begin."""

    def __init__(
        self,
        service: Service,
        counts: Mapping[str, int],
        step: int | None,
        *,
        is_one_of_many: bool,
    ) -> None:
        self._group = service.group
        self._is_one_of_many = is_one_of_many
        self._instances = {
            entry.name: counts.get(f"{service.group}:{entry.name}", 0) for entry in service.entries
        }
        self._fixed = {
            entry.name: entry.settings.port
            for entry in service.entries
            if entry.settings.port is not None
        }
        for config in (service.location.config, service.location.request.above):
            if step is None and config is not None:
                step = config.port_step
        self._step = formations.DEFAULT_STEP if step is None else step
        self._offsets = [
            index * self._step + number
            for index, (name, count) in enumerate(self._instances.items())
            if name not in self._fixed
            for number in range(max(count, 1))
        ]

    def ports(self, base: int) -> dict[str, int]:
        try:
            return formations.ports(base, self._step, self._instances, self._fixed)
        except FormationError as error:
            if self._is_one_of_many:
                error.message = f"{self._group}: {error.message}"
            raise

    def ranges(self, ports: Mapping[str, int]) -> list[tuple[str, int, int]]:
        return [
            (f"{self._group}:{name}", first, max(self._instances[name], 1))
            for name, first in ports.items()
        ]

    def is_free(self, base: int, taken: Container[int]) -> bool:
        """Whether those from `base` on, without the fixed ones, are nobody else's."""
        return not any(base + offset in taken for offset in self._offsets)


def _wish(service: Service, given: str | None, *, is_first: bool) -> tuple[int | None, str | None]:
    """Where a service's ports are to begin, None for anywhere; whose wish that is, if only a wish."""
    location = service.location
    if location.request.port is not None:
        return location.request.port, None
    if given is not None:
        return formations.parse_port(given, "-p"), None
    if location.config is not None and location.config.port is not None:
        return location.config.port, None
    above = location.request.above
    if is_first and above is not None and above.port is not None:
        return above.port, None
    variable = location.environment.get("PORT")
    # That of the environment is for the first one: it can't be everybody's.
    if (
        variable is None
        or not variable.value
        or (variable.origin == environments.INHERITED and not is_first)
    ):
        return None, None
    where = f"PORT of {variable.source}"
    return formations.parse_port(variable.value, where), where

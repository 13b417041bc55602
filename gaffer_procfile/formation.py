"""How many of each process run, and which port each gets."""

from __future__ import annotations

from .errors import FormationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALL = "all"
DEFAULT_PORT = 5000
DEFAULT_STEP = 100
HIGHEST_PORT = 65535
PORT_VARIABLE = "GAFFER_PORT_"

_EXAMPLE = "a formation looks like web=2,worker=1"


def parse(text: str) -> dict[str, int]:
    """Read `web=2,worker=0`, where `all` is those not named. FormationError if malformed."""
    formation: dict[str, int] = {}
    for item in text.split(","):
        if not item.strip():
            continue
        name, equals, number = (part.strip() for part in item.partition("="))
        if not equals or not name:
            raise FormationError(f"{item.strip()!r} is not name=number", hint=_EXAMPLE)
        count = _whole_number(number)
        if count is None:
            raise FormationError(f"{name}={number}: not a number from 0 up", hint=_EXAMPLE)
        if count > HIGHEST_PORT:  # said before anybody counts them
            raise FormationError(f"{name}={number}: there are only {HIGHEST_PORT} ports")
        # Two answers to one question: whichever we took, somebody meant the other.
        if name in formation:
            raise FormationError(f"{name!r} is in the formation twice")
        formation[name] = count
    return formation


def only_named(text: str) -> str:
    """The formation `text` with none of those that it doesn't name, as foreman means it."""
    names = [item.partition("=")[0].strip() for item in text.split(",")]
    return text if ALL in names else f"{ALL}=0,{text}"


def parse_port(text: str, source: str) -> int:
    """Read a port; FormationError names `source`, where it came from (".env:2", "-p")."""
    port = _whole_number(text)
    if port is None or not 1 <= port <= HIGHEST_PORT:
        raise FormationError(
            f"{text!r} is not a port", file=source, hint=f"a number from 1 to {HIGHEST_PORT}"
        )
    return port


def ports(
    base: int, step: int, instances: Mapping[str, int], fixed: Mapping[str, int] | None = None
) -> dict[str, int]:
    """The first port of each entry, `step` apart from `base` on; its instances have the next ones.

    `instances` has all entries in the Procfile's order, with 0 for one that isn't to run, so that
    what is selected moves no ports; neither does one whose port is `fixed`. FormationError if two
    instances would have the same port, or one would be past 65535.
    """
    if step < 1:
        raise FormationError(f"a port step of {step} is too small", hint="--port-step 1 or more")
    fixed = fixed or {}
    first = {name: base + index * step for index, name in enumerate(instances)}
    before: str | None = None
    for name, count in instances.items():
        if name in fixed:
            first[name] = fixed[name]
        elif before is not None and count > 0 and first[name] < first[before] + instances[before]:
            raise FormationError(
                f"{before}={instances[before]} reaches port {first[name]}, which is {name}'s",
                hint=f"--port-step {_needed_step(instances)} keeps them apart",
            )
        last = first[name] + max(count, 1) - 1
        if last > HIGHEST_PORT:
            raise FormationError(
                f"{name} would get port {last}, past {HIGHEST_PORT}",
                hint="a smaller --port-step, or a lower port with -p",
            )
        if count > 0 and name not in fixed:
            before = name
    return first


def overlap(ranges: Sequence[tuple[str, int, int]]) -> tuple[str, str, int] | None:
    """Two of `ranges` (a name, its first port, how many) that share a port, and that port."""
    taken: dict[int, str] = {}
    for name, first, count in ranges:
        for port in range(first, first + count):
            owner = taken.setdefault(port, name)
            if owner != name:
                return owner, name, port
    return None


def port_variable(name: str) -> str:
    """The variable by which others find process `name`: GAFFER_PORT_WEB_2 for `web-2`.

    GAFFER_PORT_API_WEB for `api:web`.
    """
    text = name.upper().replace("-", "_").replace(":", "_")
    if not (text.isascii() and text.replace("_", "").isalnum()):
        text = "".join(
            character if character.isascii() and character.isalnum() else "_" for character in text
        )
    return PORT_VARIABLE + text


def clashes(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs (earlier, later) of names that have one and the same `port_variable`."""
    owners: dict[str, str] = {}
    pairs = []
    for name in names:
        owner = owners.setdefault(port_variable(name), name)
        if owner != name:
            pairs.append((owner, name))
    return pairs


def _needed_step(instances: Mapping[str, int]) -> int:
    # The last entry has nobody after it to run into.
    return max(list(instances.values())[:-1])


def _whole_number(text: str) -> int | None:
    """The number that `text` is in plain digits; int() takes '1_000', '+1' and other scripts'."""
    text = text.strip()
    # No count or port has so many digits, and int() refuses thousands of them.
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    return None

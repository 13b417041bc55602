"""Which line of which gaffer.yaml says what about a process."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .service import Service


def origin_of(service: Service, process: str, *keys: str) -> str:
    """Where the setting of a process at `keys` is said, as "gaffer.yaml:12"; "" if nowhere is.

    That is in its own settings, in the defaults of its file, or in those of the file that has its
    directory as a group.
    """
    config, above = service.location.config, service.location.request.above
    place = config.place(("processes", process, *keys)) if config is not None else None
    if place is None and above is not None:
        place = above.place(("defaults", *keys))
    return str(place) if place is not None else ""


def origin_for_all(service: Service, *keys: str) -> str:
    """Where a setting of the whole service is said; "" if nowhere is."""
    config = service.location.config
    place = config.place(keys) if config is not None else None
    return str(place) if place is not None else ""

"""`gaffer help [COMMAND]`."""

from __future__ import annotations

from .streams import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    from . import HELP, main

    if argv and not argv[0].startswith("-"):
        return main([argv[0], "--help"])
    show(HELP)
    return 0

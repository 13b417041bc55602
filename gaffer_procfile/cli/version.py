"""`gaffer version`."""

from __future__ import annotations

import platform

from .. import __version__
from .parser import parser
from .streams import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    parser("version", (), usage="", description="Show the version.", epilog="").parse_args(argv)
    show(f"gaffer {__version__} (Python {platform.python_version()})\n")
    return 0

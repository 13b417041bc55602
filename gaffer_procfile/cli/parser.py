"""The parsers of the verbs: argparse, with errors of ours."""

from __future__ import annotations

import argparse
import os

from ..errors import UsageError
from .streams import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    from .options import Option


# Its texts are looked for in the user's language, which imports `locale` and searches for files. We
# have one language, and so have our own options.
vars(argparse)["_"] = str


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Knows its width by itself: argparse makes one per option, and asks by way of `shutil` (3 ms)."""

    def __init__(self, prog: str) -> None:
        try:
            width = os.get_terminal_size().columns
        except OSError:
            width = 100
        super().__init__(prog, width=min(width, 100) - 2)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see '{self.prog} --help'")

    def print_help(self, file: object = None) -> None:
        show(self.format_help())


def parser(
    verb: str, options: Iterable[Option], *, usage: str, description: str, epilog: str
) -> Parser:
    """The parser of one verb."""
    made = Parser(
        prog=f"gaffer {verb}",
        usage=f"gaffer {verb} {usage}".rstrip(),
        description=description,
        epilog=epilog,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    for option in options:
        settings = dict(option.settings)
        if settings["help"] is None:
            settings["help"] = argparse.SUPPRESS
        made.add_argument(*option.names, **settings)
    return made

"""`gaffer check`: everything that is wrong with the project's files, and nothing run."""

from __future__ import annotations

from ..errors import GafferError
from ..project import check, locate
from .foreman_file import apply_defaults
from .options import COMMON, START
from .parser import parser
from .project import project_options
from .streams import complain, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """\
Say everything that is wrong with the Procfile and the .env, with file and line: lines that
can't be read, names given twice, variables that aren't set, commands that can't be found,
ports that collide. Nothing is run."""

EPILOG = "exit status: 0 if nothing is wrong, else 1."


def run(argv: Sequence[str]) -> int:
    made = parser(
        "check",
        (*COMMON, *START),
        usage="[OPTIONS]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    args = made.parse_args(argv)
    apply_defaults(args)
    options = project_options(args)
    problems = check(options)
    for problem in problems:
        complain(str(problem))
    if problems:
        return GafferError.exit_status
    show(f"{locate(options).procfile}: nothing is wrong\n")
    return 0

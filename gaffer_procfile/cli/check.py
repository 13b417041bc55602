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
Say everything that is wrong with the Procfile, gaffer.yaml and the .env, with file and line:
lines that can't be read, names given twice, variables that aren't set, commands that can't be
found, ports that collide, processes that wait for each other. Nothing is run."""

EPILOG = """\
--json: a list of {"file", "line", "column", "severity", "message", "hint"}; null where there is
none. severity: error (`start` refuses), warning (`start` says it and goes on) or notice.

exit status: 0 if nothing is wrong, else 1."""


def run(argv: Sequence[str]) -> int:
    made = parser(
        "check",
        (*COMMON, *START),
        usage="[OPTIONS]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument("--json", action="store_true", help="one JSON list of all")
    args = made.parse_args(argv)
    apply_defaults(args)
    options = project_options(args)
    problems = check(options)
    if args.json:
        show(_as_json(problems))
        return GafferError.exit_status if problems else 0
    for problem in problems:
        complain(str(problem))
    if problems:
        return GafferError.exit_status
    location = locate(options)
    show(f"{location.procfile or location.config_file}: nothing is wrong\n")
    return 0


def _as_json(problems: Sequence[GafferError]) -> str:
    import json

    found = [
        {
            "file": problem.file,
            "line": problem.line,
            "column": getattr(problem, "column", None),  # only gaffer.yaml's have one
            "severity": problem.severity,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in problems
    ]
    return json.dumps(found, indent=2) + "\n"

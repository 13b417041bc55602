"""From parsed options to the project that they mean."""

from __future__ import annotations

from ..errors import FormationError, UsageError
from ..formation import parse as parse_formation
from ..formation import parse_port
from ..planning.locations import is_pattern
from ..project import Options
from .options import check_directory, split_names, whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from ..planning.options import MovePorts
    from ..planning.plan import Plan


def project_options(
    args: Namespace,
    names: Sequence[str] = (),
    *,
    keeping: Plan | None = None,
    is_to_run: bool = False,
) -> Options:
    """What the options say about the project. Raises UsageError, also for a -d that isn't there.

    `keeping` is the plan of what runs: ports that were moved for it stay where they are.
    `is_to_run`: this process is going to run it, so its ports are nobody else's any more.
    """
    formation = getattr(args, "concurrency", None)
    try:
        if args.port is not None:
            parse_port(args.port, "-p")
        parse_formation(formation or "")
    except FormationError as error:
        raise UsageError(str(error)) from error
    for directory in args.directory or ():
        if not is_pattern(directory):
            check_directory(directory)
    step = args.port_step
    return Options(
        directories=args.directory or (),
        procfile=args.procfile,
        env_files=split_names(args.env),
        port=args.port,
        port_step=None if step is None else whole_number(step, "--port-step", 0),
        override=not args.no_override,
        names=names,
        exclude=split_names(getattr(args, "exclude", None)),
        formation=formation,
        formation_place=getattr(args, "formation_place", None),  # of .foreman
        profiles=split_names(getattr(args, "profile", None)),
        with_dependencies=not getattr(args, "no_deps", False),
        move_ports=_move_ports(keeping, is_to_run) if getattr(args, "auto_port", False) else None,
    )


def _move_ports(keeping: Plan | None, is_to_run: bool) -> MovePorts | None:
    from ..preflight.auto_port import find_ports, keep_ports, take_ports

    if keeping is not None:
        return keep_ports(keeping.moved_ports) if keeping.moved_ports else None
    return take_ports if is_to_run else find_ports

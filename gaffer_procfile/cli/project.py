"""From parsed options to the project that they mean."""

from __future__ import annotations

import os

from ..errors import FormationError, UsageError
from ..formation import DEFAULT_STEP, parse_port
from ..formation import parse as parse_formation
from ..project import Options
from .options import split_names, whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence


def project_options(args: Namespace, names: Sequence[str] = ()) -> Options:
    """What the options say about the project. Raises UsageError, also for a -d that isn't there."""
    formation = getattr(args, "concurrency", None)
    try:
        if args.port is not None:
            parse_port(args.port, "-p")
        parse_formation(formation or "")
    except FormationError as error:
        raise UsageError(str(error)) from error
    if args.directory is not None and not os.path.isdir(args.directory):
        what = "is not a directory" if os.path.exists(args.directory) else "doesn't exist"
        raise UsageError(f"-d {args.directory}: it {what}")
    return Options(
        directory=args.directory,
        procfile=args.procfile,
        env_files=split_names(args.env),
        port=args.port,
        port_step=whole_number(args.port_step, "--port-step", DEFAULT_STEP),
        formation=formation,
        override=not args.no_override,
        names=names,
        exclude=split_names(getattr(args, "exclude", None)),
    )

"""From parsed options to the project that they mean."""

from __future__ import annotations

from ..formation import DEFAULT_STEP
from ..project import Options
from .options import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence


def project_options(args: Namespace, names: Sequence[str] = ()) -> Options:
    """What the options say about the project. Raises UsageError."""
    env_files = [name.strip() for group in args.env or () for name in group.split(",")]
    return Options(
        directory=args.directory,
        procfile=args.procfile,
        env_files=[name for name in env_files if name],
        port=args.port,
        port_step=whole_number(args.port_step, "--port-step", DEFAULT_STEP),
        formation=getattr(args, "concurrency", None),
        override=not args.no_override,
        names=names,
        exclude=getattr(args, "exclude", None) or (),
    )

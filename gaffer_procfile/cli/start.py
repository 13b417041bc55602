"""`gaffer start`: a project's plan on a manager, with its output on ours, until it ends."""

from __future__ import annotations

import os

from ..errors import UsageError
from ..project import load
from .foreman_file import apply_defaults
from .options import COMMON, OUTPUT, PORTS, SERVING, START, Unsaid, seconds, split_names
from .project import project_options
from .running import Run
from .streams import STDOUT, complain, take_descriptor
from .twins import refuse_twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from ..apps.exit_policy import ExitPolicy
    from ..guard import Guarded
    from ..manager import App
    from ..planning.plan import Plan
    from .parser import Parser

OPTIONS = (*START, *COMMON, *PORTS, *OUTPUT, *SERVING)

DESCRIPTION = """\
Run the processes of the Procfile, or those that are named, and show what they write.
The first that ends ends them all. Ctrl-C stops them in order, a second one at once."""

EPILOG = """\
examples:
  gaffer start                     everything in ./Procfile
  gaffer start web worker          only these two
  gaffer start -x clock            all but this one
  gaffer start -c web=2,worker=0   two of web, no worker, one of each other
  gaffer start -e .env,.env.local  both files, the later one wins
  gaffer start --no-prefix -q      nothing but what the processes write

exit status: that of the first process that failed (128 + n if signal n killed it); 0 if none
did; 1 if the Procfile is wrong, 2 if the command line is. After Ctrl-C gaffer ends by SIGINT
itself (130 for a shell), so that a script around it ends too."""


def run(argv: Sequence[str], guarded: Guarded | None = None, pid: int | None = None) -> int:
    """`pid` is the number by which the user knows this run, where it isn't this process's."""
    args = parse(argv)
    if args.background:
        raise UsageError("-D stands alone, it can't be among other letters")
    announced_by = take_descriptor()
    plan = prepare(args, is_told=announced_by is not None)
    deciding = frozenset(
        full for word in split_names(args.exit_on) for full in plan.names.find(word)
    )
    once = _find_once(plan)

    def find_policy() -> str:
        from ..apps.exit_policy import FIRST  # not before the first process, nor is what needs it

        return args.exit_policy or FIRST

    def make_policy(say: Callable[[str], object]) -> ExitPolicy:
        from ..apps.exit_policy import ExitPolicy

        return ExitPolicy(say, plan.names.display, find_policy(), deciding, once)

    def reload() -> Plan:
        changed = load(project_options(args, args.names, keeping=plan))
        once.clear()  # the policy holds it
        once.update(_find_once(changed))
        return changed

    def make_apps(run: Run) -> list[App]:
        from .serving import Serving

        serving = Serving(
            plan,
            run.say,
            lambda: run.secrets,
            tcp=args.http,
            token_file=args.http_token_file,
            info={"exit_policy": "exit-on" if deciding else find_policy()},
            log_dir=args.log_dir,
            pid=pid,
        )
        if announced_by is None:
            return [serving]
        from .announcing import make_announcement

        return [serving, *make_announcement(announced_by, plan, run.say)]

    run = Run(
        plan,
        args,
        guarded,
        make_policy,
        stop_timeout=_stop_timeout(args),
        restart=args.restart,
        reload=reload,
        more_apps=make_apps,
        has_keys=_has_keys(args),
        is_plain=isinstance(args, Unsaid) and not os.isatty(STDOUT),
    )
    return run.run()


def parse(argv: Sequence[str]) -> Namespace:
    """The options of `gaffer start`, with those of .foreman. Raises UsageError."""
    # The usual `gaffer start` needs no parser, and its import is a tenth of a start.
    args: Namespace = Unsaid(OPTIONS, names=list(argv))  # type: ignore[assignment]
    if any(word.startswith("-") for word in argv):
        args = make_parser().parse_intermixed_args(argv)
    apply_defaults(args)
    if args.exit_on and args.exit_policy:
        raise UsageError("--exit-on is a policy of its own, it can't be with --exit-policy")
    _stop_timeout(args)
    return args


def make_parser() -> Parser:
    from .parser import parser

    made = parser(
        "start",
        OPTIONS,
        usage="[OPTIONS] [NAME ...]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument(
        "names", metavar="NAME", nargs="*", help="the processes to run (default: all)"
    )
    return made


def prepare(args: Namespace, *, is_told: bool = False) -> Plan:
    """The plan, if it can be run. What is wrong with it is said, unless it `is_told` already."""
    plan = load(project_options(args, args.names))
    if not is_told:
        for problem in plan.problems:
            complain(str(problem))
    refuse_twins(plan)
    return plan


def _find_once(plan: Plan) -> set[str]:
    return {template.full_name for template in plan.templates if template.once}


def _has_keys(args: Namespace) -> bool:
    """Whether a person sits before a terminal that is ours, and sees what we say."""
    if args.no_keys or args.json or args.quiet or args.no_prefix:
        return False
    try:
        return os.isatty(0) and os.isatty(STDOUT) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False  # it is another session's


def _stop_timeout(args: Namespace) -> float | None:
    return None if args.stop_timeout is None else seconds(args.stop_timeout, "--stop-timeout")

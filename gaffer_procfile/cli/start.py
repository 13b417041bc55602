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
from .twins import Claim, refuse_twins

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
  gaffer start --no-prefix         nothing but what the processes write

exit status: that of the first process that failed (128 + n if signal n killed it); 0 if none
did; 1 if the Procfile is wrong, 2 if the command line is. After Ctrl-C gaffer ends by SIGINT
itself (130 for a shell), so that a script around it ends too."""


def run(argv: Sequence[str], guarded: Guarded | None = None) -> int:
    args = parse(argv)
    if args.background:
        raise UsageError("-D stands alone, it can't be among other letters")
    announced_by = take_descriptor()
    plan = prepare(args, is_told=announced_by is not None, is_to_run=True)
    with Claim(plan.directory) as claim:
        refuse_twins(plan)
        return _run(plan, args, guarded, announced_by, claim)


def _run(
    plan: Plan,
    args: Namespace,
    guarded: Guarded | None,
    announced_by: int | None,
    claim: Claim,
) -> int:
    deciding = frozenset(
        full for word in split_names(args.exit_on) for full in plan.names.find(word)
    )
    once = _find_once(plan)
    # Who says what ends the run means these, too.
    watched = set() if args.exit_policy or deciding else _find_watched(plan)

    def find_policy() -> str:
        from ..apps.exit_policy import FIRST  # not before the first process, nor is what needs it

        return args.exit_policy or FIRST

    def make_policy(say: Callable[[str], object]) -> ExitPolicy:
        from ..apps.exit_policy import ExitPolicy

        return ExitPolicy(say, plan.names.display, find_policy(), deciding, once, watched)

    running = plan

    def reload() -> Plan:
        nonlocal running
        from .reloading import refuse_mistakes

        changed = load(project_options(args, args.names, keeping=running))
        refuse_mistakes(running, changed)
        running = changed
        once.clear()  # the policy holds both
        once.update(_find_once(changed))
        if not (args.exit_policy or deciding):
            watched.clear()
            watched.update(_find_watched(changed))
        return changed

    def make_apps(run: Run) -> list[App]:
        from ..planning.plan_files import PlanFiles
        from .serving import Serving

        # With `watch_config` what has changed is in use.
        files = PlanFiles(() if plan.watches_its_files else plan.files)
        serving = Serving(
            plan,
            run.say,
            lambda: run.secrets,
            run.probed,
            run.blocked,
            tcp=args.http,
            token_file=args.http_token_file,
            info=lambda: {
                "exit_policy": "exit-on" if deciding else find_policy(),
                "changed_files": files.changed(),
                "log_faults": run.log_faults,
            },
            log_dir=args.log_dir,
            pid=guarded.pid if guarded is not None else None,
            when_found=claim.release,
        )
        if announced_by is None:
            return [serving]
        from .announcing import make_announcement

        return [serving, *make_announcement(announced_by, plan, run)]

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
    if args.http is not None:
        _check_address(args.http)
    return args


def _check_address(address: str) -> None:
    from ..http.listen import ListenError, split_address

    try:
        split_address(address)
    except ListenError as error:
        raise UsageError(f"--http: {error.message}", hint=error.hint) from error


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


def prepare(args: Namespace, *, is_told: bool = False, is_to_run: bool = False) -> Plan:
    """The plan, if it can be run. What is wrong with it is said, unless it `is_told` already.

    `is_to_run`: in this process.
    """
    plan = load(project_options(args, args.names, is_to_run=is_to_run))
    if not is_told:
        for problem in plan.problems:
            complain(str(problem))
    return plan


def _find_once(plan: Plan) -> set[str]:
    return {template.full_name for template in plan.templates if template.once}


def _find_watched(plan: Plan) -> set[str]:
    """Those that a changed file starts again; one that is sent a signal then has to be there."""
    return {
        template.full_name
        for template in plan.templates
        if template.watch is not None and template.watch.signal is None
    }


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

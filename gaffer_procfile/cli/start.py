"""`gaffer start`: a project's plan on a manager, with its output on ours, until it ends."""

from __future__ import annotations

import errno
import gc
import os
import signal

from ..apps.exit_policy import FIRST, ExitPolicy
from ..apps.failures import FailureReport
from ..apps.launch import Launch
from ..apps.lifeline import Lifeline
from ..apps.signals import Signals
from ..apps.stopping import StopReport
from ..apps.window import WindowSize
from ..errors import GafferError, UnknownProcessError, UsageError
from ..guard import end_by
from ..loop import default_loop
from ..manager import Manager
from ..plan import install
from ..project import load
from ..restart import NEVER, BackOff
from .foreman_file import apply_defaults
from .options import COMMON, OUTPUT, START, seconds, split_names
from .output import display, make_console, make_prefixes, wants_pty
from .parser import parser
from .project import project_options
from .streams import STDOUT, complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Any

    from ..guard import Guarded
    from ..manager import App
    from ..plan import Plan

STOP_TIMEOUT = 5.0  # seconds
LEAST_DESCRIPTORS = 256  # the lowest limit that a system begins with

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


def run(argv: Sequence[str], guarded: Guarded | None = None) -> int:
    made = parser(
        "start",
        (*START, *COMMON, *OUTPUT),
        usage="[OPTIONS] [NAME ...]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument(
        "names", metavar="NAME", nargs="*", help="the processes to run (default: all)"
    )
    args = made.parse_intermixed_args(argv)
    apply_defaults(args)
    _check_policy(args)
    stop_timeout = seconds(args.stop_timeout, "--stop-timeout", STOP_TIMEOUT)
    plan = load(project_options(args, args.names))
    for problem in plan.problems:
        complain(str(problem))
    return Run(plan, args, stop_timeout, guarded).run()


class Run:
    """One run of a plan, from the first process to gaffer's own exit status."""

    def __init__(
        self, plan: Plan, args: Namespace, stop_timeout: float, guarded: Guarded | None
    ) -> None:
        self._plan = plan
        self._guarded = guarded
        self._stop_timeout = stop_timeout
        self._broken: OSError | None = None
        self._had_terminal = os.isatty(STDOUT)
        self._manager = Manager(_event_loop())
        prefixes = make_prefixes(args, plan)
        self._console = make_console(args, plan, prefixes, self._handle_broken_output)
        self._window = WindowSize(STDOUT, prefixes.width) if wants_pty(args) else None
        self._signals = Signals(self._console.say)
        deciding = _deciding(split_names(args.exit_on), plan)
        self._policy = ExitPolicy(self._console.say, display, args.exit_policy or FIRST, deciding)
        self._restart = args.restart or NEVER
        self._failures = FailureReport(self._console, display, self._policy)

    def run(self) -> int:
        if self._guarded is not None:
            self._guarded.wait()
        try:
            self._make_room()
            self._install()
            self._manager.start(self._apps())
            for note in self._plan.notes:
                self._console.say(note)
            gc.enable()
            self._manager.run()
        except BaseException:
            # A fault of ours must not leave anything running.
            for process in self._manager.running_processes().values():
                process.kill(signal.SIGKILL, tree=True)
            raise
        self._console.finish()
        return self._end()

    def _make_room(self) -> None:
        """Allow ourselves the descriptors that so many processes take, as far as we may."""
        wanted = 64 + 5 * sum(template.instances for template in self._plan.templates)
        if wanted <= LEAST_DESCRIPTORS:
            return
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))

    def _install(self) -> None:
        """Put the plan on the manager. Nothing is started by it: `Launch` does."""
        install(
            self._plan,
            self._manager,
            # On a pipe Python would keep what it prints until it ends.
            defaults={} if self._window else {"PYTHONUNBUFFERED": "1"},
            start=False,
            restart=self._restart,
            back_off=BackOff() if self._restart != NEVER else None,
            stop_timeout=self._stop_timeout,
            redirect_output=("stdout", "stderr"),
            redirect_input=True,  # open and silent: many watchers end with their input
            pty=self._window is not None and (self._window.size() or True),
        )

    def _apps(self) -> list[App]:
        # The report is before the console: it asks for a process's last lines when that exits, and
        # tells them when it is stopped, and both for the last time that there is.
        apps: list[App] = [
            self._failures,
            self._console,
            self._signals,
            self._policy,
            StopReport(self._console.say, display),
            Launch(),
        ]
        if self._window is not None:
            apps.append(self._window)
        if self._guarded is not None:
            apps.append(Lifeline(self._guarded.fds, self._console.say))
        return apps

    def _handle_broken_output(self, error: OSError) -> None:
        self._broken = error
        self._manager.stop()

    def _end(self) -> int:
        """The exit status, unless a signal is what ends us."""
        if self._policy.status:
            return self._policy.status
        if self._signals.received is not None:
            end_by(self._signals.received)  # before the output: a terminal that hangs up ends both
        if self._broken is not None:
            if self._broken.errno == errno.EPIPE:
                # As any program does whose terminal, or whose reader, has gone.
                end_by(signal.SIGHUP if self._had_terminal else signal.SIGPIPE)
            complain(f"can't write to standard output: {self._broken.strerror}")
            return 1
        return self._policy.status or 0


def _event_loop() -> Any:
    """The loop that GAFFER_LOOP names, or the best there is."""
    kind = os.environ.get("GAFFER_LOOP") or None
    try:
        return default_loop(kind)
    except (ImportError, ValueError) as error:
        raise GafferError(f"GAFFER_LOOP={kind}: {error}") from error


def _check_policy(args: Namespace) -> None:
    if args.exit_on and args.exit_policy:
        raise UsageError("--exit-on is a policy of its own, it can't be with --exit-policy")


def _deciding(names: Sequence[str], plan: Plan) -> set[str]:
    """The templates that `--exit-on` names."""
    known = {template.name: f"{template.group}:{template.name}" for template in plan.templates}
    for name in names:
        if name not in known:
            raise UnknownProcessError(name, list(known))
    return {known[name] for name in names}

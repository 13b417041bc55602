"""`gaffer test`: a CI run. The project's processes, a command against them, and one exit status."""

from __future__ import annotations

import os
import re
import shlex
import time

from ..apps.settling import Settling
from ..apps.trial import COMMAND, Terms, Trial
from ..ci.kept import Kept
from ..ci.results import CommandResult, Results, ServiceResult
from ..ci.view import FAILED, CiView
from ..ci.workflow import is_github
from ..config import Probe
from ..errors import GafferError, UsageError, unreadable
from ..project import load
from .foreman_file import apply_defaults
from .options import COMMON, OUTPUT, PORTS, START, TEST, duration, split_at_word, split_names
from .output import make_prefixes
from .parser import parser
from .project import project_options
from .report_file import ReportFile, find_reports
from .running import STOP_TIMEOUT, Run
from .streams import STDOUT, complain, wants_colour

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ..guard import Guarded
    from ..loop import Loop
    from ..planning.plan import Plan, Template
    from .options import Option

DESCRIPTION = """\
Run the processes of the Procfile, wait until all are ready, run CMD in the same environment,
stop them all, and end with CMD's status. Without CMD: see that all get ready, stay up for a
while and stop cleanly."""

EPILOG = """\
examples:
  gaffer test -- pytest -x                 the tests, against what the Procfile runs
  gaffer test 'curl -f localhost:$GAFFER_PORT_WEB/health'
  gaffer test -s web --timeout 10m -- npm test
  gaffer test --for 10s                    no command: a smoke run
  gaffer test --logs all --junit report.xml --log-dir logs -- pytest

exit status: CMD's (127 if it can't be found, 126 if it can't be executed); 121 if a process died,
122 if one wasn't ready in time, 123 if one didn't stop cleanly (a smoke run), 124 if CMD took too
long; 1 if the Procfile is wrong, 2 if the command line is. See docs/ci.md."""

READY_TIMEOUT = 300.0  # seconds; each `ready` has a timeout of its own, mostly a shorter one
SETTLE = 1.0  # seconds
SETTLE_LISTENING = 5.0  # seconds, for one that seems to be meant to listen on its PORT
HOLD = 5.0  # seconds
LONGEST_NAME = 120  # characters of the command, as it is told of

_START = ("--restart", "--concurrency", "--formation", "--exclude", "--profile", "--no-deps")
_OUTPUT = (
    "--timestamps",
    "--no-timestamps",
    "--prefix",
    "--mark-stderr",
    "--pty",
    "--no-pty",
    "--log-dir",
    "--log-size",
    "--log-keep",
    "--log-ansi",
    "--redact-also",
    "--colour",
    "--no-colour",
    "--quiet",
)
_USES_PORT = re.compile(r"\$\{?PORT\b")


def _options() -> list[Option]:
    """Those of this verb: its own, and those of `start` that make sense here."""
    taken = [option for option in START if not set(_START).isdisjoint(option.names)]
    taken += [option for option in OUTPUT if not set(_OUTPUT).isdisjoint(option.names)]
    return [*TEST, *COMMON, *PORTS, *taken]


def run(argv: Sequence[str], guarded: Guarded | None = None) -> int:
    known = _options()
    made = parser(
        "test",
        known,
        usage="[OPTIONS] [--] [CMD ...]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    # What `start` could be told about its output, and a CI run can't.
    made.set_defaults(
        no_prefix=False, json=False, raw=False, only=None, hide=None, redact=True, no_redact=False
    )
    options, command = split_at_word(argv, known)
    try:
        args = made.parse_args(options)
    except UsageError:
        for wanted in find_reports(options):
            wanted.remove()
        raise
    # Before anything else that can go wrong: an older report is not to be taken for this run's.
    report = ReportFile(args.junit) if args.junit is not None else None
    if report is not None:
        report.claim()
    apply_defaults(args)
    _settle_output(args)
    plan = load(project_options(args, split_names(args.service), is_to_run=True))
    for problem in plan.problems:
        complain(str(problem))
    return _CiRun(plan, args, command, report, guarded).run()


def _settle_output(args: Namespace) -> None:
    """The output's defaults, which are others than those of `start`."""
    args.redact = not args.no_redact
    if args.no_redact and args.redact_also:
        raise UsageError("--redact-also can't be with --no-redact")
    if args.colour is None and not os.environ.get("FORCE_COLOR"):
        args.colour = "never"
    if args.pty is None and os.isatty(STDOUT):
        args.pty = False


class _CiRun:
    """One run, and what it leaves: the log, the annotations, the summary, the report."""

    def __init__(
        self,
        plan: Plan,
        args: Namespace,
        command: Sequence[str],
        report: ReportFile | None,
        guarded: Guarded | None,
    ) -> None:
        self._plan = plan
        self._report = report
        self._args = args
        self._prefixes = make_prefixes(args, plan)
        self._outputs: dict[str, Kept] = {}
        self._command = self._command_of(command)
        self._results = Results(time.time())
        self._services = dict(self._service_results())
        self._results.services = list(self._services.values())
        self._has_written = True
        self._settle_plan()
        stop_timeout = _time(args.stop_timeout, "--stop-timeout", None)
        self._terms = self._make_terms()
        self._run = Run(
            plan,
            args,
            guarded,
            self._make_policy,
            stop_timeout=stop_timeout,
            restart=args.restart,
            make_view=self._make_view,
            display=self._display,
            tells_when_ready=False,  # the trial does, which waits for those without a probe, too
        )
        if self._command is not None:
            self._results.command = CommandResult(_shorten(self._run.redact(" ".join(command))))

    def run(self) -> int:
        status = self._run.run()
        return status if status or self._has_written else GafferError.exit_status

    # ---- what is to happen

    def _display(self, full: str, instance: int) -> str:
        return COMMAND if full == COMMAND else self._plan.names.display(full, instance)

    def _service_results(self) -> Iterator[tuple[tuple[str, int], ServiceResult]]:
        for template in self._plan.templates:
            for instance in range(1, template.instances + 1):
                name = self._display(template.full_name, instance)
                yield (template.full_name, instance), ServiceResult(name)

    def _command_of(self, words: Sequence[str]) -> tuple[str, dict[str, Any]] | None:
        """The command's line and its settings; None for a smoke run."""
        if not words:
            return None
        if not words[0]:
            raise UsageError("the command is empty")
        if len(words) == 1 and any(
            words[0] == entry.name for service in self._plan.services for entry in service.entries
        ):
            raise UsageError(
                f"{words[0]} is a process, and a command is wanted here",
                hint=f"-s {words[0]} runs only that one",
            )
        # Several go to no shell: some of these drop variables, and one word has a limit of its own.
        how: dict[str, Any] = {"shell": True}
        if len(words) > 1:
            how = {"args": list(words[1:]), "expand": False}
        environment = self._plan.services[0].location.environment.values()
        environment.pop("PORT", None)  # it is the first process's, and the command is none
        stop_timeout = _time(self._args.stop_timeout, "--stop-timeout", STOP_TIMEOUT)
        return words[0] if len(words) == 1 else shlex.quote(words[0]), {
            **how,
            "cwd": self._plan.directory,
            "env": {"PYTHONUNBUFFERED": "1", **environment},
            "stop_timeout": stop_timeout,
        }

    def _settle_plan(self) -> None:
        """Watch no files, and let no probe wait for longer than the run does."""
        limit = _time(self._args.ready_timeout, "--ready-timeout", None)
        for template in self._plan.templates:
            template.watch = None
            ready = template.ready
            if ready is not None and limit is not None and limit < ready.timeout:
                template.ready = Probe(**{**ready.said(), "timeout": limit})

    def _make_terms(self) -> Terms:
        args, plan = self._args, self._plan
        ready_timeout = _time(args.ready_timeout, "--ready-timeout", READY_TIMEOUT)
        hold = _time(args.hold, "--for", HOLD)
        assert ready_timeout is not None and hold is not None
        if args.hold is not None and self._command is not None:
            raise UsageError("--for is for a run without a command")
        return Terms(
            ready_timeout=ready_timeout,
            timeout=_time(args.timeout, "--timeout", None),
            hold=hold,
            once=frozenset(template.full_name for template in plan.templates if template.once),
            allowed=frozenset(
                full for word in split_names(args.allow_exit) for full in plan.names.find(word)
            ),
            is_impatient=args.fail_fast,
        )

    def _make_policy(self, say: Callable[[str], object]) -> Trial:
        unsaid = [
            template
            for template in self._plan.templates
            if template.ready is None and not template.once
        ]
        settle = _time(self._args.settle, "--settle", None)
        listening = {template.full_name for template in unsaid if _should_listen(template)}
        patience = {
            template.full_name: settle
            if settle is not None
            else (SETTLE_LISTENING if template.full_name in listening else SETTLE)
            for template in unsaid
        }
        settling = Settling(patience, listening, Probe("listens"), say, self._display)
        return Trial(
            self._results,
            self._services,
            self._terms,
            self._command,
            settling,
            say,
            self._write_reports,
        )

    # ---- what is told of it

    def _make_view(self, loop: Loop, write: Callable[[bytes], object]) -> CiView:
        args = self._args
        return CiView(
            loop,
            write,
            self._results,
            self._outputs,
            command=COMMAND,
            prefixes=self._prefixes,
            redact=self._run.redact,
            logs=args.logs or FAILED,
            github=is_github(),
            is_trusted=args.workflow_commands,
            interactive=os.isatty(STDOUT),
            colour=wants_colour(args.colour),
            quiet=args.quiet,
        )

    def _write_reports(self) -> None:
        results, redact = self._results, self._run.redact
        if self._report is not None:
            from ..ci.junit import junit_report

            project = self._plan.services[0].group
            report = junit_report(results, project, COMMAND, self._outputs, redact)
            try:
                self._report.write(report)
            except GafferError as error:
                complain(str(error))
                self._has_written = False
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if path:
            from ..ci.summary import summarise

            text = summarise(results, COMMAND, self._last_lines, redact)
            try:
                with open(path, "a", encoding="utf-8", errors="replace") as file:
                    file.write(text)
            except OSError as error:
                complain(f"{path}: {unreadable(error)}")

    def _last_lines(self, name: str) -> Sequence[bytes]:
        kept = self._outputs.get(name)
        return kept.last_lines(20) if kept is not None else ()


def _shorten(text: str) -> str:
    """A command as a name: in one line, and its beginning if it is a whole script."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…"


def _should_listen(template: Template) -> bool:
    """Whether a process is meant to listen on its PORT, as far as that can be told: a guess.

    `web` is what Heroku sends requests to, and who is told a port has a use for it.
    """
    return template.name == "web" or _USES_PORT.search(template.command) is not None


def _time(text: str | None, name: str, default: float | None) -> float | None:
    return default if text is None else duration(text, name)

"""A run of a plan on a manager, from the first process to gaffer's own exit status."""

from __future__ import annotations

import errno
import gc
import os
import sys

from ..errors import GafferError
from ..guard import end_by
from ..lean import signal
from ..loop import default_loop
from ..manager import Manager
from ..planning.plan import Installer
from ..posix.spawn import make_room, seal_descriptors
from ..preflight.taken_ports import find_taken
from ..restart import NEVER, BackOff
from .streams import STDOUT, complain, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any, Protocol

    from ..apps.console import MakeView
    from ..apps.keys import Keys
    from ..apps.window import WindowSize
    from ..dependency import Dependency
    from ..guard import Guarded
    from ..manager import App
    from ..planning.plan import Plan, Template
    from .config_apps import ConfigApps

    class Policy(App, Protocol):
        """The app that decides when the run ends, and with which status (None: nobody's)."""

        status: int | None
        ended_by: int | None

        @property
        def is_final(self) -> bool:
            """Whether a success stands, too, where a signal came while all was being stopped."""

        def handle_blocked(
            self, names: Sequence[str], culprit: str, short: Callable[[str], str]
        ) -> None: ...


STOP_TIMEOUT = 5.0  # seconds


class Run:
    """One run of a plan. `make_policy(say)` makes the app that ends it.

    `stop_timeout` (seconds) and `restart` hold for all processes; None leaves both to their own
    settings, then to the defaults. `reload` loads the plan anew. `make_view` shows it in another
    form than `args` say, `display` has other names for processes than the plan. `more_apps(run)`
    makes apps that come after all others. `has_keys`: a person may control it by keys.
    `tells_when_ready`: it is said when all that have a probe are ready.

    `is_plain`: there is no option that could be wrong, and no terminal. Then the first process is
    started before what shows and stops it is loaded, which takes as long as that takes to speak.
    """

    def __init__(
        self,
        plan: Plan,
        args: Namespace,
        guarded: Guarded | None,
        make_policy: Callable[[Callable[[str], object]], Policy],
        *,
        stop_timeout: float | None = None,
        restart: str | None = None,
        reload: Callable[[], Plan] | None = None,
        make_view: MakeView | None = None,
        display: Callable[[str, int], str] | None = None,
        more_apps: Callable[[Run], Sequence[App]] | None = None,
        has_keys: bool = False,
        tells_when_ready: bool = True,
        is_plain: bool = False,
    ) -> None:
        self.probed = _probed(plan)
        """The templates that say when they are ready, at present."""
        self.log_faults: list[str] = []
        """Which log files can't be written, and why: in the background nobody sees it said."""
        self._plan = plan
        self._args = args
        self._guarded = guarded
        self._stop_timeout = stop_timeout
        self._restart = restart
        self._reload = reload
        self._more_apps = more_apps
        self._make_policy = make_policy
        self._make_view = make_view
        self._has_keys = has_keys
        self._tells_when_ready = tells_when_ready
        self._blocked_listeners: list[Callable[[Sequence[str]], object]] = []
        self._window: WindowSize | None = None
        self._config_apps: ConfigApps | None = None
        self._broken: OSError | None = None
        self._warnings: dict[tuple[str, int], str] = {}  # of ports that are in use
        self._had_terminal = os.isatty(STDOUT)
        self._manager = Manager(_event_loop())
        self._names = plan.names
        self._display = display or plan.names.display
        self._begins_at_once = is_plain and not plan.has_config and not plan.templates[0].depends_on
        if not self._begins_at_once:
            self._equip()

    def _equip(self) -> None:
        """Make what shows the processes, and what ends them. Raises UsageError for options."""
        from ..apps.failures import FailureReport
        from ..apps.signals import Signals
        from .output import LogSettings, make_console, make_prefixes, wants_pty

        args, plan = self._args, self._plan
        self._prefixes = make_prefixes(args, plan)
        self._log_settings = LogSettings(plan)
        self._console = make_console(
            args,
            plan,
            self._log_settings,
            self._prefixes,
            self._handle_broken_output,
            faults=self.log_faults,
            display=self._display,
            make_view=self._make_view,
        )
        if wants_pty(args):
            from ..apps.window import WindowSize

            self._window = WindowSize(STDOUT, self._prefixes.width)
        self._keys = self._make_keys() if self._has_keys else None
        self._signals = Signals(self._console.say, self._halt, self._go_on, self._make_up)
        self._policy = self._make_policy(self._console.say)
        self._failures = FailureReport(self._console, self._display, self._policy, self._warnings)
        if plan.has_config:
            from .config_apps import ConfigApps

            self._config_apps = ConfigApps(
                plan,
                self._console.say,
                tells_of_all=self._tells_when_ready,
                log_dir=args.log_dir,
            )

    @property
    def say(self) -> Callable[..., object]:
        """Writes a line of gaffer's own."""
        return self._console.say

    @property
    def secrets(self) -> Sequence[bytes]:
        """What is kept out of the output, at present."""
        return self._console.secrets

    def redact(self, text: str) -> str:
        """`text` without secrets."""
        return self._console.redact(text)

    def run(self) -> int:
        """Run it to its end; the exit status, unless a signal is what ends us.

        GafferError, and nothing has been started, if a port that it needs is in use.
        """
        self._note_taken_ports()
        if self._guarded is not None:
            self._guarded.wait()
        try:
            make_room(sum(template.instances for template in self._plan.templates))
            seal_descriptors()
            self._installer = self._make_installer()
            for template in self._plan.templates:
                # The others are started by `Launch`.
                self._manager.add_process(
                    template.full_name,
                    template.command,
                    start=self._begins_at_once and template is self._plan.templates[0],
                    **self._installer.settings_of(template),
                )
            if self._begins_at_once:
                self._equip()
            self._manager.start(self._apps())
            for note in self._plan.notes:
                self._console.say(printable(note))
            gc.enable()
            self._manager.run()
        except BaseException:
            # A fault of ours must not leave anything running.
            for process in self._manager.running_processes().values():
                process.kill(signal.SIGKILL, tree=True)
            raise
        self._console.finish()
        return self._end()

    def _note_taken_ports(self) -> None:
        """Say which ports are in use. Raises the last of those that the plan can't do without."""
        problems = find_taken(self._plan)
        errors = [problem for problem in problems if problem.severity == "error"]
        for problem in problems:
            self._warnings.update(dict.fromkeys(problem.owners, str(problem)))
        hinted = errors or [problem for problem in problems if problem.hint]
        for problem in problems:
            if problem not in hinted[-1:]:
                problem.hint = None  # the last one's is for all
            if problem not in errors[-1:]:
                complain(str(problem))
        if errors:
            raise errors[-1]

    def _make_installer(self) -> Installer:
        return Installer(
            # On a pipe Python would keep what it prints until it ends.
            defaults={} if self._window else {"PYTHONUNBUFFERED": "1"},
            more=self._settings_of,
            redirect_output=("stdout", "stderr"),
            redirect_input=True,  # open and silent: many watchers end with their input
        )

    def _settings_of(self, template: Template) -> Mapping[str, Any]:
        """What the command line says, else the template, else the defaults."""
        restart = NEVER if template.once else self._restart or template.restart or NEVER
        timeout = self._stop_timeout if self._stop_timeout is not None else template.stop_timeout
        size = (self._window.size() if self._window is not None else None) or True
        settings: dict[str, Any] = {
            "restart": restart,
            "back_off": BackOff() if restart != NEVER else None,
            "stop_timeout": STOP_TIMEOUT if timeout is None else timeout,
            "pty": self._has_pty(template) and size,
        }
        if template.tty:
            settings["tty"] = size
        if template.stop_signal is not None:
            settings["stop_signal"] = template.stop_signal
        if not template.stop_tree:
            settings["stop_tree"] = False
        if self._config_apps is not None:
            more = self._config_apps.environment(template.full_name)
            settings["instance_env"] = {**template.instance_env, **more}
        return settings

    def _has_pty(self, template: Template) -> bool:
        if self._args.pty is None and template.pty is not None:
            return template.pty
        return self._window is not None

    def _apps(self) -> list[App]:
        from ..apps.launch import Launch
        from ..apps.lifeline import Lifeline
        from ..apps.stopping import StopReport

        names = self._names
        # The report is before the console: it asks for a process's last lines when that exits, and
        # tells them when it is stopped, and both for the last time that there is.
        apps: list[App] = [
            self._failures,
            self._console,
            self._signals,
            self._policy,
            StopReport(self._console.say, self._display),
        ]
        reload = self._make_reload()
        if self._config_apps is not None:
            apps += self._config_apps.make(reload)
        self._launch = Launch(
            _dependencies(self._plan),
            self._console.say,
            names.short,
            self._handle_blocked,
            may_change=reload is not None,
        )
        apps.append(self._launch)
        if self._window is not None:
            apps.append(self._window)
        if self._guarded is not None:
            apps.append(Lifeline(self._guarded.fds, self._console.say))
        if self._keys is not None:
            apps.append(self._keys)
        if self._more_apps is not None:
            apps += self._more_apps(self)
        return apps

    def _make_keys(self) -> Keys:
        from ..apps.keys import Keys

        def attach(name: str) -> list[str]:
            package = __package__.partition(".")[0]
            return [sys.executable, "-m", package, "attach", "-d", self._plan.directory, name]

        return Keys(os.ttyname(0), self._console, self._names.short, attach, self._pass_window_on)

    def _halt(self) -> None:
        if self._keys is not None:
            self._keys.halt()

    def _go_on(self) -> None:
        if self._keys is not None:
            self._keys.go_on()
        self._pass_window_on()

    def _make_up(self, seconds: float) -> None:
        if self._config_apps is not None:
            self._config_apps.make_up(seconds)

    def _pass_window_on(self) -> None:
        if self._window is not None:
            self._window.pass_on()

    def _make_reload(self) -> Callable[[Sequence[str]], object] | None:
        """What is to be done when a file of the plan has changed; None where nothing is."""
        if self._reload is None or not self._plan.watches_its_files:
            return None
        from .reloading import Reload

        reload = Reload(
            self._plan,
            self._reload,
            self._manager,
            lambda template: self._installer.settings_of(template),
            self._console.say,
            self._handle_plan,
            self._handle_templates,
        )
        return reload.handle_change

    def _handle_plan(self, plan: Plan) -> None:
        """Another plan holds from now on."""
        from .output import assign_prefixes, find_secrets

        self._names.replace(plan.names)  # who displays has these
        self._plan = plan
        self.probed.clear()  # who shows processes has this set
        self.probed |= _probed(plan)
        assign_prefixes(self._prefixes, plan)
        self._log_settings.update(plan)
        self._console.hide(find_secrets(self._args, plan))
        if self._config_apps is not None:
            self._config_apps.update(plan)
        self._installer = self._make_installer()

    def _handle_templates(self, plan: Plan, added: Sequence[str], changed: Collection[str]) -> None:
        """The manager has another plan's templates."""
        if self._config_apps is not None:
            self._config_apps.watch()
        self._launch.update(_dependencies(plan), added, changed)

    @property
    def blocked(self) -> Mapping[str, str]:
        """The templates that can't be started, at present, and why. Not before there are apps."""
        return self._launch.blocked

    def on_blocked(self, listener: Callable[[Sequence[str]], object]) -> None:
        """Call `listener(names)` with templates that can't be started."""
        self._blocked_listeners.append(listener)

    def _handle_blocked(self, names: Sequence[str], culprit: str) -> None:
        self._policy.handle_blocked(names, culprit, self._names.short)
        for listener in self._blocked_listeners:
            listener(names)

    def _handle_broken_output(self, error: OSError) -> None:
        self._broken = error
        if self._manager.started:  # else nobody reads the last lines, and the logs are closed
            self._console.say(f"can't write to standard output ({error.strerror}): stopping")
        self._manager.stop()

    def _end(self) -> int:
        if self._policy.status:
            return self._policy.status
        if self._signals.received is not None and not self._policy.is_final:
            end_by(self._signals.received)  # before the output: a terminal that hangs up ends both
        if self._broken is not None:
            if self._broken.errno == errno.EPIPE:
                # As any program does whose terminal, or whose reader, has gone.
                end_by(signal.SIGHUP if self._had_terminal else signal.SIGPIPE)
            complain(f"can't write to standard output: {self._broken.strerror}")
            return 1
        return self._policy.status or 0


def _probed(plan: Plan) -> set[str]:
    return {template.full_name for template in plan.templates if template.ready is not None}


def _dependencies(plan: Plan) -> dict[str, Sequence[Dependency]]:
    return {template.full_name: template.depends_on for template in plan.templates}


def _event_loop() -> Any:
    """The loop that GAFFER_LOOP names, or the best there is."""
    kind = os.environ.get("GAFFER_LOOP") or None
    try:
        return default_loop(kind)
    except (ImportError, ValueError) as error:
        raise GafferError(f"GAFFER_LOOP={kind}: {error}") from error

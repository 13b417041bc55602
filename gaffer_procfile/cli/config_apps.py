"""The apps that only a gaffer.yaml asks for: readiness, health, watching. Imported if it does."""

from __future__ import annotations

import os

from ..planning.plan import find_followers
from .streams import STDERR, STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..apps.health import Health
    from ..apps.readiness import Readiness
    from ..apps.watch import WatchFiles
    from ..config import Probe, Watch
    from ..manager import App
    from ..planning.plan import Plan


class ConfigApps:
    """Makes those apps of a plan, and lets them follow when another plan takes its place.

    `tells_of_all` is as for Readiness; `log_dir` is where all output is kept.
    """

    def __init__(
        self,
        plan: Plan,
        say: Callable[[str], object],
        *,
        tells_of_all: bool = True,
        log_dir: str | None = None,
    ) -> None:
        self._log_dir = log_dir
        self._plan = plan
        self._say = say
        # The apps hold these, so that a later plan's are theirs, too.
        self._ready: dict[str, Probe] = {}
        self._healthy: dict[str, Probe] = {}
        self._watches: dict[str, Watch] = {}
        self._files: list[str] = []
        self._own: list[str] = []
        self._find(plan)
        self._readiness: Readiness | None = None
        self._health: Health | None = None
        self._watching: WatchFiles | None = None
        # A plan that may change may need it later.
        if self._ready or plan.watches_its_files:
            from ..apps.readiness import Readiness

            self._readiness = Readiness(
                self._ready, say, plan.names.display, tells_of_all=tells_of_all
            )

    def _find(self, plan: Plan) -> None:
        for found in (self._ready, self._healthy, self._watches):
            found.clear()
        for template in plan.templates:
            if template.ready is not None:
                self._ready[template.full_name] = template.ready
            if template.healthy is not None:
                self._healthy[template.full_name] = template.healthy
            if template.watch is not None:
                self._watches[template.full_name] = template.watch
        self._files[:] = plan.files
        self._own[:] = [each.log for each in plan.templates if isinstance(each.log, str)]
        if self._log_dir is not None:
            from ..output.log_directory import PATTERNS

            self._own += [os.path.abspath(os.path.join(self._log_dir, each)) for each in PATTERNS]
        # `gaffer start > out.txt`
        streams = [f"/dev/fd/{fd}" for fd in (STDOUT, STDERR)]
        self._own += [os.path.realpath(each) for each in streams if os.path.isfile(each)]

    def environment(self, name: str) -> Mapping[str, str]:
        """What each process of a template needs for its readiness to be seen."""
        return self._readiness.environment(name) if self._readiness is not None else {}

    def make(self, on_change: Callable[[Sequence[str]], object] | None) -> list[App]:
        """The apps. `on_change(paths)` is called when files of the plan have changed."""
        display = self._plan.names.display
        apps: list[App] = []
        if self._readiness is not None:
            apps.append(self._readiness)
        if self._healthy or on_change is not None:
            from ..apps.health import Health

            self._health = Health(self._healthy, self._say, display, self._ready)
            apps.append(self._health)
        if self._watches or on_change is not None:
            from ..apps.watch import WatchFiles

            followers = find_followers(self._plan.templates)
            self._watching = WatchFiles(self._watches, self._say, display, followers, self._own)
            if on_change is not None:
                self._watching.on_change(self._files, on_change)
            apps.append(self._watching)
        return apps

    def make_up(self, seconds: float) -> None:
        """For so many seconds all were halted: that is nobody's fault."""
        if self._readiness is not None:
            self._readiness.postpone(seconds)
        if self._health is not None:
            self._health.look_anew()

    def update(self, plan: Plan) -> None:
        """Another plan holds from now on."""
        self._plan = plan
        self._find(plan)

    def watch(self) -> None:
        """Watch what this plan says; for when the manager has its templates."""
        if self._watching is not None:
            self._watching.update(self._watches, find_followers(self._plan.templates))

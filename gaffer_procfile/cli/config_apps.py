"""The apps that only a gaffer.yaml asks for: readiness, health, watching. Imported if it does."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..apps.readiness import Readiness
    from ..apps.watch import WatchFiles
    from ..config import Probe, Watch
    from ..manager import App
    from ..planning.plan import Plan, Template


class ConfigApps:
    """Makes those apps of a plan, and lets them follow when another plan takes its place.

    `tells_of_all` is as for Readiness.
    """

    def __init__(
        self, plan: Plan, say: Callable[[str], object], *, tells_of_all: bool = True
    ) -> None:
        self._plan = plan
        self._say = say
        # The apps hold these, so that a later plan's are theirs, too.
        self._ready: dict[str, Probe] = {}
        self._healthy: dict[str, Probe] = {}
        self._watches: dict[str, Watch] = {}
        self._files: list[str] = []
        self._find(plan)
        self._readiness: Readiness | None = None
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

            apps.append(Health(self._healthy, self._say, display, self._ready))
        if self._watches or on_change is not None:
            from ..apps.watch import WatchFiles

            followers = find_followers(self._plan.templates)
            self._watching = WatchFiles(self._watches, self._say, display, followers)
            if on_change is not None:
                self._watching.on_change(self._files, on_change)
            apps.append(self._watching)
        return apps

    def update(self, plan: Plan) -> None:
        """Another plan holds from now on."""
        self._plan = plan
        self._find(plan)

    def watch(self) -> None:
        """Watch what this plan says; for when the manager has its templates."""
        if self._watching is not None:
            self._watching.update(self._watches, find_followers(self._plan.templates))


def find_followers(templates: Sequence[Template]) -> Mapping[str, list[str]]:
    """Who is restarted after whom: those whose dependency says so, and those who follow them."""
    direct: dict[str, list[str]] = {}
    for template in templates:
        for dependency in template.depends_on:
            if dependency.restart:
                direct.setdefault(dependency.name, []).append(template.full_name)
    followers: dict[str, list[str]] = {}
    for name, first in direct.items():
        found = list(first)
        for each in found:  # grows meanwhile
            found += [one for one in direct.get(each, ()) if one not in found]
        followers[name] = found
    return followers

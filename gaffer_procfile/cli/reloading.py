"""Carries out changes of the Procfile, gaffer.yaml and the environment files while they run."""

from __future__ import annotations

from collections import Counter

from ..errors import GafferError
from ..formation import HIGHEST_PORT, PORT_VARIABLE
from ..planning.plan_files import as_seen_from_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from ..manager import Manager
    from ..planning.plan import Plan, Template

# Of a template: what a process can't be given while it runs.
_OF_PROCESS = (
    "command",
    "directory",
    "healthy",
    "log",
    "once",
    "port",
    "pty",
    "ready",
    "restart",
    "shell",
    "stop_signal",
    "stop_timeout",
    "stop_tree",
    "tty",
)


class Reload:
    """Loads the plan anew when a file of it has changed, and makes the manager follow.

    A plan that can't be loaded leaves everything as it is. `on_plan(plan)` is called with one that
    can, before any process is started from it; `on_templates(plan, added, changed)` when the manager
    has its templates: those that are `added` are still to be started, `changed` are these and all
    that are started anew or gone. `settings_of` makes the manager's settings of a template.
    """

    def __init__(
        self,
        plan: Plan,
        load: Callable[[], Plan],
        manager: Manager,
        settings_of: Callable[[Template], dict[str, Any]],
        say: Callable[[str], object],
        on_plan: Callable[[Plan], object],
        on_templates: Callable[[Plan, Sequence[str], Collection[str]], object],
    ) -> None:
        self._plan = plan
        self._load = load
        self._manager = manager
        self._settings_of = settings_of
        self._say = say
        self._on_plan = on_plan
        self._on_templates = on_templates

    def handle_change(self, paths: Sequence[str]) -> None:
        """Some of the plan's files have changed."""
        if self._manager.stopping:
            return
        what = as_seen_from_here(paths[0])
        if len(paths) > 1:
            what += f" and {len(paths) - 1} more"
        try:
            plan = self._load()
        except GafferError as error:
            self._say(f"{what} changed and can't be used, what runs goes on: {error}")
            return
        plan.names.follow(self._plan.names)
        before = {template.full_name: template for template in self._plan.templates}
        after = {template.full_name: template for template in plan.templates}
        removed = [name for name in before if name not in after]
        added = [name for name in after if name not in before]
        updated = [name for name in after if name in before and _differs(before[name], after[name])]
        scaled = [
            name
            for name in after
            if name in before
            and name not in updated
            and before[name].instances != after[name].instances
        ]
        self._plan = plan
        self._on_plan(plan)
        changes = (
            ("without", removed),
            ("new", added),
            ("restarting", updated),
            ("scaling", scaled),
        )
        told = [
            f"{verb} {', '.join(map(plan.names.short, names))}" for verb, names in changes if names
        ]
        self._say(f"{what} changed: {'; '.join(told) or 'nothing to be done'}")
        # As many as the files said before is no reason to undo what was scaled by hand.
        kept = {name for name in updated if before[name].instances == after[name].instances}
        self._carry_out(removed, added, updated, scaled, after, kept)
        self._on_templates(plan, added, {*removed, *added, *updated})

    def _carry_out(
        self,
        removed: Sequence[str],
        added: Sequence[str],
        updated: Sequence[str],
        scaled: Sequence[str],
        templates: dict[str, Template],
        kept: Collection[str],
    ) -> None:
        """`kept` are the templates of which there are as many as before, whoever has said so."""
        manager = self._manager
        for name in removed:
            if name in manager.processes:
                manager.remove_process(name)
        for name in sorted((*added, *updated), key=self._holds_nothing):
            template = templates[name]
            settings = self._settings_of(template)
            state = manager.get_process_state(name)
            if state is None:  # what is new may have to wait
                manager.add_process(name, template.command, start=False, **settings)
                continue
            if name in kept:
                room = HIGHEST_PORT + 1 - template.port
                settings["numprocesses"] = min(state.numprocesses, room)
            # What was stopped by hand stays so.
            manager.update_process(name, template.command, start=None, **settings)
        for name in scaled:
            if name in manager.processes:
                more = templates[name].instances - manager.processes[name].numprocesses
                manager.ttin(name, more)

    def _holds_nothing(self, name: str) -> bool:
        """Those that do come first: who begins at once may get a port of theirs."""
        state = self._manager.get_process_state(name)
        return state is None or not state.holds_anything


def refuse_mistakes(before: Plan, after: Plan) -> None:
    """Raise the first of the mistakes in a plan's files that weren't there in the plan before."""
    known = Counter(map(_without_line, before.problems))
    for problem in after.problems:
        known[_without_line(problem)] -= 1
        if known[_without_line(problem)] < 0:
            raise problem


def _without_line(problem: GafferError) -> tuple[str | None, str]:
    return problem.file, problem.message


def _differs(one: Template, other: Template) -> bool:
    if any(getattr(one, name) != getattr(other, name) for name in _OF_PROCESS):
        return True
    # A process that is new, or gone, is no reason to restart those that are told its port.
    names = one.environment.keys() ^ other.environment.keys()
    told = {name for name in names if name.startswith(PORT_VARIABLE)}
    return any(
        one.environment.get(name) != other.environment.get(name)
        for name in (one.environment.keys() | other.environment.keys()) - told
    )

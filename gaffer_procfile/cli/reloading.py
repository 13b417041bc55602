"""Carries out changes of the Procfile, gaffer.yaml and the environment files while they run."""

from __future__ import annotations

import os

from ..errors import GafferError
from ..formation import PORT_VARIABLE

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
        what = os.path.relpath(paths[0])
        if len(paths) > 1:
            what += f" and {len(paths) - 1} more"
        try:
            plan = self._load()
        except GafferError as error:
            self._say(f"{what} changed and can't be used, what runs goes on: {error}")
            return
        for problem in plan.problems:
            self._say(str(problem))
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
        # Those that are gone still have a name until they have ended.
        short = {name: self._plan.names.short(name) for name in removed}
        self._plan = plan
        self._on_plan(plan)
        short |= {name: plan.names.short(name) for name in after}
        changes = (
            ("without", removed),
            ("new", added),
            ("restarting", updated),
            ("scaling", scaled),
        )
        told = [
            f"{verb} {', '.join(short[name] for name in names)}" for verb, names in changes if names
        ]
        self._say(f"{what} changed: {'; '.join(told) or 'nothing to be done'}")
        self._carry_out(removed, added, updated, scaled, after)
        self._on_templates(plan, added, {*removed, *added, *updated})

    def _carry_out(
        self,
        removed: Sequence[str],
        added: Sequence[str],
        updated: Sequence[str],
        scaled: Sequence[str],
        templates: dict[str, Template],
    ) -> None:
        manager = self._manager
        for name in removed:
            if name in manager.processes:
                manager.remove_process(name)
        for name in (*added, *updated):
            template = templates[name]
            settings = self._settings_of(template)
            known = name in manager.processes
            # What was stopped by hand stays so, and what is new may have to wait.
            settings["start"] = known and manager.processes[name].active
            change = manager.update_process if known else manager.add_process
            change(name, template.command, **settings)
        for name in scaled:
            if name in manager.processes:
                more = templates[name].instances - manager.processes[name].numprocesses
                manager.ttin(name, more)


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

"""How a run in the background tells whoever waits for it that it has come up."""

from __future__ import annotations

from ..apps.announcement import Announcement
from ..apps.settling import Settling
from ..config import Probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..manager import App
    from ..planning.plan import Plan
    from .running import Run

SETTLE = 1.0  # seconds


def make_announcement(fd: int, plan: Plan, run: Run) -> list[App]:
    """The apps by which `run` tells that it has come up.

    A process of which nothing says when it is ready is so when it, or what it has started, listens
    on its PORT, or has been up for a moment.
    """
    patience = {
        template.full_name: SETTLE
        for template in plan.templates
        if template.ready is None and not template.once
    }
    settling = Settling(patience, (), Probe("listens"), run.say, plan.names.display)
    announcement = Announcement(fd, plan.names.display)
    run.on_blocked(announcement.handle_blocked)
    return [settling, announcement]

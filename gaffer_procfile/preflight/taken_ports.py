"""A plan's ports that are in use before it starts, as problems to be shown."""

from __future__ import annotations

from ..errors import FormationError
from .listening import find_listeners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..planning.plan import Plan, Template

# What has a probe of these kinds listens, or it would never be ready.
_LISTENING_KINDS = ("port", "http")


HINT = "--auto-port moves all ports to free ones"


class TakenPort(FormationError):
    """A port that is in use. `owners` are those of the plan that want it: template and instance."""

    def __init__(self, message: str, owners: list[tuple[str, int]], **settings: Any) -> None:
        super().__init__(message, **settings)
        self.owners = owners


def find_taken(plan: Plan) -> list[TakenPort]:
    """A problem for each port of the plan that somebody listens on.

    An error for a process that surely listens there, for that gaffer.yaml says so; a warning for
    one that only might: every process has a PORT, and many never look at it.
    """
    wanted: dict[int, tuple[str, bool, list[tuple[str, int]]]] = {}
    for template in plan.templates:
        for instance in range(1, template.instances + 1):
            name = plan.names.display(template.full_name, instance)
            owners = [(template.full_name, instance)]
            wanted[template.port + instance - 1] = name, _listens_on_its_port(template), owners
    for template in plan.templates:
        other = _port_of_probe(template)
        if other is not None and template.instances > 0:
            owners = [(template.full_name, n) for n in range(1, template.instances + 1)]
            wanted.setdefault(other, (plan.names.short(template.full_name), False, owners))
    movable = {template.port + n for template in plan.templates for n in range(template.instances)}
    return [
        TakenPort(
            f"port {port} ({wanted[port][0]}) is in use by {listener}",
            wanted[port][2],
            hint=HINT if port in movable else None,
            severity="error" if wanted[port][1] else "warning",
        )
        for port, listener in find_listeners(wanted).items()
    ]


def _listens_on_its_port(template: Template) -> bool:
    ready = template.ready
    is_probed = ready is not None and ready.kind in _LISTENING_KINDS and ready.port is None
    return template.has_fixed_port or is_probed


def _port_of_probe(template: Template) -> int | None:
    """A port besides its PORT where readiness is seen, by whoever listens there."""
    ready = template.ready
    return ready.port if ready is not None and ready.kind in _LISTENING_KINDS else None

"""A plan's ports that are in use before it starts, as problems to be shown."""

from __future__ import annotations

from ..errors import FormationError
from .listening import find_listeners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..planning.plan import Plan, Template
    from .listening import Listener

# What has a probe of these kinds listens, or it would never be ready.
_LISTENING_KINDS = ("port", "http")


def find_taken(plan: Plan) -> list[FormationError]:
    """A problem for each port of the plan that somebody listens on.

    An error for a process that surely listens there, for that gaffer.yaml says so; a warning for
    one that only might: every process has a PORT, and many never look at it.
    """
    owners: dict[int, tuple[str, bool]] = {}
    for template in plan.templates:
        for instance in range(1, template.instances + 1):
            name = plan.names.display(template.full_name, instance)
            owners[template.port + instance - 1] = name, _listens_on_its_port(template)
    for template in plan.templates:
        other = _port_of_probe(template)
        if other is not None and template.instances > 0:
            owners.setdefault(other, (plan.names.short(template.full_name), False))
    return [
        _problem(port, *owners[port], listener) for port, listener in find_listeners(owners).items()
    ]


def _listens_on_its_port(template: Template) -> bool:
    ready = template.ready
    is_probed = ready is not None and ready.kind in _LISTENING_KINDS and ready.port is None
    return template.has_fixed_port or is_probed


def _port_of_probe(template: Template) -> int | None:
    """A port besides its PORT where readiness is seen, by whoever listens there."""
    ready = template.ready
    return ready.port if ready is not None and ready.kind in _LISTENING_KINDS else None


def _problem(port: int, name: str, surely: bool, listener: Listener) -> FormationError:
    return FormationError(
        f"port {port} ({name}) is in use by {listener}",
        hint="--auto-port moves all ports to free ones" if surely else None,
        severity="error" if surely else "warning",
    )

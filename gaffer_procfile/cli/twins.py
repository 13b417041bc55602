"""Another run of the same project, and what this one would run a second time."""

from __future__ import annotations

from ..control import runs_in
from ..errors import GafferError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..planning.plan import Plan

PATIENCE = 5.0  # seconds for the other one to answer


class AlreadyRunning(GafferError):
    """Another run of the project has a process that this one would run, too."""


def refuse_twins(plan: Plan) -> None:
    """Raise AlreadyRunning if another run of the project runs what is in the plan."""
    wanted = {template.full_name for template in plan.templates if template.instances}
    for run in runs_in(plan.directory):
        # There hardly ever is another.
        from ..apps.outcome import listing
        from ..client import Connection, Gone, NoAnswer

        connection = Connection(run.path, PATIENCE)
        try:
            processes = connection.get("/processes")["processes"]
            since = connection.get("/run")["since"]
        except (Gone, NoAnswer):
            continue
        finally:
            connection.close()
        twins = [each["name"] for each in processes if each["running"] and each["name"] in wanted]
        if twins:
            names = listing([plan.names.short(name) for name in twins])
            verb = "runs" if len(twins) == 1 else "run"
            when = since[11:16] if since[:10] == _today() else since[:16].replace("T", " ")
            one = plan.names.short(twins[0])
            raise AlreadyRunning(
                f"{names} {verb} already, by gaffer (pid {run.pid}, since {when})",
                hint=f"`gaffer restart {one}` starts it anew, `gaffer logs -f {one}` shows it",
            )


def _today() -> str:
    import time

    return time.strftime("%Y-%m-%d")

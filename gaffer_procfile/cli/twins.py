"""Another run of the same project, and what this one would run a second time."""

from __future__ import annotations

import os

from ..control import (
    ControlError,
    open_shared,
    project_number,
    runs_around,
    with_those_above,
)
from ..errors import GafferError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..client import Connection
    from ..control import Run
    from ..planning.plan import Plan, Template

    Json = dict[str, Any]

LOCKS = "starts"
PATIENCE = 2.0  # seconds for the other one to answer


class AlreadyRunning(GafferError):
    """Another run has a process that this one would run, too, or doesn't say whether it has."""


class Claim:
    """A project's start, for one run at a time: from its look at the others until they can see it.

    Who comes meanwhile waits. It is a lock on a byte of a file that all runs of this user share, and
    goes with this process, however that ends.
    """

    def __init__(self, directory: str) -> None:
        self._fd = -1
        try:
            self._fd = open_shared(LOCKS)
            os.lseek(self._fd, project_number(directory), os.SEEK_SET)
            os.lockf(self._fd, os.F_LOCK, 1)
        except ControlError:
            return  # there will be no socket either, which is told later
        except OSError:
            self.release()  # a file system without locks, say: a run is worth more than the claim

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the next one look. Once is enough."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def wait_for_start(directory: str) -> bool:
    """Wait for what is being started in `directory`, or else above it; whether anything was.

    Not for who has a claim itself: it is gone when the file is closed here.
    """
    try:
        fd = open_shared(LOCKS)
    except (ControlError, OSError):
        return False  # then nothing that is started has a claim
    try:
        return any(_wait_for_claim(fd, each) for each in with_those_above(directory))
    finally:
        os.close(fd)


def _wait_for_claim(fd: int, directory: str) -> bool:
    os.lseek(fd, project_number(directory), os.SEEK_SET)
    try:
        os.lockf(fd, os.F_TEST, 1)
        return False
    except (BlockingIOError, PermissionError):  # which of the two it is depends on the system
        os.lockf(fd, os.F_LOCK, 1)
        os.lockf(fd, os.F_ULOCK, 1)
        return True
    except OSError:
        return False  # a file system without locks


def refuse_twins(plan: Plan) -> None:
    """Raise AlreadyRunning if another run has something that is in the plan, or doesn't answer.

    That is one of this project, of one of its services or of a directory above them.
    """
    services = {service.location.directory: None for service in plan.services}
    for run in runs_around([plan.directory, *services]):
        # There hardly ever is another.
        from ..client import Connection, Gone, NoAnswer

        connection = Connection(run.path, PATIENCE)
        try:
            processes = connection.get("/processes")["processes"]
            twins = list(_twins(plan, run, processes, connection))
            since = connection.get("/run")["since"]
        except Gone:
            continue
        except NoAnswer as error:
            raise _unanswered(plan, run) from error
        finally:
            connection.close()
        if twins:
            raise _refusal(plan, run, twins, [each["name"] for each in processes], since)


def _twins(
    plan: Plan, run: Run, processes: Sequence[Json], connection: Connection
) -> Iterator[tuple[Template, str]]:
    """What is in the plan and runs there, each with its full name in that run."""
    from .remote import quoted

    is_ours = run.directory == os.path.realpath(plan.directory)
    by_name: dict[str, list[Template]] = {}
    for template in plan.templates:
        if template.instances:
            by_name.setdefault(template.name, []).append(template)
    for process in processes:
        full = process["name"]
        candidates = by_name.get(full.rpartition(":")[2], ())
        if not process["running"] or not candidates:
            continue
        cwd = None
        for template in candidates:
            if not (is_ours and template.full_name == full):
                # Groups may have other names there. What runs in one directory under one name is
                # the same, unless neither its group nor its command is.
                if process["group"] != template.group and process["cmd"] != template.command:
                    continue
                if cwd is None:
                    settings = connection.get(f"/processes/{quoted(full)}")["settings"]
                    cwd = os.path.realpath(settings.get("cwd") or "")
                if os.path.realpath(template.directory) != cwd:
                    continue
            yield template, full
            break


def _refusal(
    plan: Plan, run: Run, twins: Sequence[tuple[Template, str]], known: Sequence[str], since: str
) -> AlreadyRunning:
    from ..apps.outcome import listing
    from ..planning.names import Names
    from .verb import directory_option

    names = listing([plan.names.short(template.full_name) for template, _full in twins])
    verb = "runs" if len(twins) == 1 else "run"
    when = since[11:16] if since[:10] == _today() else since[:16].replace("T", " ")
    where = _where(plan, run)
    option = directory_option(run.directory)
    one = Names(known).short(twins[0][1])
    return AlreadyRunning(
        f"{names} {verb} already, by gaffer{where} (pid {run.pid}, since {when})",
        hint=f"`gaffer restart{option} {one}` starts it anew, `gaffer logs{option} -f {one}` shows it",
    )


def _unanswered(plan: Plan, run: Run) -> AlreadyRunning:
    return AlreadyRunning(
        f"a gaffer{_where(plan, run)} (pid {run.pid}) that may run this already doesn't answer",
        hint=f"is it halted? `fg`, or `kill -CONT {run.pid}`",
    )


def _where(plan: Plan, run: Run) -> str:
    """Where the other run is, if that isn't here."""
    from .streams import printable

    here = os.path.realpath(plan.directory)
    return f" in {printable(run.directory)}" if run.directory != here else ""


def _today() -> str:
    import time

    return time.strftime("%Y-%m-%d")

"""One process runs once: starts at the same moment, and runs in directories above and below."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from cli import PACKAGE_ROOT, MakeProject, Project, Running, wait_until
from cli import project as project
from cli import state as state

from gaffer_procfile import control
from gaffer_procfile.cli.twins import Claim
from gaffer_procfile.control import UnixListener, runs_in

SLEEP = "exec sleep 100"


def started(made: Project, *args: str, cwd: Path | None = None, at: Path | None = None) -> Running:
    """A run that others can find."""
    running = made.spawn("start", *args, cwd=cwd or made.directory)
    running.read_until(r"\| up")
    wait_until(lambda: runs_in(str(at or cwd or made.directory)), "the socket")
    return running


def end(running: Running) -> None:
    running.signal(signal.SIGTERM)
    running.wait()


# ---- the same moment


def test_of_starts_at_the_same_moment_one_runs(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo started >> starts; {SLEEP}\n"})
    starts = [made.spawn("start") for _ in range(6)]
    wait_until(
        lambda: sum(each.popen.poll() is not None for each in starts) == 5,
        "the end of all but one",
    )
    [left] = [each for each in starts if each.popen.poll() is None]
    for each in starts:
        if each is not left:
            assert each.wait() == 1
            assert f"web runs already, by gaffer (pid {left.pid}, " in each.text
    end(left)
    assert made.path("starts").read_text() == "started\n"


def test_of_starts_in_the_background_one_runs(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo started >> starts; {SLEEP}\n"})
    starts = [made.spawn("start", "-D") for _ in range(2)]
    statuses = sorted(each.wait() for each in starts)
    ended = made.run("down")
    assert statuses == [0, 1], [each.text for each in starts]
    assert ended.status == 0
    [refused] = [each for each in starts if each.popen.returncode == 1]
    assert re.fullmatch(r"gaffer: web runs already, by gaffer \([^\n]+\n", refused.text)
    assert made.path("starts").read_text() == "started\n"


@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="nothing tells who waits for a lock")
def test_a_start_waits_for_the_one_before_it(project: MakeProject) -> None:
    """It is Ctrl-C that ends such a wait, if anything has to."""
    made = project({"Procfile": f"web: echo up; {SLEEP}\n"})
    program = (
        "import sys; from gaffer_procfile.cli.twins import Claim; claim = Claim('.');"
        "print('claimed', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=made.directory,
        env={**os.environ, "PYTHONPATH": PACKAGE_ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdin and holder.stdout
        assert holder.stdout.readline() == b"claimed\n"
        waiting = made.spawn("start")
        blocked = re.compile(r"-> POSIX +ADVISORY +WRITE +(\d+)")
        wait_until(
            lambda: str(waiting.gaffer.pid) in blocked.findall(Path("/proc/locks").read_text()),
            "the wait for the lock",
        )
        waiting.signal(signal.SIGINT)
        assert waiting.wait() == -signal.SIGINT
        again = made.spawn("start")
        wait_until(
            lambda: str(again.gaffer.pid) in blocked.findall(Path("/proc/locks").read_text()),
            "the wait for the lock",
        )
        holder.kill()  # whoever has it lets go of it, however it ends
        again.read_until(r"\| up")
        end(again)


def test_a_run_is_worth_more_than_the_claim(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_fd: int, _command: int, _length: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    before = os.listdir("/dev/fd")
    monkeypatch.setattr(os, "lockf", refuse)
    with Claim(str(tmp_path)):
        assert os.listdir("/dev/fd") == before
    monkeypatch.undo()
    with Claim(str(tmp_path)) as claim:
        assert len(os.listdir("/dev/fd")) == len(before) + 1
        claim.release()
        assert os.listdir("/dev/fd") == before
    claim.release()  # once more is nothing


@pytest.mark.parametrize("where", [".", "api"])
def test_beside_a_run_that_does_not_answer_none_is_started(
    project: MakeProject, where: str
) -> None:
    """Halted by Ctrl-Z, most often: nobody can tell then what it has."""
    made = project({"Procfile": f"web: echo up; {SLEEP}\n", "api/Procfile": "web: touch started\n"})
    running = started(made)
    running.signal(signal.SIGTSTP)
    outer = psutil.Process(running.pid)
    wait_until(lambda: outer.status() == psutil.STATUS_STOPPED, "the halt")
    twin = made.run("start", cwd=made.path(where))
    running.signal(signal.SIGCONT)
    end(running)
    above = "" if where == "." else f" in {os.path.realpath(made.directory)}"
    assert twin.status == 1
    assert twin.error() == (
        f"a gaffer{above} (pid {running.pid}) that may run this already doesn't answer "
        f"(is it halted? `fg`, or `kill -CONT {running.pid}`)"
    )
    assert not made.path("api/started").exists()


# ---- above and below

SERVICES = {
    "api/Procfile": f"web: echo up; {SLEEP}\n",
    "web/Procfile": f"web: echo up; {SLEEP}\nworker: {SLEEP}\n",
}


@pytest.mark.parametrize(
    ("args", "where"), [((), "api"), (("-d", "api"), "."), (("-d", "../api"), "web")]
)
def test_what_a_run_above_has_is_not_started_again(
    project: MakeProject, args: tuple[str, ...], where: str
) -> None:
    made = project(SERVICES)
    running = started(made, "-d", "api", "-d", "web")
    twin = made.run("start", *args, cwd=made.path(where))
    end(running)
    assert twin.status == 1
    above = os.path.realpath(made.directory)
    option = "" if where == "." else f" -d {above}"
    assert re.fullmatch(
        rf"web runs already, by gaffer in {above} \(pid {running.pid}, since \d\d:\d\d\) "
        rf"\(`gaffer restart{option} api:web` starts it anew, "
        rf"`gaffer logs{option} -f api:web` shows it\)",
        twin.error(),
    )


def test_what_a_run_below_has_is_not_started_again(project: MakeProject) -> None:
    made = project(SERVICES)
    running = started(made, cwd=made.path("api"))
    twin = made.run("start", "-d", "api", "-d", "web")
    end(running)
    below = os.path.realpath(made.path("api"))
    assert f"api:web runs already, by gaffer in {below} (pid {running.pid}" in twin.error()
    assert f"`gaffer restart -d {below} web` starts it anew" in twin.error()


def test_a_group_of_another_name_is_the_same_service(project: MakeProject) -> None:
    made = project({**SERVICES, "gaffer.yaml": "groups: {backend: api}\n"})
    running = started(made)
    twin = made.run("start", "-d", "api")
    end(running)
    assert "web runs already" in twin.error()


def test_others_above_and_below_are_none_of_ours(project: MakeProject) -> None:
    """Not the same name in another directory, nor another name in the same one."""
    made = project({**SERVICES, "Procfile": f"web: echo up; {SLEEP}\n"})
    above = started(made)
    beside = started(made, "-d", "api", at=made.path("api"))
    other = started(made, "-d", "web", "web", at=made.path("web"))
    last = made.spawn("start", "worker", cwd=made.path("web"))
    last.read_until("worker.1 started")
    for running in (last, other, beside, above):
        end(running)


def test_runs_around_are_those_of_directories_and_above(tmp_path: Path) -> None:
    (tmp_path / "shop" / "api" / "src").mkdir(parents=True)
    (tmp_path / "shop" / "web").mkdir()
    names = ["shop", "shop/api", "shop/api/src", "shop/web"]
    listeners = [UnixListener(str(tmp_path / name)) for name in names]
    found = control.runs_around([str(tmp_path / "shop/api"), str(tmp_path / "shop/api")])
    assert {run.path for run in found} == {each.path for each in listeners[:2]}
    assert {run.directory for run in found} == {os.path.realpath(tmp_path / n) for n in names[:2]}
    for each in listeners:
        each.close()

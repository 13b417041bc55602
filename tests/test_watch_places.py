"""Watching through links, and beside files that gaffer writes itself."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from cli import MakeProject, wait_until
from cli import project as project
from conftest import ManagerDriver
from test_cli_reload import change_until, end
from test_watch import DEBOUNCE, Watched, write
from test_watch_selection import chosen

from gaffer_procfile.apps.watch import WatchFiles
from gaffer_procfile.config.settings import Watch
from gaffer_procfile.watching import thread
from gaffer_procfile.watching.selection import Selection

# ---- links


def point(link: Path, target: str) -> None:
    """As `ln -sfn` does."""
    temporary = link.with_name("ln.tmp~")
    temporary.symlink_to(target)
    temporary.rename(link)


def point_elsewhere(directory: Path) -> None:
    point(directory / "file", "other")


def put_a_file_there(directory: Path) -> None:
    (directory / "file").unlink()
    (directory / "file").write_text("3")


def remove_it(directory: Path) -> None:
    (directory / "file").unlink()


def point_the_second_link_elsewhere(directory: Path) -> None:
    point(directory / "away" / "middle", "../other")


def point_the_directory_elsewhere(directory: Path) -> None:
    point(directory / "src", "later")


def put_a_directory_there(directory: Path) -> None:
    (directory / "src").unlink()
    (directory / "src").mkdir()
    (directory / "src" / "b.py").write_text("3")


CHANGES = [
    point_elsewhere,
    put_a_file_there,
    remove_it,
    point_the_second_link_elsewhere,
    point_the_directory_elsewhere,
    put_a_directory_there,
]


@pytest.mark.parametrize("is_polled", [False, True], ids=["told", "polled"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_link_that_leads_elsewhere(
    driver: ManagerDriver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], object],
    is_polled: bool,
) -> None:
    if is_polled:
        monkeypatch.setattr(thread, "POLL_INTERVAL", 0.05)
        monkeypatch.setattr(thread.WatchThread, "_watch_all", lambda self, old: None)
    for name in ("away", "now", "later"):
        (tmp_path / name).mkdir()
    for name in ("first", "other", "now/a.py", "later/b.py"):
        (tmp_path / name).write_text(name)
    for link, target in (
        ("src", "now"),
        ("file", "away/middle"),
        ("away/middle", "../first"),
    ):
        (tmp_path / link).symlink_to(target)
    # A look may come between the steps of one change, and the next look late.
    debounce = 3 * DEBOUNCE if is_polled else DEBOUNCE
    made = Watched(driver, tmp_path, {"web": Watch(("file", "src"), debounce=debounce)})
    made.begin("web")
    driver.run_for(0.2)
    change(tmp_path)
    made.settle(1)
    if change is not remove_it:
        write(tmp_path / ("file" if (tmp_path / "file").exists() else "other"))
        made.settle(2)
        write(next((tmp_path / "src").iterdir()))
        made.settle(3)


def test_files_of_the_configuration_that_are_links(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": "watch_config: true\n",
            "Procfile.one": "web: echo one has $A; exec sleep 100\n",
            "Procfile.two": "web: echo two has $A; exec sleep 100\n",
            ".env.dev": "A=dev\n",
            ".env.stage": "A=stage\n",
        }
    )
    point(made.path("Procfile"), "Procfile.one")
    point(made.path(".env"), ".env.dev")
    running = made.spawn("start")
    running.read_until(r"\| one has dev")
    change_until(running, made, ".env.dev", "A=more\n", r"\.env\.dev changed: restarting web\n")
    running.read_until(r"\| one has more")
    point(made.path(".env"), ".env.stage")
    running.read_until(r"\.env changed: restarting web\n")
    running.read_until(r"\| one has stage")
    made.path(".env").unlink()
    made.write({".env": "A=x\n"})
    running.read_until(r"\| one has x")
    point(made.path("Procfile"), "Procfile.two")
    running.read_until(r"\| two has x")
    end(running)


# ---- what gaffer writes


def test_what_is_gaffers_own_is_not_watched(tmp_path: Path) -> None:
    for name in ("log/gaffer.log", "log/web.1.log.2", "log/notes", "log/deep/a.log", "out.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    own = [str(tmp_path / name) for name in ("log/*.log", "log/*.log.*", "out.txt")]
    selection = Selection(str(tmp_path), ["."], own=own)
    assert chosen(selection, tmp_path) == {"log/notes", "log/deep/a.log"}
    assert not selection.includes(str(tmp_path / "log" / "gaffer.log"))
    assert selection.includes(str(tmp_path / "gaffer.log"))


def test_what_is_gaffers_own_may_become_another(driver: ManagerDriver, tmp_path: Path) -> None:
    own = [str(tmp_path / "one.log")]
    watch = Watch((".",), debounce=DEBOUNCE)
    made = Watched(driver, tmp_path, {"web": watch})
    made.app = WatchFiles({"web": watch}, made.said.append, lambda name, _n: name, own=own)
    driver.manager.apps[:] = [made.app]
    made.begin("web")
    write(tmp_path / "one.log")
    made.settle(0)
    own[:] = [str(tmp_path / "two.log")]
    made.app.update({"web": watch})
    driver.run_until(lambda: made.app.is_watching)
    write(tmp_path / "two.log")
    made.settle(0)
    write(tmp_path / "one.log")
    made.settle(1)


WRITES = {
    "a directory": ("--log-dir log", ""),
    "this directory": ("--log-dir .", ""),
    "a file": ("", ", log: logs/web.txt"),
    "its output": ("> out.txt 2> err.txt", ""),
}


@pytest.mark.parametrize(("options", "setting"), WRITES.values(), ids=WRITES)
def test_what_gaffer_writes_restarts_nothing(
    project: MakeProject, options: str, setting: str
) -> None:
    made = project(
        {
            "gaffer.yaml": f"processes: {{web: {{command: sh web.sh, watch: .{setting}}}}}\n",
            "web.sh": "n=0; while sleep 0.4; do n=$((n+1)); echo line $n; done\n",
        }
    )
    running = made.spawn_shell(f"exec $gaffer start {options}")
    written = made.path("out.txt")

    def text() -> str:
        if running.pending():
            running.read_until("\n")
        return running.text + (written.read_text() if written.exists() else "")

    wait_until(lambda: "| line 6" in text(), "the sixth line")
    assert "changed, restarting" not in text()
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM

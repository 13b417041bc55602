"""Watching files: real files are changed, real processes are restarted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from conftest import DEADLINE, ManagerDriver
from test_readiness import display

import gaffer_procfile
from gaffer_procfile.apps import watch as watching
from gaffer_procfile.apps.watch import WatchFiles
from gaffer_procfile.config.settings import Watch

DEBOUNCE = 0.1
QUIET = 0.6  # seconds after which a change would have been acted upon
SLEEP = "exec sleep 100"


class Watched:
    """A WatchFiles on a driver's manager, the templates it watches, and what it said."""

    def __init__(
        self,
        driver: ManagerDriver,
        directory: Path,
        watches: Mapping[str, Watch],
        followers: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.driver = driver
        self.directory = directory
        self.said: list[str] = []
        self.app = WatchFiles(watches, self.said.append, display, followers)
        driver.manager.apps.append(self.app)

    def begin(self, *names: str, script: str = SLEEP) -> None:
        for name in names:
            self.driver.sh(name, script, cwd=str(self.directory))
        self.app.start(self.driver.raw, self.driver.manager)
        self.driver.run_until(lambda: self.app.is_watching)

    def restarts(self, name: str = "web") -> int:
        return len(self.driver.of("spawn", name)) - 1

    def settle(self, count: int, name: str = "web", quiet: float = QUIET) -> None:
        """Run until there have been so many restarts, and see that there are no more."""
        self.driver.run_until(lambda: self.restarts(name) >= count)
        self.driver.run_for(quiet)
        assert self.restarts(name) == count, self.said


MakeWatched = Callable[..., Watched]


@pytest.fixture
def watched(driver: ManagerDriver, tmp_path: Path) -> MakeWatched:
    def make(
        *paths: str, followers: Mapping[str, Sequence[str]] | None = None, **settings: object
    ) -> Watched:
        settings.setdefault("debounce", DEBOUNCE)
        watch = Watch(paths or ("src",), **settings)  # type: ignore[arg-type]
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "app.py").write_text("1")
        return Watched(driver, tmp_path, {"web": watch}, followers)

    return make


def write(path: Path) -> None:
    path.write_text(f"{time.monotonic_ns()}")


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    """As careful editors save."""
    temporary = path.with_name(f".{path.name}.swp")
    write(temporary)
    temporary.chmod(0o600)
    temporary.rename(path)


@pytest.mark.parametrize("change", [write, remove, replace, Path.touch])
def test_a_change_is_one_restart(watched: MakeWatched, change: Callable[[Path], object]) -> None:
    made = watched()
    made.begin("web", "worker")
    change(made.directory / "src" / "app.py")
    made.settle(1)
    assert made.said == ["web.1: src/app.py changed, restarting"]
    assert made.restarts("worker") == 0


def test_one_instance_that_was_stopped_stays_so(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    manager = made.driver.manager
    manager.ttin("web")
    manager.stop_process(made.driver.process("web", 1).id)
    made.driver.run_until_event("exit", "web")
    write(made.directory / "src" / "app.py")
    made.settle(2)
    assert [event["instance"] for event in made.driver.of("spawn", "web")] == [1, 2, 1]


def test_nothing_else_is_one(watched: MakeWatched) -> None:
    made = watched("src", "*.cfg", ignore=("*.log",))
    (made.directory / ".gitignore").write_text("*.tmp\n")
    made.begin("web")
    for name in ("other.py", "src/a.log", "src/b.tmp", "src/.app.py.swp"):
        write(made.directory / name)
    (made.directory / "src" / "empty").mkdir()
    (made.directory / "src" / "__pycache__").mkdir()
    write(made.directory / "src" / "__pycache__" / "app.pyc")
    (made.directory / "src" / "app.py").read_text()
    made.settle(0)
    write(made.directory / "a.cfg")
    made.settle(1)


SAVE_ALL = """\
import os
for number in range(500):
    name = f"src/{number:03}.py"
    for path in (name, f"src/.{number}.swp"):
        with open(path, "w") as file:
            file.write("x")
    os.chmod(path, 0o600)
    os.rename(path, name)
"""


def test_a_storm_is_one_restart(watched: MakeWatched) -> None:
    made = watched(debounce=1.0)  # the one who saves may have to wait for a core
    made.begin("web")
    saving = subprocess.Popen([sys.executable, "-S", "-c", SAVE_ALL], cwd=made.directory)
    made.settle(1, quiet=2.0)
    assert saving.wait(DEADLINE) == 0
    assert made.said == ["web.1: src/000.py and 499 more changed, restarting"]


def test_new_directories_are_seen_with_what_is_in_them(watched: MakeWatched) -> None:
    made = watched("src/**/*.py")
    made.begin("web")
    source = made.directory / "elsewhere"
    (source / "deep" / "deeper").mkdir(parents=True)
    write(source / "deep" / "deeper" / "new.py")
    source.rename(made.directory / "src" / "new")
    made.settle(1)
    assert made.said == ["web.1: src/new/deep/deeper/new.py changed, restarting"]
    write(made.directory / "src" / "new" / "deep" / "deeper" / "new.py")
    made.settle(2)
    shutil.rmtree(made.directory / "src" / "new")
    made.settle(3)
    (made.directory / "src" / "a" / "b").mkdir(parents=True)
    made.settle(3)
    write(made.directory / "src" / "a" / "b" / "c.py")
    made.settle(4)


def test_a_directory_that_moves_away(watched: MakeWatched) -> None:
    made = watched()
    (made.directory / "src" / "part").mkdir()
    write(made.directory / "src" / "part" / "a.py")
    made.begin("web")
    (made.directory / "src" / "part").rename(made.directory / "gone")
    made.settle(1)
    assert made.said == ["web.1: src/part changed, restarting"]
    write(made.directory / "gone" / "a.py")
    made.settle(1)


def test_a_directory_that_is_built_anew(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    for count in (1, 2):
        shutil.rmtree(made.directory / "src")
        (made.directory / "src").mkdir()
        write(made.directory / "src" / "app.py")
        made.settle(count)


INSTEAD = "looking at them every second instead"


def test_a_directory_whose_name_is_not_utf8(watched: MakeWatched) -> None:
    made = watched()
    odd = made.directory / "src" / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    made.begin("web")
    assert len(made.said) == 1 and f"{str(odd)!r} isn't UTF-8): {INSTEAD}" in made.said[0]
    write(made.directory / "src" / "app.py")
    made.settle(1)
    write(odd / "app.py")
    made.settle(2)


def test_a_file_whose_name_is_not_utf8(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    odd = made.directory / "src" / os.fsdecode(b"caf\xe9.py")
    write(odd)
    made.driver.run_until(lambda: any(INSTEAD in text for text in made.said))
    made.driver.run_for(QUIET)  # until all files have been looked at once
    for count, path in enumerate((odd, made.directory / "src" / "app.py"), made.restarts() + 1):
        write(path)
        made.settle(count)


def test_a_path_that_is_not_there_yet(watched: MakeWatched) -> None:
    made = watched("conf/local/*.toml", "src")
    made.begin("web")
    assert made.said == ["web.1: there is no conf/local to be watched yet"]
    (made.directory / "conf").mkdir()
    made.settle(0)
    (made.directory / "conf" / "local").mkdir()
    write(made.directory / "conf" / "local" / "a.toml")
    made.settle(1)
    assert made.said[1:] == ["web.1: conf/local/a.toml changed, restarting"]
    write(made.directory / "conf" / "local" / "a.toml")
    made.settle(2)


def test_a_gitignore_that_changes(watched: MakeWatched) -> None:
    made = watched()
    ignores = made.directory / "src" / ".gitignore"
    ignores.write_text("*.log\nlogs/\n.gitignore\n")
    (made.directory / "src" / "logs").mkdir()
    write(made.directory / "src" / "logs" / "a.txt")
    made.begin("web")
    write(made.directory / "src" / "a.log")
    write(made.directory / "src" / "logs" / "a.txt")
    made.settle(0)
    ignores.write_text(".gitignore\n")
    made.settle(0)
    write(made.directory / "src" / "a.log")
    made.settle(1)
    write(made.directory / "src" / "logs" / "a.txt")
    made.settle(2)


def test_changes_during_a_restart_are_one_more(watched: MakeWatched) -> None:
    made = watched()
    script = "trap 'sleep 1; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    made.begin("web", script=script)
    driver = made.driver
    driver.run_for(0.2)  # until the trap is there
    write(made.directory / "src" / "app.py")
    driver.run_until_event("stop_pid")
    for number in range(4):  # for most of the second that the restart takes
        write(made.directory / "src" / f"{number}.py")
        driver.run_for(0.15)
    assert made.restarts() == 0, "the test's machine is too slow for it"
    made.settle(2)
    assert made.said == [
        "web.1: src/app.py changed, restarting",
        "web.1: src/0.py and 3 more changed, restarting",
    ]


def test_those_that_follow_are_restarted_after_it(watched: MakeWatched) -> None:
    made = watched(followers={"web": ["worker", "nobody", "clock"]})
    made.begin("web", "clock", "worker")
    write(made.directory / "src" / "app.py")
    made.settle(1, "clock")
    assert made.said == ["web.1: src/app.py changed, restarting, then worker.1, then clock.1"]
    order = [event["name"] for event in made.driver.events if event["event"] == "stop_pid"]
    assert order == ["web", "worker", "clock"]
    again = [event["name"] for event in made.driver.of("spawn")[3:]]
    assert again == ["web", "worker", "clock"]
    kinds = [event["event"] for event in made.driver.events if event["name"] != "nobody"]
    last = [kind for kind in kinds if kind in ("stop_pid", "spawn")][3:]
    assert last == ["stop_pid", "spawn"] * 3, "each when the one before has its successor"


def test_a_signal_instead(watched: MakeWatched) -> None:
    made = watched(signal=int(signal.SIGHUP))
    made.driver.sh(
        "web",
        "trap 'echo again' HUP; echo up; while :; do sleep 0.05; done",
        cwd=str(made.directory),
        redirect_output=["out"],
        numprocesses=2,
    )
    outputs = [made.driver.capture(made.driver.process("web", index)) for index in (0, 1)]
    made.begin()
    made.driver.run_until(lambda: all(output.data for output in outputs))
    write(made.directory / "src" / "app.py")
    made.driver.run_until(lambda: all(output.data == b"up\nagain\n" for output in outputs))
    assert made.said == ["web.1 to web.2: src/app.py changed, sending SIGHUP"]
    assert made.driver.of("stop_pid") == []


def test_what_waited_for_its_restart_is_acted_upon_once(
    driver: ManagerDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "src").mkdir()
    plain = Watch(("src",), debounce=DEBOUNCE)
    signalled = Watch(("src",), debounce=DEBOUNCE, signal=int(signal.SIGHUP))
    made = Watched(driver, tmp_path, {"api": plain, "web": signalled})
    made.begin("api", "web", script="trap '' HUP; trap 'sleep 1; exit' TERM; sleep 100 & wait")
    for name in ("api", "web"):
        driver.manager.restart_process(name)
    write(tmp_path / "src" / "app.py")
    driver.run_until(lambda: made.app._due == {"api", "web"})
    for name in ("api", "web"):  # as a changed plan does, all at once
        driver.manager.update_process(name, SLEEP, shell=True, os_env=True, cwd=str(tmp_path))
    driver.run_until(lambda: not made.app._due)
    assert made.said == ["api.1: src/app.py changed, restarting"]  # web's can hear no signal now
    driver.run_until_event("spawn", "web", 2)
    assert not caplog.records, caplog.text


def test_what_was_stopped_is_left_alone(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    made.driver.manager.stop_process("web")
    made.driver.run_until_event("exit")
    write(made.directory / "src" / "app.py")
    made.settle(0)
    assert made.said == []


def test_what_has_ended_is_started_again(watched: MakeWatched) -> None:
    made = watched()
    made.driver.sh("web", "exit 1", restart="never", cwd=str(made.directory))
    made.begin()
    made.driver.run_until_event("exit")
    write(made.directory / "src" / "app.py")
    made.settle(1)


def test_changes_that_never_end_are_acted_upon(
    watched: MakeWatched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LONGEST_STORM", 1.0)
    made = watched(debounce=0.5)
    made.begin("web")
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.wait(0.02):
            write(made.directory / "src" / "app.py")

    writing = threading.Thread(target=go_on)
    writing.start()
    try:
        made.driver.run_until(lambda: made.restarts() >= 2)
    finally:
        is_over.set()
        writing.join()


def test_a_callback_hears_of_files_that_are_ignored_elsewhere(
    watched: MakeWatched, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = watched()
    monkeypatch.chdir(made.directory)
    (made.directory / ".gitignore").write_text(".env\n")
    heard: list[list[str]] = []
    threads: set[int] = set()

    def listen(paths: list[str]) -> None:
        heard.append(paths)
        threads.add(threading.get_ident())

    made.app.on_change(["Procfile", ".env"], listen)
    made.begin("web")
    for name in ("Procfile", ".env", "other"):
        write(made.directory / name)
    made.driver.run_until(lambda: heard)
    made.settle(0)
    assert heard == [[str(made.directory / ".env"), str(made.directory / "Procfile")]]
    assert threads == {threading.get_ident()}
    assert made.said == []


def test_other_files_from_now_on(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    (made.directory / "lib").mkdir()
    made.app.update({"web": Watch(("lib",), debounce=DEBOUNCE)})
    made.driver.run_until(lambda: made.app.is_watching)
    write(made.directory / "src" / "app.py")
    made.settle(0)
    write(made.directory / "lib" / "a.py")
    made.settle(1)


def test_what_has_changed_before_an_update_is_not_forgotten(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    (made.directory / "lib").mkdir()
    # As one checkout does, of the configuration and what it names.
    thread = made.app._thread
    assert thread is not None
    made.app._handle_changes(thread, {"web": [str(made.directory / "src")]}, set())
    made.app.update({"web": Watch(("src", "lib"), debounce=DEBOUNCE)})
    made.settle(1)


def test_an_update_misses_nothing_of_what_is_watched_still(
    watched: MakeWatched, tmp_path: Path
) -> None:
    made = watched()
    heard: list[list[str]] = []
    files = [str(tmp_path / "Procfile")]
    made.app.on_change(files, heard.append)
    made.begin("web")
    web = Watch(("src",), debounce=DEBOUNCE)
    for name in ("a", "b"):  # the second one comes while the first is being carried out
        files.append(str(tmp_path / name))
        made.app.update({"web": web, name: Watch((name,))})
        assert not made.app.is_watching
    write(tmp_path / "src" / "app.py")
    write(tmp_path / "Procfile")
    made.driver.run_until(lambda: heard)
    made.settle(1)
    made.driver.run_for(watching.LAST_WORD)
    assert made.app.is_watching and heard == [[files[0]]]
    assert sum(thread.name == "gaffer-watch" for thread in threading.enumerate()) == 1


def test_an_update_leaves_out_at_once_what_is_watched_no_more(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    (made.directory / "lib").mkdir()
    made.app.update({"web": Watch(("lib",), debounce=DEBOUNCE)})
    write(made.directory / "src" / "app.py")
    made.driver.run_until(lambda: made.app.is_watching)
    made.settle(0)


def test_an_update_to_the_same_files_misses_nothing(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    for number in range(5):
        write(made.directory / "src" / f"{number}.py")
        made.app.update({"web": Watch(("src",), debounce=DEBOUNCE)})
        assert made.app.is_watching
    made.settle(1)


def test_the_same_files_after_none(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    made.app.update({})
    made.app.update({"web": Watch(("src",), debounce=DEBOUNCE)})
    made.driver.run_until(lambda: made.app.is_watching)
    write(made.directory / "src" / "app.py")
    made.settle(1)


def test_files_where_there_were_none(driver: ManagerDriver, tmp_path: Path) -> None:
    made = Watched(driver, tmp_path, {})
    driver.sh("web", SLEEP, cwd=str(tmp_path))
    made.app.start(driver.raw, driver.manager)
    made.app.update({"web": Watch((".",), debounce=DEBOUNCE)})
    driver.run_until(lambda: made.app.is_watching)
    write(tmp_path / "a.py")
    made.settle(1)


def test_it_stops_at_once(watched: MakeWatched) -> None:
    made = watched()
    made.begin("web")
    before = threading.active_count()
    write(made.directory / "src" / "app.py")
    began = time.monotonic()
    made.app._end()
    assert time.monotonic() - began < 1
    assert threading.active_count() == before - 1
    made.driver.run_for(QUIET)
    assert made.restarts() == 0


def test_nothing_is_begun_where_nothing_is_watched(driver: ManagerDriver) -> None:
    app = WatchFiles({}, print, display)
    driver.manager.apps.append(app)
    before = threading.active_count()
    app.start(driver.raw, driver.manager)
    driver.run_for(0.05)
    assert threading.active_count() == before


LIMITED = """\
import os, sys
from pathlib import Path
from conftest import ManagerDriver
from test_watch import DEBOUNCE, Watched, write
from gaffer_procfile.config.settings import Watch

directory = Path(sys.argv[1])
driver = ManagerDriver(sys.argv[2])
made = Watched(driver, directory, {"web": Watch(("src/**/*.py",), debounce=DEBOUNCE)})
made.begin("web")
path = directory / "src" / "new" / "a.py"
path.parent.mkdir()
write(path)
made.settle(1)
for count in (2, 3):
    write(path)
    made.settle(count)
path.unlink()
made.settle(4)
driver.close()
print(*made.said, sep="\\n")
"""
LIMITS = ("max_inotify_instances", "max_inotify_watches")


def can_limit() -> bool:
    command = ["unshare", "-Ur", "sh", "-c", "echo 1 > /proc/sys/user/max_inotify_watches"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not can_limit(), reason="no namespace of one's own here")
@pytest.mark.parametrize("limit", LIMITS)
def test_where_the_system_watches_no_more(limit: str, loop_kind: str, tmp_path: Path) -> None:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "app.py").write_text("1")
    root = Path(gaffer_procfile.__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{Path(__file__).parent}"}
    allowed = 0 if limit == "max_inotify_instances" else 1
    script = f'echo {allowed} > /proc/sys/user/{limit}; exec "$0" "$@"'
    program = [sys.executable, "-c", LIMITED, str(tmp_path), loop_kind]
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", script, *program],
        env=env,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert re.fullmatch(
        r"the system watches no more files \(.+; see fs\.inotify\.max_user_watches and "
        r"max_user_instances\): looking at them every second instead",
        first,
    )
    assert others == ["web.1: src/new/a.py changed, restarting"] * 4

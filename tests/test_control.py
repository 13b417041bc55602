"""Where control sockets are, and which runs a project has."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DEADLINE

from gaffer_procfile import control
from gaffer_procfile.control import UnixListener

NOBODY = 65534


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory for sockets that the environment names."""
    made = Path(tempfile.mkdtemp(prefix="gaffer-test-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(made))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two places of the test's own, the first of which is to be preferred."""
    base = Path(tempfile.mkdtemp(prefix="gp-"))
    made = [base / "first", base / "second"]
    monkeypatch.setattr(control, "places", lambda: iter(map(str, made)))
    return made


def listen(directory: Path) -> UnixListener:
    return UnixListener(str(directory))


def test_a_run_is_found_from_below(runtime: Path, tmp_path: Path) -> None:
    below = tmp_path / "shop" / "api" / "src"
    below.mkdir(parents=True)
    listener = listen(tmp_path / "shop")
    for directory in (tmp_path / "shop", below):
        (run,) = control.runs_of(str(directory))
        assert run.path == listener.path
        assert run.pid == os.getpid() == control.server_pid(run.path)
        assert run.directory == os.path.realpath(tmp_path / "shop")
        made = control.connect(run.path)
        made.close()
    assert control.runs_of(str(tmp_path)) == []
    assert control.runs_in(str(below)) == []
    listener.close()
    assert control.runs_of(str(below)) == []


def test_the_nearest_project_is_meant(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    outer, inner = listen(tmp_path), listen(tmp_path / "api")
    assert [run.path for run in control.runs_of(str(tmp_path / "api"))] == [inner.path]
    inner.close()
    assert [run.path for run in control.runs_of(str(tmp_path / "api"))] == [outer.path]
    outer.close()


def test_two_projects_never_meet(runtime: Path, tmp_path: Path) -> None:
    names = ["shop", "shop2", "Shop", "sho", "shop\udcff", "shop-1"]
    made = []
    for name in names:
        (tmp_path / name).mkdir()
        made.append(listen(tmp_path / name))
    for name, listener in zip(names, made, strict=True):
        assert [run.path for run in control.runs_of(str(tmp_path / name))] == [listener.path]
    for listener in made:
        listener.close()


def test_a_link_leads_to_the_project(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "shop")
    listener = listen(tmp_path / "link")
    assert [run.path for run in control.runs_of(str(tmp_path / "shop"))] == [listener.path]
    listener.close()


@pytest.mark.parametrize("form", ["{0}/run/user/{1}/", "{0}/var/run/user/{1}"])
def test_a_place_by_another_name_is_one_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runtime: Path, form: str
) -> None:
    (runtime / "run" / "user" / str(os.getuid())).mkdir(parents=True)
    (runtime / "var").mkdir()
    (runtime / "var" / "run").symlink_to(runtime / "run")
    monkeypatch.setattr(control, "RUNTIME", str(runtime / "run" / "user"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", form.format(runtime, os.getuid()))
    listener = listen(tmp_path)
    assert [run.path for run in control.runs_in(str(tmp_path))] == [listener.path]
    listener.close()


LISTENING = """\
import sys
from gaffer_procfile.control import UnixListener
listener = UnixListener(sys.argv[1])
print(listener.path, flush=True)
sys.stdin.read()
"""


def start(directory: Path) -> subprocess.Popen[str]:
    """Another process that listens for the same project."""
    return subprocess.Popen(
        [sys.executable, "-c", LISTENING, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_runs_of_one_project(runtime: Path, tmp_path: Path) -> None:
    first = listen(tmp_path)
    with start(tmp_path) as other:
        assert other.stdout is not None and other.stdin is not None
        path = other.stdout.readline().strip()
        runs = control.runs_of(str(tmp_path))
        assert [(run.path, run.pid) for run in runs] == [
            (first.path, os.getpid()),
            (path, other.pid),
        ]
        other.kill()
        other.wait(DEADLINE)
        assert Path(path).exists()  # it had no time to tidy up
        assert [run.path for run in control.runs_of(str(tmp_path))] == [first.path]
    third = control.socket_path(str(tmp_path), other.pid)
    assert third == path and not Path(path).exists()  # replaced without a word
    first.close()


def test_a_run_is_known_by_another_number(runtime: Path, tmp_path: Path) -> None:
    listener = UnixListener(str(tmp_path), pid=1)
    [run] = control.runs_of(str(tmp_path))
    assert (run.pid, control.server_pid(run.path)) == (1, os.getpid())
    listener.close()
    assert control.server_pid(run.path) is None


def test_a_number_that_is_taken(runtime: Path, tmp_path: Path) -> None:
    first, second = listen(tmp_path), listen(tmp_path)
    assert first.path != second.path
    assert {run.pid for run in control.runs_of(str(tmp_path))} == {os.getpid()}
    assert len(control.runs_of(str(tmp_path))) == 2
    second.close()
    assert [run.path for run in control.runs_of(str(tmp_path))] == [first.path]
    first.close()


def test_one_who_has_no_time_is_live(runtime: Path, tmp_path: Path) -> None:
    path = control.socket_path(str(tmp_path), 1)
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        waiting = []
        for _ in range(5):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            try:
                client.connect(path)
            except BlockingIOError:
                pass
            waiting.append(client)
        assert control.is_live(path)
        for client in waiting:
            client.close()
    assert not control.is_live(path)


def test_it_is_made_private(runtime: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        listener = listen(tmp_path)
    finally:
        os.umask(before)
    made = runtime / "gaffer"
    assert made.stat().st_mode & 0o777 == 0o700
    assert Path(listener.path).stat().st_mode & 0o777 == 0o600
    listener.close()
    assert list(made.iterdir()) == []


def test_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    last = f"/tmp/gaffer-{os.getuid()}"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/elsewhere")
    assert next(iter(control.places())) == "/elsewhere/gaffer"
    assert list(control.places())[-1] == last
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        assert "/elsewhere/gaffer" not in control.places()
        assert list(control.places())[-1] == last


def test_a_path_that_is_too_long_is_passed_over(
    places: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = places[0].parent / ("x" * 80)
    monkeypatch.setattr(control, "places", lambda: iter([str(long), str(places[1])]))
    listener = listen(tmp_path)
    assert Path(listener.path).parent == places[1]
    assert len(control.runs_of(str(tmp_path))) == 1
    listener.close()
    monkeypatch.setattr(control, "places", lambda: iter([str(long)]))
    with pytest.raises(control.ControlError, match="too long"):
        listen(tmp_path)


def test_an_address_is_never_longer_than_one_may_be(
    places: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for length in range(1, 80):
        place = places[0].parent / ("x" * length)
        monkeypatch.setattr(control, "places", lambda place=place: iter([str(place)]))
        try:
            path = control.socket_path(str(tmp_path), 1234567)
        except control.ControlError:
            break
        assert len(f"{path}.new") < 104  # what macOS and the BSDs have room for, with a NUL
    assert len(f"{path}.new") > 100


def test_a_place_that_is_open_to_others_is_passed_over(places: list[Path], tmp_path: Path) -> None:
    places[0].mkdir()
    places[0].chmod(0o750)
    listener = listen(tmp_path)
    assert Path(listener.path).parent == places[1]
    listener.close()
    places[1].chmod(0o701)
    with pytest.raises(control.ControlError, match="open to others") as caught:
        listen(tmp_path)
    assert caught.value.hint is not None and "XDG_RUNTIME_DIR" in caught.value.hint


def test_a_link_or_a_file_is_no_place(places: list[Path], tmp_path: Path) -> None:
    places[0].symlink_to(tmp_path)
    places[1].write_text("")
    with pytest.raises(control.ControlError, match="isn't a directory"):
        listen(tmp_path)


def test_a_place_in_which_it_could_be_replaced(places: list[Path], tmp_path: Path) -> None:
    places[0].parent.chmod(0o777)
    with pytest.raises(control.ControlError, match="others may replace it"):
        listen(tmp_path)
    places[0].parent.chmod(0o1777)
    listen(tmp_path).close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give things away")
def test_somebody_elses_directory_is_no_place(places: list[Path], tmp_path: Path) -> None:
    places[0].mkdir(mode=0o700)
    os.chown(places[0], NOBODY, NOBODY)
    listener = listen(tmp_path)
    assert Path(listener.path).parent == places[1]
    # What somebody else has put there is no run of ours.
    with socket.socket(socket.AF_UNIX) as false:
        false.bind(str(places[0] / Path(listener.path).name.replace(str(os.getpid()), "1")))
        false.listen()
        assert [run.path for run in control.runs_of(str(tmp_path))] == [listener.path]
    listener.close()


def test_other_files_are_no_sockets(places: list[Path], tmp_path: Path) -> None:
    listener = listen(tmp_path)
    start = control.project_hash(os.path.realpath(tmp_path))
    for name in ("x", f"{start}-1.sock", f"{start}-x.sock", f"{start}-.sock", f"{start}-2"):
        (places[0] / name).write_text("")
    assert [run.path for run in control.runs_of(str(tmp_path))] == [listener.path]
    listener.close()


def test_it_is_light() -> None:
    script = (
        "import sys; import gaffer_procfile.errors, os, stat; before = set(sys.modules)\n"
        "from gaffer_procfile.control import runs_of; runs_of('.')\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert set(found.stdout.split()) <= {"_blake2", "_socket", "gaffer_procfile.control"}

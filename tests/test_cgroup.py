"""The guard's cgroup: what it kills at one blow, what is left of it, and runs without one."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from cli import wait_until
from conftest import DEADLINE, is_alive
from guarded import WAIT, Guarding, Three
from guarded import guarding as guarding

from gaffer_procfile.posix import cgroup, system

pytestmark = pytest.mark.skipif(not system.has_subreaper(), reason="needs a subreaper")

BOMB_SIZE = 200  # processes
BOMB_DEADLINE = 4.0  # seconds; killed one by one, they would take longer, or go on for ever
BOMBER = 54321  # a user whom the limit on processes holds for: it doesn't for root


def own_directory() -> Path | None:
    """That of the cgroup that we are in, whoever may write to it."""
    texts = (Path(f"/proc/self/{name}") for name in ("cgroup", "mountinfo"))
    directory = cgroup.find_directory(*(text.read_bytes() for text in texts))
    return Path(directory) if directory else None


def what_is_missing() -> str:
    """Why no cgroup that can kill is to be had here; empty if it is."""
    own = own_directory()
    if own is None:
        return "no cgroup v2 is mounted"
    if (own / "cgroup.subtree_control").read_text().strip():
        return "our cgroup shares out what it has"
    probe = own / f"probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError as error:
        return f"our cgroup can't be written to: {error.strerror}"
    try:
        return "" if (probe / "cgroup.kill").exists() else "a kernel without cgroup.kill"
    finally:
        probe.rmdir()


@pytest.fixture
def own() -> Path:
    """The directory of our cgroup, where the guard can make one of its own."""
    if reason := what_is_missing():
        pytest.skip(reason)
    own = own_directory()
    assert own is not None
    return own


def failing(function: str, error: str) -> str:
    """A line of a program after which `function` raises `error`."""
    return (
        "from gaffer_procfile.posix import cgroup, system\n"
        f"def fail(*_args): raise {error}\n"
        f"{function} = fail\n"
    )


def enclosed(three: Three, own: Path) -> Path:
    """The guard's cgroup, when gaffer is in it."""
    directory = own / f"gaffer-{three.guard.pid}"

    def look() -> bool:
        procs = directory / "cgroup.procs"
        return procs.exists() and str(three.gaffer.pid) in procs.read_text().split()

    wait_until(look, f"{three.gaffer} in {directory}")
    return directory


# Once told to, starts a child that starts another, and one that has lost its parent: three.
TREE = """
guarded.wait()
print(os.getpid(), flush=True)
sys.stdin.readline()
for is_lost in (False, True):
    if not os.fork():
        if os.fork():
            if is_lost:
                os._exit(0)
        else:
            os.setsid()
        os.write(1, b"%d\\n" % os.getpid())
        signal.pause()
while True: signal.pause()
"""

# A gaffer that ends when its input does.
READ = "guarded.wait()\nprint(os.getpid(), flush=True)\nsys.stdin.read()\n"


def go_on(three: Three) -> None:
    """Let a program that reads a line go on."""
    assert three.popen.stdin is not None
    three.popen.stdin.write("\n")
    three.popen.stdin.flush()


def start_tree(three: Three) -> list[int]:
    """Tell TREE to; the pids of what it has started."""
    go_on(three)
    assert three.popen.stdout is not None
    return [int(three.popen.stdout.readline()) for _ in range(3)]


def kill_and_wait(three: Three, deadline: float) -> None:
    """Kill gaffer proper; the guard then kills the rest, and the outer one ends."""
    three.gaffer.kill()
    assert three.popen.wait(deadline) == -signal.SIGKILL


def test_a_bomb_that_fills_each_gap_is_killed_at_once(guarding: Guarding, own: Path) -> None:
    """Killed one by one, they are replaced as fast."""
    fuse, end = os.pipe()  # when it is closed, by us or by our end, all of them end
    is_root = os.geteuid() == 0
    used = 0 if is_root else threads_of(os.geteuid())
    three = guarding.three(
        "import gc, resource, select\n"
        "guarded.wait()\n"
        "print(os.getpid(), flush=True)\n"
        "sys.stdin.readline()\n"
        "if not os.fork():\n"
        f"    if {is_root}: os.setuid({BOMBER})\n"
        f"    resource.setrlimit(resource.RLIMIT_NPROC, ({used + BOMB_SIZE},) * 2)\n"
        "    gc.disable()\n"
        f"    while not select.select([{fuse}], [], [], 0)[0]:\n"
        "        try: os.fork()\n"
        "        except BlockingIOError: os.sched_yield()\n"
        "    os._exit(0)\n"
        "while True: signal.pause()\n",
        stdin=subprocess.PIPE,
        pass_fds=[fuse],
    )
    try:
        directory = enclosed(three, own)
        go_on(three)
        procs = directory / "cgroup.procs"
        wait_until(lambda: len(procs.read_text().split()) > BOMB_SIZE // 2, "the explosion")
        bomb = [int(pid) for pid in procs.read_text().split()]
        kill_and_wait(three, BOMB_DEADLINE)
        assert not any(map(is_alive, bomb))
        assert not directory.exists()
    finally:
        os.close(end)
        os.close(fuse)


def threads_of(user: int) -> int:
    """What the limit on a user's processes counts."""
    count = 0
    for process in psutil.process_iter():
        try:
            if process.uids().real == user:
                count += process.num_threads()
        except psutil.Error:
            continue  # gone meanwhile
    return count


def test_what_gaffer_starts_is_in_it_and_nothing_is_left(guarding: Guarding, own: Path) -> None:
    three = guarding.three(TREE, stdin=subprocess.PIPE)
    directory = enclosed(three, own)
    tree = start_tree(three)
    inside = (directory / "cgroup.procs").read_text().split()
    assert {*map(str, tree), str(three.gaffer.pid)} <= set(inside)
    assert not {str(three.outer.pid), str(three.guard.pid)} & set(inside)
    kill_and_wait(three, DEADLINE)
    assert not any(map(is_alive, tree))
    assert not directory.exists()


def test_it_is_gone_after_an_end_in_order(guarding: Guarding, own: Path) -> None:
    three = guarding.three(READ, stdin=subprocess.PIPE)
    directory = enclosed(three, own)
    three.popen.communicate(timeout=DEADLINE)
    assert three.popen.returncode == 0
    assert not directory.exists()


@pytest.mark.parametrize(
    ("before", "env"),
    [
        ("", {"GAFFER_WITHOUT": "cgroup"}),
        (failing("os.mkdir", "PermissionError(13, 'EACCES')"), {}),
        (failing("os.mkdir", "OSError(30, 'EROFS')"), {}),
        (failing("cgroup._write", "OSError(16, 'EBUSY')"), {}),
        (failing("cgroup._read", "FileNotFoundError(2, 'ENOENT')"), {}),
    ],
    ids=["without", "not ours", "read-only", "busy", "no proc"],
)
def test_where_there_is_none_the_sweep_kills_all(
    guarding: Guarding, before: str, env: dict[str, str]
) -> None:
    three = guarding.three(TREE, before, stdin=subprocess.PIPE, env=env)
    tree = start_tree(three)
    kill_and_wait(three, DEADLINE)
    assert not any(map(is_alive, tree))
    own = own_directory()
    assert own is None or not (own / f"gaffer-{three.guard.pid}").exists()


def test_a_daemon_is_killed_where_the_guard_may_not_adopt_it(guarding: Guarding, own: Path) -> None:
    """A sandbox may forbid that; what has lost its parent then is init's."""
    before = failing("system.become_subreaper", "PermissionError(1, 'EPERM')")
    three = guarding.three(TREE, before, stdin=subprocess.PIPE)
    directory = enclosed(three, own)
    tree = start_tree(three)
    kill_and_wait(three, DEADLINE)
    assert not any(map(is_alive, tree))
    assert not directory.exists()


def test_one_gaffer_under_another(guarding: Guarding, own: Path) -> None:
    """The inner one's cgroup is below the outer one's, which takes it along."""
    three = guarding.three(
        "guarded.wait()\n"
        "print(os.getpid(), flush=True)\n"
        "sys.stdin.readline()\n"
        "if not os.fork():\n"
        "    os.setsid()\n"
        "    inner = enter()\n"
        "    inner.wait()\n"
        "    print(os.getppid(), os.getpid(), flush=True)\n"
        "while True: signal.pause()\n",
        stdin=subprocess.PIPE,
    )
    directory = enclosed(three, own)
    go_on(three)
    assert three.popen.stdout is not None
    guard, gaffer = map(int, three.popen.stdout.readline().split())
    inner = directory / f"gaffer-{guard}"
    wait_until(lambda: inner.exists() and (inner / "cgroup.procs").read_text(), "the inner cgroup")
    assert (inner / "cgroup.procs").read_text().split() == [str(gaffer)]
    kill_and_wait(three, DEADLINE)
    assert not is_alive(guard) and not is_alive(gaffer)
    assert not directory.exists()


def test_what_a_killed_guard_has_left_is_removed_by_the_next(guarding: Guarding, own: Path) -> None:
    killed = guarding.three(READ, stdin=subprocess.PIPE)
    left = enclosed(killed, own)
    killed.guard.kill()
    killed.popen.communicate(timeout=DEADLINE)
    wait_until(lambda: not killed.living, "gaffer's end")
    other = guarding.three(WAIT)
    enclosed(other, own)
    kill_and_wait(other, DEADLINE)
    assert not left.exists()


# ---- without any cgroup: the files alone


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is taken for our cgroup's: as far as `enclose` looks, one of a kernel before 5.14."""
    monkeypatch.setattr(cgroup, "find_directory", lambda *_: str(tmp_path))
    (tmp_path / "cgroup.subtree_control").write_text("\n")
    return tmp_path


def made_in(directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which directories `enclose` makes in it, and none of them stays."""
    made: list[str] = []
    mkdir = os.mkdir

    def make(path: str) -> None:
        made.append(os.path.basename(path))
        mkdir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", make)
        assert cgroup.enclose(os.getpid()) is None
    assert [path for path in directory.iterdir() if path.is_dir()] == []
    return made


def test_a_kernel_without_cgroup_kill(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made_in(directory, monkeypatch) == [f"gaffer-{os.getpid()}"]


@pytest.mark.parametrize(
    ("name", "text", "is_left"),
    [
        ("cgroup.subtree_control", "memory pids\n", True),
        ("memory.max", "1073741824\n", True),
        ("memory.max", "max\n", False),
        ("cpu.max", "150000 100000\n", True),
        ("cpu.max", "max 100000\n", False),
    ],
)
def test_a_cgroup_that_shares_out_or_has_limits_is_left_alone(
    directory: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, is_left: bool
) -> None:
    (directory / name).write_text(text)
    assert (made_in(directory, monkeypatch) == []) == is_left


MOUNT = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
V1 = b"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n"


def v2(root: str, mount: str) -> bytes:
    return MOUNT + V1 + f"41 31 0:38 {root} {mount} rw shared:4 - cgroup2 cgroup2 rw\n".encode()


@pytest.mark.parametrize(
    ("place", "mounts", "expected"),
    [
        ("/", v2("/", "/sys/fs/cgroup"), "/sys/fs/cgroup"),
        ("/user.slice/a.scope", v2("/", "/sys/fs/cgroup"), "/sys/fs/cgroup/user.slice/a.scope"),
        ("/a", v2("/", "/sys/fs/cgroup/unified"), "/sys/fs/cgroup/unified/a"),
        ("/docker/12", v2("/docker/12", "/sys/fs/cgroup"), "/sys/fs/cgroup"),
        ("/docker/12/a", v2("/docker/12", "/sys/fs/cgroup"), "/sys/fs/cgroup/a"),
        ("/docker/123", v2("/docker/12", "/sys/fs/cgroup"), None),
        ("/../other", v2("/", "/sys/fs/cgroup"), None),
        ("/a b/ü", v2("/", r"/mnt/a\040b\134"), "/mnt/a b\\/a b/ü"),
        ("/a", MOUNT + V1, None),
        ("/a", b"", None),
    ],
)
def test_where_a_cgroup_is_to_be_seen(place: str, mounts: bytes, expected: str | None) -> None:
    cgroups = f"8:pids:/p\n1:name=systemd:/s\n0::{place}\n".encode()
    assert cgroup.find_directory(cgroups, mounts) == expected


@pytest.mark.parametrize("cgroups", [b"", b"8:pids:/p\n"])
def test_a_process_without_a_v2_cgroup(cgroups: bytes) -> None:
    assert cgroup.find_directory(cgroups, v2("/", "/sys/fs/cgroup")) is None

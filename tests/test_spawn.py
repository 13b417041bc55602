"""Spawning: the words that are executed, the descriptors they get, and why they can't be."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cli import wait_until
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.posix import spawn as spawning
from gaffer_procfile.posix.credentials import Credentials
from gaffer_procfile.posix.plumbing import Plumbing
from gaffer_procfile.posix.spawn import (
    CannotSpawn,
    command_line,
    expand,
    spawn,
    split_args,
)

WAYS = ["subprocess", "posix_spawn"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a plain command is started: by `subprocess`, or directly, as where all is sealed."""
    monkeypatch.setattr(spawning, "_is_sealed", request.param == "posix_spawn")
    return str(request.param)


either_way = pytest.mark.usefixtures("way")


def run(
    words: Sequence[str],
    env: dict[str, str] | None = None,
    *,
    cwd: str | None = None,
    credentials: Credentials | None = None,
    extra_fds: Sequence[int] = (),
) -> str:
    """What `words` write to their standard output."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    try:
        child = spawn(
            words,
            env or {},
            cwd=cwd,
            credentials=credentials,
            stdio=[null, writer, writer],
            extra_fds=extra_fds,
        )
    except CannotSpawn:
        os.close(reader)
        raise
    finally:
        os.close(writer)
        os.close(null)
    with open(reader) as output:
        text = output.read()
    wait_until(lambda: child.poll() is not None, "the child is reaped")
    return text


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (None, []),
        ("", []),
        ("a 'b c' \"d\"", ["a", "b c", "d"]),
        (["a b", "c"], ["a b", "c"]),
        (("a",), ["a"]),
    ],
)
def test_split_args(args: str | Sequence[str] | None, words: list[str]) -> None:
    assert split_args(args) == words


@pytest.mark.parametrize(
    ("word", "expanded"),
    [
        ("$PORT", "80"),
        ("${PORT}", "80"),
        ("a$PORT-b", "a80-b"),
        ("$PORTS", "$PORTS"),
        ("$NONE", "$NONE"),
        ("${NONE}", "${NONE}"),
        ("$TWICE", "$PORT"),  # what comes in is not looked at again
        ("$", "$"),
        ("$$PORT", "$80"),
        ("${PORT", "${PORT"),
        ("$EMPTY.", "."),
    ],
)
def test_expand(word: str, expanded: str) -> None:
    assert expand(word, {"PORT": "80", "TWICE": "$PORT", "EMPTY": ""}) == expanded


@pytest.mark.parametrize(
    ("cmd", "args", "shell", "words"),
    [
        ("web -p $PORT", [], False, ["web", "-p", "80"]),
        ("web", ["$PORT", "a b"], False, ["web", "80", "a b"]),
        ("'my web' x", [], False, ["my web", "x"]),
        ("web -p $PORT", [], True, ["/bin/sh", "-c", "web -p $PORT"]),
        ("web", ["$PORT", "a b"], True, ["/bin/sh", "-c", "web '$PORT' 'a b'"]),
        ("", [], False, []),
    ],
)
def test_command_line(cmd: str, args: list[str], shell: bool, words: list[str]) -> None:
    assert command_line(cmd, args, {"PORT": "80"}, shell) == words


def test_words_that_stay_as_they_are() -> None:
    words = command_line("'a $PORT'", ["$PORT", "${PORT}"], {"PORT": "80"}, False, expands=False)
    assert words == ["a $PORT", "$PORT", "${PORT}"]


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=4))
def test_arguments_pass_a_shell_unchanged(args: list[str]) -> None:
    words = command_line("printf '%s\\0'", args, {}, shell=True)
    done = subprocess.run(words, capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == (args or [""])


@either_way
def test_environment_and_directory_are_exactly_those_given(tmp_path: Path) -> None:
    assert run(["/usr/bin/env"], {"A": "1", "B": "x y"}).splitlines() == ["A=1", "B=x y"]
    assert run(["/bin/pwd"], cwd=str(tmp_path)).strip() == str(tmp_path.resolve())


@either_way
def test_a_session_of_its_own() -> None:
    pid, pgid, sid = run(["/bin/sh", "-c", "ps -o pid=,pgid=,sid= -p $$"], dict(os.environ)).split()
    assert pid == pgid == sid


def test_nothing_else_is_inherited(way: str) -> None:
    leak = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        if way == "posix_spawn":
            spawning.seal_descriptors()
        listed = run(["/bin/sh", "-c", "ls /dev/fd/"], {"PATH": "/bin:/usr/bin"}).split()
    finally:
        os.close(leak)
    assert str(leak) not in listed or leak == 3  # 3 is how `ls` reads the directory


@either_way
def test_signals_are_as_a_shell_would_have_them() -> None:
    """Python ignores SIGPIPE and SIGXFSZ; what it starts must not."""
    status = run(["/bin/sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status"], dict(os.environ))
    ignored_here = {signum for signum in signal.valid_signals() if _is_ignored(signum)}
    expected = ignored_here - {signal.SIGPIPE, signal.SIGXFSZ}
    masks = {name: int(mask, 16) for name, mask in map(str.split, status.splitlines())}
    assert masks["SigBlk:"] == 0
    # glibc's posix_spawn leaves the two signals ignored that are its own, and nobody else's.
    glibcs = 1 << 32 - 1 | 1 << 33 - 1
    assert masks["SigIgn:"] & ~glibcs == sum(1 << signum - 1 for signum in expected)


@either_way
@pytest.mark.parametrize("extra", [False, True])
def test_no_signal_is_blocked_that_was_blocked_here(extra: bool) -> None:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    try:
        fds = [0] if extra else []
        status = run(["/bin/grep", "SigBlk", "/proc/self/status"], extra_fds=fds)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    assert int(status.split()[1], 16) == 0


@either_way
@pytest.mark.parametrize("extra", [False, True])
def test_what_a_shell_ignores_for_its_background_is_not_ignored(extra: bool) -> None:
    """`program &` ignores them, and would have them ignored by all that it starts."""
    ignored = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(signum, signal.SIG_IGN) for signum in ignored]
    try:
        fds = [0] if extra else []
        status = run(["/bin/grep", "SigIgn", "/proc/self/status"], extra_fds=fds)
    finally:
        for signum, handler in zip(ignored, before, strict=True):
            signal.signal(signum, handler)
    mask = int(status.split()[1], 16)
    assert [signum for signum in ignored if mask & 1 << signum - 1] == []


def _is_ignored(signum: int) -> bool:
    return signal.getsignal(signum) == signal.SIG_IGN


@pytest.mark.parametrize(
    ("words", "cwd", "settings", "expected"),
    [
        (["/bin/sh", "-c", "true"], None, {}, True),
        (["/bin/sh", "-c", "true"], "here", {}, True),
        (["/bin/sh", "-c", "true"], "elsewhere", {}, False),
        (["sh", "-c", "true"], None, {}, False),  # it has to be looked for
        (["/bin/sh", "-c", "true"], None, {"extra_fds": [0]}, False),
        (["/bin/sh", "-c", "true"], None, {"credentials": Credentials(None, None)}, False),
    ],
)
def test_what_needs_no_more_is_started_directly(
    words: list[str],
    cwd: str | None,
    settings: dict[str, Any],
    expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spawning, "_is_sealed", True)
    called = []
    posix_spawn = os.posix_spawn

    def spawn_directly(*args: Any, **settings: Any) -> int:
        called.append(args)
        return posix_spawn(*args, **settings)

    monkeypatch.setattr(os, "posix_spawn", spawn_directly)
    # Another name of the same directory.
    (tmp_path / "link").symlink_to(os.getcwd())
    directory = {"here": str(tmp_path / "link"), "elsewhere": str(tmp_path), None: None}[cwd]
    run(words, dict(os.environ), cwd=directory, **settings)
    assert bool(called) == expected


@pytest.fixture(params=["free", "taken", "reversed"])
def channels(request: pytest.FixtureRequest) -> Iterator[list[tuple[int, int]]]:
    """Three pipes whose writing ends go to a child as 3, 4, 5, with these numbers taken or not here."""
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
    pairs = [os.pipe() for _ in range(3)]
    if request.param != "taken":
        for fd in taken:
            os.close(fd)
    if request.param == "reversed":
        pairs = [os.pipe() for _ in range(3)][::-1] + pairs
        for pair in pairs[3:]:
            for fd in pair:
                os.close(fd)
        del pairs[3:]
    yield pairs
    for pair in pairs:
        for fd in pair:
            os.close(fd)
    if request.param == "taken":
        for fd in taken:
            os.close(fd)


def test_extra_descriptors_are_3_4_5(channels: list[tuple[int, int]]) -> None:
    before = sorted(os.listdir("/dev/fd"))
    script = "for fd in 3 4 5; do printf 'this is %s' $fd >&$fd || exit 1; done; ls /dev/fd/"
    writers = [writer for _, writer in channels]
    listed = run(["/bin/sh", "-c", script], {"PATH": "/bin:/usr/bin"}, extra_fds=writers).split()
    assert sorted(os.listdir("/dev/fd")) == before
    assert {int(fd) for fd in listed} <= set(range(7))  # 6 is how `ls` reads the directory
    for number, (reader, _) in enumerate(channels, 3):
        assert os.read(reader, 100).decode() == f"this is {number}"


def test_a_command_that_is_not_there_is_told_with_extra_descriptors_too() -> None:
    with pytest.raises(CannotSpawn) as caught:
        run(["/no/such/program"], extra_fds=[0])
    assert caught.value.status == 127


def script_of(tmp_path: Path, text: str, mode: int = 0o755) -> str:
    script = tmp_path / "script"
    script.write_text(text)
    script.chmod(mode)
    return str(script)


@either_way
def test_not_found() -> None:
    with pytest.raises(CannotSpawn, match="command not found: gaffer-no-such") as caught:
        run(["gaffer-no-such"], dict(os.environ))
    assert caught.value.status == 127


@either_way
def test_not_found_by_path() -> None:
    with pytest.raises(CannotSpawn, match="command not found: /no/such") as caught:
        run(["/no/such"])
    assert caught.value.status == 127


@either_way
def test_no_words() -> None:
    with pytest.raises(CannotSpawn, match="empty command") as caught:
        run([])
    assert caught.value.status == 127


@either_way
@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("#!/bin/sh\n", 0o644, "not executable: .*/script"),
        ("#!/no/such/interpreter\n", 0o755, "its interpreter was not found"),
        ("neither a program nor a script\n", 0o755, "not executable: .*Exec format error"),
    ],
)
def test_not_executable(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    with pytest.raises(CannotSpawn, match=reason) as caught:
        run([script_of(tmp_path, text, mode)])
    assert caught.value.status == 126


@either_way
def test_a_directory_is_not_executable(tmp_path: Path) -> None:
    with pytest.raises(CannotSpawn, match="not executable") as caught:
        run([str(tmp_path)])
    assert caught.value.status == 126


@either_way
def test_a_directory_to_run_in_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CannotSpawn, match=f"no such directory: {tmp_path}/gone") as caught:
        run(["/bin/true"], cwd=f"{tmp_path}/gone")
    assert caught.value.status == 126


@either_way
def test_a_nul_byte() -> None:
    with pytest.raises(CannotSpawn, match="null byte") as caught:
        run(["/bin/echo", "a\0b"])
    assert caught.value.status == 126


@either_way
def test_too_long_a_command_line() -> None:
    with pytest.raises(CannotSpawn, match="Argument list too long") as caught:
        run(["/bin/echo", "x" * 10_000_000])
    assert caught.value.status == 126


@needs_root
@pytest.mark.parametrize("by_name", [True, False])
def test_credentials_of_a_user(by_name: bool) -> None:
    import pwd

    nobody = pwd.getpwnam("nobody")
    credentials = Credentials("nobody" if by_name else nobody.pw_uid, None)
    script = "id -u; id -g; id -G"
    uid, gid, groups = run(
        ["/bin/sh", "-c", script], dict(os.environ), credentials=credentials
    ).splitlines()
    assert (int(uid), int(gid)) == (nobody.pw_uid, nobody.pw_gid)
    assert set(map(int, groups.split())) == set(os.getgrouplist("nobody", nobody.pw_gid))


@needs_root
@pytest.mark.parametrize("by_name", [True, False])
def test_credentials_of_a_group_alone(by_name: bool) -> None:
    import grp

    group = grp.getgrnam("daemon")
    credentials = Credentials(None, "daemon" if by_name else group.gr_gid)
    script = "id -u; id -g; id -G"
    uid, gid, groups = run(
        ["/bin/sh", "-c", script], dict(os.environ), credentials=credentials
    ).splitlines()
    assert (int(uid), int(gid)) == (os.geteuid(), group.gr_gid)
    assert groups == str(group.gr_gid)


@needs_root
def test_a_number_that_no_user_has_leaves_the_groups_of_root() -> None:
    credentials = Credentials(54321, 54322)
    script = "id -u; id -g; id -G"
    out = run(["/bin/sh", "-c", script], dict(os.environ), credentials=credentials)
    assert out.split() == ["54321", "54322", "54322"]


@pytest.mark.parametrize(
    ("uid", "gid", "message"),
    [("no-such-user", None, "no such user: 'no-such-user'"), (None, "no-such", "no such group")],
)
def test_names_that_nobody_has(uid: str | None, gid: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Credentials(uid, gid)


def test_not_allowed_to_become_somebody_else() -> None:
    """As a user that may not: as root, in a child that has become one."""
    program = (
        "import os\n"
        "from gaffer_procfile.posix.credentials import Credentials\n"
        "from gaffer_procfile.posix.spawn import *\n"
        "import gaffer_procfile.posix.popen  # while it can be read\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "null = os.open('/dev/null', os.O_RDWR)\n"
        "try: spawn(['/bin/true'], {}, credentials=Credentials(0, None), stdio=[null] * 3)\n"
        "except CannotSpawn as error: print(error.status, error.reason)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=IMPORT_ROOT
    )
    assert done.stdout == "126 can't become user 0: Operation not permitted\n", done.stderr


IMPORT_ROOT = Path(sys.modules["gaffer_procfile"].__file__ or "").parents[1]


def test_no_descriptor_left_opens_nothing() -> None:
    before = os.listdir("/dev/fd")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 4, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Plumbing(redirect_input=True, redirect_output=["a", "b"], custom_streams=["c", "d"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(os.listdir("/dev/fd")) == len(before)


@pytest.mark.parametrize("labels", [[], ["out"], ["out", "err"]])
def test_plumbing(labels: list[str]) -> None:
    before = len(os.listdir("/dev/fd"))
    plumbing = Plumbing(redirect_input=bool(labels), redirect_output=labels, custom_streams=labels)
    assert len(plumbing.stdio) == 3
    assert len(plumbing.extra) == len(plumbing.streams) == len(labels)
    assert [label for label, _ in plumbing.outputs] == labels
    assert (plumbing.input is not None) == bool(labels)
    plumbing.close_theirs()
    plumbing.close_ours()
    assert len(os.listdir("/dev/fd")) == before

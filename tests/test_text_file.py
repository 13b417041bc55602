"""Reading what a person has named: a file, a pipe, or neither."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from cli import MakeProject, wait_until
from cli import project as project

from gaffer_procfile import text_file


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff\r\n")
    assert text_file.read(str(path)) == b"\xff\r\n"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (".", errno.EISDIR),
        ("missing", errno.ENOENT),
        ("missing/file", errno.ENOENT),
        ("/dev/zero", errno.EINVAL),
        ("/dev/ptmx", errno.EINVAL),
    ],
)
def test_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=r"\w") as caught:
        text_file.read(name)
    assert caught.value.errno == number


def test_a_link_to_nothing_says_so(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to("old/target")
    with pytest.raises(OSError, match="a link to old/target, which isn't there") as caught:
        text_file.read(str(path))
    assert not isinstance(caught.value, FileNotFoundError)  # that may be as good as an empty file


def test_nothing_is_a_file_too() -> None:
    assert text_file.read(os.devnull) == b""


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    before = len(os.listdir("/dev/fd"))
    start = time.monotonic()
    with pytest.raises(OSError, match="nobody writes to it"):
        text_file.read(str(path))
    assert time.monotonic() - start < text_file.PATIENCE + 2
    assert len(os.listdir("/dev/fd")) == before


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = os.urandom(300_000)  # more than a pipe holds
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    assert text_file.read(str(path)) == data
    writer.join()


def test_a_writer_may_be_slow(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(text_file.read(str(path))))
    reader.start()
    with open(path, "wb", buffering=0) as pipe:
        reader.join(text_file.PATIENCE + 0.2)  # longer than it would wait for a writer
        assert reader.is_alive()
        pipe.write(b"web: ")
        pipe.write(b"true\n")
    reader.join(5)
    assert found == [b"web: true\n"]


def test_a_pipe_whose_writer_has_gone_is_read(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"web: true\n")
    os.close(writer)
    try:
        for _ in range(2):
            assert text_file.read(f"/dev/fd/{reader}") == b"web: true\n"
    finally:
        os.close(reader)


def test_process_substitution(project: MakeProject) -> None:
    made = project({})
    script = "exec $gaffer start -q --no-prefix -f <(sleep 0.1; echo 'web: echo served')"
    done = made._run(["bash", "-c", script])
    assert (done.stdout, done.stderr) == ("served\n", "")
    done = made._run(["bash", "-c", "exec $gaffer run -f <(echo 'web: echo served') web"])
    assert (done.stdout, done.stderr) == ("served\n", "")


@pytest.mark.parametrize("verb", ["start", "check"])
def test_a_procfile_that_is_no_file_is_one_error(project: MakeProject, verb: str) -> None:
    made = project({})
    os.mkfifo(made.path("Procfile"))
    result = made.run(verb)
    assert result.status == 1
    assert "Procfile: a pipe, and nobody writes to it" in result.stderr
    assert result.stderr.count("\n") == 1
    result = made.run(verb, "-f", "/dev/zero")
    assert "/dev/zero: neither a file nor a pipe" in result.stderr


def test_ctrl_c_ends_the_wait_for_a_writer_that_is_slow(project: MakeProject) -> None:
    made = project({})
    os.mkfifo(made.path("Procfile"))
    running = made.spawn("start")
    with open(made.path("Procfile"), "wb"):  # waits for a reader
        gaffer = running.gaffer
        wait_until(lambda: gaffer.status() == "sleeping", "gaffer's wait")
        running.signal(signal.SIGINT)
        assert running.wait() == -signal.SIGINT
    assert running.text == ""

"""A copy of what a process writes, in a file of its own choice."""

from __future__ import annotations

import os
from pathlib import Path

from gaffer_procfile.output.raw_files import RawFiles
from gaffer_procfile.output.source import Source


def source(name: str, index: int = 1) -> Source:
    return Source(f"{name}.{index}", name, index, 1, "stdout")


def test_all_instances_of_those_that_chose_one_go_to_it(tmp_path: Path) -> None:
    warnings: list[str] = []
    path = tmp_path / "logs" / "web.log"
    files = RawFiles({"web": str(path)}, warnings.append)
    for stream, data in [(source("web"), b"\x1b[1mone\n"), (source("db"), b"no\n")]:
        files.open(stream).feed(data)
    files.open(source("web", 2)).feed(b"two")
    files.finish()
    assert path.read_bytes() == b"\x1b[1mone\ntwo"
    assert [each.name for each in tmp_path.rglob("*")] == ["logs", "web.log"]
    assert not warnings


def test_what_can_not_be_written_is_told_once(tmp_path: Path) -> None:
    warnings: list[str] = []
    (tmp_path / "logs").touch()
    path = str(tmp_path / "logs" / "web.log")
    files = RawFiles({"web": path}, warnings.append)
    for _ in range(3):
        files.open(source("web")).feed(b"one\n")
    files.finish()
    assert warnings == [f"no more of the log {path}: File exists"]


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    warnings: list[str] = []
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    files = RawFiles({"web": path}, warnings.append)
    files.open(source("web")).feed(b"one\n")
    assert warnings == [f"no more of the log {path}: No such device or address"]
    warnings.clear()
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    files = RawFiles({"web": path}, warnings.append)
    stream = files.open(source("web"))
    stream.feed(b"one\n")
    assert os.read(reader, 100) == b"one\n"
    for _ in range(3):
        stream.feed(b"x" * 1024 * 1024)
    assert warnings == [f"no more of the log {path}: Resource temporarily unavailable"]
    files.finish()
    os.close(reader)

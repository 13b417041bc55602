"""Log files: raw ones per process, one of all, rotated, and given up for good at the first failure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gaffer_procfile.output.lines import BOUND
from gaffer_procfile.output.log_directory import LogDirectory
from gaffer_procfile.output.prefix import Clock, Prefixes
from gaffer_procfile.output.source import Source


class Logs:
    """A log directory, and what it has warned of."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.directory = LogDirectory(
            str(path), Prefixes(Clock("off")), self.warnings.append, **settings
        )
        self.sources = {name: Source(name, name, 1, 1, "stdout") for name in ("web.1", "db.1")}
        self.streams = {name: self.directory.open(it) for name, it in self.sources.items()}

    def feed(self, name: str, data: bytes) -> None:
        self.streams[name].feed(data)

    def end(self) -> None:
        for stream in self.streams.values():
            stream.end()
        self.directory.finish()

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


def test_each_has_its_bytes_and_all_have_their_lines(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "deep" / "log")
    raw = b"\x1b[31mred\x1b[0m\xff\r\n10%\r20%\nop"
    logs.feed("web.1", raw)
    logs.directory.say("web.1 started", "spawn", {})
    logs.feed("db.1", b"x\n")
    logs.feed("web.1", b"en")
    logs.end()
    assert logs.read("web.1.log") == raw + b"en"
    assert logs.read("db.1.log") == b"x\n"
    assert logs.read("gaffer.log") == (
        b"web.1  | red\xff\nweb.1  | 20%\ngaffer | web.1 started\ndb.1   | x\nweb.1  | open\n"
    )
    assert sorted(os.listdir(logs.path)) == ["db.1.log", "gaffer.log", "web.1.log"]
    assert not logs.warnings


def test_escape_sequences_on_request(tmp_path: Path) -> None:
    logs = Logs(tmp_path, ansi=True)
    logs.feed("web.1", b"\x1b[31mred\x1b[0m\n")
    logs.end()
    assert logs.read("gaffer.log") == b"web.1  | \x1b[31mred\x1b[0m\n"


def test_a_long_line_goes_on_with_a_mark(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    for part in [b"y" * BOUND, b"y", b"\nnext\n"]:
        logs.feed("web.1", part)
    logs.end()
    first, last = logs.read("gaffer.log").splitlines()
    assert first == b"web.1  | " + b"y" * (BOUND + 1) and last == b"web.1  | next"
    assert len(logs.read("web.1.log")) == BOUND + 7


def test_what_is_there_is_appended_to(tmp_path: Path) -> None:
    (tmp_path / "web.1.log").write_bytes(b"before\n")
    logs = Logs(tmp_path)
    logs.feed("web.1", b"now\n")
    logs.end()
    assert logs.read("web.1.log") == b"before\nnow\n"


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_rotation(tmp_path: Path, kept: int) -> None:
    logs = Logs(tmp_path, size=20, kept=kept)
    for number in range(6):
        logs.feed("web.1", b"line number %d\n" % number)  # 14 bytes: one a file
    logs.end()
    assert logs.read("web.1.log") == b"line number 5\n"
    for number in range(kept):
        assert logs.read(f"web.1.log.{number + 1}") == b"line number %d\n" % (4 - number)
    found = [name for name in os.listdir(tmp_path) if name.startswith("web")]
    assert len(found) == kept + 1


def test_a_file_that_is_too_large_already_is_rotated_first(tmp_path: Path) -> None:
    (tmp_path / "web.1.log").write_bytes(b"x" * 100)
    logs = Logs(tmp_path, size=50)
    logs.feed("web.1", b"now\n")
    logs.end()
    assert logs.read("web.1.log") == b"now\n"
    assert logs.read("web.1.log.1") == b"x" * 100


@pytest.mark.parametrize("name", ["gaffer.log", "web.1.log"])
def test_a_full_disk_is_told_once(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/full")
    logs = Logs(tmp_path)
    for _ in range(3):
        logs.feed("web.1", b"x\n")
        logs.feed("db.1", b"x\n")
    logs.end()
    path = tmp_path / name
    assert logs.warnings == [f"no more log files: {path} can't be written: No space left on device"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "a file is in the way"),
        ("file/deeper", "a file is in the way"),
        ("/proc/log", "No such file or directory"),
    ],
)
def test_a_directory_that_cannot_be_is_told_once(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("in the way")
    logs = Logs(tmp_path / name)
    logs.feed("web.1", b"x\n")
    logs.feed("web.1", b"x\n")
    logs.end()
    assert logs.warnings == [
        f"no log files: the directory {tmp_path / name} can't be made: {reason}"
    ]


def test_names_stay_in_the_directory(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    stream = logs.directory.open(Source("../api:web.1", "api:web", 1, 1, "stdout"))
    stream.feed(b"x\n")
    logs.end()
    assert (tmp_path / "..-api-web.1.log").read_bytes() == b"x\n"


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    logs = Logs(tmp_path, size=10)
    for _ in range(10):
        logs.feed("web.1", b"some text\n")
    logs.end()
    assert set(os.listdir("/proc/self/fd")) == before


def test_nothing_is_kept_of_what_has_ended(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    logs.feed("web.1", b"one\n")
    logs.feed("db.1", b"begun")
    assert logs.directory._prefixes._cache
    logs.end()
    assert not logs.directory._prefixes._cache
    assert logs.read("gaffer.log") == b"web.1  | one\ndb.1   | begun\n"

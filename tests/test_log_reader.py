"""Log files read back: what was written by `LogDirectory` is found, from the end on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaffer_procfile.output import log_reader
from gaffer_procfile.output.lines import BOUND
from gaffer_procfile.output.log_directory import DEFAULT_KEPT, DEFAULT_SIZE, LogDirectory
from gaffer_procfile.output.log_reader import STAMP, LogFiles, LoggedLine, LogReader
from gaffer_procfile.output.prefix import Clock, Prefixes
from gaffer_procfile.output.source import Source

DAY = 86_400.0
FIRST, LAST = "0000", "9999"  # before and after all times


class Logged:
    """A log directory that is written by hand, at a time of one's own."""

    def __init__(self, path: Path, size: int = DEFAULT_SIZE, kept: int = DEFAULT_KEPT) -> None:
        self.path = path
        self.now = DAY
        warnings: list[str] = []
        prefixes = Prefixes(Clock(STAMP, now=lambda: self.now))
        self.logs = LogDirectory(str(path), prefixes, warnings.append, size=size, kept=kept)
        self._streams = {
            name: self.logs.open(Source(name, name[:-2], 1, 7, "stdout"))
            for name in ("web.1", "worker.1")
        }
        assert not warnings

    def write(self, name: str, *data: bytes) -> None:
        for each in data:
            self._streams[name].feed(each)

    def stamp(self, seconds: float) -> str:
        return Clock(STAMP, now=lambda: DAY + seconds).text("")

    def read(
        self,
        count: int = 1_000_000,
        *,
        since: str = FIRST,
        until: str = LAST,
        surplus: float = 0,
        wanted: Callable[[str], bool] = lambda name: name != "gaffer",
    ) -> list[LoggedLine]:
        files = LogFiles(str(self.path))
        reader = LogReader(files, wanted, count, since, until, surplus)
        while not reader.look_back():
            pass
        lines: list[LoggedLine] = []
        while (more := reader.read_on()) is not None:
            lines += more
        files.close()
        return lines


def texts(lines: Sequence[LoggedLine]) -> list[bytes]:
    return [line.text for line in lines]


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last + 1)]


def test_the_last_lines_across_rotated_files(tmp_path: Path) -> None:
    logged = Logged(tmp_path, size=20_000, kept=3)
    for number in range(1, 2001):
        logged.write("web.1" if number % 2 else "worker.1", b"%d\n" % number)
    assert (tmp_path / "gaffer.log.3").exists()
    assert texts(logged.read(1500)) == numbers(501, 2000)
    assert texts(logged.read(0)) == []
    of_web = logged.read(700, wanted=lambda name: name == "web.1")
    assert texts(of_web) == numbers(1, 2000)[::2][-700:]
    assert {line.process for line in of_web} == {"web.1"}


def test_gaffers_own_lines_are_no_process_s(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    logged.logs.say("web.1 started", "spawn", {})
    logged.write("web.1", b"hello\n", b"\n", b"a | b\n")
    assert texts(logged.read()) == [b"hello", b"", b"a | b"]


def test_what_looks_like_a_prefix_is_still_one_s_own(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    forged = f"{logged.stamp(0)} worker.1 | forged".encode()
    logged.write("web.1", forged + b"\n\x0b" + forged + b"\r\n")
    assert [(line.process, line.text) for line in logged.read()] == [
        ("web.1", forged),
        ("web.1", b"\x0b" + forged),
    ]


def test_times_bound_it(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    for second in range(10):
        logged.now = DAY + second
        logged.write("web.1", b"%d a\n%d b\n%d c\n" % (second, second, second))
    between = logged.read(since=logged.stamp(2), until=logged.stamp(4), surplus=2)
    assert texts(between) == [b"2 a", b"2 b", b"2 c", b"3 a", b"3 b", b"3 c", b"4 a"]
    assert {line.stamp for line in between} == {logged.stamp(each) for each in (2, 3, 4)}
    assert texts(logged.read(2, until=logged.stamp(4), surplus=9)) == [b"3 b", b"3 c"]
    assert logged.read(since=logged.stamp(10)) == []


def test_a_line_in_pieces_is_one_again(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    long = b"x" * (3 * BOUND)
    for start in range(0, len(long), 50_000):
        logged.write("web.1", long[start : start + 50_000])
        logged.write("worker.1", b"meanwhile\n")
    logged.write("web.1", b"end\nshort\n")
    assert b" + " in (tmp_path / "gaffer.log").read_bytes()
    assert texts(logged.read(wanted=lambda name: name == "web.1")) == [long + b"end", b"short"]
    assert texts(logged.read(2, wanted=lambda name: name == "web.1")) == [long + b"end", b"short"]


def test_no_more_is_put_together_than_there_is_room_for(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    logged.write("web.1", *[b"x" * 100_000] * 25, b"\n")
    pieces = logged.read()
    assert b"".join(texts(pieces)) == b"x" * 2_500_000
    assert [piece.partial for piece in pieces] == [True] * (len(pieces) - 1) + [False]
    assert max(len(piece.text) for piece in pieces) <= log_reader.LONGEST


def test_only_so_much_is_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "PIECE", 1000)
    monkeypatch.setattr(log_reader, "MOST_BYTES", 20_000)
    logged = Logged(tmp_path)
    for number in range(1, 3001):
        logged.write("web.1", b"%d\n" % number)
    found = texts(logged.read())
    assert found == numbers(3001 - len(found), 3000)
    assert 550 < len(found) < 600  # of 36 bytes each


def test_files_that_are_moved_meanwhile(tmp_path: Path) -> None:
    logged = Logged(tmp_path, size=10_000, kept=1)
    for number in range(1, 501):
        logged.write("web.1", b"%d\n" % number)
    before = texts(logged.read())
    files = LogFiles(str(tmp_path))
    for _ in range(1000):
        logged.write("web.1", b"later\n")
    reader = LogReader(files, lambda _name: True, 1000, FIRST, LAST)
    while not reader.look_back():
        pass
    assert texts(reader.read_on() or []) == before
    files.close()


def test_what_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "gaffer.log"
    ours = b"2026-01-31 12:00:00 web.1 | ours\n"
    path.write_bytes(b"\0" * 300_000 + b"\nother | words\n" + ours + b"y" * 200_000)
    logged = Logged(tmp_path)
    assert texts(logged.read()) == [b"ours"]


def test_there_are_no_files(tmp_path: Path) -> None:
    assert LogFiles(str(tmp_path / "none")).size == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["web.1", "worker.1"]),
            st.binary(max_size=60).map(lambda data: data.replace(b"\x1b", b"").replace(b"\r", b"")),
            st.integers(0, 2),
        ),
        max_size=40,
    ),
    st.integers(1, 200),
    st.integers(0, 50),
)
@settings(max_examples=150, deadline=None)
def test_any_lines_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[tuple[str, bytes, int]],
    piece: int,
    count: int,
) -> None:
    logged = Logged(tmp_path_factory.mktemp("log"))
    written: list[tuple[str, bytes]] = []
    for name, data, pause in lines:
        logged.now += pause
        logged.write(name, data + b"\n")
        written += [(name, text) for text in data.split(b"\n")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_reader, "PIECE", piece)
        found = [(line.process, line.text) for line in logged.read(count)]
    assert found == (written[-count:] if count else [])

"""The ring of lines: what it keeps, what it lets go, and what a reader is told of that."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gaffer_procfile.apps.log_ring import LogRing, LogSource
from gaffer_procfile.output.redact import Redactor


class FakeProcess:
    redirect_output = ("stdout", "stderr")

    def __init__(self, id: int) -> None:
        self.id = id

    def monitor_io(self, label: str, listener: Callable[..., object]) -> None:
        """Output comes by `Written.write`."""


class Written:
    """A ring that is fed by hand. Process 1 is `a`, 2 is `b`, …"""

    def __init__(self, processes: int = 3, **arguments: Any) -> None:
        self.ring = LogRing(**arguments)
        self.ring.start(None, self)  # type: ignore[arg-type]
        for id in range(1, processes + 1):
            event = {"name": "abcdefgh"[id - 1], "instance": 1, "pid": id, "os_pid": 100 + id}
            self.ring.handle_spawn("spawn", event)

    def subscribe(self, evtype: str, listener: Callable[..., object]) -> None:
        assert evtype == "spawn"

    def get_process(self, id: int) -> FakeProcess:
        return FakeProcess(id)

    def write(self, id: int, data: bytes, label: str = "stdout") -> None:
        self.ring.handle_output(label, {"pid": id, "data": data})

    def lines(self, name: str | None = None) -> list[bytes]:
        wanted = None if name is None else lambda source: source.name == name
        return [line for block in self.ring.blocks(0, wanted) for line in block.lines()]


def test_lines_come_in_their_order_whatever_the_chunks() -> None:
    written = Written()
    for id, data in (
        (1, b"on"),
        (2, b"two\nth"),
        (1, b"e\n\n"),
        (2, b"ree"),
        (2, b"\n"),
        (3, b"x"),
    ):
        written.write(id, data)
    assert written.lines() == [b"two", b"one", b"", b"three"]
    written.write(3, b"")
    assert written.lines()[-1] == b"x"
    (*_, last) = written.ring.blocks(0)
    assert last.is_cut and last.count == 1


def test_streams_are_kept_apart() -> None:
    written = Written()
    written.write(1, b"out")
    written.write(1, b"err\n", "stderr")
    written.write(1, b"put\n")
    assert written.lines() == [b"err", b"output"]
    assert [block.source.label for block in written.ring.blocks(0)] == ["stderr", "stdout"]


def test_a_line_without_an_end_is_kept_in_pieces() -> None:
    written = Written()
    for _ in range(200):
        written.write(1, b"x" * 1000)
    pieces = written.lines()
    assert [len(piece) for piece in pieces] == [66_000, 66_000, 66_000]
    assert all(block.is_cut for block in written.ring.blocks(0))
    assert len(b"".join(pieces)) + len(written.ring.scrollback(1, 1 << 20)) >= 200_000


def test_secrets_are_taken_out() -> None:
    written = Written(redact=lambda: Redactor([b"hush-hush"]))
    written.write(1, b"the hush-")
    written.write(1, b"hush\nand hush-")
    written.write(1, b"")
    assert written.lines() == [b"the [redacted]", b"and hush-"]


def test_the_chatty_one_loses_its_own() -> None:
    written = Written(size=100_000)
    written.write(1, b"quiet\n")
    for number in range(10_000):
        written.write(2, b"chatty %d\n" % number)
    assert written.lines("a") == [b"quiet"]
    assert written.lines("b")[-1] == b"chatty 9999"
    assert 90_000 < written.ring._size <= 100_000
    for number in range(10_000):
        written.write(3, b"chatty too %d\n" % number)
    assert written.lines("a") == [b"quiet"]
    assert len(written.lines("b")) > 100 < len(written.lines("c"))


def test_a_block_that_is_more_than_all() -> None:
    written = Written(size=1000)
    written.write(1, b"x" * 2000 + b"\n")
    assert written.lines() == [] and written.ring._size == 0
    written.write(1, b"y\n")
    assert written.lines() == [b"y"]


def test_the_last_lines_are_found() -> None:
    written = Written()
    written.write(1, b"1\n2\n3\n")
    written.write(2, b"4\n5\n")
    written.write(1, b"6\n")
    of_a = lambda source: source.name == "a"  # noqa: E731
    ids = [b.first + i for b in written.ring.blocks(0) for i in range(b.count)]
    for count in (1, 2, 4, 6):
        assert written.ring.begins(count) == ids[-count]
    assert written.ring.begins(0) == written.ring.next
    assert written.ring.begins(99) == 1
    assert [written.ring.begins(count, of_a) for count in (1, 2, 3)] == [ids[5], ids[2], ids[1]]


def test_scrollback_is_of_one_process() -> None:
    written = Written()
    written.write(1, b"1\n2\n")
    written.write(2, b"other\n")
    written.write(1, b"3\n>>> ")
    assert written.ring.scrollback(1, 100) == b"1\n2\n3\n>>> "
    assert written.ring.scrollback(1, 6) == b"3\n>>> "
    assert written.ring.scrollback(1, 0) == b""


def test_a_long_scrollback_of_many_short_writes_takes_no_time() -> None:
    written = Written(size=4 * 1024 * 1024)
    for _ in range(20_000):
        written.write(1, b"12345\n")
    start = time.monotonic()
    assert written.ring.scrollback(1, 65536) == (b"12345\n" * 20_000)[-65536:]
    assert time.monotonic() - start < 0.5


CHUNKS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from([b"a\n", b"\n", b"x", b"1\n2\n3\n", b"long" * 50 + b"\n"]),
    ),
    max_size=60,
)


@given(CHUNKS, st.integers(300, 3000))
@settings(max_examples=200, deadline=None)
def test_it_is_never_more_than_it_may_be(chunks: Sequence[tuple[int, bytes]], size: int) -> None:
    written = Written(size=size)
    for id, data in chunks:
        written.write(id, data)
        blocks = list(written.ring.blocks(0))
        assert sum(block.size for block in blocks) == written.ring._size <= size
        assert [block.first for block in blocks] == sorted(block.first for block in blocks)


@given(CHUNKS, st.sampled_from([None, "a", "b"]), st.integers(1, 12), st.integers(0, 2))
@settings(max_examples=300, deadline=None)
def test_a_reader_reads_or_is_told(
    chunks: Sequence[tuple[int, bytes]], name: str | None, pace: int, haste: int
) -> None:
    """What it read and what it was told to have missed is all that was written."""
    written = Written(size=2000)

    def wanted(source: LogSource) -> bool:
        return source.name == name

    cursor = written.ring.open(1, None if name is None else wanted)
    everything = Written()
    seen = 0
    for number, (id, data) in enumerate([*chunks, (1, b"end\n"), (2, b"end\n")], 1):
        written.write(id, data)
        everything.write(id, data)
        if number % pace == 0:
            if haste == 2:
                cursor.skip_to(written.ring.begins(2, None if name is None else wanted))
            for block, known in cursor.take():
                seen += block.count - known
                if haste == 1:
                    break
    for block, known in cursor.take():
        seen += block.count - known
    assert seen + cursor.skipped == len(everything.lines(name))


def test_what_a_chatty_one_lost_behind_a_quiet_ones_line_is_counted() -> None:
    ring = LogRing(size=20_000)
    for name, id in (("quiet", 1), ("chatty", 2)):
        event = {"name": name, "instance": 1, "pid": id, "os_pid": id}
        ring.add_streams(event, ["out"])
    ring.handle_output("out", {"pid": 1, "data": b"one\n"})
    for number in range(10_000):
        ring.handle_output("out", {"pid": 2, "data": b"%07d\n" % number})
    cursor = ring.open(1, None)
    read = sum(block.count - known for block, known in cursor.take())
    assert read < 1_000
    assert abs(read + cursor.skipped - 10_001) < 200


def test_it_knows_from_where_on_it_has_all() -> None:
    written = Written(size=2000)
    of_a = lambda source: source.name == "a"  # noqa: E731
    written.write(1, b"quiet\n")
    assert written.ring.whole_from() == 1
    numbers = []
    for number in range(50):
        numbers.append(written.ring.next)
        written.write(2, b"chatty %d\n" % number)
    kept = len(written.lines("b"))
    assert 1 < kept < 50
    whole = written.ring.whole_from()
    assert numbers[-kept - 1] < whole <= numbers[-kept]
    assert written.ring.whole_from(of_a) == 1 and written.ring.has(1, 1, of_a)
    assert written.ring.has(kept, whole) and not written.ring.has(kept + 1, whole)
    assert written.ring.has(0, written.ring.next)

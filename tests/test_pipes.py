"""Pipes: whatever is written arrives whole and in order, and nobody waits."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from conftest import LoopDriver
from hypothesis import given, settings
from hypothesis import strategies as st

from gaffer_procfile.loop import adapt
from gaffer_procfile.loop.selector import SelectorLoop
from gaffer_procfile.posix.pipes import CHUNK, InputPipe, OutputPipe

BIG = 3_000_000  # bytes, many times what a pipe holds


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    """Both ends of a pipe. A test takes out of the list the end that something else closes."""
    ends = list(os.pipe())
    yield ends
    for fd in ends:
        os.close(fd)


class Received:
    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def __call__(self, label: str, chunk: bytes) -> None:
        assert label == "out"
        self.chunks.append(chunk)

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)


def read_all(fd: int, into: bytearray, size: int) -> None:
    """What a process that is slow to read does, once per turn of the loop."""
    into += os.read(fd, size)


def test_output_is_read_from_resume_on(loop_driver: LoopDriver, pipe: list[int]) -> None:
    received = Received()
    output = OutputPipe(loop_driver.loop, pipe.pop(0), "out", received)
    os.write(pipe[0], b"one")
    loop_driver.run_for(0.03)
    assert received.chunks == []
    output.resume()
    output.resume()
    loop_driver.run_until(lambda: received.chunks)
    assert received.chunks == [b"one"]
    os.close(pipe.pop())
    loop_driver.run_until(lambda: output.closed)
    assert received.chunks == [b"one", b""]
    output.close()
    output.resume()
    output.pause()
    assert received.chunks == [b"one", b""]


def test_paused_output_stays_in_the_pipe(loop_driver: LoopDriver, pipe: list[int]) -> None:
    received = Received()
    output = OutputPipe(loop_driver.loop, pipe.pop(0), "out", received)
    output.resume()
    output.pause()
    os.write(pipe[0], b"one")
    loop_driver.run_for(0.03)
    assert received.chunks == []
    output.resume()
    loop_driver.run_until(lambda: received.chunks == [b"one"])
    output.close()


def test_a_turn_takes_a_bounded_chunk_of_a_stream(loop_driver: LoopDriver, pipe: list[int]) -> None:
    received = Received()
    output = OutputPipe(loop_driver.loop, pipe.pop(0), "out", received)
    output.resume()
    os.set_blocking(pipe[0], False)
    for _ in range(3):
        os.write(pipe[0], b"x" * CHUNK)
        received.chunks.clear()
        loop_driver.run_until(lambda: len(received.data) == CHUNK)
        assert max(map(len, received.chunks)) <= CHUNK
    output.close()


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK])
def test_drain_takes_all_that_is_there_at_once(
    loop_driver: LoopDriver, pipe: list[int], size: int
) -> None:
    received = Received()
    output = OutputPipe(loop_driver.loop, pipe.pop(0), "out", received)
    os.write(pipe[0], b"x" * size)
    output.drain()
    assert received.data == b"x" * size
    assert not output.closed
    os.close(pipe.pop())
    output.drain()
    assert output.closed
    output.drain()
    assert received.chunks[-1] == b""


def test_drain_of_a_pipe_that_was_made_larger(loop_driver: LoopDriver, pipe: list[int]) -> None:
    fcntl = pytest.importorskip("fcntl")
    if not hasattr(fcntl, "F_SETPIPE_SZ"):
        pytest.skip("pipes have one size here")
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4 * CHUNK)
    os.write(pipe[1], b"x" * 4 * CHUNK)
    received = Received()
    output = OutputPipe(loop_driver.loop, pipe.pop(0), "out", received)
    output.drain()
    assert len(received.data) == 4 * CHUNK
    output.close()


def test_drain_does_not_follow_one_that_goes_on_writing(
    loop_driver: LoopDriver, pipe: list[int]
) -> None:
    refills = 0

    def refill(_label: str, chunk: bytes) -> None:
        nonlocal refills
        if chunk:
            refills += 1
            assert refills < 1000, "drain goes on for ever"
            os.write(pipe[0], chunk)

    output = OutputPipe(loop_driver.loop, pipe.pop(0), "out", refill)
    os.write(pipe[0], b"x")
    output.drain()
    assert 0 < refills < 1000
    output.close()


def test_input_larger_than_the_pipe_arrives_whole(loop_driver: LoopDriver, pipe: list[int]) -> None:
    reader = pipe.pop(0)
    pipe_in = InputPipe(loop_driver.loop, pipe.pop())
    pipe.append(reader)
    data = os.urandom(BIG)
    pipe_in.write(data[: BIG // 2])
    pipe_in.write(data[BIG // 2 :])
    got = bytearray()
    loop_driver.loop.add_reader(reader, read_all, reader, got, 50_000)
    loop_driver.run_until(lambda: len(got) == BIG)
    assert got == data
    loop_driver.loop.remove_reader(reader)
    pipe_in.close()


def test_input_that_nobody_reads_makes_nobody_wait(
    loop_driver: LoopDriver, pipe: list[int]
) -> None:
    pipe_in = InputPipe(loop_driver.loop, pipe.pop())
    pipe_in.write(b"x" * BIG)
    loop_driver.run_for(0.03)
    assert not pipe_in.closed
    pipe_in.close()


def test_input_whose_reader_is_gone_is_closed(loop_driver: LoopDriver, pipe: list[int]) -> None:
    pipe_in = InputPipe(loop_driver.loop, pipe.pop())
    pipe_in.write(b"x" * BIG)
    os.close(pipe.pop())
    loop_driver.run_until(lambda: pipe_in.closed)
    pipe_in.write(b"more")
    pipe_in.close()


@settings(deadline=None, max_examples=40)
@given(
    parts=st.lists(st.integers(0, 3 * CHUNK), max_size=6),
    reads=st.lists(st.integers(1, 2 * CHUNK), min_size=1, max_size=4),
)
def test_any_split_of_writes_and_reads_gives_the_same_bytes(
    parts: list[int], reads: list[int]
) -> None:
    loop = adapt(SelectorLoop())
    reader, writer = os.pipe()
    pipe_in = InputPipe(loop, writer)
    data = os.urandom(sum(parts))
    start = 0
    for size in parts:
        pipe_in.write(data[start : start + size])
        start += size
    got, turns = bytearray(), 0

    def read() -> None:
        nonlocal turns
        read_all(reader, got, reads[turns % len(reads)])
        turns += 1
        if len(got) == len(data):
            loop.remove_reader(reader)
            loop.stop()

    if data:
        loop.add_reader(reader, read)
        timeout = loop.call_later(30, loop.stop)
        loop.run()
        timeout.cancel()
    assert got == data
    pipe_in.close()
    os.close(reader)

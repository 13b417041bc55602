"""The writer: to any kind of descriptor, without waiting, without loss, without touching its flags."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DEADLINE, LoopDriver

from gaffer_procfile.output.writer import HIGH_WATER, Writer
from gaffer_procfile.posix import system


class End:
    """Two ends of something: `fd` to write to, and `read(size)` from the other."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        if kind == "pipe":
            self._other, self.fd = os.pipe()
        elif kind == "pty":
            self._other, self.fd = os.openpty()
            tty.setraw(self.fd)
        elif kind == "socket":
            ours, theirs = socket.socketpair()
            self._other, self.fd = ours.detach(), theirs.detach()
        else:
            path = directory / "file"
            self.fd = os.open(path, os.O_WRONLY | os.O_CREAT)
            self._other = os.open(path, os.O_RDONLY)

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes; a thread can do this while the loop runs."""
        data = b""
        while len(data) < size:
            part = os.read(self._other, min(65536, size - len(data)))
            assert part or self.kind == "file"
            data += part
        return data

    def close_reader(self) -> None:
        os.close(self._other)
        self._other = -1

    def close(self) -> None:
        os.close(self.fd)
        if self._other >= 0:
            os.close(self._other)


class Log:
    """What a writer has told."""

    def __init__(self) -> None:
        self.pressure: list[bool] = []
        self.failures: list[OSError] = []

    def writer(self, driver: LoopDriver, fd: int) -> Writer:
        return Writer(driver.loop, fd, self.pressure.append, self.failures.append)


@pytest.fixture(params=["pipe", "pty", "socket", "file"])
def end(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[End]:
    made = End(request.param, tmp_path)
    yield made
    made.close()


LINES = b"".join(b"line number %d\n" % number for number in range(200_000))  # 3.9 MB


def test_all_of_it_arrives_in_order_and_the_flags_stay(loop_driver: LoopDriver, end: End) -> None:
    flags = fcntl.fcntl(end.fd, fcntl.F_GETFL)
    log = Log()
    writer = log.writer(loop_driver, end.fd)
    read: list[bytes] = []
    for start in range(0, len(LINES), 50_000):
        writer.write(LINES[start : start + 50_000])
        assert fcntl.fcntl(end.fd, fcntl.F_GETFL) == flags
    reader = threading.Thread(target=lambda: read.append(end.read(len(LINES))))
    reader.start()
    loop_driver.run_until(lambda: not reader.is_alive())
    reader.join()
    writer.detach()
    writer.finish()
    assert b"".join(read) == LINES
    assert fcntl.fcntl(end.fd, fcntl.F_GETFL) == flags
    assert not log.failures


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_whoever_shares_it_may_have_made_it_non_blocking(
    loop_driver: LoopDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(system, "has_nowait_writes", lambda: False)  # then a thread writes
    end = End(kind, tmp_path)
    os.set_blocking(end.fd, False)
    log = Log()
    writer = log.writer(loop_driver, end.fd)
    writer.write(LINES)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(end.read(len(LINES))))
    loop_driver.run_for(0.1)  # it is full by then
    reader.start()
    loop_driver.run_until(lambda: not reader.is_alive() or log.failures)
    writer.detach()
    writer.finish()
    assert not log.failures
    reader.join(DEADLINE)
    assert read == [LINES]
    end.close()


def test_what_is_left_is_written_at_the_end(loop_driver: LoopDriver, end: End) -> None:
    log = Log()
    writer = log.writer(loop_driver, end.fd)
    writer.write(LINES)
    writer.detach()
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(end.read(len(LINES))))
    reader.start()
    writer.finish()
    reader.join(DEADLINE)
    assert b"".join(read) == LINES


@pytest.mark.parametrize("kind", ["pipe", "pty", "socket"])
def test_pressure_is_told_once_and_ends(loop_driver: LoopDriver, tmp_path: Path, kind: str) -> None:
    end = End(kind, tmp_path)
    log = Log()
    writer = log.writer(loop_driver, end.fd)
    count = 0
    while not log.pressure:
        writer.write(b"x" * 10_000)
        count += 1
        assert count < 1000
    writer.write(b"x" * 10_000)
    assert log.pressure == [True]
    assert count * 10_000 > HIGH_WATER
    total = (count + 1) * 10_000
    reader = threading.Thread(target=lambda: end.read(total))
    reader.start()
    loop_driver.run_until(lambda: log.pressure == [True, False])
    writer.detach()
    writer.finish()
    reader.join(DEADLINE)
    end.close()


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("waiting", [False, True])
def test_a_reader_that_has_gone_is_a_failure_told_once(
    loop_driver: LoopDriver, tmp_path: Path, kind: str, waiting: bool
) -> None:
    end = End(kind, tmp_path)
    log = Log()
    writer = log.writer(loop_driver, end.fd)
    if waiting:
        writer.write(LINES)
    end.close_reader()
    loop_driver.run_until(lambda: log.failures)
    writer.write(b"more")
    writer.detach()
    writer.finish()
    assert [error.errno in (errno.EPIPE, errno.ECONNRESET) for error in log.failures] == [True]
    end.close()


def test_a_full_disk_is_a_failure_told_once(loop_driver: LoopDriver) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        log = Log()
        writer = log.writer(loop_driver, full.fileno())
        writer.write(b"x")
        loop_driver.run_until(lambda: log.failures)
        writer.write(b"y")
        writer.detach()
        writer.finish()
    assert [error.errno for error in log.failures] == [errno.ENOSPC]


def test_no_descriptor_is_left(loop_driver: LoopDriver, end: End) -> None:
    gc.collect()  # what an earlier test left to the collector
    before = set(os.listdir("/proc/self/fd"))
    writer = Log().writer(loop_driver, end.fd)
    writer.write(b"x")
    writer.detach()
    writer.finish()
    assert set(os.listdir("/proc/self/fd")) == before

"""Ctrl-C in a program that embeds the manager: raised, but never in the middle of something."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import DEADLINE, close_loop, new_loop

from gaffer_procfile.loop import adapt
from gaffer_procfile.manager import Manager
from gaffer_procfile.posix import popen


@pytest.fixture
def raw(loop_kind: str) -> Iterator[Any]:
    raw = new_loop(loop_kind)
    yield raw
    close_loop(loop_kind, raw)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_it_is_raised_between_two_callbacks(raw: Any) -> None:
    loop = adapt(raw)
    seen: list[str] = []

    def begin_and_end() -> None:
        seen.append("begin")
        interrupt()
        seen.append("end")

    loop.call_soon(begin_and_end)
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert seen == ["begin", "end"]
    loop.call_soon(seen.append, "more")
    loop.call_soon(loop.stop)
    loop.run()  # as if nothing had been
    assert seen[2:] == ["more"]
    loop.close()


def test_a_second_one_is_raised_at_once(raw: Any) -> None:
    """The callback hangs."""
    loop = adapt(raw)
    seen: list[str] = []

    def hang() -> None:
        seen.append("begin")
        interrupt()
        interrupt()
        seen.append("end")

    loop.call_soon(hang)
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert seen == ["begin"]
    loop.call_soon(loop.stop)
    loop.run()
    loop.close()


def test_it_is_not_lost_when_the_loop_stops(raw: Any) -> None:
    loop = adapt(raw)

    def stop() -> None:
        interrupt()
        loop.stop()

    loop.call_soon(stop)
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    loop.call_soon(loop.stop)
    loop.run()  # and it comes once
    loop.close()


def assert_it_wakes(raw: Any, sender: threading.Timer) -> None:
    """A loop that sleeps raises KeyboardInterrupt soon after `sender` has sent the signal."""
    loop = adapt(raw)
    sender.start()
    start = time.monotonic()
    timer = loop.call_later(DEADLINE, loop.stop)
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert time.monotonic() - start < DEADLINE / 2
    sender.join()
    timer.cancel()
    loop.close()


def test_it_wakes_a_loop_that_sleeps(raw: Any) -> None:
    assert_it_wakes(raw, threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)))


def test_one_that_another_thread_has_got_wakes_it_too(loop_kind: str, raw: Any) -> None:
    if loop_kind == "asyncio":
        pytest.skip("asyncio hears of handlers of its own only")
    # What raise() sends is for its own thread.
    assert_it_wakes(raw, threading.Timer(0.1, interrupt))


def test_the_programs_own_handler_stays(raw: Any) -> None:
    loop = adapt(raw)
    heard: list[int] = []

    def handle(signum: int, _frame: object) -> None:
        heard.append(signum)

    signal.signal(signal.SIGINT, handle)
    try:
        loop.call_soon(interrupt)
        loop.call_soon(loop.stop)
        loop.run()
        assert signal.getsignal(signal.SIGINT) is handle
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert heard == [signal.SIGINT]
    loop.close()


def test_a_loop_may_run_in_another_thread(raw: Any) -> None:
    """There are no handlers there."""
    loop = adapt(raw)
    seen: list[str] = []
    loop.call_soon(seen.append, "run")
    loop.call_soon(loop.stop)
    thread = threading.Thread(target=loop.run)
    thread.start()
    thread.join(DEADLINE)
    assert seen == ["run"]
    loop.close()


def test_a_manager_can_be_stopped_after_one_in_a_spawn(
    raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = popen.popen
    told: list[str] = []

    def interrupted(*args: Any, **settings: Any) -> int:
        monkeypatch.setattr(popen, "popen", start)
        interrupt()
        return start(*args, **settings)

    manager = Manager(raw)
    manager.start()
    manager.add_process("web", "/bin/sh", args=["-c", "exit 1"], os_env=True)
    monkeypatch.setattr(popen, "popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        manager.run()
    manager.stop(lambda _manager: told.append("stopped"))
    manager.run()
    assert told == ["stopped"]


def test_a_loop_gives_back_the_wakeup_descriptor_that_it_found(raw: Any) -> None:
    loop = adapt(raw)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer)
    try:
        loop.call_soon(loop.close)
        loop.run()
    finally:
        found = signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
    assert found == writer

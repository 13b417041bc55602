"""What the manager needs of a loop holds on each of them."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import DEADLINE, LoopDriver, close_loop, new_loop, open_descriptors

from gaffer_procfile.loop import adapt, default_loop
from gaffer_procfile.loop.selector import SelectorLoop


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_callbacks_run_in_order_and_later(loop_driver: LoopDriver) -> None:
    seen: list[object] = []
    for number in range(5):
        loop_driver.loop.call_soon(seen.append, number)
    loop_driver.loop.call_soon_threadsafe(seen.append, "last")
    assert seen == []
    loop_driver.run_until(lambda: len(seen) == 6)
    assert seen == [0, 1, 2, 3, 4, "last"]


def test_a_callback_may_ask_for_another(loop_driver: LoopDriver) -> None:
    seen: list[int] = []

    def count(number: int) -> None:
        seen.append(number)
        if number < 3:
            loop_driver.loop.call_soon(count, number + 1)

    loop_driver.loop.call_soon(count, 1)
    loop_driver.run_until(lambda: len(seen) == 3)
    assert seen == [1, 2, 3]


def test_timers_fire_in_order_and_not_early(loop_driver: LoopDriver) -> None:
    loop, fired = loop_driver.loop, []
    start = time.monotonic()

    def fire(name: str) -> None:
        fired.append((name, time.monotonic() - start))

    loop.call_later(0.06, fire, "late")
    loop.call_later(0.02, fire, "early")
    loop.call_later(0, fire, "now")
    loop_driver.run_until(lambda: len(fired) == 3)
    assert [name for name, _ in fired] == ["now", "early", "late"]
    for (_, after), earliest in zip(fired, (0, 0.02, 0.06), strict=True):
        assert after >= earliest - 0.002  # libuv counts in whole milliseconds


def test_what_was_due_before_fires_at_once(loop_driver: LoopDriver) -> None:
    fired: list[str] = []
    loop_driver.loop.call_later(-1.0, fired.append, "late")
    loop_driver.run_until(lambda: fired == ["late"])


def test_a_timer_counts_from_now_and_not_from_the_turns_begin(loop_driver: LoopDriver) -> None:
    loop, fired = loop_driver.loop, []

    def be_slow_and_set() -> None:
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            pass
        set_at = time.monotonic()
        loop.call_later(0.05, lambda: fired.append(time.monotonic() - set_at))

    loop.call_soon(be_slow_and_set)
    loop_driver.run_until(lambda: fired)
    assert fired[0] >= 0.048


def test_a_cancelled_timer_does_not_fire(loop_driver: LoopDriver) -> None:
    fired: list[str] = []
    cancelled = loop_driver.loop.call_later(0.01, fired.append, "cancelled")
    loop_driver.loop.call_later(0.03, fired.append, "kept")
    cancelled.cancel()
    cancelled.cancel()
    loop_driver.run_until(lambda: "kept" in fired)
    assert fired == ["kept"]


def test_cancelling_a_timer_that_fired_is_no_error(loop_driver: LoopDriver) -> None:
    fired: list[int] = []
    timer = loop_driver.loop.call_later(0, fired.append, 1)
    loop_driver.run_until(lambda: fired)
    timer.cancel()
    assert fired == [1]


def test_a_timer_cancelled_by_one_due_before_it_does_not_fire() -> None:
    loop = SelectorLoop()
    fired: list[str] = []
    loop.call_later(0, lambda: second.cancel())
    second = loop.call_later(0, fired.append, "second")
    loop.run()
    assert fired == []


def test_cancelled_timers_do_not_keep_a_selector_loop_running() -> None:
    loop = SelectorLoop()
    for delay in (3 * DEADLINE, 2 * DEADLINE, 4 * DEADLINE):
        loop.call_later(delay, pytest.fail, "a cancelled timer fired").cancel()
    began = time.monotonic()
    loop.run()
    assert time.monotonic() - began < DEADLINE


def test_reader_and_writer_of_one_descriptor(
    loop_driver: LoopDriver, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    loop, heard = loop_driver.loop, []

    def write() -> None:
        loop.remove_writer(ours.fileno())
        ours.send(b"ping")

    loop.add_reader(ours.fileno(), lambda: heard.append(ours.recv(10)))
    loop.add_writer(ours.fileno(), write)
    loop.add_reader(theirs.fileno(), lambda: theirs.send(theirs.recv(10) + b"!"))
    loop_driver.run_until(lambda: heard)
    assert heard == [b"ping!"]
    loop.remove_reader(ours.fileno())
    loop.remove_reader(theirs.fileno())


def test_a_removed_reader_is_not_called_though_ready_in_the_same_turn(
    loop_driver: LoopDriver,
) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    loop, called = loop_driver.loop, []

    def read(number: int) -> None:
        called.append(number)
        for ours, _theirs in pairs:
            loop.remove_reader(ours.fileno())

    for number, (ours, theirs) in enumerate(pairs):
        loop.add_reader(ours.fileno(), read, number)
        theirs.send(b"x")
    loop_driver.run_until(lambda: called)
    loop_driver.run_for(0.05)
    assert len(called) == 1
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_a_descriptor_closed_and_opened_anew_has_its_own_reader(loop_driver: LoopDriver) -> None:
    loop, heard = loop_driver.loop, []
    for round_number in range(3):
        reader, writer = os.pipe()

        def read(fd: int = reader) -> None:
            heard.append(os.read(fd, 10))
            loop.remove_reader(fd)

        loop.add_reader(reader, read)
        os.write(writer, b"%d" % round_number)
        loop_driver.run_until(lambda: heard)
        assert heard.pop() == b"%d" % round_number
        os.close(reader)
        os.close(writer)


def test_the_end_of_the_other_side_makes_a_reader_ready(loop_driver: LoopDriver) -> None:
    reader, writer = os.pipe()
    heard: list[bytes] = []

    def read() -> None:
        heard.append(os.read(reader, 10))
        loop_driver.loop.remove_reader(reader)

    loop_driver.loop.add_reader(reader, read)
    os.close(writer)
    loop_driver.run_until(lambda: heard)
    assert heard == [b""]
    os.close(reader)


def test_a_vanished_reader_makes_a_writer_ready(loop_driver: LoopDriver) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.write(writer, b"x" * 65536)
    found: list[type[BaseException]] = []

    def write() -> None:
        try:
            os.write(writer, b"x")
        except OSError as error:
            found.append(type(error))
            loop_driver.loop.remove_writer(writer)

    loop_driver.loop.add_writer(writer, write)
    loop_driver.run_for(0.02)
    assert found == []
    os.close(reader)
    loop_driver.run_until(lambda: found)
    assert found == [BrokenPipeError]
    os.close(writer)


@pytest.mark.parametrize("method", ["remove_reader", "remove_writer"])
def test_removing_what_is_not_there_is_no_error(loop_driver: LoopDriver, method: str) -> None:
    reader, writer = os.pipe()
    getattr(loop_driver.loop, method)(reader)
    os.close(reader)
    os.close(writer)


def test_another_thread_wakes_the_loop(loop_driver: LoopDriver) -> None:
    woken: list[float] = []
    asked: list[float] = []
    loop = loop_driver.loop
    is_running = threading.Event()

    def wake() -> None:
        is_running.wait(DEADLINE)
        asked.append(time.monotonic())
        loop.call_soon_threadsafe(finish)

    def finish() -> None:
        woken.append(time.monotonic())
        loop.stop()

    thread = threading.Thread(target=wake)
    thread.start()
    # Nothing but the thread and a deadline far away keep this loop busy.
    deadline = loop.call_later(DEADLINE, loop.stop)
    loop.call_later(0.02, is_running.set)
    loop.run()
    thread.join()
    deadline.cancel()
    assert woken, "the loop slept on"
    assert woken[0] - asked[0] < 1


def test_no_call_from_a_thread_is_lost(loop_driver: LoopDriver) -> None:
    count, threads = 500, 4
    seen: list[tuple[int, int]] = []

    def call(thread: int) -> None:
        for number in range(count):
            loop_driver.loop.call_soon_threadsafe(seen.append, (thread, number))

    callers = [threading.Thread(target=call, args=(thread,)) for thread in range(threads)]
    for caller in callers:
        caller.start()
    loop_driver.run_until(lambda: len(seen) == count * threads)
    for caller in callers:
        caller.join()
    for thread in range(threads):
        assert [n for t, n in seen if t == thread] == list(range(count))


def test_signals(loop_driver: LoopDriver) -> None:
    heard: list[object] = []
    loop_driver.loop.add_signal_handler(signal.SIGUSR1, heard.append, "usr1")
    loop_driver.loop.add_signal_handler(signal.SIGUSR2, heard.append, "usr2")
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        loop_driver.run_until(lambda: heard == ["usr1"])
        os.kill(os.getpid(), signal.SIGUSR2)
        loop_driver.run_until(lambda: heard == ["usr1", "usr2"])
    finally:
        loop_driver.loop.remove_signal_handler(signal.SIGUSR1)
        loop_driver.loop.remove_signal_handler(signal.SIGUSR2)


def test_a_signal_wakes_a_loop_that_sleeps(loop_driver: LoopDriver) -> None:
    loop, heard = loop_driver.loop, []

    def handle() -> None:
        heard.append(True)
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR1, handle)
    deadline = loop.call_later(DEADLINE, loop.stop)
    sender = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
    sender.start()
    start = time.monotonic()
    loop.run()
    sender.join()
    deadline.cancel()
    loop.remove_signal_handler(signal.SIGUSR1)
    assert heard
    assert time.monotonic() - start < DEADLINE / 2


def test_the_second_handler_of_a_signal_replaces_the_first(loop_driver: LoopDriver) -> None:
    heard: list[str] = []
    loop_driver.loop.add_signal_handler(signal.SIGUSR1, heard.append, "first")
    loop_driver.loop.add_signal_handler(signal.SIGUSR1, heard.append, "second")
    os.kill(os.getpid(), signal.SIGUSR1)
    loop_driver.run_until(lambda: heard)
    loop_driver.loop.remove_signal_handler(signal.SIGUSR1)
    loop_driver.loop.remove_signal_handler(signal.SIGUSR1)
    assert heard == ["second"]


def test_a_selector_loop_gives_back_the_handlers_it_found() -> None:
    def handler(_signum: int, _frame: object) -> None: ...

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        loop = SelectorLoop()
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.add_signal_handler(signal.SIGUSR1, print)
        assert signal.getsignal(signal.SIGUSR1) is not handler
        loop.remove_signal_handler(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is handler
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_exception_of_a_callback_ends_run(loop_kind: str) -> None:
    if loop_kind == "asyncio":
        pytest.skip("asyncio logs it and goes on")
    raw = new_loop(loop_kind)
    loop = adapt(raw)
    seen: list[str] = []

    def fail() -> None:
        raise LookupError("of the callback")

    loop.call_soon(fail)
    loop.call_soon(seen.append, "next")
    with pytest.raises(LookupError, match="of the callback"):
        loop.run()
    loop.close()
    loop.run()  # what is left is still run
    assert seen == ["next"]
    close_loop(loop_kind, raw)


def test_run_ends_when_the_last_user_has_closed(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    first, second = adapt(raw), adapt(raw)
    seen: list[str] = []

    def close_second() -> None:
        seen.append("second")
        second.close()

    def close_first() -> None:
        seen.append("first")
        first.close()
        first.call_later(0.02, close_second)

    deadline = threading.Timer(DEADLINE, first.call_soon_threadsafe, (first.stop,))
    deadline.start()
    first.call_soon(close_first)
    first.run()
    deadline.cancel()
    deadline.join()
    assert seen == ["first", "second"]
    close_loop(loop_kind, raw)


def test_a_loop_can_run_again(loop_driver: LoopDriver) -> None:
    seen: list[int] = []
    for number in range(3):
        loop_driver.loop.call_soon(seen.append, number)
        loop_driver.run_until(lambda: seen)
        assert seen.pop() == number


def test_a_loop_waits_for_years_if_it_has_to(loop_driver: LoopDriver) -> None:
    far = loop_driver.loop.call_later(1e9, lambda: None)
    loop_driver.loop.call_soon(loop_driver.loop.call_later, 0.02, loop_driver.loop.stop)
    loop_driver.loop.run()
    nearest = threading.Timer(0.05, loop_driver.loop.call_soon_threadsafe, (loop_driver.loop.stop,))
    nearest.start()
    loop_driver.loop.run()  # with nothing nearer than that
    nearest.join()
    far.cancel()


def test_a_selector_loop_that_was_let_go_of_can_be_taken_up_again() -> None:
    before = len(os.listdir("/dev/fd"))
    loop = SelectorLoop()
    heard: list[bytes] = []
    reader, writer = os.pipe()

    def read() -> None:
        heard.append(os.read(reader, 10))
        loop.remove_reader(reader)

    for _ in range(2):
        loop.add_reader(reader, read)
        os.write(writer, b"x")
        loop.run()
        assert len(os.listdir("/dev/fd")) == before + 2  # nobody uses it: it keeps nothing open
        loop.call_soon_threadsafe(heard.append, b"y")
        loop.run()
    assert heard == [b"x", b"y"] * 2
    os.close(reader)
    os.close(writer)


def test_adapting_what_is_adapted(loop_driver: LoopDriver) -> None:
    again = adapt(loop_driver.loop)
    assert again is loop_driver.loop
    assert adapt(loop_driver.raw) is loop_driver.loop  # one adapter, one count of its users
    again.close()
    again.close()


@pytest.mark.parametrize("thing", [None, 3, "pyuv", object()])
def test_what_is_not_a_loop(thing: Any) -> None:
    with pytest.raises(TypeError, match="not an event loop"):
        adapt(thing)


def test_default_loops() -> None:
    assert isinstance(default_loop("selectors"), SelectorLoop)
    loop = default_loop("asyncio")
    assert hasattr(loop, "run_forever")
    loop.close()
    with pytest.raises(ValueError, match="'twisted'"):
        default_loop("twisted")


def test_the_default_is_pyuv_where_it_is_there() -> None:
    try:
        import pyuv
    except ImportError:
        assert isinstance(default_loop(), SelectorLoop)
        with pytest.raises(ImportError, match=r"docs/pyuv\.md"):
            default_loop("pyuv")
    else:
        assert default_loop() is pyuv.Loop.default_loop()


def test_a_pyuv_loop_keeps_its_own_excepthook() -> None:
    """That of a program that embeds us, and runs the loop itself at other times."""
    pyuv = pytest.importorskip("pyuv")
    raw = pyuv.Loop()
    raw.excepthook = print
    loop = adapt(raw)
    loop.call_soon(loop.close)
    loop.run()
    assert raw.excepthook is print


def test_a_selector_loop_leaves_no_descriptor_open() -> None:
    def descriptors() -> list[str]:
        return os.listdir("/dev/fd")

    before = len(descriptors())
    for _ in range(5):
        loop: Callable[[], None] = SelectorLoop().run
        loop()
    del loop
    assert len(descriptors()) == before


def test_a_selector_loop_that_was_never_run_goes_without_the_collector() -> None:
    before = open_descriptors()
    gc.disable()
    try:
        loop = SelectorLoop()
        del loop
        assert len(os.listdir("/dev/fd")) == before
    finally:
        gc.enable()

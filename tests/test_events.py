"""EventEmitter: who hears what, in which order, and what harms nobody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from conftest import LoopDriver
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.events import EventEmitter
from gaffer_procfile.loop.selector import SelectorLoop


@pytest.fixture
def emitter(loop_driver: LoopDriver) -> Iterator[EventEmitter]:
    emitter = EventEmitter(loop_driver.raw)
    yield emitter
    emitter.close()


class Heard:
    """A listener that keeps its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def __call__(self, evtype: str, *args: object, **kwargs: object) -> None:
        self.calls.append((evtype, *args, *sorted(kwargs.items())))


def flush(driver: LoopDriver) -> None:
    """Run what is queued, and what that queues in turn."""
    done: list[bool] = []
    driver.loop.call_soon(driver.loop.call_soon, done.append, True)
    driver.run_until(lambda: done)


@pytest.mark.parametrize(
    ("pattern", "evtype", "is_heard"),
    [
        ("exit", "exit", True),
        ("exit", "exits", False),
        ("exit", "proc.web.exit", False),
        ("proc", "proc.web.exit", True),
        ("proc.web", "proc.web.exit", True),
        ("proc.web.exit", "proc.web.exit", True),
        ("proc.web.exit", "proc.web", False),
        ("proc.we", "proc.web.exit", False),
        ("proc.web", "proc.web2.exit", False),
        (".", "exit", True),
        (".", "proc.web.exit", True),
        (".", ".", True),
        ("a", ".a", False),
        ("proc.api:web", "proc.api:web.exit", True),
    ],
)
def test_patterns(
    loop_driver: LoopDriver, emitter: EventEmitter, pattern: str, evtype: str, is_heard: bool
) -> None:
    heard = Heard()
    emitter.subscribe(pattern, heard)
    emitter.publish(evtype, 1, two=2)
    flush(loop_driver)
    assert heard.calls == ([(evtype, 1, ("two", 2))] if is_heard else [])


names = st.text(alphabet="ab:-1", min_size=1, max_size=3)
types = st.lists(names, min_size=1, max_size=4).map(".".join)


@given(pattern=types, evtype=types)
def test_a_pattern_hears_itself_and_what_is_below_it(pattern: str, evtype: str) -> None:
    loop, heard = SelectorLoop(), Heard()
    emitter = EventEmitter(loop)
    emitter.subscribe(pattern, heard)
    emitter.publish(evtype)
    emitter.close()
    loop.run()
    assert bool(heard.calls) == (evtype == pattern or evtype.startswith(pattern + "."))
    assert len(heard.calls) <= 1


def test_listeners_never_run_inside_publish(loop_driver: LoopDriver, emitter: EventEmitter) -> None:
    heard = Heard()
    emitter.subscribe("a", heard)
    emitter.publish("a")
    assert heard.calls == []
    flush(loop_driver)
    assert heard.calls == [("a",)]


def test_order(loop_driver: LoopDriver, emitter: EventEmitter) -> None:
    order: list[str] = []
    for pattern in ("a.b", "a", ".", "a.b"):
        emitter.subscribe(pattern, lambda evtype, pattern=pattern: order.append(pattern + evtype))
    emitter.publish("a.b")
    emitter.publish("a")
    flush(loop_driver)
    assert order == [".a.b", "aa.b", "a.ba.b", "a.ba.b", ".a", "aa"]


def test_two_emitters_of_a_loop_share_its_order(loop_driver: LoopDriver) -> None:
    emitters, heard = [EventEmitter(loop_driver.raw) for _ in range(2)], Heard()
    for emitter in emitters:
        emitter.subscribe("a", heard)
    for number in range(6):
        emitters[number % 2].publish("a", number)
    flush(loop_driver)
    assert [call[1] for call in heard.calls] == list(range(6))
    for emitter in emitters:
        emitter.close()


def test_once_is_once_though_published_twice_at_once(
    loop_driver: LoopDriver, emitter: EventEmitter
) -> None:
    heard = Heard()
    emitter.subscribe_once("a", heard)
    emitter.publish("a", 1)
    emitter.publish("a", 2)
    flush(loop_driver)
    emitter.publish("a", 3)
    flush(loop_driver)
    assert heard.calls == [("a", 1)]


def test_the_same_listener_twice(loop_driver: LoopDriver, emitter: EventEmitter) -> None:
    heard = Heard()
    emitter.subscribe("a", heard)
    emitter.subscribe_once("a", heard)
    emitter.publish("a", 1)
    emitter.publish("a", 2)
    flush(loop_driver)
    assert heard.calls == [("a", 1), ("a", 1), ("a", 2)]


def test_unsubscribe_takes_one_subscription_away(
    loop_driver: LoopDriver, emitter: EventEmitter
) -> None:
    heard, other = Heard(), Heard()
    emitter.subscribe("a", heard)
    emitter.subscribe("a", heard)
    emitter.subscribe("a", other)
    emitter.unsubscribe("a", heard)
    emitter.publish("a")
    flush(loop_driver)
    assert heard.calls == [("a",)]
    assert other.calls == [("a",)]


def test_unsubscribing_what_is_not_there_is_no_error(emitter: EventEmitter) -> None:
    emitter.unsubscribe("a", print)
    emitter.subscribe("a", repr)
    emitter.unsubscribe("a", print)
    emitter.unsubscribe("b", repr)


def test_a_listener_may_subscribe_and_unsubscribe(
    loop_driver: LoopDriver, emitter: EventEmitter
) -> None:
    heard: list[str] = []

    def first(_evtype: str) -> None:
        heard.append("first")
        emitter.unsubscribe("a", first)
        emitter.subscribe("a", late)

    def second(_evtype: str) -> None:
        heard.append("second")

    def late(_evtype: str) -> None:
        heard.append("late")

    emitter.subscribe("a", first)
    emitter.subscribe("a", second)
    emitter.publish("a")
    flush(loop_driver)
    assert heard == ["first", "second"]
    emitter.publish("a")
    flush(loop_driver)
    assert heard == ["first", "second", "second", "late"]


def test_a_listener_that_raises_is_logged_and_harms_nobody(
    loop_driver: LoopDriver, emitter: EventEmitter, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    def fail(_evtype: str) -> None:
        raise LookupError("of the listener")

    emitter.subscribe(".", fail)
    emitter.subscribe("a", fail)
    emitter.subscribe("a", heard)
    with caplog.at_level(logging.ERROR, "gaffer_procfile.events"):
        emitter.publish("a")
        emitter.publish("a")
        flush(loop_driver)
    assert heard.calls == [("a",), ("a",)]
    assert [record.name for record in caplog.records] == ["gaffer_procfile.events"] * 4
    assert "of the listener" in caplog.text


def test_close_delivers_what_is_published_and_takes_nothing_more(loop_driver: LoopDriver) -> None:
    emitter, heard = EventEmitter(loop_driver.raw), Heard()
    emitter.subscribe("a", heard)
    emitter.publish("a", "before")
    emitter.close()
    emitter.close()
    emitter.publish("a", "after")
    flush(loop_driver)
    assert heard.calls == [("a", "before")]


def test_threads(loop_driver: LoopDriver, emitter: EventEmitter) -> None:
    heard, once = Heard(), Heard()
    threads, count = 4, 100
    barrier = threading.Barrier(threads)
    emitter.subscribe("a", heard)
    emitter.subscribe_once("a", once)

    def work(thread: int) -> None:
        mine = Heard()
        barrier.wait()
        for number in range(count):
            emitter.subscribe("a", mine)
            emitter.publish("a", thread, number)
            emitter.unsubscribe("a", mine)

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    loop_driver.run_until(lambda: len(heard.calls) == threads * count)
    for worker in workers:
        worker.join()
    assert len(once.calls) == 1
    for thread in range(threads):
        assert [call[2] for call in heard.calls if call[1] == thread] == list(range(count))

"""Who follows gets all news, however slow he, or another before him, is."""

from __future__ import annotations

import time

from conftest import LoopDriver

from gaffer_procfile.http.feed import TURN, Feed


class Reader:
    """A follower that counts the news it has been served; `cost` is how long that takes, in seconds."""

    def __init__(self, news: list[str], cost: float = 0.0) -> None:
        self.is_behind = True
        self.can_take = True
        self.seen = 0
        self._news = news
        self._cost = cost

    def serve(self) -> None:
        time.sleep(self._cost)
        self.seen = len(self._news)
        self.is_behind = False


def test_nobody_misses_news_for_whom_there_was_no_time(loop_driver: LoopDriver) -> None:
    news: list[str] = []
    feed = Feed(loop_driver.loop)
    readers = [Reader(news, 2 * TURN) for _ in range(3)]
    for reader in readers:
        feed.add(reader)
    for number in range(1, 4):
        news.append("this")
        feed.note()
        loop_driver.run_until(
            lambda number=number: all(reader.seen == number for reader in readers)  # type: ignore[misc]
        )
    feed.close()


def test_who_could_not_take_the_news_is_behind(loop_driver: LoopDriver) -> None:
    news: list[str] = []
    feed = Feed(loop_driver.loop)
    quick, slow = Reader(news), Reader(news)
    feed.add(quick)
    feed.add(slow)
    feed.note()
    loop_driver.run_until(lambda: not slow.is_behind)
    slow.can_take = False
    news.append("this")
    feed.note()
    loop_driver.run_until(lambda: quick.seen == 1)
    assert slow.seen == 0 and slow.is_behind
    feed.close()

"""Restart policies and the back-off."""

from __future__ import annotations

import pytest

from gaffer_procfile.restart import POLICIES, BackOff, RestartHistory, is_restarted


@pytest.mark.parametrize(
    ("exit_status", "term_signal", "restarted_by"),
    [
        (0, 0, {"always"}),
        (1, 0, {"always", "on-failure"}),
        (127, 0, {"always", "on-failure"}),
        (0, 9, {"always", "on-failure"}),
    ],
)
def test_whether(exit_status: int, term_signal: int, restarted_by: set[str]) -> None:
    assert {
        policy for policy in POLICIES if is_restarted(policy, exit_status, term_signal)
    } == restarted_by


def delays(back_off: BackOff, count: int, *, ran: float = 0.0, chance: float = 0.0) -> list[object]:
    """What follows on `count` exits, each after `ran` seconds."""
    history = RestartHistory(back_off, lambda: chance)
    found: list[object] = []
    now = 0.0
    for _ in range(count):
        now += ran
        delay = history.add(now, ran)
        found.append(delay)
        now += delay or 0.0
    return found


def test_each_wait_is_longer_up_to_the_cap() -> None:
    back_off = BackOff(first=0.5, factor=2, cap=5, attempts=100)
    assert delays(back_off, 6) == [0.5, 1, 2, 4, 5, 5]


def test_jitter_is_a_share_of_the_wait() -> None:
    back_off = BackOff(first=1, factor=2, cap=4, jitter=0.5, attempts=100)
    assert delays(back_off, 4, chance=1.0) == [1.5, 3, 6, 6]
    assert delays(back_off, 3, chance=0.5) == [1.25, 2.5, 5]


def test_by_itself_the_jitter_is_at_random() -> None:
    found = {RestartHistory(BackOff(first=1, jitter=0.1)).add(0, 0) for _ in range(20)}
    assert len(found) > 1
    assert all(isinstance(delay, float) and 1 <= delay <= 1.1 for delay in found)


def test_too_many_in_the_window() -> None:
    back_off = BackOff(first=1, factor=1, attempts=3, window=100)
    assert delays(back_off, 4) == [1, 1, 1, None]


@pytest.mark.parametrize(("window", "last"), [(3, None), (2.9, 1)])
def test_the_window_slides(window: float, last: float | None) -> None:
    """The exits are at 0, 1, 2 and 3 s."""
    back_off = BackOff(first=1, factor=1, attempts=3, window=window)
    assert delays(back_off, 4)[-1] == last


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_by_the_defaults_it_is_given_up_on_within_two_minutes(chance: float) -> None:
    found = delays(BackOff(), 11, chance=chance)
    jitter = 1 + 0.1 * chance
    assert found == [
        *(delay * jitter for delay in (0.5, 1, 2, 4, 8, 10, 10, 10, 10, 10)), None,
    ]  # fmt: skip


def test_a_quiet_time_forgives() -> None:
    back_off = BackOff(first=1, factor=2, cap=50, quiet=10, attempts=3, window=1000)
    history = RestartHistory(back_off, lambda: 0.0)
    assert [history.add(now, 0) for now in (0, 1, 2)] == [1, 2, 4]
    assert history.add(20, ran=9.9) is None
    history = RestartHistory(back_off, lambda: 0.0)
    assert [history.add(now, 0) for now in (0, 1, 2)] == [1, 2, 4]
    assert [history.add(20, ran=10), history.add(21, 0), history.add(22, 0)] == [1, 2, 4]
    assert history.add(23, 0) is None

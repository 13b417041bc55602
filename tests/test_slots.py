"""The table of a slot's states and moves."""

from __future__ import annotations

import pytest

from gaffer_procfile import slots
from gaffer_procfile.slots import MOVES, Slot

STATES = {
    slots.PENDING, slots.STARTING, slots.RUNNING, slots.STOPPING, slots.BACKING_OFF,
    slots.STOPPED, slots.EXITED, slots.FAILED, slots.GAVE_UP, slots.REMOVED,
}  # fmt: skip
EVENTS = {"spawn", "stop_pid", "reap", "exit", None}


def slot_in(state: str) -> Slot:
    slot = Slot(1, None)
    slot.state = state
    return slot


@pytest.mark.parametrize("before", sorted(STATES))
@pytest.mark.parametrize("after", sorted(STATES))
def test_the_moves_of_the_table_and_no_others(before: str, after: str) -> None:
    for event in EVENTS:
        slot = slot_in(before)
        if event in MOVES.get((before, after), ()):
            slot.move(after, event)
            assert slot.state == after
        else:
            with pytest.raises(RuntimeError, match=f"{before}.*can't become {after}"):
                slot.move(after, event)
            assert slot.state == before


def test_every_state_is_reached_and_left() -> None:
    assert {before for before, _ in MOVES} == STATES - {slots.REMOVED}
    assert {after for _, after in MOVES} == STATES


def test_only_known_events_are_told() -> None:
    assert {event for events in MOVES.values() for event in events} == EVENTS

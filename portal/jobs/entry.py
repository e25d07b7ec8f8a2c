"""The entry point of the worker's jobs: the name of a sweep, and which of its items."""

from portal import clock
from portal.jobs import schedule, travel
from portal.transaction import assert_outside

BY_NAME = {sweep.name: sweep.item for sweep in schedule.SWEEPS} | {travel.NAME: travel.go_on}


def perform(name: str, subject_id: int) -> None:
    """Do one item, with the clock read anew."""
    assert_outside()
    clock.forget()
    BY_NAME[name](subject_id)

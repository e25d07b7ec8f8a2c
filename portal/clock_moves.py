"""Sending the sandbox clock ahead. A worker moves it there, doing on the way what falls due."""

from datetime import datetime

from portal import clock, queue
from portal.transaction import transaction

# The name under which a worker is asked to go on.
NAME = "travel"


def set_out(target_at: datetime) -> bool:
    """Have the clock moved to `target_at` by a worker; False when it is moving already.

    Raises ValueError when that is not ahead.
    """
    with transaction():
        state = clock.state()
        if state.target_at is not None:
            return False
        if target_at <= clock.now():
            raise ValueError("the clock moves forward only")
        state.target_at = target_at
    queue.hand_out(NAME, 1)
    return True

"""The scheduler process: asks every second what is due, and hands it to the workers.

Several may run: an item handed out twice is done once. While the sandbox clock is moving, the
worker that moves it does what is due, in order.
"""

import signal
import threading

from flask import current_app

from portal import clock, queue
from portal.extensions import db
from portal.jobs import schedule, travel
from portal.transaction import transaction

EVERY_SECONDS = 1.0


def run() -> None:
    """Tick until told to stop by SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        try:
            try:
                tick()
            finally:
                db.session.remove()
        except Exception:
            current_app.logger.exception("a tick failed; the next one comes in a second")
        stop.wait(EVERY_SECONDS)


def tick() -> int:
    """Hand out what is due now; returns how many items there were.

    Where the clock went back, the scheduler hands nothing out until that is mended; what people
    start on pages goes on.
    """
    clock.forget()
    try:
        with transaction():
            clock.note_passing()
            moving = travel.is_moving()
    except clock.ClockWentBack as problem:
        current_app.logger.critical("the clock went back: %s; nothing is handed out", problem)
        return 0
    if moving:
        queue.hand_out(travel.NAME, 1)
        return 1
    return schedule.hand_out_due(queue.hand_out)

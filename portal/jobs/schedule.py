"""Everything that falls due, as one list to read aloud.

A sweep says which of its items are due *now*, from the rows; nothing is done because it is a
certain hour, so nothing is missed by a worker that was away. An item locks, checks again that it
is due, and does one operation. Mails come before money.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from portal import clock
from portal.billing.renewals import SWEEP as RENEWALS
from portal.extensions import db
from portal.jobs import limit_checks, outbox_items, overages, renewals, upkeep
from portal.outbox import SWEEP as OUTBOX


@dataclass(frozen=True)
class Sweep:
    """`due(session, now)` gives ids; `item(id)` does one; `next_at` is when the next falls due."""

    name: str
    due: Callable[[Session, datetime], Iterable[int]]
    item: Callable[[int], Any]
    next_at: Callable[[Session, datetime], datetime | None]
    why: str


SWEEPS = (
    Sweep(OUTBOX, outbox_items.due, outbox_items.perform, outbox_items.next_at,
          "emails, payments, refunds, PDFs, files of invoices, ends of documents, gateways' news"),
    Sweep("limit-checks", limit_checks.due, limit_checks.check, limit_checks.next_at,
          "once a day, open an episode for each account that is over a limit"),
    Sweep("overages", overages.due, overages.step, overages.next_at,
          "the next step of each open episode: a warning, or the upgrade"),
    Sweep(RENEWALS, renewals.due, renewals.renew, renewals.next_at,
          "charge the next cycle where one has ended"),
    Sweep("upkeep", upkeep.due, upkeep.tidy, upkeep.next_at,
          "once a day, remove what is past its time: what was deleted, documents of ended plans,"
          " sign-ins, files of invoices; and bytes in the store that no row names"),
)  # fmt: skip
# A sweep that finds the same work for ever is a defect; it must not spin.
MOST_ROUNDS = 200


def hand_out_due(hand_out: Callable[[str, int], object]) -> int:
    """Give every due item to `hand_out(sweep, id)`; returns how many there were."""
    now = clock.now()
    found = [(sweep.name, item) for sweep in SWEEPS for item in sweep.due(db.session(), now)]
    db.session.rollback()
    for name, item in found:
        hand_out(name, item)
    return len(found)


def run_due(
    sweeps: Sequence[Sweep] | None = None,
    *,
    attempt: Callable[[Sweep, int], bool] | None = None,
) -> int:
    """Do what is due, here and now, until nothing is; returns how many items were done.

    An item that fails is left for the next run and does not stop the others. `attempt` does one
    in another way: it says whether the item was done, and what it raises ends the run.
    """
    sweeps, attempt = sweeps or SWEEPS, attempt or _try
    done, failed = 0, set[tuple[str, int]]()
    for _round in range(MOST_ROUNDS):
        before = done
        for sweep in sweeps:
            clock.forget()
            items = list(sweep.due(db.session(), clock.now()))
            for item in items:
                if (sweep.name, item) in failed:
                    continue
                if attempt(sweep, item):
                    done += 1
                else:
                    failed.add((sweep.name, item))
        if done == before:
            return done
    current_app.logger.error("work is found due again and again; stopped after %d items", done)
    return done


def next_at(sweeps: Sequence[Sweep] | None = None) -> datetime | None:
    """When the next thing falls due, at any account; None when nothing ever will."""
    now = clock.now()
    instants = [sweep.next_at(db.session(), now) for sweep in sweeps or SWEEPS]
    return min((instant for instant in instants if instant), default=None)


def _try(sweep: Sweep, item: int) -> bool:
    clock.forget()
    try:
        sweep.item(item)
    except Exception:
        db.session.rollback()
        current_app.logger.exception("%s %s failed", sweep.name, item)
        return False
    return True

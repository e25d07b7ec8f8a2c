"""The last look before money moves: what no rule should ever lead to is refused and looked at.

An invoice beyond the bounds is not issued: the transaction that would have issued it rolls back,
and the account is parked, so that nothing is charged by itself until a person has looked. When
automatic charges of all accounts pile up in a way they never did, automatic charging stops.
"""

from datetime import date, datetime, timedelta
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit import SYSTEM, Actor, record
from portal.billing.rules import describe
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.invoicing import InvoiceDraft
from portal.billing.rules.money import Money
from portal.language import gettext as _
from portal.mail import notices
from portal.models import Account, ChargingDay, ChargingStop, Invoice, InvoiceReason, Price

AUTOMATIC = (InvoiceReason.RENEWAL, InvoiceReason.AUTO_UPGRADE)
DAY = timedelta(days=1)
# No account is charged by itself more often than this within 24 hours.
MOST_AUTOMATIC = 3
# No invoice is larger than this many times the dearest plan.
TIMES_DEAREST = 2
# All accounts together: so many times the usual day, measured over so many days.
TIMES_USUAL, USUAL_DAYS = 3, 30


class OutOfBounds(RuleBroken):
    """An invoice was about to be issued that no rule should lead to; nothing was issued."""

    def __init__(self, reason: str, told: str) -> None:
        """`reason` is what is kept, in English, `told` the same in the language spoken now."""
        super().__init__(
            _("This needs the vendor's look before it can be charged: %(reason)s.", reason=told)
        )
        self.reason = reason


def check(
    session: Session, account: Account, draft: InvoiceDraft, reason: InvoiceReason, *, now: datetime
) -> None:
    """Raise OutOfBounds for an invoice that is too large, or one automatic charge too many."""
    dearest, automatic = _known(session, account, draft.currency, now)
    if draft.total - draft.tax > dearest * TIMES_DEAREST:
        kept = describe.kept_money(draft.total)
        raise OutOfBounds(
            f"{kept} is more than {TIMES_DEAREST} times the dearest plan",
            _(
                "%(amount)s is more than %(times)s times the dearest plan",
                amount=describe.money(draft.total),
                times=TIMES_DEAREST,
            ),
        )
    if reason in AUTOMATIC and automatic >= MOST_AUTOMATIC:
        raise OutOfBounds(
            f"more than {MOST_AUTOMATIC} automatic charges within 24 hours",
            _("more than %(most)s automatic charges within 24 hours", most=MOST_AUTOMATIC),
        )


def park(session: Session, account: Account, reason: str, *, now: datetime) -> None:
    """Charge this account nothing by itself until a person has looked; tell the vendor."""
    account.parked_at = now
    account.parked_reason = reason
    record(session, account, "account.parked", at=now, actor=SYSTEM, reason=reason)
    notices.vendor_told(
        session,
        account,
        subject=f"{account.name} is parked: nothing is charged until you look",
        text=f"A charge was stopped before it was made: {reason}.\n\n"
        "Nothing was invoiced and nothing is charged by itself until you release the account"
        " with: flask charging release",
        now=now,
    )


def release(session: Session, account: Account, *, now: datetime, actor: Actor) -> bool:
    """Let the account be charged again; False where it isn't parked. It must be locked."""
    if account.parked_at is None:
        return False
    account.parked_at = account.parked_reason = None
    record(session, account, "account.released", at=now, actor=actor)
    return True


def running_stop(session: Session) -> ChargingStop | None:
    """The stop of all automatic charging, if there is one."""
    statement = select(ChargingStop).where(ChargingStop.released_at.is_(None))
    return session.scalars(statement).one_or_none()


def resume(session: Session, *, now: datetime) -> bool:
    """Let automatic charging go on; False where it doesn't stand still."""
    stop = running_stop(session)
    if stop is None:
        return False
    stop.released_at = now
    return True


def stop_if_unusual(session: Session, *, floor: int, now: datetime) -> ChargingStop | None:
    """Stop automatic charging when a day (UTC) sees far more charges than usual.

    The most that is usual is the larger of `floor` and three times the median of the 30 days
    before. A stop that was released within 24 hours is not repeated: a person has looked. To be
    asked in the transaction that has issued an invoice: whoever issues waits for it, so that what
    is counted is complete.
    """
    charged = _charged_on(session, now.date())
    if charged <= floor:
        return None
    most = max(floor, TIMES_USUAL * _usual(session, now.date()))
    if charged <= most or _released_since(session, now - DAY):
        return None
    reason = f"{charged} automatic charges in one day, where at most {most} are usual"
    stop = ChargingStop(stopped_at=now, reason=reason)
    session.add(stop)
    session.flush()
    notices.vendor_told(
        session,
        None,
        subject="Automatic charging has stopped",
        text=f"{reason}.\n\nNo renewal and no automatic upgrade is charged until you release it"
        " with: flask charging resume",
        now=now,
    )
    return stop


def _known(session: Session, account: Account, currency: str, now: datetime) -> tuple[Money, int]:
    """The dearest plan ever sold in a currency, and how often the account was charged by itself
    within the last 24 hours: in one question."""
    dearest = select(func.max(Price.amount_minor)).where(Price.currency == currency)
    automatic = select(func.count(Invoice.id)).where(
        Invoice.account_id == account.id,
        Invoice.reason.in_(AUTOMATIC),
        Invoice.original_id.is_(None),
        Invoice.issued_at > now - DAY,
    )
    row = session.execute(select(dearest.scalar_subquery(), automatic.scalar_subquery())).one()
    return Money(row[0] or 0, currency), row[1]


def _charged_on(session: Session, day: date) -> int:
    """The automatic charges of a day so far. Only what came since the last look is counted: a day
    may see a hundred thousand."""
    last = session.scalars(select(ChargingDay).order_by(ChargingDay.day.desc()).limit(1)).first()
    issued = select(Invoice.id, Invoice.issued_at).where(
        Invoice.reason.in_(AUTOMATIC),
        Invoice.original_id.is_(None),
        Invoice.id > (last.counted_to_id if last else 0),
    )
    for invoice_id, issued_at in session.execute(issued.order_by(Invoice.id)):
        row = session.get(ChargingDay, issued_at.date())
        if row is None:
            row = ChargingDay(day=issued_at.date(), charges=0)
            session.add(row)
        row.charges += 1
        row.counted_to_id = invoice_id
    session.flush()
    counted = session.get(ChargingDay, day)
    return counted.charges if counted else 0


def _usual(session: Session, today: date) -> int:
    """The median number of automatic charges a day, over the days before today."""
    since = today - DAY * USUAL_DAYS
    statement = select(ChargingDay.charges).where(ChargingDay.day >= since, ChargingDay.day < today)
    charges = list(session.scalars(statement))
    return int(median(charges + [0] * (USUAL_DAYS - len(charges))))


def _released_since(session: Session, at: datetime) -> bool:
    statement = select(ChargingStop.id).where(ChargingStop.released_at > at).limit(1)
    return session.scalars(statement).first() is not None

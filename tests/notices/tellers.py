"""What tells people something by email, each with the rows of an account that it needs."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing import price_list, projections
from portal.billing.invoice_addresses import QUESTION
from portal.billing.rules.counting import Fit, Level, Metric, Shortfall
from portal.billing.rules.money import Money
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.roles import Role
from portal.billing.rules.terms import Item
from portal.extensions import db
from portal.mail import (
    correction_notices,
    credit_notices,
    episode_notices,
    notices,
    payment_notices,
    readers,
    usage_notices,
)
from portal.mail.episode_notices import Because
from portal.mail.notices import Message
from portal.mail.payment_notices import Failure
from portal.models import (
    Account,
    ClimbAlert,
    CreditNote,
    Episode,
    Invitation,
    Invoice,
    InvoiceReason,
    Notice,
    Payment,
    PlanChange,
    Refund,
    Usage,
    User,
)
from tests.cast import Cast
from tests.taking_back_stories import running

LINK = "http://127.0.0.1:8000/invitations/" + "x" * 60
COUNTS = {Metric.SEATS: 10, Metric.CLIENTS: 300, Metric.STORAGE: 5 * 10**9}
SHARES = {Level.NEAR: 85, Level.FULL: 100, Level.OVER: 120}
Told = Notice | list[Notice]
Tellers = Iterator[tuple[str, Callable[[Session, Account], Told]]]


def tellers(cast: Cast, now: datetime) -> Tellers:
    """What is told, and how: called with a session and the account, it writes the email."""
    yield from _of_people(now)
    yield from _of_plans(cast, now)
    yield from _of_payments(now)
    yield from _of_papers(now)
    yield from _of_episodes(cast, now)
    for metric, level in product(COUNTS, SHARES):
        yield f"climbed to {level}, {metric}", _climbed(metric, level, now)


def _of_people(now: datetime) -> Tellers:
    for role in Role:
        yield (
            f"invited as {role}",
            lambda session, account, role=role: notices.invited(
                session, _invitation(session, account, role, now), LINK, now=now
            ),
        )
    yield (
        "password reset",
        lambda session, account: notices.password_reset(
            session, _admin(session, account), LINK, now=now
        ),
    )
    yield (
        "invoice address",
        lambda session, account: notices.write(
            session,
            Message(QUESTION, account, {}),
            [readers.Person("books@example.com", "", is_listed=True)],
            now=now,
        ),
    )


def _of_plans(cast: Cast, now: datetime) -> Tellers:
    misfit = Fit((Shortfall(Metric.SEATS, 11, 5), Shortfall(Metric.STORAGE, 3 * 10**9, 2 * 10**9)))
    smaller = cast.price("standard", "5-users")
    yield (
        "downgrade not made",
        lambda session, account: notices.downgrade_not_made(
            session,
            account,
            PlanChange(from_price=running(account).price, to_price=session.merge(smaller)),
            misfit,
            now=now,
        ),
    )
    yield (
        "add-ons not removed",
        lambda session, account: notices.add_ons_not_removed(
            session, account, _add_ons(account), misfit, now=now
        ),
    )
    yield (
        "cancelled",
        lambda session, account: notices.cancelled(session, account, running(account), now=now),
    )
    yield (
        "ended",
        lambda session, account: notices.subscription_ended(
            session, account, running(account), now=now
        ),
    )
    for count in (1, 1200):
        leaving = {
            "ended_at": now,
            "leave_at": now + timedelta(days=30),
            "count": count,
            "size": count * 10**6,
        }
        yield (
            f"{count} documents leave",
            lambda session, account, facts=leaving: notices.documents_leave(
                session, account, facts, now=now
            ),
        )


def _of_payments(now: datetime) -> Tellers:
    later = now + timedelta(days=3)
    kinds: dict[str, dict[str, Any]] = {
        "tried again": {"next_try_at": later},
        "last time": {"plan_ended": True},
    }
    for key, more in kinds.items():
        yield (
            f"payment failed, {key}",
            lambda session, account, more=more: payment_notices.failed(
                session, account, _failure(session, account, **more), now=now
            ),
        )
        yield (
            f"transfer missing, {key}",
            lambda session, account, more=more: payment_notices.transfer_missing(
                session,
                account,
                _failure(session, account, **more),
                _payment(session, account),
                now=now,
            ),
        )
        yield (
            f"payment failed, billing contact, {key}",
            lambda session, account, more=more: payment_notices.failed(
                session, account, _failure(session, account, **more), now=now
            )[-1:],
        )
    for next_at in (None, later):
        yield (
            f"upgrade not paid, {next_at}",
            lambda session, account, next_at=next_at: payment_notices.failed(
                session, account, _unpaid_upgrade(session, account, next_at), now=now
            ),
        )


def _of_papers(now: datetime) -> Tellers:
    for asker, find in product(("", "Carl"), (_first_invoice, _note)):
        yield (
            f"sent again, {find.__name__}, {asker}",
            lambda session, account, asker=asker, find=find: notices.sent_again(
                session,
                find(session, account),
                readers.person_of(_admin(session, account)),
                asker,
                now=now,
            ),
        )
    yield (
        "invoice to an address",
        lambda session, account: notices.sent_again(
            session,
            _first_invoice(session, account),
            readers.Person("books@example.com", "", is_listed=True),
            "Carl",
            now=now,
        ),
    )
    yield (
        "refund sent",
        lambda session, account: credit_notices.refund_sent(
            session, account, _refund(session, account), now=now
        ),
    )
    yield (
        "refund declined",
        lambda session, account: credit_notices.refund_declined(
            session, account, _refund(session, account), now=now
        )[1:],
    )
    yield (
        "voided",
        lambda session, account: correction_notices.voided(
            session, _note(session, account), now=now
        ),
    )
    yield (
        "issued again",
        lambda session, account: correction_notices.reissued(
            session, _first_invoice(session, account), _note(session, account), now=now
        ),
    )


def _of_episodes(cast: Cast, now: datetime) -> Tellers:
    yield (
        "all clear",
        lambda session, account: episode_notices.all_clear(
            session, _episode(session, account), _usage(account, 11), now=now
        ),
    )
    for because in Because:
        yield (
            f"called off, {because}",
            lambda session, account, because=because: episode_notices.called_off(
                session, _episode(session, account), because, now=now
            ),
        )
    yield (
        "warned without a larger plan",
        lambda session, account: episode_notices.warning(
            session, _episode(session, account).warnings[0], quote=None, now=now
        ),
    )
    for reason, is_quoted in product((None, "Asked for."), (True, False)):
        yield (
            f"moved, {reason}, {is_quoted}",
            lambda session, account, reason=reason, is_quoted=is_quoted: _moved(
                session, account, reason, _quote(cast, account, now) if is_quoted else None, now
            ),
        )


def _climbed(metric: Metric, level: Level, now: datetime) -> Callable[[Session, Account], Told]:
    limit = COUNTS[metric]
    return lambda session, account: usage_notices.climbed(
        session,
        account,
        ClimbAlert(
            metric=metric, level=level, used=limit * SHARES[level] // 100, limit_value=limit
        ),
        plan="Standard, 10 users",
        now=now,
    )


def _moved(
    session: Session, account: Account, reason: str | None, quote: Quote | None, now: datetime
) -> list[Notice]:
    episode = _episode(session, account)
    episode.extended_reason, episode.extended_to = reason, now + timedelta(days=7)
    return episode_notices.deadline_moved(session, episode, quote=quote, now=now)


def _quote(cast: Cast, account: Account, now: datetime) -> Quote:
    return projections.quote_at(
        db.session(),
        db.session.get_one(Account, account.id),
        running(account),
        cast.price("standard", "20-users"),
        now + timedelta(days=5),
    )


def _invitation(session: Session, account: Account, role: Role, now: datetime) -> Invitation:
    invitation = Invitation(
        account_id=account.id,
        email=f"{role}@example.com",
        role=role,
        token_sha256=f"{account.id}-{role}",
        invited_by_id=_admin(session, account).id,
        created_at=now,
        expires_at=now + timedelta(days=7),
    )
    session.add(invitation)
    session.flush()
    return invitation


def _failure(session: Session, account: Account, **more: Any) -> Failure:
    invoice = _first_invoice(session, account)
    return Failure(Money(10000, "USD"), "The payment was declined.", invoice=invoice, **more)


def _unpaid_upgrade(session: Session, account: Account, next_at: datetime | None) -> Failure:
    return Failure(
        Money(10000, "USD"),
        "The payment was declined.",
        upgrade_to="Standard, 20 users",
        episode=_episode(session, account),
        next_try_at=next_at,
    )


def _add_ons(account: Account) -> list[Item]:
    rows = running(account).add_ons
    return [Item(price_list.add_on_terms(row.price), row.quantity) for row in rows]


def _admin(session: Session, account: Account) -> User:
    found = notices.people(session, account, Role.ADMIN)[0]
    return session.get_one(User, found.user_id)


def _first_invoice(session: Session, account: Account) -> Invoice:
    statement = select(Invoice).where(
        Invoice.account_id == account.id, Invoice.reason == InvoiceReason.INITIAL
    )
    return session.scalars(statement).one()


def _note(session: Session, account: Account) -> CreditNote:
    return session.scalars(select(CreditNote).where(CreditNote.account_id == account.id)).one()


def _refund(session: Session, account: Account) -> Refund:
    note = _note(session, account)
    refund = session.scalars(select(Refund).where(Refund.credit_note_id == note.id)).one()
    refund.failure = "The card was cancelled."
    return refund


def _payment(session: Session, account: Account) -> Payment:
    statement = select(Payment).where(Payment.account_id == account.id).order_by(Payment.id)
    return session.scalars(statement.limit(1)).one()


def _episode(session: Session, account: Account) -> Episode:
    return session.scalars(select(Episode).where(Episode.account_id == account.id)).one()


def _usage(account: Account, used: int) -> Usage:
    return Usage(account_id=account.id, metric=Metric.SEATS, used=used, limit_value=11)

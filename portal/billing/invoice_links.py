"""Links by which somebody who doesn't sign in sees one invoice, until a date.

Only the hash of a link's secret is kept, so it can be shown once and never again. A link is worth
no more than who made it may see: it ends when they leave.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, select, update
from sqlalchemy.orm import Session, joinedload

from portal import tokens
from portal.audit import Actor, record
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.roles import Role
from portal.language import gettext as _
from portal.models import Account, Invoice, InvoiceLink, Membership, User

DAYS = (7, 30, 90)
LIVE_AT_MOST = 10


class LinkRefused(RuleBroken):
    """A link that isn't made; `str()` says why and what to do."""


def make(
    session: Session,
    account: Account,
    invoice: Invoice,
    token: str,
    days: int,
    *,
    now: datetime,
    actor: Actor,
) -> InvoiceLink:
    """Let whoever has `token` see the invoice for so many days; the account must be locked. The
    same token again is the link there is, while it works. Raises LinkRefused."""
    sha256 = tokens.hash_of(token)
    made_before = session.scalars(
        select(InvoiceLink).where(
            InvoiceLink.account_id == account.id, InvoiceLink.token_sha256 == sha256
        )
    ).one_or_none()
    if made_before is not None:
        _refuse_over(made_before, now)
        return made_before
    _refuse_who_left(session, account, actor)
    _check(session, invoice, days, now)
    link = InvoiceLink(
        account_id=account.id,
        invoice_id=invoice.id,
        token_sha256=sha256,
        made_by_id=actor.user_id,
        made_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(link)
    session.flush()
    facts = {"invoice": invoice.number_text, "until": link.expires_at.isoformat()}
    record(session, account, "invoice_link.made", at=now, actor=actor, **facts)
    return link


def withdraw(
    session: Session, account: Account, link: InvoiceLink, *, now: datetime, actor: Actor
) -> None:
    """Nobody gets in by it any more; the account must be locked. Twice is once."""
    session.refresh(link)
    if link.withdrawn_at is None and link.expires_at > now:
        _withdraw(session, account, link, now=now, actor=actor)


def withdraw_all(session: Session, account: Account, *, now: datetime, actor: Actor) -> int:
    """Nobody gets in by any link of the account, which must be locked; returns how many ended."""
    links = session.scalars(_of_account(account.id, now)).all()
    for link in links:
        _withdraw(session, account, link, now=now, actor=actor)
    return len(links)


def end_those_of(
    session: Session, account: Account, maker: User, *, now: datetime, actor: Actor
) -> None:
    """Somebody sees no invoices any more, and nobody by a link of theirs; the account must be
    locked."""
    made = _of_account(account.id, now).where(InvoiceLink.made_by_id == maker.id)
    for link in session.scalars(made).all():
        _withdraw(session, account, link, now=now, actor=actor, left=maker.name)


def of_account(
    session: Session, account_id: int, *, now: datetime, limit: int, offset: int
) -> list[InvoiceLink]:
    """The links that lead to any invoice of the account now, newest first."""
    statement = _of_account(account_id, now).limit(limit).offset(offset)
    return list(session.scalars(statement))


def count_of_account(session: Session, account_id: int, *, now: datetime) -> int:
    """How many links lead to invoices of the account now."""
    statement = select(func.count()).where(InvoiceLink.account_id == account_id, _is_live(now))
    return session.execute(statement).scalar_one()


def live(session: Session, invoice: Invoice, *, now: datetime) -> list[InvoiceLink]:
    """The links that lead to the invoice now, newest first."""
    statement = (
        select(InvoiceLink)
        .options(joinedload(InvoiceLink.made_by))
        .where(InvoiceLink.invoice_id == invoice.id, _is_live(now))
        .order_by(InvoiceLink.id.desc())
    )
    return list(session.scalars(statement))


def find(session: Session, token: str, *, now: datetime) -> InvoiceLink | None:
    """The link whose secret this is; None of one that is over, withdrawn or never was."""
    statement = select(InvoiceLink).where(
        InvoiceLink.token_sha256 == tokens.hash_of(token), _is_live(now)
    )
    return session.scalars(statement).one_or_none()


def count_opening(session: Session, link_id: int, *, now: datetime) -> None:
    """Somebody opened the page of a link."""
    session.execute(
        update(InvoiceLink)
        .where(InvoiceLink.id == link_id)
        .values(opened=InvoiceLink.opened + 1, last_opened_at=now)
    )


def _refuse_over(link: InvoiceLink, now: datetime) -> None:
    if link.withdrawn_at is not None or link.expires_at <= now:
        raise LinkRefused(_("The link of this form works no more. Make another."))


def _refuse_who_left(session: Session, account: Account, actor: Actor) -> None:
    """Who makes it was let in before the account was locked, and may have left since: then the
    links they had are ended, and this one would not be."""
    statement = select(Membership.id).where(
        Membership.account_id == account.id,
        Membership.user_id == actor.user_id,
        Membership.role.in_((Role.ADMIN, Role.BILLING)),
        Membership.deactivated_at.is_(None),
    )
    if session.scalars(statement).first() is None:
        raise LinkRefused(_("You don't see this account's invoices any more."))


def _check(session: Session, invoice: Invoice, days: int, now: datetime) -> None:
    if days not in DAYS:
        raise LinkRefused(_("Choose for how long the link is to work."))
    statement = select(func.count()).where(InvoiceLink.invoice_id == invoice.id, _is_live(now))
    if session.execute(statement).scalar_one() >= LIVE_AT_MOST:
        raise LinkRefused(
            _(
                "%(num)s links to this invoice work already. Withdraw one, then make another.",
                num=LIVE_AT_MOST,
            )
        )


def _of_account(account_id: int, now: datetime) -> Select[InvoiceLink]:
    return (
        select(InvoiceLink)
        .options(joinedload(InvoiceLink.made_by), joinedload(InvoiceLink.invoice))
        .where(InvoiceLink.account_id == account_id, _is_live(now))
        .order_by(InvoiceLink.id.desc())
    )


def _withdraw(
    session: Session,
    account: Account,
    link: InvoiceLink,
    *,
    now: datetime,
    actor: Actor,
    **facts: str,
) -> None:
    link.withdrawn_at = now
    kept = {"invoice": link.invoice.number_text, "opened": link.opened, **facts}
    record(session, account, "invoice_link.withdrawn", at=now, actor=actor, **kept)


def _is_live(now: datetime) -> ColumnElement[bool]:
    return and_(InvoiceLink.withdrawn_at.is_(None), InvoiceLink.expires_at > now)

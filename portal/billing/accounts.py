"""Opening an account, and the lock that every command on it takes first."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.audit import Actor, record
from portal.billing import usage
from portal.billing.rules.counting import BUILT_IN_STATUSES, status_name_key
from portal.language import ENGLISH
from portal.models import Account, BillingDetails, ClientStatus


def lock(session: Session, account_id: int) -> Account:
    """The account's row, locked until the transaction ends.

    Every command begins here, so commands on one account run one after the other: counts,
    audit chain and plan changes need no other lock. Raises NoResultFound.
    """
    statement = (
        select(Account)
        .where(Account.id == account_id)
        .options(joinedload(Account.billing, innerjoin=True))
        .with_for_update(key_share=True, of=Account)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def open_account(
    session: Session,
    *,
    name: str,
    country: str,
    currency: str,
    time_zone: str,
    tax_id: str = "",
    language: str = ENGLISH,
    now: datetime,
    actor: Actor,
) -> Account:
    """A new account without people, plan or clients, but with its built-in statuses.

    Its invoices are made out to `name` in `country` until its billing details say more.
    """
    account = Account(name=name, currency=currency, time_zone=time_zone, language=language)
    account.created_at = now
    account.audit_length, account.audit_head = 0, "0" * 64
    account.billing = BillingDetails(company=name, country=country, tax_id=tax_id)
    session.add(account)
    session.flush()
    usage.open_for(session, account.id, now=now)
    session.add_all(
        ClientStatus(
            account_id=account.id,
            built_in=status.key,
            name=status.name,
            name_key=status_name_key(status.name),
            position=position,
        )
        for position, status in enumerate(BUILT_IN_STATUSES)
    )
    facts = {"name": name, "country": country, "tax_id": tax_id}
    record(session, account, "account.opened", at=now, actor=actor, **facts)
    return account

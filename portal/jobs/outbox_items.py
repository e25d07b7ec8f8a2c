"""The outbox's items, by kind: an email, a payment, a refund, the PDF of an invoice or of a credit
note, a file of invoices, a document's end, a gateway's news."""

import os
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import client_documents, clock, outbox
from portal.billing import accounts, episode_steps, episode_warnings, invoice_exports
from portal.collecting import collection, gateway_events, repayments
from portal.extensions import db
from portal.mail import enclosures, mailer, readers
from portal.models import (
    Account,
    Episode,
    EpisodeWarning,
    Notice,
    NoticeState,
    OutboxItem,
    OutboxState,
    Work,
)
from portal.papers import handing_out, making, paper_notices
from portal.transaction import transaction

ON_HOLD = timedelta(days=1)


def due(session: Session, now: datetime) -> list[int]:
    return outbox.due(session, now=now, wall=clock.wall_now())


def perform(item_id: int) -> None:
    """Do an item, unless it is done or in other hands."""
    item = db.session.get(OutboxItem, item_id)
    if item is None or item.state is not OutboxState.WAITING:
        return
    if item.work is Work.PAYMENT:
        collection.carry(item_id)
    elif item.work is Work.REFUND:
        repayments.carry(item_id)
    else:
        _under_lease(item_id, HANDLERS[item.work])


def next_at(session: Session, now: datetime) -> datetime | None:
    statement = select(func.min(OutboxItem.next_at)).where(
        OutboxItem.state == OutboxState.WAITING, OutboxItem.next_at > now
    )
    return session.execute(statement).scalar()


def _under_lease(item_id: int, handle: Callable[[int], str | None]) -> None:
    """Claim, handle outside any transaction, settle or put off."""
    owner = f"{os.getpid()}-{secrets.token_hex(8)}"
    with transaction() as session:
        item = outbox.claim(session, item_id, owner=owner, now=clock.now(), wall=clock.wall_now())
        if item is None:
            return
        subject_id = item.subject_id
    try:
        problem = _problem(handle, subject_id)
    except episode_warnings.OnHold:
        _rest(item_id, owner)
        return
    with transaction() as session:
        held = outbox.held(session, item_id, owner=owner)
        if held is None:
            return
        if problem is None:
            outbox.settle(held, at=clock.now())
            return
        outbox.put_off(held, problem, at=clock.now())
        paper_notices.if_given_up(session, held, now=clock.now())
        _give_up_file(session, held)
        warning_id = _put_off_email(session, held, problem)
    if warning_id is not None:
        _go_on_after(warning_id)


def _problem(handle: Callable[[int], str | None], subject_id: int) -> str | None:
    """What kept an item from being done; None when it was."""
    try:
        return handle(subject_id)
    except episode_warnings.OnHold:
        raise
    except Exception as error:
        db.session.rollback()
        return f"{type(error).__name__}: {error}"


def _rest(item_id: int, owner: str) -> None:
    """The release will ask for it again; should it be missed, a day later somebody looks."""
    with transaction() as session:
        held = outbox.held(session, item_id, owner=owner)
        if held is not None:
            outbox.rest(held, until=clock.now() + ON_HOLD)


def _put_off_email(session: Session, item: OutboxItem, problem: str) -> int | None:
    """A warning isn't held up for ever by one mail server: gives the id of the one it is about.

    In the transaction that puts the item off: an email that is given up would else wait for ever.
    """
    if item.work is not Work.NOTICE:
        return None
    notice = session.get_one(Notice, item.subject_id)
    if item.state is OutboxState.DEAD:
        given_up = mailer.Answer(NoticeState.REFUSED, f"{mailer.GIVEN_UP}{problem}")
        mailer.record(session, notice, given_up, now=clock.now())
    else:
        mailer.look_at_warning(session, notice, now=clock.now())
    return notice.warning_id


def _give_up_file(session: Session, item: OutboxItem) -> None:
    """Who asked for a file of invoices is told that it can't be made."""
    if item.work is Work.INVOICE_EXPORT and item.state is OutboxState.DEAD:
        invoice_exports.failed(session, item.subject_id, now=clock.now())


def _deliver(notice_id: int) -> str | None:
    if not _may_still_be_had(notice_id):
        return None
    if not _is_still_to_be_sent(notice_id):
        _go_on_without(notice_id)
        return None
    try:
        enclosures.decide(notice_id, now=clock.now())
        answer = mailer.deliver(notice_id)
    except (enclosures.NotYet, mailer.Retry) as reason:
        return str(reason)
    with transaction() as session:
        notice = session.get_one(Notice, notice_id)
        mailer.record(session, notice, answer, now=clock.now())
        warning_id = notice.warning_id
    if warning_id is not None:
        _go_on_after(warning_id)
    return None


def _may_still_be_had(notice_id: int) -> bool:
    """An invoice that waited for its PDF, or for the mail server, isn't sent to who has left."""
    may = readers.may_have(db.session(), db.session.get_one(Notice, notice_id))
    db.session.rollback()
    if not may:
        withdrawn = mailer.Answer(NoticeState.WITHDRAWN, "")
        with transaction() as session:
            notice = session.get_one(Notice, notice_id)
            mailer.record(session, notice, withdrawn, now=clock.now())
    return may


def _is_still_to_be_sent(notice_id: int) -> bool:
    """An email of an episode that was held up tells the moved date, not the one it was written
    with; one of an episode that is over isn't sent any more."""
    notice = db.session.get_one(Notice, notice_id)
    account_id = notice.account_id
    if notice.episode_id is None or account_id is None:
        return True
    with transaction() as session:
        account = accounts.lock(session, account_id)
        waiting = session.get_one(Notice, notice_id)
        return episode_warnings.before_sending(session, account, waiting, now=clock.now())


def _go_on_without(notice_id: int) -> None:
    """A warning that one isn't sent any more is not held up by them."""
    with transaction() as session:
        notice = session.get_one(Notice, notice_id)
        episode = session.get_one(Episode, notice.episode_id)
        if notice.warning_id is None or not episode.is_open:
            return
        mailer.look_at_warning(session, notice, now=clock.now())
        warning_id = notice.warning_id
    _go_on_after(warning_id)


def _go_on_after(warning_id: int) -> None:
    """The episode's next step depends on when its warning was accepted."""
    with transaction() as session:
        account, warning = _locked_warning(session, warning_id)
        if warning.accepted_at or warning.refused_at:
            episode_steps.step(session, account, warning.episode, now=clock.now())


def _locked_warning(session: Session, warning_id: int) -> tuple[Account, EpisodeWarning]:
    """A warning as it is once its account is locked; who held the lock may have changed it."""
    of_account = select(EpisodeWarning.account_id).where(EpisodeWarning.id == warning_id)
    account = accounts.lock(session, session.execute(of_account).scalar_one())
    return account, session.get_one(EpisodeWarning, warning_id)


def _render(invoice_id: int) -> str | None:
    making.make(invoice_id)
    return None


def _render_credit_note(credit_note_id: int) -> str | None:
    making.make_credit_note(credit_note_id)
    return None


def _remove_document(document_id: int) -> str | None:
    client_documents.remove(document_id)
    return None


HANDLERS: dict[Work, Callable[[int], str | None]] = {
    Work.NOTICE: _deliver,
    Work.INVOICE_PDF: _render,
    Work.CREDIT_NOTE_PDF: _render_credit_note,
    Work.GATEWAY_EVENT: gateway_events.act_on,
    Work.DOCUMENT_REMOVAL: _remove_document,
    Work.INVOICE_EXPORT: handing_out.make,
}

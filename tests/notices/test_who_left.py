"""Invoices that wait for their PDF, or for the mail server, and whom they were written to."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import people
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.jobs import outbox_items, schedule
from portal.models import Notice, NoticeState
from portal.papers import making
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest

Act = Callable[[Cast], None]


@pytest.fixture(autouse=True)
def _quick_pdfs(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda paper: making.Files(paper.number.encode()))
    schedule.run_due()


def leaves(cast: Cast) -> None:
    cast.leave(cast.acme, cast.carol)


def becomes_a_member(cast: Cast) -> None:
    with transaction() as session:
        carol = people.membership_in(session, cast.acme.id, cast.carol.id)
        assert carol is not None
        people.set_role(session, carol, Role.MEMBER, now=cast.clock.now(), actor=SYSTEM)


def becomes_an_admin(cast: Cast) -> None:
    with transaction() as session:
        carol = people.membership_in(session, cast.acme.id, cast.carol.id)
        assert carol is not None
        people.set_role(session, carol, Role.ADMIN, now=cast.clock.now(), actor=SYSTEM)


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (leaves, NoticeState.WITHDRAWN),
        (becomes_a_member, NoticeState.WITHDRAWN),
        (becomes_an_admin, NoticeState.ACCEPTED),
    ],
)
def test_who_sees_no_invoices_any_more_is_sent_none(
    cast: Cast, act: Act, state: NoticeState
) -> None:
    """The PDF is a minute late, and Carol leaves in that minute. Alice gets hers."""
    cast.buy(cast.acme, seat=1)
    invoice_id = newest(cast.acme).id
    act(cast)
    schedule.run_due()
    found = states(invoice_id=invoice_id)
    assert found == {cast.alice.email: NoticeState.ACCEPTED, cast.carol.email: state}


def test_nor_a_credit_note(cast: Cast) -> None:
    note = credit(cast, newest(cast.acme))
    leaves(cast)
    schedule.run_due()
    assert states(credit_note_id=note.id, name="credit_note_issued") == {
        cast.alice.email: NoticeState.ACCEPTED,
        cast.carol.email: NoticeState.WITHDRAWN,
    }


def test_one_that_was_sent_stays_sent(cast: Cast, clock: FixedClock) -> None:
    cast.buy(cast.acme, seat=1)
    schedule.run_due()
    leaves(cast)
    invoice_id = newest(cast.acme).id
    for notice in written(invoice_id=invoice_id):
        outbox_items._deliver(notice.id)
    assert set(states(invoice_id=invoice_id).values()) == {NoticeState.ACCEPTED}


def written(**about: object) -> list[Notice]:
    db.session.rollback()
    return list(db.session.scalars(select(Notice).filter_by(**about)))


def states(**about: object) -> dict[str, NoticeState]:
    return {notice.recipient: notice.state for notice in written(**about)}

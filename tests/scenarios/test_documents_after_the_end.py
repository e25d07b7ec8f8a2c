"""What becomes of documents once a plan has ended: kept for a year, told of, removed.

Acme's plan of 1 March 2026, 09:00 is cancelled and ends on 31 March. So its documents are kept at
least until 31 March 2027, and its Admins are told 30 days before. The nightly work is at 03:00.
"""

from datetime import UTC, datetime, timedelta

import pytest

from portal import client_documents
from portal.billing import clients, document_removal
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.mail import mailer
from portal.models import Account, AuditEntry, Notice, NoticeState
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.credit_stories import emails
from tests.document_stories import Shelf, kept_for, named, stored, work

TOLD_ON = datetime(2027, 3, 2, 4, tzinfo=UTC)
A_YEAR_LATER = datetime(2027, 4, 1, 4, tzinfo=UTC)


@pytest.fixture
def ada(cast: Cast, clock: FixedClock) -> str:
    return ClientList(cast.acme, clock).add("Ada")


@pytest.fixture
def shelf(cast: Cast, clock: FixedClock) -> Shelf:
    return Shelf(cast.acme, clock)


def test_they_are_kept_for_a_year_and_told_of_and_removed(
    cast: Cast, shelf: Shelf, ada: str
) -> None:
    document = shelf.keep(ada, "Contract.pdf")
    shelf.keep(ada, "More.txt", b"x" * 100)
    ended(cast)
    at(cast, TOLD_ON - timedelta(days=1))
    assert told(cast.acme) == []
    row = shelf.row(document)
    assert row is not None
    assert b"".join(client_documents.read(row)) == b"twelve bytes"

    at(cast, TOLD_ON)
    (email,) = told(cast.acme)
    assert email.recipient == cast.alice.email
    assert email.subject == "The documents of Acme are removed on 1 Apr 2027"
    text = " ".join(email.body_text.split())
    for words in (
        "The plan of the account Acme ended on 31 Mar 2026.",
        "the documents of your clients: 2 documents, 112 bytes.",
        "We remove them for good on 1 Apr 2027, not before.",
        "/clients/documents",
    ):
        assert words in text
    at(cast, A_YEAR_LATER - timedelta(days=1))
    assert (len(told(cast.acme)), len(named())) == (1, 2)

    at(cast, A_YEAR_LATER)
    assert (named(), stored(), shelf.used()) == (set(), set(), 0)
    assert removed(cast.acme) == [(2, "112 bytes")]
    assert len(told(cast.acme)) == 1


def test_never_before_a_mail_server_has_accepted_the_email(
    cast: Cast, shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server takes mail until 10 April 2027: they are kept until 10 May."""
    shelf.keep(ada)
    ended(cast)
    with monkeypatch.context() as down:
        down.setattr(mailer, "deliver", no_answer)
        at(cast, TOLD_ON)
        at(cast, A_YEAR_LATER)
        assert [notice.state for notice in told(cast.acme)] == [NoticeState.WAITING]
        assert len(stored()) == 1
    at(cast, datetime(2027, 4, 10, 4, tzinfo=UTC))
    assert [notice.state for notice in told(cast.acme)] == [NoticeState.ACCEPTED]
    at(cast, datetime(2027, 5, 9, 4, tzinfo=UTC))
    assert len(stored()) == 1

    at(cast, datetime(2027, 5, 11, 4, tzinfo=UTC))
    assert stored() == set()


def test_an_email_that_every_server_refused_is_written_again_a_month_later(
    cast: Cast, shelf: Shelf, ada: str
) -> None:
    shelf.keep(ada)
    ended(cast)
    at(cast, TOLD_ON)
    with transaction():
        for notice in told(cast.acme):
            notice.state = NoticeState.REFUSED
    at(cast, TOLD_ON + timedelta(days=29))
    assert (len(told(cast.acme)), len(stored())) == (1, 1)

    at(cast, TOLD_ON + timedelta(days=31))
    assert [notice.state for notice in told(cast.acme)] == [
        NoticeState.REFUSED,
        NoticeState.ACCEPTED,
    ]
    assert len(stored()) == 1


def test_an_account_without_an_admin_keeps_them(cast: Cast, clock: FixedClock) -> None:
    account = cast.account("Silent", "standard", "5-users")
    Shelf(account, clock).keep(ClientList(account, clock).add("Ada"))
    ended(cast, account)
    at(cast, TOLD_ON)
    at(cast, A_YEAR_LATER + timedelta(days=60))
    assert len(stored()) == 1


def test_a_plan_that_runs_again_keeps_them(cast: Cast, shelf: Shelf, ada: str) -> None:
    """Also where it begins between the look for such accounts and the removal; ended once more,
    they are kept for a year from then, and told of anew."""
    shelf.keep(ada)
    ended(cast)
    at(cast, TOLD_ON)
    cast.clock.at = A_YEAR_LATER
    found = document_removal.accounts_ended(
        db.session(), kept_for=timedelta(days=365), now=A_YEAR_LATER
    )
    assert found == [cast.acme.id]
    db.session.rollback()
    cast.subscribe(cast.acme, cast.price("standard", "10-users"))

    with transaction() as session:
        is_more = document_removal.after_the_end(
            session, cast.acme.id, kept_for=timedelta(days=365), now=A_YEAR_LATER
        )
    at(cast, A_YEAR_LATER + timedelta(hours=1))
    assert not is_more
    assert (shelf.used(), len(stored())) == (12, 1)

    ended(cast)
    at(cast, A_YEAR_LATER + timedelta(days=300))
    assert (len(told(cast.acme)), len(stored())) == (1, 1)
    at(cast, A_YEAR_LATER + timedelta(days=370))
    assert (len(told(cast.acme)), len(stored())) == (2, 1)


def test_for_ever_where_the_vendor_says_so(cast: Cast, shelf: Shelf, ada: str) -> None:
    kept_for(0)
    shelf.keep(ada)
    ended(cast)
    at(cast, TOLD_ON + timedelta(days=3650))
    assert (told(cast.acme), len(stored())) == ([], 1)


def test_a_plan_that_runs_is_never_looked_at(cast: Cast, shelf: Shelf, ada: str) -> None:
    shelf.keep(ada)
    at(cast, TOLD_ON)
    assert (told(cast.acme), len(stored())) == ([], 1)


def test_killed_in_between_the_next_night_goes_on(
    cast: Cast, shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five documents, two at a time; the process ends after two of them were let go of."""
    monkeypatch.setattr(document_removal, "AT_ONCE", 2)
    shelf.keep_sizes(ada, (10, 20, 30, 40, 50))
    ended(cast)
    at(cast, TOLD_ON)
    with monkeypatch.context() as patched:
        steps = iter([False, True])
        let_go = document_removal._let_go

        def dies(*args: object) -> None:
            if next(steps):
                raise Killed
            let_go(*args)  # type: ignore[arg-type]

        patched.setattr(document_removal, "_let_go", dies)
        with pytest.raises(Killed):
            at(cast, A_YEAR_LATER)
    db.session.rollback()
    assert removed(cast.acme) == [(2, "30 bytes")]
    assert shelf.used() == 120

    work()
    assert (named(), stored(), shelf.used()) == (set(), set(), 0)
    assert [count for count, _ in removed(cast.acme)] == [2, 2, 1]


def test_documents_of_deleted_clients_go_a_few_at_a_time(
    cast: Cast, clock: FixedClock, shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """count.delete-undo: five documents, two in each transaction, then the client."""
    monkeypatch.setattr(document_removal, "AT_ONCE", 2)
    shelf.keep_sizes(ada, (1, 2, 3, 4, 5))
    ClientList(cast.acme, clock).do(clients.delete, ada)
    at(cast, clock.at + timedelta(days=31))

    assert (named(), stored(), shelf.used()) == (set(), set(), 0)
    entries = trail(cast.acme, "clients.removed")
    assert [(entry.details["count"], entry.details["documents"]) for entry in entries] == [(1, 1)]
    assert [count for count, _ in removed(cast.acme)] == [2, 2]


def test_it_is_on_the_billing_history(cast: Cast, shelf: Shelf, ada: str) -> None:
    shelf.keep(ada)
    assert cast.member(cast.acme, "Zoe", Role.ADMIN)
    ended(cast)
    at(cast, TOLD_ON)
    at(cast, A_YEAR_LATER)
    assert len(told(cast.acme)) == 2
    (entry,) = trail(cast.acme, "documents.removed")
    assert entry.details["why"] == "The plan ended 365 days ago or more, and Admins were told"


class Killed(BaseException):
    """The process ended here."""


def ended(cast: Cast, account: Account | None = None) -> None:
    """The plan was cancelled, and is over."""
    account = account or cast.acme
    cast.cancel(account)
    cast.clock.advance(days=30)
    work()


def at(cast: Cast, moment: datetime) -> None:
    """What is due then is done; where nobody worked since, all of it at once."""
    cast.clock.at = moment
    work()


def told(account: Account) -> list[Notice]:
    return emails(account, "documents_leave")


def removed(account: Account) -> list[tuple[int, str]]:
    entries = trail(account, "documents.removed")
    return [(entry.details["count"], entry.details["size"]) for entry in entries]


def trail(account: Account, action: str) -> list[AuditEntry]:
    entries = db.session.query(AuditEntry).filter_by(account_id=account.id, action=action)
    return entries.order_by(AuditEntry.position).all()


def no_answer(_notice_id: int) -> mailer.Answer:
    raise mailer.Retry("The mail server does not answer.")

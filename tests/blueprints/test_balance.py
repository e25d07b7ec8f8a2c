"""The credit balance's page: every movement, what caused it, and what it left."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.billing import accounts, balance, ledger
from portal.billing.gateways import Answer, Outcome
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.blueprints import balance as pages
from portal.extensions import db
from portal.jobs import renewals
from portal.models import Account, LedgerAccount, LedgerTransfer, RefundTo, User
from portal.papers import making
from portal.transaction import transaction
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest, settle

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda invoice: making.Files(invoice.number.encode()))


@pytest.fixture
def yearly(cast: Cast, clock: FixedClock) -> Account:
    """Yearly on 5 users for $480.00, after 65 days monthly on 10 users for $100.00.

    300 of 365 days are unused: $480.00 × 300 ÷ 365 = $394.52, of which $294.52 is kept.
    """
    account = cast.account("Yearly", None)
    cast.member(account, "Yara", Role.ADMIN)
    cast.subscribe(account, cast.price("standard", "5-users", Interval.YEARLY))
    clock.advance(days=65)
    cast.change_plan(account, cast.price("standard", "10-users"))
    return account


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    assert browser(getattr(cast, person, None)).get("/account/balance").status_code == status


def test_an_account_that_never_had_one(cast: Cast, browser: Browser) -> None:
    text = words(browser(cast.alice).get("/account/balance").text)
    in_order(text, "Credit balance", "Balance now $0.00", "No movements yet")


def test_charge_credit_left_each_movement_leads_to_its_invoice(
    cast: Cast, browser: Browser, clock: FixedClock, yearly: Account
) -> None:
    """The next two renewals of $100.00 are taken from the balance of $294.52."""
    for _ in range(2):
        clock.advance(days=30)
        renewals.renew(yearly.id)
    kept, first, second = [
        movement.invoice for movement in reversed(movements(yearly, limit=9, offset=0))
    ]
    page = browser(yara()).get("/account/balance").text
    in_order(
        words(page),
        "Balance now $94.52",
        f"Used by {second} 4 Jul 2026 −$100.00 $94.52",
        f"Used by {first} 4 Jun 2026 −$100.00 $194.52",
        f"Kept from {kept} 5 May 2026 +$294.52 $294.52",
        "3 movements",
    )
    for number in (kept, first, second):
        assert f'href="/invoices/{number}"' in page
    assert movements(yearly, limit=1, offset=0)[0].after == now_of(yearly)


def test_a_credit_note_and_a_refund_that_came_back_lead_to_their_credit_notes(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """Acme's $100.00 are credited to the balance, Other's $50.00 could not go back to the card."""
    given = credit(cast, newest(cast.acme), to=RefundTo.BALANCE).number_text
    text = browser(cast.alice).get("/account/balance").text
    in_order(words(text), f"Credited by {given} 1 Mar 2026 +$100.00 $100.00", "1 movement")
    assert f'href="/credit-notes/{given}"' in text
    note = credit(cast, newest(cast.other))
    settle(cast, note, Answer(Outcome.DECLINED, message="The card is closed."))
    text = browser(cast.mallory).get("/account/balance").text
    told = f"A refund that came back, of {note.number_text} 1 Mar 2026 +$50.00 $50.00"
    in_order(words(text), told, "1 movement")
    assert f'href="/credit-notes/{note.number_text}"' in text


def test_it_is_read_a_page_at_a_time_and_each_row_keeps_what_it_left(
    cast: Cast, browser: Browser, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_LENGTH", 2)
    for number in range(1, 6):
        book(cast.acme, clock.now(), f"test:{number}", 100 * number)
    client = browser(cast.carol)
    first = words(client.get("/account/balance").text)
    in_order(first, "+$5.00 $15.00", "+$4.00 $10.00", "5 movements · page 1 of 3", "Next")
    last = client.get("/account/balance?page=3", headers=HTMX).text
    assert last.startswith('<section id="movement-list"')
    in_order(words(last), "+$1.00 $1.00", "page 3 of 3")
    assert words(client.get("/account/balance?page=99").text).count("+$") == 1
    assert "+$5.00" in client.get("/account/balance?page=none").text


def test_the_balance_of_another_account_is_not_on_the_page(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    book(cast.acme, clock.now(), "test:1", 4200)
    assert "42.00" not in browser(cast.mallory).get("/account/balance").text


def test_my_account_and_the_invoices_lead_there(
    cast: Cast, browser: Browser, yearly: Account
) -> None:
    assert 'href="/account/balance"' in browser(yara()).get("/account").text
    assert 'href="/account/balance"' in browser(cast.carol).get("/invoices").text


def yara() -> User:
    return db.session.scalars(select(User).where(User.name == "Yara")).one()


def movements(account: Account, *, limit: int, offset: int) -> list[balance.Movement]:
    db.session.rollback()
    return balance.movements(db.session(), account, limit=limit, offset=offset)


def now_of(account: Account) -> Money:
    return ledger.credit_balance(db.session(), account)


def book(account: Account, at: datetime, event: str, amount_minor: int) -> None:
    """Put an amount into the balance, as the account's invoice."""
    invoice_id = newest(account).id
    with transaction() as session:
        accounts.lock(session, account.id)
        session.add(
            LedgerTransfer(
                account_id=account.id,
                event=event,
                debit=LedgerAccount.REVENUE,
                credit=LedgerAccount.CUSTOMER_CREDIT,
                amount_minor=amount_minor,
                currency=account.currency,
                occurred_at=at,
                invoice_id=invoice_id,
            )
        )

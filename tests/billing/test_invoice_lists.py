"""The list of invoices and credit notes: what it is narrowed down to, and what it comes to."""

from collections.abc import Sequence

import pytest

from portal.billing import invoice_lists
from portal.billing.invoice_lists import Asked, Paper, State, Totals
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, RefundTo
from portal.transaction import transaction
from tests.cast import Cast
from tests.credit_stories import change_details, credit, newest, unpaid


def listed(account: Account, **asked: object) -> Sequence[str]:
    rows = invoice_lists.page(db.session(), account, Asked(**asked), limit=50, offset=0)  # type: ignore[arg-type]
    return [row.number_text for row in rows]


def totals(account: Account, **asked: object) -> Totals:
    return invoice_lists.totals(db.session(), account, Asked(**asked))  # type: ignore[arg-type]


def amounts(found: Totals) -> tuple[int, ...]:
    return tuple(
        money.amount
        for money in (found.invoiced, found.credited, found.paid, found.from_balance, found.owed)
    )


def test_credit_notes_stand_among_the_invoices_newest_first(cast: Cast) -> None:
    """$100.00 on 1 March, credited on 3 March; $100.00 again on 31 March."""
    first = newest(cast.acme).number_text
    cast.let_pass(days=2)
    note = credit(cast, newest(cast.acme), to=RefundTo.BALANCE).number_text
    cast.let_pass(days=29)
    renewed = newest(cast.acme).number_text
    assert listed(cast.acme) == [renewed, note, first]
    assert listed(cast.acme, state=State.CREDIT_NOTES) == [note]
    assert invoice_lists.numbers(db.session(), cast.acme, Asked()) == [first, note, renewed]


def test_the_sums_are_those_of_what_is_listed(cast: Cast) -> None:
    """$100.00 paid and credited to the balance; the renewal of $100.00 is paid from that."""
    cast.let_pass(days=2)
    credit(cast, newest(cast.acme), to=RefundTo.BALANCE)
    cast.let_pass(days=29)
    assert amounts(totals(cast.acme)) == (20000, 10000, 10000, 10000, 0)
    assert amounts(totals(cast.acme, state=State.PAID)) == (20000, 0, 10000, 10000, 0)
    assert amounts(totals(cast.acme, state=State.CREDIT_NOTES)) == (0, 10000, 0, 0, 0)
    found = totals(cast.acme)
    assert (found.invoices, found.credit_notes, found.papers) == (2, 1, 3)


def test_what_is_open_is_past_due_once_its_payment_failed(cast: Cast) -> None:
    """$50.00 of 1 March is paid; that of 31 March was declined."""
    account = unpaid(cast)
    number = newest(account).number_text
    assert listed(account, state=State.OPEN) == listed(account, state=State.PAST_DUE) == [number]
    assert listed(account, state=State.PAID) != [number]
    assert amounts(totals(account)) == (10000, 0, 5000, 0, 5000)
    credit(cast, newest(account))
    assert listed(account, state=State.CREDITED) == [number]
    assert listed(account, state=State.OPEN) == []
    assert amounts(totals(account)) == (10000, 5000, 5000, 0, 0)


def test_a_year_is_one_of_the_accounts_time_zone(cast: Cast) -> None:
    """Issued on 31 December 2026 at 20:00 UTC, which is 2027 in Kiritimati already."""
    cast.clock.at = cast.clock.at.replace(month=12, day=31, hour=20)
    account = cast.account("Far East", None)
    account_id = account.id
    with transaction() as session:
        session.get_one(Account, account_id).time_zone = "Pacific/Kiritimati"
    cast.subscribe(account, cast.price("standard", "5-users"))
    account = db.session.get_one(Account, account_id)
    number = newest(account).number_text
    assert invoice_lists.years(db.session(), account) == [2027]
    assert listed(account, year=2027) == [number]
    assert listed(account, year=2026) == listed(account, year=9999) == listed(account, year=0) == []


def test_years_run_from_the_latest_back_to_the_first(cast: Cast) -> None:
    assert invoice_lists.years(db.session(), cast.acme) == [2026]
    cast.clock.at = cast.clock.at.replace(year=2028)
    credit(cast, newest(cast.acme))
    assert invoice_lists.years(db.session(), cast.acme) == [2028, 2027, 2026]
    assert invoice_lists.years(db.session(), cast.account("Empty", None)) == []


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("inv-2026", True),
        ("10 users", True),
        ("standard USERS", True),
        ("premium", False),
        ("100", True),
        ("$100.00", True),
        ("100.01", False),
        ("po-77", True),
        ("%", False),
        ("_", False),
        ("\\", False),
        ("cn-2026-000001", True),
        ("x" * 5000, False),
    ],
)
def test_text_is_looked_for_in_what_an_invoice_says(cast: Cast, text: str, is_found: bool) -> None:
    """$100.00 for 10 users, with a PO number; another account's are never found."""
    cast.clock.advance(hours=1)
    account = cast.account("Buyer", None)
    cast.member(account, "Bo", Role.ADMIN)
    change_details(account, po_number="PO-77/b")
    cast.subscribe(account, cast.price("standard", "10-users"))
    number = newest(account).number_text
    credit(cast, newest(account))
    found = listed(account, text=text)
    assert (number in found) is is_found
    assert newest(cast.acme).number_text not in found


def test_a_credit_note_is_found_by_its_reason_and_by_its_invoice(cast: Cast) -> None:
    invoice = newest(cast.acme).number_text
    note = credit(cast, newest(cast.acme)).number_text
    assert listed(cast.acme, text="by mistake") == [note]
    assert set(listed(cast.acme, text=invoice)) == {invoice, note}


def test_papers_by_number_are_ones_own_in_the_order_asked_for(cast: Cast) -> None:
    own, foreign = newest(cast.acme).number_text, newest(cast.other).number_text
    note = credit(cast, newest(cast.acme)).number_text
    wanted = [note, foreign, own, "INV-1999-000001", own]
    found: list[Paper] = invoice_lists.of_numbers(db.session(), cast.acme.id, wanted)
    assert [paper.number_text for paper in found] == [note, own]

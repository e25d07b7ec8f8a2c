"""Billing details: what is kept of what people enter, and what a change leaves behind."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts, billing_details
from portal.billing.billing_details import Details, DetailsRefused, change, check
from portal.extensions import db
from portal.models import Account, AuditEntry
from portal.transaction import transaction
from tests.cast import Cast, FixedClock

ENTERED = {
    "company": "Acme Ltd",
    "address": "1 High Street\n\n  Springfield  ",
    "country": "DE",
    "tax_id": "123 456 788",
    "po_number": "PO-7",
    "invoice_emails": "Books@Example.com\r\npay@example.com",
}
KEPT = Details(
    company="Acme Ltd",
    address=("1 High Street", "Springfield"),
    country="DE",
    tax_id="DE123456788",
    po_number="PO-7",
    invoice_emails=("Books@example.com", "pay@example.com"),
)


def test_what_is_entered_is_kept_tidy() -> None:
    assert check(ENTERED) == KEPT


def test_addresses_may_be_given_apart_by_commas_too() -> None:
    entered = ENTERED | {"invoice_emails": "a@example.com, b@example.com; c@example.com"}
    assert check(entered).invoice_emails == ("a@example.com", "b@example.com", "c@example.com")


@pytest.mark.parametrize(
    ("entered", "said"),
    [
        ({"company": " "}, "Enter the company's name"),
        ({"company": "x" * 121}, "Use at most 120 characters"),
        ({"company": "Acme\u202e"}, "invisible character"),
        ({"address": "1\n2\n3\n4\n5\n6"}, "Use at most 5 lines; this has 6."),
        ({"address": "x" * 101}, "Use at most 100 characters"),
        ({"po_number": "x" * 61}, "Use at most 60 characters"),
        ({"tax_id": "DE123456789"}, "check digits don't match"),
        ({"tax_id": "FR12345678221"}, "This is a tax id of France"),
        ({"invoice_emails": "books"}, "“books” is no email address"),
        ({"invoice_emails": "Ann <a@example.com>"}, "is no email address"),
        ({"invoice_emails": f"{'x' * 250}@example.com"}, "is no email address"),
        ({"invoice_emails": "a@example.com\nA@EXAMPLE.com"}, "is there twice: leave one out."),
        (
            {"invoice_emails": "\n".join(f"a{number}@example.com" for number in range(11))},
            "Enter at most 10 email addresses; these are 11.",
        ),
    ],
)
def test_what_can_t_be_kept_is_refused_by_its_field(entered: Mapping[str, str], said: str) -> None:
    with pytest.raises(DetailsRefused) as refusal:
        check({**ENTERED, **entered})
    [(field, problem)] = refusal.value.problems.items()
    assert field in entered
    assert said in problem


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(DetailsRefused) as refusal:
        check({**ENTERED, "company": "", "tax_id": "1", "invoice_emails": "no"})
    assert set(refusal.value.problems) == {"company", "tax_id", "invoice_emails"}


def test_a_change_is_kept_with_what_was_before_and_after(cast: Cast, clock: FixedClock) -> None:
    clock.advance(days=1)
    assert change_to(cast.acme, KEPT, clock)
    db.session.expire_all()
    assert billing_details.of(cast.acme) == KEPT
    [entry] = changes(cast.acme)
    assert entry.at == clock.now()
    assert entry.details == {
        "changed": {
            "company": ["Acme", "Acme Ltd"],
            "address": [[], ["1 High Street", "Springfield"]],
            "country": ["US", "DE"],
            "tax_id": ["", "DE123456788"],
            "po_number": ["", "PO-7"],
            "invoice_emails": [[], ["Books@example.com", "pay@example.com"]],
        }
    }


def test_saving_the_same_again_writes_nothing(cast: Cast, clock: FixedClock) -> None:
    change_to(cast.acme, KEPT, clock)
    assert not change_to(cast.acme, KEPT, clock)
    assert len(changes(cast.acme)) == 1


def test_another_country_with_the_former_tax_id_is_refused(cast: Cast, clock: FixedClock) -> None:
    """123456785 passes the check of Mozambique as well as that of Chile."""
    change_to(cast.acme, details(country="MZ", tax_id="123456785"), clock)
    with pytest.raises(DetailsRefused) as refusal:
        change_to(cast.acme, details(country="CL", tax_id="123456785"), clock)
    assert refusal.value.problems == {
        "tax_id": "This is still the tax id for Mozambique. Enter the one for Chile, or leave the"
        " field empty."
    }
    assert billing_details.of(cast.acme).country == "MZ"
    assert change_to(cast.acme, details(country="CL", tax_id=""), clock)


def details(**other: Any) -> Details:
    plain = Details("Acme", (), "US", "", "", ())
    return Details(**{**plain.__dict__, **other})


def change_to(account: Account, wanted: Details, clock: FixedClock) -> bool:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        return change(session, locked, wanted, now=clock.now(), actor=SYSTEM)


def changes(account: Account) -> list[AuditEntry]:
    statement = select(AuditEntry).where(
        AuditEntry.account_id == account.id, AuditEntry.action == "billing_details.changed"
    )
    return list(db.session.scalars(statement.order_by(AuditEntry.id)))

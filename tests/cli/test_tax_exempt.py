"""`flask accounts tax-exempt`: who is not taxed, why, and that it stands on the next invoice."""

import getpass
from collections.abc import Callable

import pytest
from click.testing import Result
from sqlalchemy import select

from portal.billing import taxes
from portal.billing.rules.tax import Tax
from portal.extensions import db
from portal.models import Account, AuditEntry, Invoice
from portal.transaction import transaction
from tests.cast import Cast

Run = Callable[..., Result]


@pytest.fixture
def german(cast: Cast) -> Account:
    """An account whose invoices go to Germany, taxed at 19 % in the example catalog."""
    account = cast.account("Berlin", None)
    with transaction() as session:
        session.get_one(Account, account.id).billing.country = "DE"
    cast.subscribe(account, cast.price("standard", "5-users"))
    return account


def test_invoice_tax_exempt_from_the_next_invoice_on(run: Run, cast: Cast, german: Account) -> None:
    """$50.00 + 19 % = $59.50; then exempt: $50.00; then taxed again."""
    assert applying(german) == Tax("VAT", 1900)
    result = run("accounts", "tax-exempt", "Berlin", "--reason", "a school")
    assert result.output == "Berlin is exempt from tax from now on.\n"
    assert applying(german) == Tax("", 0, "Exempt from tax: a school")
    cast.let_pass(days=30)
    result = run("accounts", "tax-exempt", "Berlin", "--clear")
    assert result.output == "Berlin is taxed by its country from now on.\n"
    cast.let_pass(days=30)

    invoices = db.session.scalars(
        select(Invoice).where(Invoice.account_id == german.id).order_by(Invoice.id)
    )
    assert [(each.tax_minor, each.total_minor, each.tax_note) for each in invoices] == [
        (950, 5950, ""),
        (0, 5000, "Exempt from tax: a school"),
        (950, 5950, ""),
    ]


def test_who_exempts_is_on_the_audit_trail(run: Run, german: Account) -> None:
    run("accounts", "tax-exempt", "Berlin", "--reason", "  a   school ")
    run("accounts", "tax-exempt", "Berlin", "--reason", "a school")
    run("accounts", "tax-exempt", "Berlin", "--clear")

    entries = db.session.scalars(
        select(AuditEntry)
        .where(AuditEntry.account_id == german.id)
        .where(AuditEntry.action == "billing_details.changed")
        .order_by(AuditEntry.position)
    ).all()
    assert [entry.details["changed"] for entry in entries] == [
        {"tax_exempt_reason": [None, "a school"]},
        {"tax_exempt_reason": ["a school", None]},
    ]
    assert entries[0].actor == {"kind": "operator", "name": getpass.getuser()}


def test_what_is_so_already_is_said(run: Run, german: Account) -> None:
    run("accounts", "tax-exempt", german.public_id, "--reason", "a school")
    again = run("accounts", "tax-exempt", german.public_id, "--reason", "a school")
    assert again.output == "Berlin is exempt from tax already.\n"
    shown = run("accounts", "show", "Berlin").output
    assert "Tax exempt  a school\n" in shown


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "Give either --reason or --clear."),
        (["--clear", "--reason", "a school"], "Give either --reason or --clear."),
        (["--reason", "   "], "Say why, as it is to stand on invoices."),
        (["--reason", "x" * 201], "200"),
    ],
)
def test_what_is_asked_must_make_sense(
    run: Run, german: Account, options: list[str], says: str
) -> None:
    result = run("accounts", "tax-exempt", "Berlin", *options)
    assert result.exit_code == 2
    assert says in result.output
    assert applying(german) == Tax("VAT", 1900)


def test_an_account_that_is_not_there(run: Run) -> None:
    result = run("accounts", "tax-exempt", "Nobody", "--clear")
    assert result.exit_code == 1
    assert "There is no account “Nobody”" in result.output


def applying(account: Account) -> Tax:
    db.session.expire_all()
    return taxes.applying(db.session(), account)

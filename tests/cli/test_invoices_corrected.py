"""`flask invoices void` and `reissue`: undoing an unpaid invoice, and issuing one again."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from portal.billing import verify
from portal.extensions import db
from portal.jobs import schedule
from portal.models import CreditNote, Invoice
from tests.cast import Cast
from tests.credit_stories import change_details, newest, unpaid

Run = Callable[..., Result]
ACME = "INV-2026-000001"


def test_an_unpaid_invoice_is_voided_after_a_question(cast: Cast, run: Run) -> None:
    number = newest(unpaid(cast)).number_text

    result = run("invoices", "void", number, "--reason", "Never delivered", typed="y\n")

    assert result.exit_code == 0, result.output
    assert (
        f"A credit note of $50.00 would void invoice {number}: $50.00 off what is owed on {number}."
        in result.output
    )
    assert f"Invoice {number} is void, by CN-2026-000001." in result.output
    facts = json.loads(run("invoices", "show", number, "--json").output)
    assert (facts["status"], facts["owed_minor"]) == ("void", 0)
    assert [note["purpose"] for note in facts["credit_notes"]] == ["void"]
    schedule.run_due()
    assert verify.run(db.session()) == []


def test_nothing_is_voided_without_a_yes(cast: Cast, run: Run) -> None:
    number = newest(unpaid(cast)).number_text
    assert run("invoices", "void", number, "--reason", "x", typed="n\n").exit_code == 1
    assert db.session.query(CreditNote).count() == 0


def test_voiding_as_json(cast: Cast, run: Run) -> None:
    number = newest(unpaid(cast)).number_text

    result = run("invoices", "void", number, "--reason", "Never delivered", "--yes", "--json")

    note = json.loads(result.stdout)
    assert (note["invoice"], note["off_invoice_minor"], note["reason"]) == (
        number,
        50_00,
        "Never delivered",
    )


@pytest.mark.parametrize("command", ["void", "reissue"])
def test_an_invoice_that_is_not_there(cast: Cast, run: Run, command: str) -> None:
    result = run("invoices", command, "INV-2026-999999", "--reason", "x", "--yes")
    assert result.exit_code == 1
    assert "There is no invoice “INV-2026-999999”" in result.output


@pytest.mark.parametrize("command", ["void", "reissue"])
@pytest.mark.parametrize("reason", ["", "x" * 301, "a\u202eb"])
def test_a_reason_that_can_not_be_printed(cast: Cast, run: Run, command: str, reason: str) -> None:
    result = run("invoices", command, ACME, "--reason", reason, "--yes")
    assert result.exit_code == 2
    assert db.session.query(CreditNote).count() == 0


def test_a_paid_invoice_is_to_be_credited(cast: Cast, run: Run) -> None:
    result = run("invoices", "void", ACME, "--reason", "x", "--yes")
    assert result.exit_code == 1
    assert f"Invoice {ACME} can't be voided: it is paid. Credit it instead" in result.output


def test_an_invoice_is_issued_again_after_both_details_were_shown(cast: Cast, run: Run) -> None:
    change_details(cast.acme, company="Acme Holding", address=["2 New Street", "Springfield"])

    result = run("invoices", "reissue", ACME, "--reason", "They had moved", typed="y\n")

    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "Company Acme Acme Holding" in lines
    assert "Address none 2 New Street, Springfield" in lines
    assert f"Invoice INV-2026-000003 replaces {ACME}, which CN-2026-000001 credits." in lines
    facts = json.loads(run("invoices", "show", ACME, "--json").output)
    assert (facts["status"], facts["replaced_by"]) == ("replaced", "INV-2026-000003")
    shown = run("invoices", "show", "INV-2026-000003").output
    assert f"Replaces      {ACME}" in shown
    schedule.run_due()
    assert verify.run(db.session()) == []


def test_issuing_again_as_json_and_twice(cast: Cast, run: Run) -> None:
    change_details(cast.acme, company="Acme Holding")
    command = ("invoices", "reissue", ACME, "--reason", "They had moved", "--yes", "--json")

    facts = json.loads(run(*command).stdout)
    again = run(*command)

    assert (facts["number"], facts["replaces"], facts["credit_note"]) == (
        "INV-2026-000003",
        ACME,
        "CN-2026-000001",
    )
    assert [each["state"] for each in facts["payments"]] == ["succeeded"]
    assert again.exit_code == 1
    assert "was replaced by INV-2026-000003 already" in again.output
    assert db.session.query(Invoice).count() == 3


def test_the_details_are_those_of_the_invoice(cast: Cast, run: Run) -> None:
    result = run("invoices", "reissue", ACME, "--reason", "x", "--yes")
    assert result.exit_code == 1
    assert "carries today's billing details already" in result.output


def test_what_changed_while_somebody_thought_is_not_issued(
    cast: Cast, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_details(cast.acme, company="Acme Holding")

    def change_then_answer(*_: object, **__: object) -> bool:
        change_details(cast.acme, company="Acme Group")
        return True

    monkeypatch.setattr("portal.cli.invoice_corrections.click.confirm", change_then_answer)

    result = run("invoices", "reissue", ACME, "--reason", "They had moved")

    assert result.exit_code == 1
    assert "It has changed since you looked, and nothing was issued." in result.output
    assert db.session.query(CreditNote).count() == 0

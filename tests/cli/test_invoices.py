"""`flask invoices`: what was invoiced, and crediting it, as the vendor's operator does."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from sqlalchemy import select

from portal.billing import verify
from portal.extensions import db
from portal.jobs import schedule
from portal.models import AuditEntry, CreditNote
from tests.cast import Cast
from tests.credit_stories import newest, subscribe, unpaid

Run = Callable[..., Result]
ACME = "INV-2026-000001"


def test_the_list_is_newest_first(cast: Cast, run: Run) -> None:
    lines = run("invoices", "list").output.splitlines()

    assert lines[0].split() == ["Number", "Account", "Issued", "Reason", "Total", "Owed", "Status"]
    assert lines[1].split()[:2] == ["INV-2026-000002", "Other"]
    assert lines[2].split() == [
        ACME,
        "Acme",
        "1",
        "Mar",
        "2026",
        "initial",
        "$100.00",
        "$0.00",
        "paid",
    ]


def test_the_list_of_one_account(cast: Cast, run: Run) -> None:
    (row,) = json.loads(run("invoices", "list", "--account", "acme", "--json").output)
    assert (row["number"], row["total_minor"], row["status"]) == (ACME, 100_00, "paid")


def test_there_are_no_invoices(run: Run) -> None:
    assert run("invoices", "list").output == "There are no invoices.\n"


def test_one_is_shown_with_what_is_left_of_each_line(cast: Cast, run: Run) -> None:
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))

    first = json.loads(run("invoices", "show", "inv-2026-000002", "--json").output)
    text = run("invoices", "show", "INV-2026-000003").output

    assert [(line["amount_minor"], line["left_minor"]) for line in first["lines"]] == [
        (50_00, 25_00)
    ]
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "1 Standard, 10 users $100.00 $0.00 $100.00 $0.00" in lines
    assert "2 Unused time on Standard, 5 users −$25.00 $0.00 −$25.00 $0.00" in lines
    assert "$75.00 by Test card ending 4242, succeeded 16 Mar 2026" in text
    assert "Credit notes: none" in text


def test_a_number_that_is_none(cast: Cast, run: Run) -> None:
    for command in (["show"], ["credit", "--reason", "x", "--yes"]):
        result = run("invoices", command[0], "INV-1", *command[1:])
        assert result.exit_code == 1
        assert "There is no invoice “INV-1”: see flask invoices list." in result.output


def test_it_asks_with_the_exact_amounts_and_where_they_go(cast: Cast, run: Run) -> None:
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))

    result = run("invoices", "credit", "INV-2026-000003", "--reason", "A slip", typed="n\n")

    assert result.exit_code == 1
    assert result.output == (
        "A credit note for invoice INV-2026-000003 would give back:\n"
        "  $100.00  Standard, 10 users: $100.00 charged, given back in full\n"
        "  −$25.00  Unused time on Standard, 5 users:"
        " A credit of $25.00, taken back with what it was set against\n"
        "In all $75.00: $75.00 back to Test card ending 4242.\n"
        "Issue this credit note? [y/N]: n\nAborted!\n"
    )
    assert db.session.query(CreditNote).count() == 0


def test_confirmed_it_is_issued_in_the_operators_name(cast: Cast, run: Run) -> None:
    result = run("invoices", "credit", ACME, "--reason", "  A   slip ", typed="y\n")

    assert result.exit_code == 0, result.output
    assert result.output.endswith(
        f"CN-2026-000001 credits $100.00 of {ACME}: $100.00 back to Test card ending 4242"
        " (created).\n"
    )
    note = db.session.query(CreditNote).one()
    assert note.reason == "A slip"
    statement = select(AuditEntry).where(AuditEntry.action == "credit_note.issued")
    assert db.session.scalars(statement).one().actor["kind"] == "operator"
    schedule.run_due()
    shown = run("invoices", "show", ACME).output
    assert "CN-2026-000001, 1 Mar 2026, $100.00: A slip" in shown
    assert "$100.00 back to Test card ending 4242 (succeeded)" in shown
    assert verify.run(db.session()) == []


def test_a_second_time_nothing_is_left(cast: Cast, run: Run) -> None:
    command = ("invoices", "credit", ACME, "--reason", "A slip", "--yes")
    assert run(*command).exit_code == 0

    again = run(*command)

    assert again.exit_code == 1
    assert f"Nothing of invoice {ACME} is left to credit." in again.output
    assert db.session.query(CreditNote).count() == 1


def test_single_lines_to_the_balance_as_json(cast: Cast, run: Run) -> None:
    account = cast.account("Seats", None)
    subscribe(cast, account, cast.price("standard", "5-users"), seat=2)
    number = newest(account).number_text

    result = run(
        *("invoices", "credit", number, "--line", "2", "--reason", "Not needed"),
        *("--to", "balance", "--json"),
        typed="y\n",
    )

    assert result.exit_code == 0, result.output
    note = json.loads(result.stdout)
    assert (note["number"], note["invoice"]) == ("CN-2026-000001", number)
    assert (note["total_minor"], note["to_balance_minor"], note["refund"]) == (20_00, 20_00, None)
    assert "In all $20.00: $20.00 to the account's credit balance." in result.stderr


def test_a_line_that_charges_nothing(cast: Cast, run: Run) -> None:
    result = run("invoices", "credit", ACME, "--line", "7", "--reason", "x", "--yes")
    assert result.exit_code == 1
    assert f"Line 7 of invoice {ACME} charges nothing. Lines that do: 1." in result.output


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "a\u202eb"])
def test_a_reason_that_can_not_be_printed(cast: Cast, run: Run, reason: str) -> None:
    result = run("invoices", "credit", ACME, "--reason", reason, "--yes")
    assert result.exit_code == 2
    assert db.session.query(CreditNote).count() == 0


def test_what_changed_while_somebody_thought_is_not_issued(
    cast: Cast, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade gives half of it back between the question and the answer."""
    cast.let_pass(days=15)

    def upgrade_then_answer(*_: object, **__: object) -> bool:
        cast.change_plan(cast.acme, cast.price("standard", "20-users"))
        return True

    monkeypatch.setattr("portal.cli.invoices.click.confirm", upgrade_then_answer)

    result = run("invoices", "credit", ACME, "--reason", "A slip")

    assert result.exit_code == 1
    assert "The amounts have changed since you looked, and nothing was issued." in result.output
    assert db.session.query(CreditNote).count() == 0


def test_what_is_owed_no_more(cast: Cast, run: Run) -> None:
    account = unpaid(cast)
    number = newest(account).number_text

    result = run("invoices", "credit", number, "--reason", "Our mistake", "--yes")

    assert f"credits $50.00 of {number}: $50.00 off what is owed." in result.output
    (row, *_) = json.loads(run("invoices", "list", "--account", "Unpaid", "--json").output)
    assert (row["status"], row["owed_minor"]) == ("credited", 0)

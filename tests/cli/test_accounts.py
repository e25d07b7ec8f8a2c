"""`flask accounts`: what an operator sees of the customers."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from portal.audit import SYSTEM
from portal.billing import accounts, billing_details
from portal.billing.rules.roles import Role
from portal.papers import making
from portal.transaction import transaction
from tests.cast import Cast, FixedClock

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda invoice: making.Files(invoice.number.encode()))


def test_the_list_has_a_line_for_each_account(run: Run, cast: Cast) -> None:
    lines = run("accounts", "list").output.splitlines()

    assert lines[0].split() == (
        ["Account", "Id", "Plan", "Seats", "Clients", "Storage", "Owes", "Next", "charge"]
    )
    assert lines[1].startswith(f"Acme     {cast.acme.public_id}  Standard, 10 users, $100.00")
    assert "2 of 10  0 of 600" in lines[1]
    assert lines[1].endswith("$0.00  31 Mar 2026")
    assert len(lines) == 3


def test_the_list_of_nobody(run: Run) -> None:
    assert run("accounts", "list").output == "There are no accounts.\n"
    assert json.loads(run("accounts", "list", "--json").output) == []


def test_an_account_is_found_by_its_name_in_any_case_and_by_its_id(run: Run, cast: Cast) -> None:
    by_name, by_id = run("accounts", "show", "ACME"), run("accounts", "show", cast.acme.public_id)

    assert by_name.exit_code == 0, by_name.output
    assert by_name.output == by_id.output


def test_an_account_tells_its_whole_story(run: Run, cast: Cast) -> None:
    cast.members(cast.acme, 9)
    cast.let_pass(days=1)

    output = run("accounts", "show", "Acme").output

    assert "Plan       Standard, 10 users, $100.00 every 30 days, active\n" in output
    assert "Cycle      1 Mar 2026, 09:00:00 UTC to 31 Mar 2026, 09:00:00 UTC\n" in output
    assert "Seats      11 of 10\n" in output
    assert "INV-2026-000001  1 Mar 2026, 09:00:00 UTC  initial  $100.00  $100.00  paid" in output
    assert "11 of 10 seats, opened 1 Mar 2026, 09:00:00 UTC, open, next step 3 Mar" in output
    assert "Standard, 20 users" in output
    assert "250 kept in the sandbox mailbox" in output
    assert cast.alice.email in output


def test_the_whole_story_as_json(run: Run, cast: Cast) -> None:
    cast.members(cast.acme, 9)
    cast.let_pass(days=1)

    facts = json.loads(run("accounts", "show", "Acme", "--json").output)

    assert facts["plan"]["price_minor"] == 10000
    assert facts["usage"][1] == {"metric": "seats", "used": 11, "limit": 10}
    (episode,) = facts["episodes"]
    assert episode["state"] == "open"
    assert [warning["number"] for warning in episode["warnings"]] == [1]
    assert episode["warnings"][0]["accepted_at"] == "2026-03-01T09:00:00+00:00"
    (invoice,) = facts["invoices"]
    assert (invoice["number"], invoice["due_minor"]) == ("INV-2026-000001", 10000)
    assert facts["notices"][0]["name"] == "warning"
    assert {person["role"] for person in facts["people"]} == {"admin", "member", "billing"}


def test_a_downgrade_that_waits_is_shown(run: Run, cast: Cast) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))

    output = run("accounts", "show", "Acme").output

    told = "Standard, 5 users, $50.00 every 30 days (scheduled, effective 31 Mar 2026, 09:00:00"
    assert told in output


def test_an_account_says_to_whom_its_invoices_go(run: Run, cast: Cast, clock: FixedClock) -> None:
    details = billing_details.Details(
        "Acme Ltd", ("1 High Street", "Berlin"), "DE", "DE123456788", "PO-7", ("books@example.com",)
    )
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        billing_details.change(session, account, details, now=clock.now(), actor=SYSTEM)

    output = run("accounts", "show", "Acme").output
    facts = json.loads(run("accounts", "show", "Acme", "--json").output)

    assert "Billed to  Acme Ltd, 1 High Street, Berlin, DE\n" in output
    assert "Tax id     DE123456788\n" in output
    assert "PO number  PO-7\n" in output
    assert "Sent to    books@example.com\n" in output
    assert "Tax exempt" not in output
    assert facts["billing"]["address"] == ["1 High Street", "Berlin"]


def test_an_account_without_a_plan(run: Run, cast: Cast) -> None:
    cast.account("Empty", None)

    assert "Plan       none\n" in run("accounts", "show", "Empty").output
    assert "none" in run("accounts", "list").output.splitlines()[3]


def test_only_the_latest_emails_are_shown_unless_all_are_asked_for(run: Run, cast: Cast) -> None:
    for number in range(21):
        cast.member(cast.acme, f"Admin{number}", Role.ADMIN)
    cast.let_pass(days=2)

    output = run("accounts", "show", "Acme").output
    whole = run("accounts", "show", "Acme", "--all").output

    assert output.endswith("The latest 20; --all shows all.\n")
    assert len(whole.splitlines()) > len(output.splitlines())


def test_an_account_that_is_not_there(run: Run, cast: Cast) -> None:
    result = run("accounts", "show", "Nobody")

    assert result.exit_code == 1
    assert "There is no account “Nobody”: see flask accounts list." in result.output


def test_a_name_that_two_accounts_have(run: Run, cast: Cast) -> None:
    twin = cast.account("acme", None)

    result = run("accounts", "show", "Acme")

    assert result.exit_code == 1
    assert twin.public_id in result.output
    assert cast.acme.public_id in result.output

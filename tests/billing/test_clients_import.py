"""Bringing 1,200 lines in: what the dry run says is what happens, once."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from portal.billing import client_import
from portal.billing.client_import import Beyond, OtherImport
from portal.billing.clients import GoesOver
from portal.billing.rules import client_file
from portal.extensions import db
from portal.models import AuditEntry, Client, Operation
from tests import client_files
from tests.cast import Cast, FixedClock
from tests.client_files import BAD_LINES, DUPLICATES, NEW
from tests.client_stories import ClientList

EXAMPLE = Path(__file__).parents[2] / "catalog" / "example-clients.csv"


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


def test_the_file_people_can_try_is_the_one_that_is_tested() -> None:
    assert EXAMPLE.read_bytes().decode() == client_files.example()


def test_1200_lines_with_accents_quotes_duplicates_and_bad_lines(acme: ClientList) -> None:
    text = client_files.example()
    planned = client_import.plan(db.session(), acme.account_id, client_file.read(text))
    assert len(planned.new) == NEW == 1130
    assert len(planned.duplicates) == DUPLICATES == 40
    assert len(planned.problems) == BAD_LINES == 30
    assert planned.goes_over

    done = acme.bring_in(text, accepted=planned.after)
    assert done.result["added"] == acme.size() == NEW
    assert acme.count() == done.result["counted"] == planned.after


def test_a_dry_run_writes_nothing(acme: ClientList) -> None:
    client_import.plan(db.session(), acme.account_id, client_file.read("Name\nAda\n"))
    assert acme.size() == 0


def test_the_same_file_again_adds_nothing(acme: ClientList) -> None:
    acme.bring_in("Name,Email\nÉmile Zola,emile@example.com\n")
    done = acme.bring_in("Name,Email\nEMILE ZOLA,Emile@Example.com\n", op_id="two")
    assert done.result["added"] == 0
    assert done.result["duplicates"] == 1
    assert acme.count() == 1


def test_a_confirmation_posted_twice_adds_once(acme: ClientList) -> None:
    first = acme.bring_in("Name\nAda\nBen\n").result
    assert acme.bring_in("Name\nAda\nBen\n").result == first
    assert acme.size() == acme.count() == 2
    assert db.session.scalar(select(func.count(Operation.id)).where(Operation.op_id == "one")) == 1


def test_a_confirmation_is_good_for_one_file_and_choice(acme: ClientList) -> None:
    acme.bring_in("Name\nAda\n")
    with pytest.raises(OtherImport):
        acme.bring_in("Name\nBen\n")
    with pytest.raises(OtherImport):
        acme.bring_in("Name\nAda\n", Beyond.AS_LEADS)
    assert acme.size() == 1


def test_over_before_the_act_for_an_import(acme: ClientList) -> None:
    acme.limit_to(2)
    with pytest.raises(GoesOver, match="This takes you to 3 of 2 clients") as over:
        acme.bring_in("Name\nA\nB\nC\n")
    assert acme.size() == acme.count() == 0
    acme.bring_in("Name\nA\nB\nC\n", accepted=over.value.after)
    assert acme.count() == 3


def test_over_before_the_act_offers_the_rest_as_leads(acme: ClientList) -> None:
    acme.limit_to(2)
    acme.bring_in("Name,Status\nA,Prospect\nB,\nC,Client\nD,\nE,Suspended\n", Beyond.AS_LEADS)
    found = db.session.scalars(select(Client).order_by(Client.sort_key))
    assert [client.status.name for client in found] == [
        "Prospect", "Client", "Client", "Lead", "Suspended",
    ]  # fmt: skip
    assert acme.count() == 2


def test_all_of_the_counted_become_leads_where_no_room_is_left(acme: ClientList) -> None:
    acme.add("Ada")
    acme.limit_to(0)
    acme.bring_in("Name\nB\nC\n", Beyond.AS_LEADS)
    assert acme.count() == 1


def test_custom_statuses_are_found_by_name_and_unknown_ones_told(acme: ClientList) -> None:
    acme.add_status("Round 3")
    text = "Name,Status\nAda,ROUND 3\nBen,Gone\n"
    planned = client_import.plan(db.session(), acme.account_id, client_file.read(text))
    assert [client.status.name for client in planned.new] == ["Round 3"]
    assert [(problem.line, problem.reason[:27]) for problem in planned.problems] == [
        (3, "There is no status “Gone”. ")
    ]


def test_another_accounts_clients_are_no_duplicates(
    acme: ClientList, cast: Cast, clock: FixedClock
) -> None:
    acme.bring_in("Name\nAda\n")
    theirs = ClientList(cast.other, clock)
    assert theirs.bring_in("Name\nAda\n").result["added"] == 1
    assert (acme.count(), theirs.count()) == (1, 1)


def test_an_import_is_one_entry_on_the_trail(acme: ClientList) -> None:
    acme.bring_in("Name\nAda\nBen\n")
    statement = select(AuditEntry).where(AuditEntry.action == "clients.imported")
    entry = db.session.scalars(statement).one()
    assert entry.details["added"] == entry.details["counted"] == 2

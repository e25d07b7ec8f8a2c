"""Statuses: five fixed ones nobody can touch or imitate, and the account's own, always counted."""

import pytest
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts, clients, statuses
from portal.billing.statuses import DestinationNeeded, StatusRefused
from portal.extensions import db
from portal.models import AuditEntry, ClientStatus
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList

LOOK_ALIKES = [
    "Suspended", "  suspended ", "SUSPENDED", "Сlient", "CIient", "cliént", "L e a d", "Iead",
    "ｌｅａｄ", "Inаctive",
]  # fmt: skip
REFUSED = {
    "": "Enter a name",
    " \t ": "Enter a name",
    "x" * 61: "at most 60",
    "Right\u202eLeft": "invisible",
    "Nul\x00": "invisible",
}


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


def test_count_built_in_cannot_be_shadowed(acme: ClientList) -> None:
    for name in LOOK_ALIKES:
        with pytest.raises(StatusRefused):
            acme.add_status(name)


def test_count_built_in_cannot_be_renamed_or_deleted(acme: ClientList) -> None:
    with pytest.raises(StatusRefused, match="Lead is one of the fixed statuses"):
        rename(acme, "Lead", "Something")
    with pytest.raises(StatusRefused, match="Suspended is one of the fixed statuses"):
        acme.remove_status("Suspended", "Client")


def test_a_custom_status_cannot_be_renamed_into_a_fixed_one(acme: ClientList) -> None:
    acme.add_status("Round 3")
    with pytest.raises(StatusRefused):
        rename(acme, "Round 3", "lead")
    rename(acme, "Round 3", "Round three")
    assert acme.status("Round three").is_counted


def test_two_statuses_never_read_alike(acme: ClientList) -> None:
    acme.add_status("Round 3")
    for name in ("round 3", "ROUND  3", "Roünd 3", "Rоund 3"):
        with pytest.raises(StatusRefused, match="There is a status “Round 3” already"):
            acme.add_status(name)


def test_names_that_are_refused(acme: ClientList) -> None:
    for name, why in REFUSED.items():
        with pytest.raises(StatusRefused, match=why):
            acme.add_status(name)


def test_an_account_has_a_bounded_number_of_statuses(
    acme: ClientList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "CUSTOM_AT_MOST", 2)
    acme.add_status("One more")
    acme.add_status("And another")
    with pytest.raises(StatusRefused, match="2 statuses of its own"):
        acme.add_status("Too many")


def test_count_custom_removed_needs_a_destination(acme: ClientList) -> None:
    acme.add_status("Round 3")
    acme.add("Ada Example", "Round 3")
    with pytest.raises(DestinationNeeded, match="1 client has this status"):
        acme.remove_status("Round 3")
    assert acme.count() == 1


def test_count_custom_removed_moves_its_clients(acme: ClientList) -> None:
    acme.add_status("Round 3")
    ids = [acme.add(name, "Round 3") for name in ("A", "B")]
    assert acme.remove_status("Round 3", "Client") == 2
    assert [acme.status_of(one) for one in ids] == ["Client", "Client"]
    assert acme.count() == 2


def test_count_custom_removed_to_an_uncounted_status_lowers_the_count(acme: ClientList) -> None:
    acme.add_status("Round 3")
    ids = [acme.add(name, "Round 3") for name in ("A", "B")]
    acme.do(clients.delete, ids[0])
    acme.remove_status("Round 3", "Lead")
    assert acme.count() == 0
    # The deleted one moved too: undoing its deletion doesn't bring the status back.
    acme.do(clients.restore, ids[0])
    assert acme.status_of(ids[0]) == "Lead"
    assert acme.count() == 0


def test_an_unused_status_needs_no_destination(acme: ClientList) -> None:
    acme.add_status("Round 3")
    assert acme.remove_status("Round 3") == 0


def test_a_suspended_client_comes_back_to_where_its_status_went(acme: ClientList) -> None:
    acme.add_status("Round 3")
    one = acme.add("Ada Example", "Round 3")
    acme.do(clients.suspend, one)
    acme.remove_status("Round 3", "Prospect")
    acme.do(clients.bring_back, one)
    assert acme.status_of(one) == "Prospect"
    assert acme.count() == 0


def test_a_status_moved_to_suspended_comes_back_as_client(acme: ClientList) -> None:
    acme.add_status("Round 3")
    one = acme.add("Ada Example", "Round 3")
    acme.remove_status("Round 3", "Suspended")
    assert acme.count() == 0
    acme.do(clients.bring_back, one)
    assert acme.status_of(one) == "Client"


def test_another_account_may_use_the_same_name(
    acme: ClientList, cast: Cast, clock: FixedClock
) -> None:
    acme.add_status("Round 3")
    ClientList(cast.other, clock).add_status("Round 3")
    names = db.session.scalars(select(ClientStatus.name).where(ClientStatus.built_in.is_(None)))
    assert list(names) == ["Round 3", "Round 3"]


def test_each_new_status_has_a_colour_that_no_other_has(acme: ClientList) -> None:
    made = [acme.add_status(f"Round {number}") for number in range(len(statuses.COLOURS))]
    assert [status.colour for status in made] == list(statuses.COLOURS)
    acme.remove_status("Round 1")
    assert acme.add_status("Round 11").colour == statuses.COLOURS[1]
    assert acme.add_status("Round 12").colour == statuses.COLOURS[0]


def test_a_status_without_a_choice_keeps_its_colour_wherever_it_stands(acme: ClientList) -> None:
    """Statuses that were made before there was a choice."""
    acme.add_status("Round 1")
    with transaction() as session:
        session.get_one(ClientStatus, acme.status("Round 1").id).colour = None
    before = statuses.colour_of(acme.status("Round 1"))
    acme.add_status("Round 2")
    move(acme, "Round 1", 1)
    assert statuses.colour_of(acme.status("Round 1")) == before


def test_statuses_move_among_the_accounts_own(acme: ClientList) -> None:
    for name in ("A", "B", "C"):
        acme.add_status(name)
    assert move(acme, "C", -1)
    assert order(acme) == ["A", "C", "B"]
    assert move(acme, "A", 9)
    assert order(acme) == ["C", "B", "A"]
    assert not move(acme, "C", -1)
    assert not move(acme, "A", 1)
    with pytest.raises(StatusRefused, match="Client is one of the fixed statuses"):
        move(acme, "Client", 1)
    acme.remove_status("B")
    acme.add_status("D")
    assert order(acme) == ["C", "A", "D"]


def test_only_colours_of_the_palette_are_taken(acme: ClientList) -> None:
    acme.add_status("A")
    for colour in ("", "red", "#123456", "TEAL"):
        with pytest.raises(StatusRefused, match="Choose one of the colours"):
            paint(acme, "A", colour)
    with pytest.raises(StatusRefused, match="fixed"):
        paint(acme, "Lead", "pink")
    paint(acme, "A", "pink")
    assert acme.status("A").colour == "pink"


def test_each_change_of_a_status_is_on_the_trail(acme: ClientList) -> None:
    acme.add_status("Round 3")
    rename(acme, "Round 3", "Round 4")
    acme.remove_status("Round 4")
    statement = select(AuditEntry.action).where(AuditEntry.action.startswith("status."))
    actions = list(db.session.scalars(statement.order_by(AuditEntry.id)))
    assert actions == ["status.added", "status.renamed", "status.deleted"]


def rename(acme: ClientList, before: str, after: str) -> None:
    with transaction() as session:
        account = accounts.lock(session, acme.account_id)
        status = acme.status(before)
        statuses.rename(session, account, status, after, now=acme.clock.now(), actor=SYSTEM)


def move(acme: ClientList, name: str, by: int) -> bool:
    with transaction() as session:
        account = accounts.lock(session, acme.account_id)
        how = {"now": acme.clock.now(), "actor": SYSTEM}
        return statuses.move(session, account, acme.status(name), by, **how)


def paint(acme: ClientList, name: str, colour: str) -> None:
    with transaction() as session:
        account = accounts.lock(session, acme.account_id)
        how = {"now": acme.clock.now(), "actor": SYSTEM}
        statuses.paint(session, account, acme.status(name), colour, **how)


def order(acme: ClientList) -> list[str]:
    known = statuses.of(db.session(), acme.account_id)
    return [status.name for status in known if status.built_in is None]

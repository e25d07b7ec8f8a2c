"""The client list's commands: rows and count change together, whoever else is at it."""

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts, client_list, clients, foresight, statuses
from portal.billing.client_list import ClientFilter, Shown, Sorting
from portal.billing.clients import Done, GoesOver
from portal.billing.rules.client_details import ClientDetails
from portal.billing.rules.counting import Metric
from portal.billing.rules.policies import Policy
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import AuditEntry, Client, Vendor
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


@pytest.mark.parametrize(
    ("status", "counts"),
    [("Client", 1), ("Lead", 0), ("Prospect", 0), ("Inactive", 0), ("Suspended", 0)],
)
def test_count_clients_of_built_in_statuses(acme: ClientList, status: str, counts: int) -> None:
    acme.add("Ada Example", status)
    assert acme.count() == counts


def test_count_clients_of_every_custom_status(acme: ClientList) -> None:
    acme.add_status("Round 3")
    acme.add("Ada Example", "Round 3")
    assert acme.count() == 1


def test_a_suspended_client_comes_back_with_the_status_it_had(acme: ClientList) -> None:
    acme.add_status("Round 3")
    ids = [acme.add(name, s) for name, s in [("A", "Client"), ("B", "Round 3"), ("C", "Lead")]]

    assert acme.do(clients.suspend, *ids) == Done(3, -2, acme.clock.now())
    assert acme.count() == 0
    assert acme.do(clients.bring_back, *ids) == Done(3, 2, acme.clock.now())
    assert [acme.status_of(one) for one in ids] == ["Client", "Round 3", "Lead"]
    assert acme.count() == 2


def test_a_client_that_was_never_anything_else_comes_back_as_client(acme: ClientList) -> None:
    one = acme.add("Ada Example", "Suspended")
    acme.do(clients.bring_back, one)
    assert acme.status_of(one) == "Client"
    assert acme.count() == 1


def test_doing_it_twice_counts_once(acme: ClientList) -> None:
    one = acme.add("Ada Example")
    acme.do(clients.suspend, one)
    assert acme.do(clients.suspend, one).clients == 0
    acme.do(clients.delete, one)
    assert acme.do(clients.delete, one).clients == 0
    assert acme.count() == 0


def test_count_delete_undo(acme: ClientList, clock: FixedClock) -> None:
    kept, lead = acme.add("Ada Example"), acme.add("Ben Example", "Lead")

    acme.do(clients.delete, kept, lead)
    assert acme.count() == 0
    clock.advance(days=29, hours=23)
    acme.do(clients.restore, kept, lead)
    assert acme.count() == 1


def test_count_delete_undo_ends_after_30_days(acme: ClientList, clock: FixedClock) -> None:
    one = acme.add("Ada Example")
    acme.do(clients.delete, one)
    clock.advance(days=30)
    assert acme.do(clients.restore, one).clients == 0
    assert acme.count() == 0


def test_a_bulk_change_is_undone_by_its_instant(acme: ClientList, clock: FixedClock) -> None:
    for number in range(5):
        acme.add(f"Name {number}")
    clock.advance(minutes=1)
    done = acme.do(clients.delete, matching=ClientFilter(text="name"))
    assert (done.clients, acme.count()) == (5, 0)
    clock.advance(minutes=1)
    assert acme.do(clients.restore, changed_at=done.at).clients == 5
    assert acme.count() == 5


def test_over_before_the_act(acme: ClientList) -> None:
    acme.limit_to(2)
    ids = [acme.add(name) for name in ("A", "B")]
    acme.do(clients.suspend, ids[0])
    acme.add("C")

    with pytest.raises(GoesOver, match="This takes you to 3 of 2 clients") as over:
        acme.do(clients.bring_back, ids[0])
    assert acme.count() == 2
    acme.do(clients.bring_back, ids[0], accepted=over.value.after)
    assert acme.count() == 3


def test_what_was_accepted_is_asked_again_when_more_came_meanwhile(acme: ClientList) -> None:
    acme.limit_to(1)
    acme.add("A")
    acme.add("B", accepted=2)
    with pytest.raises(GoesOver, match="3 of 1 client"):
        acme.add("C", accepted=2)
    assert acme.count() == 2


def test_fewer_clients_never_need_an_agreement(acme: ClientList) -> None:
    ids = [acme.add(name) for name in ("A", "B", "C")]
    acme.limit_to(1)
    acme.do(clients.suspend, ids[0])
    acme.set_status("Lead", ids[1])
    assert acme.count() == 1


def test_setting_a_status_counts_what_changed(acme: ClientList) -> None:
    acme.add_status("Round 3")
    ids = [acme.add(name, s) for name, s in [("A", "Client"), ("B", "Lead"), ("C", "Suspended")]]
    assert acme.set_status("Round 3", *ids).count_change == 2
    assert acme.set_status("Prospect", *ids).count_change == -3
    assert acme.count() == 0


def test_editing_changes_the_count_by_the_status(acme: ClientList, clock: FixedClock) -> None:
    public_id = acme.add("Ada Example", "Lead")
    with transaction() as session:
        account = accounts.lock(session, acme.account_id)
        client = session.scalars(select(Client).where(Client.public_id == public_id)).one()
        details = ClientDetails("Ada Other", "ada@example.com", "+1 555 0100", "A note")
        clients.edit(
            session, account, client, details, acme.status("Client"), now=clock.now(), actor=SYSTEM
        )
    assert acme.count() == 1
    found = client_list.page(
        db.session(), acme.account_id, ClientFilter("other"), Sorting(), 1,
        statuses=statuses.of(db.session(), acme.account_id), counts={},
    )  # fmt: skip
    assert [row.name for row in found.rows] == ["Ada Other"]


def test_nothing_reaches_another_account(acme: ClientList, cast: Cast, clock: FixedClock) -> None:
    theirs = ClientList(cast.other, clock)
    one = acme.add("Ada Example")
    assert theirs.do(clients.suspend, one).clients == 0
    assert theirs.do(clients.delete, matching=ClientFilter()).clients == 0
    assert acme.count() == 1


def test_every_change_is_on_the_trail(acme: ClientList) -> None:
    ids = [acme.add(name) for name in ("A", "B")]
    acme.do(clients.suspend, *ids)
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert entry.action == "client.suspended"
    assert entry.details["clients"] == 2
    assert entry.details["count_change"] == -2
    assert {public_id for public_id, _ in entry.details["named"]} == set(ids)


def test_count_exact_with_many_at_once(app: Flask, acme: ClientList) -> None:
    """Four at a time suspend, bring back, delete, restore and add, each in its own transaction."""
    ids = [acme.add(f"Client {number}") for number in range(12)]
    failures: list[BaseException] = []

    def work(offset: int) -> None:
        commands = [clients.suspend, clients.bring_back, clients.delete, clients.restore]
        with app.app_context():
            try:
                for round_ in range(6):
                    chosen = ids[offset : offset + 6]
                    acme.do(commands[(offset + round_) % 4], *chosen)
                    acme.add(f"New {offset} {round_}")
            except BaseException as error:
                failures.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert acme.count() >= 24


@pytest.mark.parametrize(
    ("shown", "names"),
    [
        (Shown.ALL, ["Ada", "Ben", "Cleo"]),
        (Shown.COUNTED, ["Ada", "Cleo"]),
        (Shown.NOT_COUNTED, ["Ben"]),
        (Shown.DELETED, ["Dora"]),
    ],
)
def test_count_explained_by_the_rows_behind_it(
    acme: ClientList, shown: Shown, names: list[str]
) -> None:
    acme.add_status("Round 3")
    for name, status in [("Cleo", "Round 3"), ("Ada", "Client"), ("Ben", "Suspended")]:
        acme.add(name, status)
    acme.do(clients.delete, acme.add("Dora"))
    assert [row.name for row in rows(acme, ClientFilter(shown=shown))] == names


def test_search_folds_case_and_accents(acme: ClientList) -> None:
    acme.add("Émile Zöla")
    acme.add("Somebody Else")
    for text in ("émile", "EMILE", "zola emile", "emile@EXAMPLE", "mile zo"):
        assert [row.name for row in rows(acme, ClientFilter(text))] == ["Émile Zöla"], text


def test_search_takes_signs_as_they_are(acme: ClientList) -> None:
    acme.add("Plain Name")
    for text in ("%", "_", "\\", "100%"):
        assert rows(acme, ClientFilter(text)) == [], text


def test_names_sort_as_people_expect_on_every_database(acme: ClientList) -> None:
    for name in ["Zoe", "émile", "Anna", "Öner", "oscar", "Łukasz"]:
        acme.add(name)
    names = [row.name for row in rows(acme, ClientFilter())]
    assert names == ["Anna", "émile", "Łukasz", "Öner", "oscar", "Zoe"]


def test_an_export_walks_through_all_of_it(
    acme: ClientList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_list, "EXPORT_BATCH", 3)
    for number in range(8):
        acme.add(f"Same Name {number % 2}")
    known = statuses.of(db.session(), acme.account_id)
    found = list(client_list.export(db.session(), acme.account_id, ClientFilter(), known))
    assert len({row.public_id for row in found}) == 8


def rows(acme: ClientList, asked: ClientFilter) -> list:
    known = statuses.of(db.session(), acme.account_id)
    counts = client_list.count_by_status(db.session(), acme.account_id)
    page = client_list.page(
        db.session(), acme.account_id, asked, Sorting(), 1, statuses=known, counts=counts
    )
    assert page.total == len(page.rows)
    return list(page.rows)


def test_roles_a_member_reads_no_plan_and_no_amount(cast: Cast, clock: FixedClock) -> None:
    """Where clients upgrade the plan too, an Admin reads what it costs, a Member that Admins do."""
    with transaction() as session:
        vendor = session.get_one(Vendor, 1)
        vendor.policies = vendor.policies | {Metric.CLIENTS.value: Policy.AUTO_UPGRADE.value}
    told = {
        role: foresight.foretell(
            db.session(), cast.acme, Metric.CLIENTS, 700, now=clock.now(), reader=role
        )
        for role in (Role.ADMIN, Role.MEMBER)
    }
    assert "$" in (told[Role.ADMIN] or "")
    assert "700 of 600 clients" in (told[Role.MEMBER] or "")
    assert "$" not in (told[Role.MEMBER] or "")

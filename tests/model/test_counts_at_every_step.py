"""count.exact: whatever people do, every place that shows a count says the same.

Random months of one account on a plan of 4 seats, 6 clients and 2 GB: the meter, the rows with
their reasons, a fresh count, the latest day, the daily check and the emails, after every step.
COUNTS_LIVES and COUNTS_STEPS set other sizes; with MODEL_SHRINK=0 what failed is shown as it was.
"""

import itertools
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from portal import live
from portal.audit import SYSTEM, Actor
from portal.billing import (
    accounts,
    client_import,
    client_list,
    clients,
    documents,
    invitations,
    overages,
    people,
    retention,
    statuses,
    usage,
)
from portal.billing.client_import import Beyond
from portal.billing.client_list import ClientFilter, Shown, Sorting
from portal.billing.clients import Selection
from portal.billing.documents import Counted
from portal.billing.rules import client_file
from portal.billing.rules.client_details import ClientDetails
from portal.billing.rules.counting import Metric, amount_of, count_reason, of_limit, seat_reason
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.mail import mailer
from portal.models import (
    Account,
    Client,
    ClimbAlert,
    Document,
    Episode,
    EpisodeWarning,
    Membership,
    Notice,
    Usage,
)
from portal.transaction import transaction
from tests.cast import START, Cast, FixedClock
from tests.model.world import Databases, World, leave_out_what_costs_time

LIVES = {"sqlite": 30, "postgresql": 8}[os.environ.get("PORTAL_TEST_DB", "sqlite")]
STEPS = 25
PHASES = [Phase.generate] + [Phase.shrink] * (os.environ.get("MODEL_SHRINK") != "0")
AS_MANY_AS_IT_TAKES = 10**6
GB = 10**9
picks = st.integers(0, 30)
roles = st.sampled_from(Role)
names = st.sampled_from(["Client", "Lead", "Prospect", "Inactive", "Suspended", "Own"])
_numbers = itertools.count(1)
Command = Callable[..., Any]


class Months(RuleBasedStateMachine):
    """One account, and all that people do in it."""

    world: ClassVar[World]
    app: ClassVar[Flask]

    @initialize()
    def open(self) -> None:
        self.world.begin(START)
        self.clock: FixedClock = self.world.clock
        cast = Cast(self.app, self.clock)
        self.account_id = cast.account("Acme", "standard", "four").id
        self.admin = self.join(Role.ADMIN)
        self.act(statuses.add, "Own")
        self.seen = 0

    # People.

    @rule(role=roles)
    def somebody_comes(self, role: Role) -> None:
        self.join(role)

    @rule(role=roles)
    def somebody_accepts_an_invitation(self, role: Role) -> None:
        wall, now = self.clock.now(), self.clock.now()
        email = f"invited-{next(_numbers)}@example.com"
        how: dict[str, Any] = {"wall": wall, "now": now}
        with transaction() as session:
            account = session.get_one(Account, self.account_id)
            invitation, _ = invitations.invite(
                session, account, email=email, role=role, **how, actor=self.admin
            )
            user = people.add_user(
                session, email=email, name="Invited", password_hash="never used", now=now
            )
            invitations.accept(session, invitation, user, **how, actor=SYSTEM)

    @rule(pick=picks, role=roles)
    def somebody_gets_another_role(self, pick: int, role: Role) -> None:
        self.to_member(people.set_role, pick, role)

    @rule(pick=picks)
    def somebody_is_deactivated(self, pick: int) -> None:
        self.to_member(people.deactivate, pick)

    @rule(pick=picks)
    def somebody_is_let_in_again(self, pick: int) -> None:
        self.to_member(people.reactivate, pick)

    # Clients.

    @rule(status=names)
    def a_client_is_added(self, status: str) -> None:
        details = ClientDetails(f"Client {next(_numbers)}")
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            found = self.status(status)
            clients.add(session, account, details, found, accepted=AS_MANY_AS_IT_TAKES, **self.how)

    @rule(pick=picks, status=names)
    def a_client_is_edited(self, pick: int, status: str) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            client = self.one(Client, pick)
            if client is not None:
                details = ClientDetails(f"Edited {next(_numbers)}")
                accepted = {"accepted": AS_MANY_AS_IT_TAKES}
                clients.edit(
                    session, account, client, details, self.status(status), **accepted, **self.how
                )

    @rule(
        what=st.sampled_from(["suspend", "bring_back", "delete", "restore"]),
        chosen=st.lists(picks, max_size=4),
        undone=st.booleans(),
    )
    def some_are_changed(self, what: str, chosen: list[int], undone: bool) -> None:
        """From their rows, and it may be undone from the message that says so."""
        ids = [client.public_id for pick in chosen if (client := self.one(Client, pick))]
        self.change(what, Selection(tuple(ids)))
        back = {"suspend": "bring_back", "delete": "restore"}.get(what)
        if undone and back is not None:
            self.change(back, Selection(changed_at=self.clock.now()))

    @rule(what=st.sampled_from(["suspend", "bring_back", "delete"]), shown=st.sampled_from(Shown))
    def all_of_a_list_are_changed(self, what: str, shown: Shown) -> None:
        self.change(what, Selection(matching=ClientFilter(shown=shown)))

    @rule(status=names, shown=st.sampled_from(Shown))
    def all_of_a_list_get_a_status(self, status: str, shown: Shown) -> None:
        matching = Selection(matching=ClientFilter(shown=shown))
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            found = self.status(status)
            accepted = {"accepted": AS_MANY_AS_IT_TAKES}
            clients.set_status(session, account, matching, found, **accepted, **self.how)

    @rule(lines=st.lists(names, min_size=1, max_size=8), beyond=st.sampled_from(Beyond))
    def a_file_is_brought_in(self, lines: list[str], beyond: Beyond) -> None:
        text = "Name,Status\n" + "".join(f"Line {next(_numbers)},{line}\n" for line in lines)
        number = next(_numbers)
        how = {"op_id": f"import-{number}", "accepted": AS_MANY_AS_IT_TAKES, **self.how}
        for _ in range(2):  # sent again, it does nothing
            self.act(client_import.carry_out, client_file.read(text), beyond, given=how)

    @rule(destination=st.sampled_from(["Client", "Lead", "Suspended"]))
    def the_own_status_is_removed_and_made_anew(self, destination: str) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            statuses.delete(
                session, account, self.status("Own"), self.status(destination), **self.how
            )
            statuses.add(session, account, "Own", **self.how)

    # Documents.

    @rule(pick=picks, size=st.sampled_from([0, 1, GB // 2, GB, 2 * GB]))
    def a_document_is_added(self, pick: int, size: int) -> None:
        number = next(_numbers)
        file = documents.File("a.txt", "text/plain", size, "0" * 64, f"{number:064x}")
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            client = self.one(Client, pick)
            if client is not None and client.deleted_at is None:
                documents.add(session, account, client, file, **self.how)

    @rule(pick=picks)
    def a_document_is_deleted(self, pick: int) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            document = self.one(Document, pick)
            if document is not None:
                documents.delete(session, account, document, **self.how)

    # Time.

    @rule(hours=st.integers(1, 24 * 12))
    def time_passes(self, hours: int) -> None:
        self.world.travel(self.clock.now() + timedelta(hours=hours), self.all_are_the_same)

    @rule(days=st.integers(1, 40))
    def nobody_works(self, days: int) -> None:
        """The worker is away for days, and does all of it when it is back."""
        self.clock.advance(days=days)
        self.all_are_the_same()
        self.world.work()

    @rule(days=st.integers(1, 5))
    def no_mail_leaves(self, days: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mailer, "send", _refused)
            self.world.travel(self.clock.now() + timedelta(days=days), self.all_are_the_same)

    @rule()
    def what_was_deleted_long_ago_goes(self) -> None:
        with transaction() as session:
            retention.remove_expired(session, self.account_id, now=self.clock.now())

    # What must be the same.

    @invariant()
    def all_are_the_same(self) -> None:
        db.session.rollback()
        fresh = usage.recount(db.session(), [self.account_id])[self.account_id]
        assert self.on_the_meters() == fresh
        assert self.over_the_rows() == fresh
        assert self.on_the_latest_day() == fresh
        self.the_daily_check_agrees(fresh)
        self.the_emails_said(fresh)
        db.session.rollback()

    def teardown(self) -> None:
        """The portal's own proof finds nothing; of documents there are no bytes here to look at."""
        wrong = [found for found in self.world.wrong() if found.check != "stored-documents"]
        assert wrong == []

    def on_the_meters(self) -> dict[Metric, int]:
        meters = live.meters_context(self.account_id)["meters"]
        return {Metric(meter.metric): meter.used for meter in meters}

    def over_the_rows(self) -> dict[Metric, int]:
        """What the lists behind the counts hold, by the reason that each row gives."""
        session, known = db.session(), statuses.of(db.session(), self.account_id)
        members = people.members(session, self.account_id)
        by_status = client_list.count_by_status(session, self.account_id)
        listed = client_list.page(
            session,
            self.account_id,
            ClientFilter(shown=Shown.COUNTED),
            Sorting(),
            1,
            statuses=known,
            counts=by_status,
        )
        reasons = {
            status.id: count_reason(status.name, built_in_key=status.built_in, deleted=False)
            for status in known
        }
        rows = session.execute(
            select(Client.status_id).where(
                Client.account_id == self.account_id, Client.deleted_at.is_(None)
            )
        )
        said = sum(reasons[status_id].startswith("counted") for (status_id,) in rows)
        assert said == listed.total
        seats = [seat_reason(member.role, member.is_active) for member in members]
        kept = documents.total(session, self.account_id, counted=Counted.YES)
        return {
            Metric.SEATS: sum(reason.startswith("counted") for reason in seats),
            Metric.CLIENTS: said,
            Metric.STORAGE: kept.size_bytes,
        }

    def on_the_latest_day(self) -> dict[Metric, int]:
        today = self.clock.now().date()
        history = usage.history(db.session(), self.account_id, since=today, until=today)
        return {metric: days[-1].used for metric, days in history.items()}

    def the_daily_check_agrees(self, fresh: dict[Metric, int]) -> None:
        rows = usage.of(db.session(), self.account_id)
        for metric, count in fresh.items():
            row: Usage = rows[metric]
            is_over = row.limit_value is not None and count > row.limit_value
            is_known = bool(overages.episodes.open_of(db.session(), self.account_id, metric))
            found = self.account_id in overages.found_over(db.session(), metric)
            assert found == (is_over and not is_known)

    def the_emails_said(self, fresh: dict[Metric, int]) -> None:
        """Every email written since the last look says the count there is."""
        latest = db.session.scalar(select(func.max(Notice.id))) or 0
        mine = select(Notice).where(Notice.id > self.seen, Notice.account_id == self.account_id)
        for notice in db.session.scalars(mine.order_by(Notice.id)):
            if notice.created_at != self.clock.now():
                continue
            if notice.name in ("all_clear", "called_off"):
                self.says_how_it_stands(notice, fresh)
            metric, used = self.told(notice)
            if metric is not None:
                assert used == fresh[metric]
                assert amount_of(metric, used) in " ".join(notice.body_text.split())
        self.seen = latest

    def says_how_it_stands(self, notice: Notice, fresh: dict[Metric, int]) -> None:
        """The end of an episode is told with the count and the limit there are."""
        episode = db.session.get_one(Episode, notice.episode_id)
        limit = usage.of(db.session(), self.account_id)[episode.metric].limit_value
        used = fresh[episode.metric]
        stands = amount_of(episode.metric, used)
        if limit is not None:
            stands = of_limit(episode.metric, used, limit)
        assert stands in " ".join(notice.body_text.split())

    def told(self, notice: Notice) -> tuple[Metric | None, int]:
        if notice.warning_id is not None:
            warning = db.session.get_one(EpisodeWarning, notice.warning_id)
            return warning.episode.metric, warning.used
        if notice.name == "usage_climbed":
            latest = select(ClimbAlert).where(ClimbAlert.written_at == notice.created_at)
            for alert in db.session.scalars(latest.order_by(ClimbAlert.id.desc())):
                if amount_of(alert.metric, alert.used) in " ".join(notice.body_text.split()):
                    return alert.metric, alert.used
            raise AssertionError(f"of which climb: {notice.body_text}")
        return None, 0

    # How it is done.

    @property
    def how(self) -> dict[str, Any]:
        """Each command at an instant of its own, as on a clock."""
        self.clock.advance(microseconds=1)
        return {"now": self.clock.now(), "actor": SYSTEM}

    def act(self, command: Command, *what: Any, given: dict[str, Any] | None = None) -> Any:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            return command(session, account, *what, **(given or self.how))

    def change(self, what: str, chosen: Selection) -> None:
        accepted = {"accepted": AS_MANY_AS_IT_TAKES} if what in ("bring_back", "restore") else {}
        self.act(getattr(clients, what), chosen, given={**accepted, **self.how})

    def join(self, role: Role) -> Actor:
        number = next(_numbers)
        with transaction() as session:
            user = people.add_user(
                session,
                email=f"person-{number}@example.com",
                name=f"Person {number}",
                password_hash="never used",
                now=self.clock.now(),
            )
            account = session.get_one(Account, self.account_id)
            people.add_member(session, account, user, role, **self.how)
            return Actor("user", user.name, user.id, role.value)

    def to_member(self, command: Command, pick: int, *what: Any) -> None:
        """Nothing changes where it is refused: an account keeps an Admin."""
        try:
            with transaction() as session:
                member = self.one(Membership, pick)
                assert member is not None
                command(session, member, *what, **self.how)
        except RuleBroken:
            pass

    def status(self, name: str) -> Any:
        known = statuses.of(db.session(), self.account_id)
        return next(status for status in known if status.name == name)

    def one(self, model: Any, pick: int) -> Any:
        """One of the account's rows of a kind, None where there are none."""
        rows = select(model).where(model.account_id == self.account_id).order_by(model.id)
        found = db.session.scalars(rows).all()
        return found[pick % len(found)] if found else None


def _refused(_letter: object) -> mailer.Answer:
    raise mailer.Retry("no mail server answers")


@pytest.fixture
def world(
    app: Flask, clock: FixedClock, place: Databases, monkeypatch: pytest.MonkeyPatch
) -> World:
    leave_out_what_costs_time(monkeypatch)
    return World(app, clock, place)


def test_count_exact_at_every_step(world: World, app: Flask) -> None:
    lives = seed(0)(type("TheseMonths", (Months,), {"world": world, "app": app}))
    run_state_machine_as_test(
        lives,
        settings=settings(
            max_examples=int(os.environ.get("COUNTS_LIVES", LIVES)),
            stateful_step_count=int(os.environ.get("COUNTS_STEPS", STEPS)),
            deadline=None,
            database=None,
            print_blob=False,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )

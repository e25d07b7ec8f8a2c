"""A simulation leaves nothing behind, and nobody but who asked for it is in it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask

from portal import clock, events, queue, simulation
from portal.audit import SYSTEM
from portal.billing import accounts, renewals
from portal.billing.gateways.sandbox import SandboxGateway
from portal.collecting import gateways
from portal.extensions import db
from portal.mail import mail_server
from portal.models import Account
from portal.papers import making
from portal.simulation import Question, Refused
from portal.transaction import is_simulated, transaction
from tests.cast import START, Cast, sign_in
from tests.simulation.happenings import all_rows, simulate

MANY_THINGS = Question(users=9, clients=5, plan="standard/20-users")


@pytest.fixture(autouse=True)
def left(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went out of the process."""
    gone: list[str] = []
    nothing = making.Files(b"")
    monkeypatch.setattr(making, "render", lambda _invoice: gone.append("a PDF") or nothing)
    monkeypatch.setattr(mail_server, "transmit", lambda _message: gone.append("an email") or "250")
    monkeypatch.setattr(queue, "hand_out", lambda *_about: gone.append("a hint"))
    monkeypatch.setattr(events, "publish", lambda *_about, **_facts: gone.append("news"))
    return gone


def test_time_simulate_leaves_nothing_behind(cast: Cast, left: list[str]) -> None:
    """Nothing is sent, charged, published, rendered or kept; no counter has moved."""
    cast.members(cast.acme, 9)
    cast.members(cast.other, 6)
    before, begun_at = all_rows(), cast.clock.at
    left.clear()

    story = simulate(cast.acme, cast, days=60, question=MANY_THINGS)

    assert len(story.happenings) > 5
    assert all_rows() == before
    assert left == []
    assert clock.now() == begun_at
    assert isinstance(gateways.named("sandbox"), SandboxGateway)
    assert not is_simulated()


def test_time_simulate_leaves_nothing_behind_when_it_fails(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the second renewal."""
    before, renew = all_rows(), renewals.renew
    calls: list[int] = []

    def fail(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("the second")
        return renew(*arguments, **named)

    monkeypatch.setattr(renewals, "renew", fail)
    with pytest.raises(RuntimeError, match="the second"):
        simulate(cast.acme, cast, days=70)

    assert len(calls) == 2
    assert all_rows() == before
    simulate(cast.acme, cast, days=1)


@pytest.mark.parametrize(
    ("question", "field", "words"),
    [
        (Question(users=-3), "users", "only 2 seats"),
        (Question(clients=-1), "clients", "only 0 clients"),
        (Question(users=10_001), "users", "10,000"),
        (Question(plan="standard/7-users"), "plan", "standard/10-users/monthly"),
        (Question(plan="standard/10-users"), "plan", "already on"),
        (Question(users=9, plan="standard/5-users/weekly"), "plan", "no plan"),
    ],
)
def test_what_can_t_be_tried_is_refused(
    cast: Cast, question: Question, field: str, words: str
) -> None:
    before = all_rows()

    with pytest.raises(Refused, match=words) as refusal:
        simulate(cast.acme, cast, days=10, question=question)

    assert refusal.value.field == field
    assert all_rows() == before


@pytest.mark.parametrize(("days", "words"), [(0, "over already"), (401, "400 days")])
def test_only_time_to_come_and_not_too_much_of_it(cast: Cast, days: int, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        simulate(cast.acme, cast, days=days)
    assert refusal.value.field == "until"


def test_nobody_is_added_without_a_plan(cast: Cast) -> None:
    account = cast.account("New", None)
    with pytest.raises(Refused, match="no running plan"):
        simulate(account, cast, days=10, question=Question(users=1))


def test_it_is_not_begun_inside_a_transaction(cast: Cast) -> None:
    with transaction(), pytest.raises(RuntimeError):
        simulate(cast.acme, cast, days=10)


def test_one_at_a_time(app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "PATIENCE_SECONDS", 0.01)
    with _held_in_the_middle(app, cast.acme, monkeypatch), pytest.raises(simulation.Busy):
        simulate(cast.other, cast, days=10)


def test_time_simulate_is_nobody_else_s_time(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it runs in one thread, another serves pages by the real clock, gateway and mail."""
    browser = app.test_client()
    sign_in(browser, cast.alice)

    with _held_in_the_middle(app, cast.acme, monkeypatch):
        assert clock.now() == START
        assert isinstance(gateways.named("sandbox"), SandboxGateway)
        assert not is_simulated()
        page = browser.get("/account")

    assert page.status_code == 200
    assert "Standard, 10 users" in page.text


def test_others_go_on_meanwhile(app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL only the one account waits: another renews and gets its number."""
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer")
    other_id = cast.other.id
    with _held_in_the_middle(app, cast.acme, monkeypatch), transaction() as session:
        account = accounts.lock(session, other_id)
        invoice = renewals.renew(session, account, now=START + timedelta(days=31))
        assert invoice is not None
        assert invoice.number == 3


@contextmanager
def _held_in_the_middle(
    app: Flask, account: Account, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A simulation of another thread that has renewed the plan and goes no further meanwhile."""
    account_id, until = account.id, START + timedelta(days=40)
    is_there, may_go_on = threading.Event(), threading.Event()
    announced = renewals.invoices.announce
    problems: list[BaseException] = []

    def hold(*arguments: object, **named: object) -> None:
        announced(*arguments, **named)
        if is_simulated():
            is_there.set()
            assert may_go_on.wait(10)

    def run() -> None:
        with app.app_context():
            try:
                simulation.foretell(account_id, Question(), until, seconds=60, actor=SYSTEM)
            except BaseException as problem:
                problems.append(problem)
                is_there.set()

    db.session.rollback()
    monkeypatch.setattr(renewals.invoices, "announce", hold)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert is_there.wait(10)
        yield
    finally:
        may_go_on.set()
        thread.join(20)
    assert problems == []

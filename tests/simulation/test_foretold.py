"""time.simulate: what is told beforehand is what then happens, to the cent and the second.

Each story is simulated first; then the days really pass, and every email, entry of the history,
invoice and count is compared. Acme is on Standard, 10 users since 1 March, 09:00.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.billing import accounts, bounds, foresight
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.mail import mailer
from portal.models import Account
from portal.papers import making
from portal.papers.invoice_display import IssuedInvoice
from portal.simulation import Question, Story
from portal.simulation.story import Email, Happening
from portal.transaction import transaction
from tests.cast import Cast
from tests.simulation.happenings import Mark, foretold, simulate


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    def render(invoice: IssuedInvoice) -> making.Files:
        return making.Files(invoice.number.encode(), b"the same as XML")

    monkeypatch.setattr(making, "render", render)


@pytest.fixture(autouse=True)
def _punctual_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the clock stands still, the daily check comes to all on the stroke of its hour."""
    monkeypatch.setattr(foresight, "REACHED_AFTER", timedelta(0))


def plain(cast: Cast) -> Account:
    return cast.acme


def over(cast: Cast) -> Account:
    """Thirteen of ten seats: an episode, and an upgrade on 7 March."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 11)
    return cast.acme


def far_over(cast: Cast) -> Account:
    """Six of five seats, then eleven of ten: the next tier is still too small."""
    account = cast.account("Small", "standard", "5-users")
    cast.member(account, "Ann", Role.ADMIN)
    cast.members(account, 10)
    return account


def declining(cast: Cast) -> Account:
    """Its card pays for the first cycle and is declined from then on."""
    account = cast.account("Broke", "standard", "5-users", card="card_declines_later")
    cast.member(account, "Ann", Role.ADMIN)
    return account


def over_and_declining(cast: Cast) -> Account:
    account = declining(cast)
    cast.members(account, 5)
    return account


def downgrade_that_does_not_fit(cast: Cast) -> Account:
    """To five users while two are there; then six are."""
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    cast.members(cast.acme, 4)
    return cast.acme


def downgrade(cast: Cast) -> Account:
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    return cast.acme


def cancelled(cast: Cast) -> Account:
    cast.cancel(cast.acme)
    return cast.acme


def with_add_ons(cast: Cast) -> Account:
    """Two seats more, bought ten days into the cycle; one of them is not to renew."""
    cast.let_pass(days=10)
    cast.buy(cast.acme, seat=2, clients_100=1)
    cast.let_go(cast.acme, "seat", renewing=1)
    return cast.acme


def with_credit(cast: Cast) -> Account:
    """From a year's plan to a dearer one by 30 days: what is left pays for the next cycles."""
    account = cast.account("Rich", "standard", "10-users", interval=Interval.YEARLY)
    cast.member(account, "Ann", Role.ADMIN)
    cast.change_plan(account, cast.price("standard", "20-users"))
    return account


def parked(cast: Cast) -> Account:
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        bounds.park(session, account, "it looked odd", now=cast.clock.now())
    cast.let_pass(minutes=1)
    return cast.acme


@pytest.mark.parametrize(
    ("arrange", "days"),
    [
        (plain, 65),
        (over, 45),
        (far_over, 50),
        (declining, 50),
        (over_and_declining, 45),
        (downgrade_that_does_not_fit, 40),
        (downgrade, 40),
        (cancelled, 35),
        (with_add_ons, 55),
        (with_credit, 100),
        (parked, 40),
    ],
)
def test_time_simulate_tells_what_happens(
    cast: Cast, arrange: Callable[[Cast], Account], days: int
) -> None:
    account = arrange(cast)
    mark = Mark.at(account)

    told = foretold(simulate(account, cast, days=days))
    cast.let_pass(days=days)

    assert told == mark.came()


def test_over_upgrade_is_foretold_to_the_cent(cast: Cast) -> None:
    """13 of 10 seats on 1 March: emails on 2, 4 and 6 March, $96.67 on 7 March, 06:00."""
    story = simulate(over(cast), cast, days=8)

    emails = [each for each in story.happenings if isinstance(each, Email)]
    warned = [f"{each.at:%-d %b %H:%M}" for each in emails if each.name == "warning"]
    assert warned == ["2 Mar 06:00", "4 Mar 06:00", "6 Mar 06:00"]
    assert all("$96.67" in each.text for each in emails if each.name == "warning")
    (paid,) = _done(story, "payment.succeeded")
    assert f"{paid.at:%-d %b %H:%M}" == "7 Mar 06:00"
    assert story.charged == paid.amount
    assert str(story.charged.amount) == "9667"
    (invoice,) = _done(story, "invoice.issued")
    assert invoice.invoice is not None
    assert [line.amount.amount for line in invoice.invoice.lines] == [18000, -8333]
    assert story.after.plan == "Standard, 20 users"


def test_over_fixed_in_time_what_if(cast: Cast) -> None:
    """Over by one for four days: what if one left today? One email, and nothing is charged."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    cast.let_pass(days=4)
    mark = Mark.at(cast.acme)

    told = simulate(cast.acme, cast, days=20, question=Question(users=-1))
    cast.leave(cast.acme, cast.bob)
    cast.let_pass(days=20)

    assert foretold(told) == mark.came()
    assert [each.name for each in told.happenings if isinstance(each, Email)] == ["all_clear"]
    assert told.charged.is_zero


def test_over_what_if_people_are_added(cast: Cast) -> None:
    """Nine more are eleven of ten, from the next check on."""
    cast.let_pass(minutes=1)
    mark = Mark.at(cast.acme)

    told = foretold(simulate(cast.acme, cast, days=12, question=Question(users=9)))
    cast.members(cast.acme, 9)
    cast.let_pass(days=12)

    assert told == mark.came()


def test_charge_upgrade_what_if(cast: Cast) -> None:
    """Fifteen days in: $180.00 less $50.00 for the plan to 20 users, and $180.00 30 days later."""
    cast.let_pass(days=15)
    mark = Mark.at(cast.acme)

    told = simulate(cast.acme, cast, days=40, question=Question(plan="standard/20-users"))
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    cast.let_pass(days=40)

    assert foretold(told) == mark.came()
    assert [each.amount.amount for each in _done(told, "payment.succeeded") if each.amount] == [
        13000,
        18000,
    ]


def test_what_goes_goes_before_the_plan_and_what_comes_comes_after(cast: Cast) -> None:
    """Six people don't fit 5 users; with one fewer it is scheduled, and 40 clients come after."""
    cast.members(cast.acme, 4)
    question = Question(users=-1, clients=40, plan="standard/5-users/monthly")

    story = simulate(cast.acme, cast, days=31, question=question)

    assert len(_done(story, "plan.downgrade_scheduled")) == 1
    assert story.after.plan == "Standard, 5 users"
    assert {level.used for level in story.after.levels.values()} == {5, 40, 0}


def test_charge_initial_what_if_there_is_no_plan(cast: Cast) -> None:
    account = cast.account("New", None)
    cast.member(account, "Ann", Role.ADMIN)

    story = simulate(account, cast, days=31, question=Question(plan="pro/10-users/yearly"))

    assert story.before.plan is None
    assert story.after.plan == "Pro, 10 users"
    assert len(_done(story, "invoice.issued")) == 1


def test_pay_fails_what_if_the_card_is_declined(cast: Cast) -> None:
    """As if the card had been another: three retries, an email each, and the end."""
    mark = Mark.at(cast.acme)

    told = simulate(cast.acme, cast, days=50, card="card_declines")
    entries = len(_done(told, "payment.declined"))
    assert entries == 4
    assert [f"{each.at:%-d %b}" for each in _done(told, "subscription.ended")] == ["7 Apr"]
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=50)

    really = mark.came()
    told_emails = foretold(told).emails
    assert told_emails == really.emails
    assert foretold(told).invoices == really.invoices


def test_what_the_mail_server_kept_waiting_arrives_at_once(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning of 2 March that waits since: told as it would be written now, with moved dates."""
    over(cast)
    with monkeypatch.context() as down:
        down.setattr(mailer, "send", _refuse)
        cast.let_pass(days=3)
    mark = Mark.at(cast.acme)

    told = foretold(simulate(cast.acme, cast, days=10))
    cast.let_pass(days=10)

    really = mark.came()
    assert [email[1:3] for email in told.emails] == [email[1:3] for email in really.emails]
    assert len(told.invoices) == len(really.invoices) == 1


def _refuse(_letter: mailer.Letter) -> mailer.Answer:
    raise mailer.Retry("it is down")


def _done(story: Story, action: str) -> list[Happening]:
    return [
        each for each in story.happenings if isinstance(each, Happening) and each.action == action
    ]

"""What is being done when the process is killed: by people over the web, by the worker in time.

Each scenario brings the portal to where it begins and returns what is then done. That can be
begun anew, at whatever hour it was broken off: the same form is posted again, and time goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.billing import price_list
from portal.billing.rules import overage
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.models import Price
from tests.cast import PASSWORD, START
from tests.credit_stories import change_details, newest
from tests.faults.kills.stage import Stage, Told
from tests.taking_back_stories import makes_room, seated, upgrades

PLANS = "/account/change-plan"
HOUR, DAY, CYCLE = timedelta(hours=1), timedelta(days=1), timedelta(days=30)
BEFORE = timedelta(seconds=1)


@dataclass(frozen=True)
class Scenario:
    """What a person posts, and until when the worker then works off what falls due.

    Without `keeps_hours` a kill may move what follows to another hour of the same day.
    """

    until: datetime
    post: Callable[[], list[Told]] = list
    keeps_hours: bool = True


def sign_up(stage: Stage) -> Scenario:
    """charge.initial: $50.00, and an account that was not there before."""
    stage.work()
    price = _price(stage, "standard", "5-users")
    nina = stage.stranger()
    form = {
        "op_id": nina.field("/signup", "op_id"),
        "interval": price.interval.value,
        "currency": price.currency,
        "plan": str(price.id),
        "company": "Ninety & Co",
        "country": "US",
        "name": "Nina",
        "email": "nina@example.com",
        "password": PASSWORD,
        "card": "card_pays",
    }
    return Scenario(START, lambda: [nina.post("/signup", **form)])


def upgrade(stage: Stage) -> Scenario:
    """charge.upgrade: on day 15 from 10 users to 20, $180.00 − $50.00 = $130.00."""
    half = START + CYCLE / 2
    stage.work_until(half)
    return Scenario(half, _confirming(stage, "20-users"))


def renewal(stage: Stage) -> Scenario:
    """charge.renewal: $100.00 and $50.00 on day 30."""
    stage.work_until(START + CYCLE - BEFORE)
    return Scenario(START + CYCLE)


def downgrade(stage: Stage) -> Scenario:
    """charge.downgrade: chosen an hour before day 30, in effect on day 30: $50.00."""
    stage.work_until(START + CYCLE - HOUR)
    return Scenario(START + CYCLE, _confirming(stage, "5-users"))


def cancellation(stage: Stage) -> Scenario:
    """charge.cancel: asked for an hour before day 30, when the plan ends."""
    stage.work_until(START + CYCLE - HOUR)
    alice = stage.person("alice")
    return Scenario(START + CYCLE, lambda: [alice.post("/account/cancellation")])


def add_ons(stage: Stage) -> Scenario:
    """charge.add-ons: two seats on day 15, for the 15 days left."""
    half = START + CYCLE / 2
    stage.work_until(half)
    alice = stage.person("alice")
    with stage.context() as cast:
        sold = price_list.add_ons_for(db.session(), cast.price("standard", "10-users"))
        seat = next(price.id for price in sold if price.add_on.metric is Metric.SEATS)
    quote = f"/account/add-ons/quote?add_on_{seat}=2"
    confirmation = alice.field(quote, "confirmation")
    return Scenario(half, lambda: [alice.post("/account/add-ons", confirmation=confirmation)])


def refund(stage: Stage) -> Scenario:
    """A credit note over the first invoice, $100.00 back to the card, by the operator."""
    stage.work_until(START + DAY)
    credit = ["invoices", "credit", "INV-2026-000001", "--reason", "Goodwill", "--yes"]
    return Scenario(START + DAY, lambda: stage.command(*credit))


def void(stage: Stage) -> Scenario:
    """Declined on day 30; on day 31 the operator voids it, and nothing is tried on day 33."""
    with stage.context() as cast:
        cast.use_card(cast.other, "card_declines")
    stage.work_until(START + CYCLE + DAY)
    with stage.context() as cast:
        number = newest(cast.other).number_text
    command = ["invoices", "void", number, "--reason", "Never delivered", "--yes"]
    return Scenario(START + CYCLE + 4 * DAY, lambda: stage.command(*command))


def reissue(stage: Stage) -> Scenario:
    """The first invoice once more, by the operator, after the company's name was corrected."""
    stage.work_until(START + DAY)
    with stage.context() as cast:
        change_details(cast.acme, company="Acme Holding")
    again = ["invoices", "reissue", "INV-2026-000001", "--reason", "Wrong name", "--yes"]
    return Scenario(START + DAY, lambda: stage.command(*again))


def failed_payment(stage: Stage) -> Scenario:
    """pay.fails: declined on days 30, 33, 35 and 37; then the plan ends."""
    with stage.context() as cast:
        cast.use_card(cast.acme, "card_declines")
    stage.work_until(START + CYCLE - BEFORE)
    return Scenario(START + CYCLE + 8 * DAY)


def new_card(stage: Stage) -> Scenario:
    """pay.fails: declined on days 30 and 33, paid on day 34 by another card."""
    with stage.context() as cast:
        cast.use_card(cast.acme, "card_declines")
    stage.work_until(START + CYCLE + 4 * DAY)
    alice = stage.person("alice")
    way = "/account/payment-method"
    return Scenario(START + CYCLE + 4 * DAY, lambda: [alice.post(way, card="card_pays")])


def silent_gateway(stage: Stage) -> Scenario:
    """pay.unknown: the money is taken on day 30, and the gateway says so when it is asked.

    It is asked 5 minutes later; after a kill at once, or where a claim was lost, in an hour.
    """
    with stage.context() as cast:
        cast.use_card(cast.acme, "card_times_out_paid")
    stage.work_until(START + CYCLE - BEFORE)
    return Scenario(START + CYCLE + 2 * HOUR, keeps_hours=False)


def over_the_limit(stage: Stage) -> Scenario:
    """over.upgrade: 11 of 10 seats, three warnings, and the upgrade 5 days after the first."""
    stage.work_until(START + 2 * DAY)
    with stage.context() as cast:
        cast.members(cast.acme, 9)
    return Scenario(START + 8 * DAY)


def within_again(stage: Stage) -> Scenario:
    """over.fixed-in-time: somebody is deactivated in the second before the third warning."""
    return _back_to_ten(stage, after=4 * DAY)


def seats_dropped(stage: Stage) -> Scenario:
    """over.fixed-in-time: somebody is deactivated in the second before the upgrade."""
    return _back_to_ten(stage, after=5 * DAY)


def taken_back(stage: Stage) -> Scenario:
    """over.revert: upgraded after five days, with one person fewer on day 12 it is taken back."""
    stage.work_until(START + 2 * DAY)
    with stage.context() as cast:
        cast.members(cast.acme, 9)
    stage.work_until(START + 12 * DAY)
    with stage.context() as cast:
        makes_room(cast, cast.acme, seats=10)
        op_id = upgrades(cast.acme)[0].op_id
    alice = stage.person("alice")
    page = f"/account/plan-changes/{op_id}/taking-back"
    confirmation = alice.field(page, "confirmation")
    return Scenario(START + 12 * DAY, lambda: [alice.post(page, confirmation=confirmation)])


SCENARIOS: dict[str, Callable[[Stage], Scenario]] = {
    "sign-up": sign_up,
    "upgrade": upgrade,
    "renewal": renewal,
    "downgrade": downgrade,
    "cancellation": cancellation,
    "add-ons": add_ons,
    "refund": refund,
    "void": void,
    "reissue": reissue,
    "failed-payment": failed_payment,
    "new-card": new_card,
    "silent-gateway": silent_gateway,
    "over-the-limit": over_the_limit,
    "within-again": within_again,
    "seats-dropped": seats_dropped,
    "taken-back": taken_back,
}


def _back_to_ten(stage: Stage, *, after: timedelta) -> Scenario:
    """11 of 10 seats since the daily check of day 2; ten again so long after it, but a second."""
    stage.work_until(START + 2 * DAY)
    with stage.context() as cast:
        cast.members(cast.acme, 9)
    found_at = overage.next_check_at(START + 2 * DAY)
    stage.work_until(found_at + after - BEFORE)
    with stage.context() as cast:
        newest = seated(cast.acme)[-1].public_id
    alice = stage.person("alice")
    return Scenario(found_at + 6 * DAY, lambda: [alice.post(f"/users/{newest}/deactivation")])


def _confirming(stage: Stage, tier: str) -> Callable[[], list[Told]]:
    """Alice has read the quote of a plan, and confirms it."""
    alice, price = stage.person("alice"), _price(stage, "standard", tier)
    confirmation = alice.field(f"{PLANS}/{price.id}", "confirmation")
    return lambda: [alice.post(PLANS, confirmation=confirmation)]


def _price(stage: Stage, family: str, tier: str) -> Price:
    with stage.context() as cast:
        return cast.price(family, tier)

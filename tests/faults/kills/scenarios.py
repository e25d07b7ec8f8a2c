"""What is being done when the process is killed: by people over the web, by the worker in time.

Each scenario brings the portal to where it begins and returns what is then done. That can be
begun anew, at whatever hour it was broken off: the same form is posted again, and time goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.models import Price
from tests.cast import PASSWORD, START
from tests.faults.kills.stage import Stage, Told

PLANS = "/account/change-plan"
CYCLE = timedelta(days=30)


@dataclass(frozen=True)
class Scenario:
    """What a person posts, and until when the worker then works off what falls due."""

    until: datetime
    post: Callable[[], list[Told]] = list


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
    stage.work_until(START + CYCLE - timedelta(seconds=1))
    return Scenario(START + CYCLE)


def downgrade(stage: Stage) -> Scenario:
    """charge.downgrade: chosen an hour before day 30, in effect on day 30: $50.00."""
    stage.work_until(START + CYCLE - timedelta(hours=1))
    return Scenario(START + CYCLE, _confirming(stage, "5-users"))


def failed_payment(stage: Stage) -> Scenario:
    """pay.fails: declined on days 30, 33, 35 and 37; then the plan ends."""
    with stage.context() as cast:
        cast.use_card(cast.acme, "card_declines")
    stage.work_until(START + CYCLE - timedelta(seconds=1))
    return Scenario(START + CYCLE + timedelta(days=8))


SCENARIOS: dict[str, Callable[[Stage], Scenario]] = {
    "sign-up": sign_up,
    "upgrade": upgrade,
    "renewal": renewal,
    "downgrade": downgrade,
    "failed-payment": failed_payment,
}


def _confirming(stage: Stage, tier: str) -> Callable[[], list[Told]]:
    """Alice has read the quote of a plan, and confirms it."""
    alice, price = stage.person("alice"), _price(stage, "standard", tier)
    confirmation = alice.field(f"{PLANS}/{price.id}", "confirmation")
    return lambda: [alice.post(PLANS, confirmation=confirmation)]


def _price(stage: Stage, family: str, tier: str) -> Price:
    with stage.context() as cast:
        return cast.price(family, tier)

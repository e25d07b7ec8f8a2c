"""Two at once: what they do to a gateway's books is what one of them alone would have done."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from flask import Flask
from sqlalchemy import func, select

from portal.billing.gateways import Charge, Outcome, Repayment
from portal.billing.gateways.sandbox import SandboxGateway
from portal.billing.gateways.stripe.events import News
from portal.billing.rules.money import Money
from portal.collecting.gateway_events import keep
from portal.extensions import db
from portal.models import GatewayEvent, OutboxItem, SandboxCharge, SandboxRefund

Found = TypeVar("Found")
MANY = 6
GATEWAY = SandboxGateway()
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_one_charge_is_entered_once(app: Flask) -> None:
    """charge.once"""
    answers = at_once(app, lambda: GATEWAY.charge(CHARGE))
    assert {answer.outcome for answer in answers} == {Outcome.SUCCEEDED}
    assert count(SandboxCharge) == 1


def test_one_refund_is_given_back_once(app: Flask) -> None:
    GATEWAY.charge(CHARGE)
    answers = at_once(app, lambda: GATEWAY.refund(repayment("refund-1", 5000)))
    assert {answer.outcome for answer in answers} == {Outcome.SUCCEEDED}
    assert count(SandboxRefund) == 1


def test_refunds_together_are_never_more_than_the_charge(app: Flask) -> None:
    """Six of $20.00 each, of $50.00: two."""
    GATEWAY.charge(CHARGE)
    names = iter([f"refund-{number}" for number in range(MANY)])
    answers = at_once(app, lambda: GATEWAY.refund(repayment(next(names), 2000)))
    assert sorted(answer.outcome for answer in answers) == ["declined"] * 4 + ["succeeded"] * 2
    assert count(SandboxRefund) == 2


def test_calling_off_and_paying_at_once_has_one_outcome(app: Flask) -> None:
    acts = iter([GATEWAY.charge, GATEWAY.call_off] * (MANY // 2))
    answers = at_once(app, lambda: next(acts)(CHARGE))
    assert len({answer.outcome for answer in answers}) == 1


def test_the_same_news_at_once_is_kept_once(app: Flask) -> None:
    at_once(app, lambda: keep(News("evt_1", "payment_intent.succeeded", {})))
    assert (count(GatewayEvent), count(OutboxItem)) == (1, 1)


CHARGE = Charge(
    idempotency_key="payment-1",
    amount=Money(5000, "USD"),
    customer_reference="",
    method_reference="card_pays",
    description="",
    on_session=False,
    return_url="",
    created_at=NOW,
)


def repayment(key: str, amount: int) -> Repayment:
    return Repayment(key, Money(amount, "USD"), "payment-1", "sandbox_payment-1", NOW)


def at_once(app: Flask, act: Callable[[], Found]) -> list[Found]:
    """What each of many threads got that were let go together."""
    found: list[Found] = []
    gate = threading.Barrier(MANY)

    def run() -> None:
        with app.app_context():
            gate.wait()
            found.append(act())

    threads = [threading.Thread(target=run) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == MANY
    return found


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0

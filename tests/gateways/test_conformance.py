"""What every gateway keeps to: one set of tests, run against each.

A bench is a gateway with its books open. Bank transfer has no books of its own, for the vendor
records what arrives: what needs a card is asked of the two that take cards.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from portal.billing.gateways import (
    Answer,
    Charge,
    Outcome,
    PaymentGateway,
    Repayment,
    sandbox,
)
from portal.billing.gateways.manual import ManualGateway
from portal.billing.gateways.sandbox import SandboxGateway
from portal.billing.gateways.stripe import StripeGateway
from portal.billing.rules.money import Money
from portal.extensions import db
from portal.models import SandboxCharge, SandboxRefund, SandboxState
from tests.gateways import stripe_server
from tests.gateways.stripe_server import StripeServer

USD_50 = Money(5000, "USD")
YEN_5000 = Money(5000, "JPY")
BACK = "https://billing.example.com/payments/7"
ACTS = ("charge", "enquire", "call_off")


class Bench:
    """A gateway, its cards, and what it has taken and given back."""

    gateway: PaymentGateway
    # What a charge that nothing stands in the way of comes to, and one that was never sent.
    done, unsent = Outcome.SUCCEEDED, Outcome.NEVER_HEARD
    good = bad = asks = later = ""
    customer = ""

    def collected(self, key: str) -> list[int]:
        raise NotImplementedError

    def given_back(self, key: str) -> list[int]:
        raise NotImplementedError

    def lose(self, act: Callable[[], Answer]) -> Answer:
        """Carry it out, with the answer lost."""
        raise NotImplementedError

    def authenticate(self, answer: Answer, *, agreed: bool) -> None:
        raise NotImplementedError

    def break_down(self) -> None:
        raise NotImplementedError


@dataclass
class SandboxBench(Bench):
    monkeypatch: pytest.MonkeyPatch
    gateway = SandboxGateway()
    good, bad = "card_pays", "card_declines"
    asks, later = "card_authenticates", "card_declines_later"

    def collected(self, key: str) -> list[int]:
        db.session.rollback()
        paid = SandboxCharge.idempotency_key == key, SandboxCharge.state == SandboxState.PAID
        return list(db.session.scalars(select(SandboxCharge.amount_minor).where(*paid)))

    def given_back(self, key: str) -> list[int]:
        db.session.rollback()
        statement = select(SandboxRefund.amount_minor)
        return list(db.session.scalars(statement.where(SandboxRefund.idempotency_key == key)))

    def lose(self, act: Callable[[], Answer]) -> Answer:
        """The card whose answers get lost does all else as the good one."""
        silent = replace(sandbox.CARDS["card_pays"], answers=False)
        with self.monkeypatch.context() as patch:
            patch.setitem(sandbox.CARDS, "card_pays", silent)
            return act()

    def authenticate(self, answer: Answer, *, agreed: bool) -> None:
        assert answer.action_url is not None
        key = answer.action_url.split("?")[0].rsplit("/", 1)[1]
        sandbox.decide(key, authenticated=agreed)

    def break_down(self) -> None:
        def closed() -> None:
            raise OperationalError("the books", {}, Exception("can't be opened"))

        self.monkeypatch.setattr(sandbox, "_books", closed)


class ManualBench(Bench):
    gateway = ManualGateway()
    done = unsent = Outcome.AWAITED
    good = "transfer"

    def collected(self, key: str) -> list[int]:
        return []


@dataclass
class StripeBench(Bench):
    server: StripeServer
    gateway: StripeGateway  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.customer = self.server.customer()
        self.good = self.server.card(stripe_server.GOOD, self.customer)
        self.bad = self.server.card(stripe_server.declining("generic_decline"), self.customer)
        self.asks = self.later = self.server.card(stripe_server.ASKS, self.customer)

    def collected(self, key: str) -> list[int]:
        return self.server.collected(key)

    def given_back(self, key: str) -> list[int]:
        return self.server.given_back(key)

    def lose(self, act: Callable[[], Answer]) -> Answer:
        for path in ("/v1/payment_intents", "/v1/refunds"):
            self.server.fail(path, "drop", after=True)
        answer = act()
        self.server.faults.clear()
        return answer

    def authenticate(self, answer: Answer, *, agreed: bool) -> None:
        assert answer.reference is not None
        self.server.authenticate(answer.reference, agreed=agreed)

    def break_down(self) -> None:
        self.server.stop()


@pytest.fixture(params=["sandbox", "manual", "stripe"])
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    if request.param == "manual":
        yield ManualBench()
    elif request.param == "sandbox":
        request.getfixturevalue("app")
        yield SandboxBench(monkeypatch)
    else:
        server = request.getfixturevalue("stripe_at")
        yield StripeBench(server, request.getfixturevalue("stripe_gateway"))


cards = pytest.mark.parametrize("bench", ["sandbox", "stripe"], indirect=True)


# --- Charges -------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [USD_50, YEN_5000], ids=["USD", "JPY"])
def test_the_same_key_twice_collects_once(bench: Bench, amount: Money) -> None:
    """charge.once"""
    charge = a_charge(bench, amount=amount)
    first = bench.gateway.charge(charge)
    assert first.outcome is bench.done
    assert first.reference
    assert bench.gateway.charge(charge) == first
    collects_cards = bench.done is Outcome.SUCCEEDED
    assert bench.collected(charge.idempotency_key) == ([5000] if collects_cards else [])


@pytest.mark.parametrize("on_session", [True, False], ids=["on-session", "off-session"])
def test_an_enquiry_gives_the_answer_again(bench: Bench, on_session: bool) -> None:
    charge = a_charge(bench, on_session=on_session)
    first = bench.gateway.charge(charge)
    assert bench.gateway.enquire(charge) == first
    assert bench.gateway.enquire(replace(charge, gateway_reference=first.reference)) == first


def test_what_was_never_sent_is_not_known(bench: Bench) -> None:
    """pay.unknown"""
    assert bench.gateway.enquire(a_charge(bench)).outcome is bench.unsent


@cards
def test_an_enquiry_tells_what_a_lost_answer_would_have(bench: Bench) -> None:
    """pay.unknown"""
    charge = a_charge(bench)
    lost = bench.lose(lambda: bench.gateway.charge(charge))
    assert lost == Answer(Outcome.UNKNOWN)
    assert bench.gateway.enquire(charge).outcome is Outcome.SUCCEEDED
    assert bench.gateway.charge(charge).outcome is Outcome.SUCCEEDED
    assert bench.collected(charge.idempotency_key) == [5000]


@cards
@pytest.mark.parametrize("on_session", [True, False], ids=["on-session", "off-session"])
def test_what_was_declined_stays_declined(bench: Bench, on_session: bool) -> None:
    charge = a_charge(bench, bench.bad, on_session=on_session)
    first = bench.gateway.charge(charge)
    assert first.outcome is Outcome.DECLINED
    assert first.message
    assert first.message.endswith((".", "!"))
    assert bench.gateway.charge(charge) == first
    assert bench.gateway.enquire(charge).outcome is Outcome.DECLINED
    assert bench.gateway.call_off(charge).outcome is Outcome.DECLINED
    assert bench.collected(charge.idempotency_key) == []


# --- Authentication ------------------------------------------------------------------------------


@cards
def test_authentication_is_asked_of_a_customer_who_is_there(bench: Bench) -> None:
    charge = a_charge(bench, bench.asks, on_session=True)
    asked = bench.gateway.charge(charge)
    assert asked.outcome is Outcome.NEEDS_ACTION
    assert asked.action_url
    assert asked.action_url.startswith("https://")
    assert bench.gateway.charge(charge) == asked
    assert bench.gateway.enquire(charge) == asked
    bench.authenticate(asked, agreed=True)
    assert bench.gateway.enquire(charge) == Answer(Outcome.SUCCEEDED, asked.reference)
    assert bench.collected(charge.idempotency_key) == [5000]


@cards
def test_authentication_that_is_refused_is_a_decline(bench: Bench) -> None:
    charge = a_charge(bench, bench.asks, on_session=True)
    asked = bench.gateway.charge(charge)
    bench.authenticate(asked, agreed=False)
    for _ in range(2):
        told = bench.gateway.enquire(charge)
        assert told.outcome is Outcome.DECLINED
        assert "authenticat" in str(told.message)
    assert bench.collected(charge.idempotency_key) == []


@cards
def test_nobody_is_there_to_authenticate(bench: Bench) -> None:
    charge = a_charge(bench, bench.asks, on_session=False)
    declined = bench.gateway.charge(charge)
    assert declined.outcome is Outcome.DECLINED
    assert declined.action_url is None
    assert str(declined.message).startswith("The bank asks for authentication")
    assert bench.gateway.enquire(charge) == declined
    assert bench.collected(charge.idempotency_key) == []


@cards
def test_a_card_may_pay_now_and_be_declined_at_renewals(bench: Bench) -> None:
    now, renewal = a_charge(bench, bench.later, on_session=True), a_charge(bench, bench.later)
    paid = bench.gateway.charge(now)
    if paid.outcome is Outcome.NEEDS_ACTION:
        bench.authenticate(paid, agreed=True)
        paid = bench.gateway.enquire(now)
    assert paid.outcome is Outcome.SUCCEEDED
    assert bench.gateway.charge(renewal).outcome is Outcome.DECLINED


# --- Calling off ---------------------------------------------------------------------------------


@pytest.mark.parametrize("knows_reference", [True, False], ids=["by-reference", "by-key"])
def test_what_waits_for_somebody_is_called_off(bench: Bench, knows_reference: bool) -> None:
    charge = a_charge(bench, bench.asks or bench.good, on_session=True)
    waiting = bench.gateway.charge(charge)
    assert waiting.outcome in (Outcome.NEEDS_ACTION, Outcome.AWAITED)
    if knows_reference:
        charge = replace(charge, gateway_reference=waiting.reference)
    off = bench.gateway.call_off(charge)
    assert (off.outcome, off.message) == (Outcome.DECLINED, "Called off.")
    assert bench.gateway.call_off(charge).outcome is Outcome.DECLINED
    assert bench.collected(charge.idempotency_key) == []


@cards
def test_called_off_in_time_it_can_not_be_authenticated_any_more(bench: Bench) -> None:
    charge = a_charge(bench, bench.asks, on_session=True)
    waiting = bench.gateway.charge(charge)
    bench.gateway.call_off(charge)
    bench.authenticate(waiting, agreed=True)
    assert bench.gateway.enquire(charge).outcome is Outcome.DECLINED
    assert bench.collected(charge.idempotency_key) == []


@cards
def test_called_off_too_late_it_has_been_collected(bench: Bench) -> None:
    charge = a_charge(bench, bench.asks, on_session=True)
    bench.authenticate(bench.gateway.charge(charge), agreed=True)
    assert bench.gateway.call_off(charge).outcome is Outcome.SUCCEEDED
    assert bench.collected(charge.idempotency_key) == [5000]


def test_what_never_arrived_is_called_off(bench: Bench) -> None:
    charge = a_charge(bench)
    assert bench.gateway.call_off(charge).outcome is Outcome.DECLINED
    assert bench.collected(charge.idempotency_key) == []


# --- Refunds -------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [USD_50, YEN_5000], ids=["USD", "JPY"])
def test_the_same_refund_twice_is_given_back_once(bench: Bench, amount: Money) -> None:
    back = a_repayment(*collected(bench, amount), amount=amount)
    first = bench.gateway.refund(back)
    assert first.outcome is bench.done
    assert bench.gateway.refund(back) == first
    assert bench.gateway.enquire_refund(back) == first
    known = replace(back, gateway_reference=first.reference)
    assert bench.gateway.enquire_refund(known) == first
    if bench.done is Outcome.SUCCEEDED:
        assert bench.given_back(back.idempotency_key) == [5000]


def test_a_refund_that_was_never_sent_is_not_known(bench: Bench) -> None:
    back = a_repayment(*collected(bench))
    assert bench.gateway.enquire_refund(back).outcome is bench.unsent


@cards
def test_a_part_and_the_rest_are_given_back_and_no_cent_more(bench: Bench) -> None:
    charge, reference = collected(bench)
    part = a_repayment(charge, reference, amount=Money(3333, "USD"))
    more = a_repayment(charge, reference, amount=Money(1668, "USD"))
    rest = a_repayment(charge, reference, amount=Money(1667, "USD"))
    last = a_repayment(charge, reference, amount=Money(1, "USD"))
    outcomes = [bench.gateway.refund(back).outcome for back in (part, more, rest, last)]
    assert outcomes == ["succeeded", "declined", "succeeded", "declined"]
    given = [bench.given_back(back.idempotency_key) for back in (part, more, rest, last)]
    assert given == [[3333], [], [1667], []]
    assert (
        bench.gateway.refund(more).message == "More than what is left of the payment can't be"
        " given back."
    )


@cards
def test_nothing_is_given_back_of_what_was_not_collected(bench: Bench) -> None:
    charge = a_charge(bench, bench.bad)
    declined = bench.gateway.charge(charge)
    back = a_repayment(charge, declined.reference or "")
    assert bench.gateway.refund(back).outcome is Outcome.DECLINED
    assert bench.given_back(back.idempotency_key) == []


@cards
def test_an_enquiry_tells_what_became_of_a_refund_whose_answer_was_lost(bench: Bench) -> None:
    back = a_repayment(*collected(bench))
    assert bench.lose(lambda: bench.gateway.refund(back)) == Answer(Outcome.UNKNOWN)
    assert bench.gateway.enquire_refund(back).outcome is Outcome.SUCCEEDED
    assert bench.gateway.refund(back).outcome is Outcome.SUCCEEDED
    assert bench.given_back(back.idempotency_key) == [5000]


# --- Failures ------------------------------------------------------------------------------------


@cards
def test_whatever_fails_is_unknown_and_nothing_is_raised(bench: Bench) -> None:
    """pay.unknown"""
    charge = a_charge(bench)
    back = a_repayment(charge, "pi_1")
    bench.break_down()
    answers = [getattr(bench.gateway, act)(charge) for act in ACTS]
    answers += [bench.gateway.refund(back), bench.gateway.enquire_refund(back)]
    assert answers == [Answer(Outcome.UNKNOWN)] * 5


# --- Helpers in the order they are used ----------------------------------------------------------


def a_charge(bench: Bench, method: str | None = None, **more: Any) -> Charge:
    facts = {
        "idempotency_key": f"payment-{secrets.token_hex(16)}",
        "amount": USD_50,
        "customer_reference": bench.customer,
        "method_reference": method or bench.good,
        "description": "Invoice INV-2026-00001",
        "on_session": False,
        "return_url": BACK,
        "created_at": datetime.now(UTC) - timedelta(seconds=1),
    }
    return Charge(**(facts | more))


def collected(bench: Bench, amount: Money = USD_50) -> tuple[Charge, str]:
    """A charge that went well, and what the gateway calls it."""
    charge = a_charge(bench, amount=amount)
    answer = bench.gateway.charge(charge)
    assert answer.outcome is bench.done
    assert answer.reference is not None
    return charge, answer.reference


def a_repayment(charge: Charge, reference: str, *, amount: Money = USD_50) -> Repayment:
    return Repayment(
        idempotency_key=f"refund-{secrets.token_hex(16)}",
        amount=amount,
        charge_key=charge.idempotency_key,
        charge_reference=reference,
        created_at=charge.created_at,
    )

"""Payment gateways behind one protocol.

A gateway is a foreign system: it is called with no transaction open, may fail to answer, and
knows a charge or a refund by its idempotency key.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from portal.billing.rules.money import Money

# The names settings and payments know them by.
SANDBOX, MANUAL, STRIPE = "sandbox", "manual", "stripe"


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    # The gateway has not answered; only asking it later can tell.
    UNKNOWN = "unknown"
    # Waits for something outside, such as a bank transfer the vendor records.
    AWAITED = "awaited"
    # Waits for the customer, who authenticates at the answer's `action_url`.
    NEEDS_ACTION = "needs_action"
    # The gateway was asked and never heard of it: it is safe to send it again.
    NEVER_HEARD = "never_heard"


@dataclass(frozen=True)
class Charge:
    """One amount to collect; sending the same key again never collects twice.

    `customer_reference` and `method_reference` are the gateway's own; `description` is for
    statements. With `on_session` the customer is there and comes back to `return_url` (absolute)
    after authenticating; without it a charge that needs authentication is declined.
    `created_at` is when the payment was first written, `gateway_reference` what an earlier answer
    called it: both help a gateway to find it again.
    """

    idempotency_key: str
    amount: Money
    customer_reference: str
    method_reference: str
    description: str
    on_session: bool
    return_url: str
    created_at: datetime
    gateway_reference: str | None = None


@dataclass(frozen=True)
class Repayment:
    """An amount to give back of a charge that succeeded; the same key never gives it back twice.

    `charge_key` and `charge_reference` are what portal and gateway call the charge.
    """

    idempotency_key: str
    amount: Money
    charge_key: str
    charge_reference: str
    created_at: datetime
    gateway_reference: str | None = None


@dataclass(frozen=True)
class Answer:
    """What became of a charge or a refund. `message` is for people where it was declined."""

    outcome: Outcome
    reference: str | None = None
    message: str | None = None
    action_url: str | None = None


class PaymentGateway(Protocol):
    """Collects money and gives it back. Never raises for what can go wrong on the way: that is
    UNKNOWN."""

    def charge(self, charge: Charge) -> Answer:
        """Collect; repeated with the same key it gives the first answer again."""

    def enquire(self, charge: Charge) -> Answer:
        """What became of the charge with this key."""

    def call_off(self, charge: Charge) -> Answer:
        """Give up a charge that still waits for somebody: DECLINED where that was in time, else
        what became of it."""

    def refund(self, repayment: Repayment) -> Answer:
        """Give back; repeated with the same key it gives the first answer again."""

    def enquire_refund(self, repayment: Repayment) -> Answer:
        """What became of the refund with this key."""

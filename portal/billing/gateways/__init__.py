"""Payment gateways behind one protocol.

A gateway is a foreign system: it is called with no transaction open, may fail to answer, and
knows a charge by its idempotency key alone.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from portal.billing.rules.money import Money

# The names settings and payments know them by.
SANDBOX, MANUAL = "sandbox", "manual"


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    # The gateway has not answered; only asking it later can tell.
    UNKNOWN = "unknown"
    # Waits for something outside, such as a bank transfer the vendor records.
    AWAITED = "awaited"
    # The gateway was asked and never heard of the charge: it is safe to send it again.
    NEVER_HEARD = "never_heard"


@dataclass(frozen=True)
class Charge:
    """One amount to collect; sending the same key again never collects twice."""

    idempotency_key: str
    amount: Money
    method_reference: str


@dataclass(frozen=True)
class Answer:
    """What became of a charge. `message` is for people where it was declined."""

    outcome: Outcome
    reference: str | None = None
    message: str | None = None


class PaymentGateway(Protocol):
    """Collects money. Never raises for what can go wrong on the way: that is UNKNOWN."""

    def charge(self, charge: Charge) -> Answer:
        """Collect; repeated with the same key it gives the first answer again."""

    def enquire(self, idempotency_key: str) -> Answer:
        """What became of the charge with this key."""

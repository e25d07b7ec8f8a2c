"""Payment gateways behind one protocol.

A gateway is a foreign system: it is called with no transaction open, may fail to answer, and
knows a charge or a refund by its idempotency key.

Pages of a gateway (`Answer.action_url`, `BegunMethod.url`) are links for people to follow. They
can't be where a form's answer redirects to: the content policy lets forms end on this site only.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

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
    UNKNOWN. SUCCEEDED and DECLINED are final: nothing is collected of what was declined."""

    def charge(self, charge: Charge) -> Answer:
        """Collect; repeated with the same key it gives the first answer again."""

    def enquire(self, charge: Charge) -> Answer:
        """What became of the charge with this key."""

    def call_off(self, charge: Charge) -> Answer:
        """Give up a charge that still waits for somebody: DECLINED where that was in time, or where
        it never arrived, else what became of it. It must not be sent again afterwards."""

    def refund(self, repayment: Repayment) -> Answer:
        """Give back; repeated with the same key it gives the first answer again."""

    def enquire_refund(self, repayment: Repayment) -> Answer:
        """What became of the refund with this key."""


@dataclass(frozen=True)
class BegunMethod:
    """A page of the gateway's where the customer enters a card. `reference` is what the gateway
    calls this visit, `customer_reference` what it calls the account from now on."""

    url: str
    reference: str
    customer_reference: str


@dataclass(frozen=True)
class SavedMethod:
    """A way to pay that the gateway keeps: what it calls it, and what people recognise it by."""

    reference: str
    label: str
    customer_reference: str


@runtime_checkable
class MethodPages(Protocol):
    """A gateway on whose own pages people enter their cards, so that the portal sees none.

    Tell by isinstance whether a gateway is one.
    """

    def begin_method(
        self,
        *,
        account_public_id: str,
        account_name: str,
        customer_reference: str | None,
        return_url: str,
        cancel_url: str,
    ) -> BegunMethod | None:
        """Open such a page for an account, whose customer is made where there is none yet.

        The customer comes back to `return_url`, with the visit as `reference` in its query, or to
        `cancel_url`. None when the gateway doesn't answer: nothing has happened, ask again.
        """

    def finish_method(self, reference: str) -> SavedMethod | None:
        """What was saved on a visit; None while nothing was, or when the gateway doesn't answer.

        Whoever asks compares `customer_reference` with the account's own: references of visits
        come from outside.
        """

    def newest_method(self, customer_reference: str) -> SavedMethod | None:
        """The card that a customer saved last; None without one, or without an answer."""

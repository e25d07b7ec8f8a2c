"""Stripe, by its own SDK. Cards are entered on Stripe's pages; the portal knows them by name.

A payment is one PaymentIntent, confirmed as it is created. It carries the portal's key in two
ways: as the idempotency key, which Stripe keeps for a day, and in its metadata, by which it is
found for ever. What may have been sent more than 23 hours ago is looked for before it is sent.

A PaymentIntent that was declined could still be paid later, so it is cancelled before the portal
hears DECLINED. Whatever goes wrong on the way is UNKNOWN.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.billing.gateways.stripe.gateway import StripeGateway as StripeGateway


def __getattr__(name: str) -> object:
    """The gateway is loaded when it is asked for: Stripe's SDK is larger than the portal."""
    if name != "StripeGateway":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from portal.billing.gateways.stripe.gateway import StripeGateway

    return StripeGateway

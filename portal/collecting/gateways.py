"""The payment gateways, each made when it is first needed.

By the name that settings and payments give them; one that isn't in the settings any more still
knows what became of its payments. In a simulation none of them is asked, but its stand-in.
"""

from collections.abc import Callable

from flask import current_app, g

from portal.billing.gateways import MANUAL, SANDBOX, STRIPE, PaymentGateway, stripe
from portal.billing.gateways.manual import ManualGateway
from portal.billing.gateways.sandbox import SandboxGateway
from portal.config import Settings
from portal.transaction import is_simulated

EXTENSION = "portal.collecting.gateways"
STAND_IN = "gateway_stand_in"
GATEWAYS: dict[str, Callable[[Settings], PaymentGateway]] = {
    SANDBOX: lambda _settings: SandboxGateway(),
    MANUAL: lambda _settings: ManualGateway(),
    STRIPE: lambda settings: stripe.StripeGateway(settings),
}


def named(name: str) -> PaymentGateway:
    """The gateway of that name; raises KeyError."""
    if is_simulated():
        stand_in: PaymentGateway = g.get(STAND_IN)
        return stand_in
    made: dict[str, PaymentGateway] = current_app.extensions.setdefault(EXTENSION, {})
    if name not in made:
        made[name] = GATEWAYS[name](current_app.config["PORTAL"])
    return made[name]


def ask_instead(stand_in: PaymentGateway) -> None:
    """Who answers for every gateway in this application context's simulation."""
    setattr(g, STAND_IN, stand_in)

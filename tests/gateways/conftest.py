"""A Stripe on this machine, and the portal's gateway to it."""

from collections.abc import Iterator

import pytest

from portal.billing.gateways.stripe import StripeGateway, calls
from portal.config import Settings, StripeSettings
from tests.gateways import stripe_server
from tests.gateways.stripe_server import StripeServer
from tests.gateways.stripe_wire import SECRET_KEY, WEBHOOK_SECRET


@pytest.fixture
def stripe_at() -> Iterator[StripeServer]:
    """Stripe's side of it."""
    with stripe_server.running() as server:
        yield server


@pytest.fixture
def stripe_gateway(stripe_at: StripeServer, monkeypatch: pytest.MonkeyPatch) -> StripeGateway:
    """The portal's side, which waits for half a second only."""
    monkeypatch.setattr(calls, "TIMEOUT_SECONDS", 0.5)
    return StripeGateway(settings_for(stripe_at.url))


def settings_for(url: str) -> Settings:
    return Settings(gateway="stripe", stripe=StripeSettings(SECRET_KEY, WEBHOOK_SECRET, url))

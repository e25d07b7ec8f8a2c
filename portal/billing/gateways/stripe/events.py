"""News from Stripe: who sent it, and what of it the portal keeps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.config import Settings

TOLERANCE_SECONDS = 300
# Enough to find what the news is about; what it says of states and amounts is asked for anew.
KEPT = ("object", "id", "customer", "payment_intent", "metadata")


@dataclass(frozen=True)
class News:
    """An event of Stripe's. `about` is what is kept of its object."""

    event_id: str
    kind: str
    about: Mapping[str, Any]


def read(body: bytes, signature: str | None, settings: Settings) -> News | None:
    """The news in a request; None unless Stripe signed it, within the last five minutes."""
    import stripe  # only where news comes, for it is large

    secret = settings.stripe.webhook_secret
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE_SECONDS)
        event = json.loads(body)
        thing = event["data"]["object"]
        about = {name: thing[name] for name in KEPT if thing.get(name) is not None}
        return News(str(event["id"]), str(event["type"]), about)
    except (stripe.SignatureVerificationError, ValueError, LookupError, TypeError, AttributeError):
        return None

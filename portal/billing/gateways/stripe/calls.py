"""Calling Stripe: signed in, with a limit on waiting, never sent twice by itself, and what it
means when no answer comes."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import stripe

from portal import clock
from portal.billing.gateways import Answer, Outcome
from portal.config import Settings

Api = stripe.V1Services
Found = TypeVar("Found")
TIMEOUT_SECONDS = 20
PAGE_LENGTH = 100
# Stripe may forget idempotency keys after 24 hours.
KEY_LASTS = timedelta(hours=23)
LOG = logging.getLogger(__name__)
# Requests and answers are no matter for logs: they carry what gives access to payments.
logging.getLogger("stripe").setLevel(logging.WARNING)


def connect(settings: Settings) -> Api:
    return stripe.StripeClient(
        settings.stripe.secret_key,
        base_addresses={"api": settings.stripe.api_base},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    ).v1


def unless_lost(ask: Callable[[], Answer]) -> Answer:
    """The answer; UNKNOWN for whatever keeps it from coming: only an enquiry can tell then."""
    return or_none(ask) or Answer(Outcome.UNKNOWN)


def or_none(ask: Callable[[], Found | None]) -> Found | None:
    """What was asked for; None when Stripe doesn't answer, or not as it should."""
    try:
        return ask()
    except stripe.StripeError as error:
        note(error)
    except Exception:
        LOG.exception("Stripe's answer was not understood")
    return None


def note(error: stripe.StripeError) -> None:
    """For the operator; without Stripe's message, which may quote what was sent."""
    passing = isinstance(error, stripe.APIConnectionError | stripe.RateLimitError)
    level = logging.WARNING if passing or (error.http_status or 0) >= 500 else logging.ERROR
    facts = (type(error).__name__, error.http_status, error.code, error.request_id)
    LOG.log(level, "Stripe did not do it: %s, status %s, code %s, request %s", *facts)


def facts_of(error: stripe.StripeError) -> dict[str, Any]:
    """The error as Stripe describes it."""
    return error.error.to_dict() if error.error else {}


def key_is_young(created_at: datetime) -> bool:
    """Whether a key is surely young enough to be known at Stripe if it was sent before."""
    return timedelta(0) <= clock.wall_now() - created_at < KEY_LASTS

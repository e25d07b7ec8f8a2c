"""Saving cards on Stripe's own pages (Checkout in setup mode)."""

from portal.billing.gateways import BegunMethod, SavedMethod
from portal.billing.gateways.stripe import answers
from portal.billing.gateways.stripe.answers import JSON
from portal.billing.gateways.stripe.calls import Api


class Methods:
    """What `MethodPages` says, but raising what Stripe raises."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def customer(self, account_public_id: str, account_name: str) -> str:
        """Made once for an account. The name is given apart: it may change, and a key must always
        come with the same request."""
        customer = self._api.customers.create(
            {"metadata": {answers.ACCOUNT: account_public_id}},
            {"idempotency_key": f"customer-{account_public_id}"},
        )
        self._api.customers.update(customer.id, {"name": account_name})
        return customer.id

    def begin(self, customer: str, return_url: str, cancel_url: str) -> BegunMethod:
        joint = "&" if "?" in return_url else "?"
        session = self._api.checkout.sessions.create(
            {
                "mode": "setup",
                "customer": customer,
                "allowed_payment_method_types": ["card"],
                # Stripe fills in the braces.
                "success_url": f"{return_url}{joint}reference={{CHECKOUT_SESSION_ID}}",
                "cancel_url": cancel_url,
            }
        )
        return BegunMethod(str(session.url), session.id, customer)

    def finish(self, reference: str) -> SavedMethod | None:
        session = self._api.checkout.sessions.retrieve(
            reference, {"expand": ["setup_intent.payment_method"]}
        ).to_dict()
        setup = session["setup_intent"]
        if session["status"] != "complete" or setup["status"] != "succeeded":
            return None
        return _saved(setup["payment_method"], session["customer"])

    def newest(self, customer: str) -> SavedMethod | None:
        cards = self._api.payment_methods.list({"customer": customer, "type": "card", "limit": 1})
        return next((_saved(card.to_dict(), customer) for card in cards.data), None)


def _saved(method: JSON, customer: str) -> SavedMethod:
    return SavedMethod(method["id"], answers.card_label(method), customer)

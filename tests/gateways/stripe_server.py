"""A stand-in for Stripe on this machine: the part of its current API that the portal uses.

It takes the parameters that the SDK's types know and no others, keeps idempotency keys as Stripe
does (an error 500 is kept too), and answers with objects of the current shapes. What goes wrong
between it and the portal is ordered with `fail`.
"""

import contextlib
import itertools
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

from stripe.params import (
    CustomerCreateParams,
    CustomerUpdateParams,
    PaymentIntentCreateParams,
    RefundCreateParams,
)
from stripe.params.checkout import SessionCreateParams

from tests.gateways import stripe_wire
from tests.gateways.stripe_wire import API_VERSION, JSON, Fault, Refused, error_answer

LEAST = {"usd": 50, "eur": 50, "jpy": 50}


@dataclass(frozen=True)
class Card:
    """How a saved card behaves: its error code and decline code, or whether its bank asks."""

    code: str | None = None
    decline_code: str | None = None
    asks: bool = False
    brand: str = "visa"
    last4: str = "4242"


GOOD = Card()
ASKS = Card(asks=True, last4="3155")


def declining(decline_code: str, code: str = "card_declined") -> Card:
    return Card(code, decline_code, last4="0002")


@dataclass
class StripeServer:
    """Its books, open to tests."""

    intents: dict[str, JSON] = field(default_factory=dict)
    refunds: dict[str, JSON] = field(default_factory=dict)
    sessions: dict[str, JSON] = field(default_factory=dict)
    customers: dict[str, JSON] = field(default_factory=dict)
    methods: dict[str, JSON] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    keys: dict[str, tuple[JSON, int, JSON]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, JSON]] = field(default_factory=list)
    refund_status: str = "succeeded"
    longest_page: int = 100
    is_away: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), stripe_wire.handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Also on connections that are open."""
        self.is_away = True
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        """Forget everything, for the next test."""
        shelves = (self.intents, self.refunds, self.sessions, self.customers, self.methods)
        for shelf in (*shelves, self.cards, self.keys, self.faults, self.requests):
            shelf.clear()
        self.refund_status, self.longest_page = "succeeded", 100

    # What tests do and see -----------------------------------------------------------------------

    def customer(self) -> str:
        return self._made("cus", "customer", self.customers, {"metadata": {}, "name": None})["id"]

    def card(self, card: Card, customer: str) -> str:
        """A card that the customer saved."""
        facts = {"brand": card.brand, "last4": card.last4, "exp_month": 12, "exp_year": 2032}
        method = {"type": "card", "card": facts, "customer": customer}
        made = self._made("pm", "payment_method", self.methods, method)
        self.cards[made["id"]] = card
        return made["id"]

    def fail(self, path: str, how: str, *, after: bool) -> None:
        """Let the next request to `path` go wrong, of any method or of one ("POST /v1/refunds")."""
        self.faults.append(Fault(path, how, after))

    def forget_keys(self) -> None:
        """As Stripe does after 24 hours."""
        self.keys.clear()

    def authenticate(self, intent_id: str, *, agreed: bool) -> None:
        """What the customer answers on the page of the bank; too late, it changes nothing."""
        intent = self.intents[intent_id]
        if intent["status"] != "requires_action":
            return
        intent["next_action"] = None
        if agreed:
            self._collect(intent)
        else:
            error = {"type": "invalid_request_error", "message": "It failed."}
            code = "payment_intent_authentication_failure"
            self._fail(intent, error | {"code": code}, detach=True)

    def enter_card(self, session_id: str, card: Card) -> str:
        """What the customer does on the hosted page; returns the saved card's name."""
        session = self.sessions[session_id]
        method = self.card(card, session["customer"])
        session["status"] = "complete"
        session["_setup"] = {"status": "succeeded", "payment_method": method}
        return method

    def of_key(self, key: str) -> list[JSON]:
        """The payments that carry the portal's key."""
        return [
            one for one in self.intents.values() if one["metadata"].get("portal_payment") == key
        ]

    def collected(self, key: str) -> list[int]:
        return [one["amount"] for one in self.of_key(key) if one["status"] == "succeeded"]

    def given_back(self, key: str) -> list[int]:
        found = self.refunds.values()
        return [one["amount"] for one in found if one["metadata"].get("portal_refund") == key]

    def event(self, kind: str, thing: JSON) -> JSON:
        return {
            "id": f"evt_{secrets.token_hex(8)}",
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "data": {"object": json.loads(json.dumps(_shown(thing)))},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }

    # The API -------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, params: JSON, key: str | None) -> tuple[int, JSON]:
        with self._lock:
            self.requests.append((method, path, params))
            if method == "POST" and key in self.keys:
                first, status, body = self.keys[key]
                if first == params:
                    return status, body
                return error_answer(
                    400, "idempotency_error", "Keys come with the same parameters only."
                )
            status, body, is_kept = self._carried_out(method, path, params)
            if method == "POST" and key is not None and is_kept:
                self.keys[key] = (params, status, body)
            return status, body

    def _carried_out(self, method: str, path: str, params: JSON) -> tuple[int, JSON, bool]:
        """Also says whether it is kept under its key: all whose execution began."""
        try:
            for pattern, act in ROUTES:
                found = re.fullmatch(pattern, f"{method} {path}")
                if found:
                    return 200, _shown(act(self, params, *found.groups())), True
            raise Refused(404, "invalid_request_error", "Unrecognized request URL")
        except Refused as refused:
            return refused.status, refused.body, refused.status == 402

    def create_customer(self, params: JSON) -> JSON:
        _known(params, CustomerCreateParams)
        facts = {"name": None, "metadata": params.get("metadata", {})}
        return self._made("cus", "customer", self.customers, facts)

    def update_customer(self, params: JSON, customer: str) -> JSON:
        _known(params, CustomerUpdateParams)
        _get(self.customers, customer).update(params)
        return self.customers[customer]

    def create_session(self, params: JSON) -> JSON:
        _known(params, SessionCreateParams)
        if not params.get("allowed_payment_method_types") and not params.get("currency"):
            raise Refused(400, "invalid_request_error", "Missing currency", param="currency")
        _get(self.customers, params["customer"], "customer")
        facts = {**params, "status": "open", "setup_intent": "seti_1", "metadata": {}}
        session = self._made("cs_test", "checkout.session", self.sessions, facts)
        session["url"] = f"https://checkout.stripe.com/c/pay/{session['id']}"
        return session

    def retrieve_session(self, params: JSON, session_id: str) -> JSON:
        session = dict(_get(self.sessions, session_id))
        if params.get("expand") == ["setup_intent.payment_method"]:
            setup = session.get("_setup", {"status": "requires_payment_method"})
            method = self.methods.get(setup.get("payment_method", ""))
            session["setup_intent"] = {
                **{"id": "seti_1", "object": "setup_intent"},
                **{"status": setup["status"], "payment_method": method},
            }
        return session

    def list_methods(self, params: JSON) -> JSON:
        theirs = [one for one in self.methods.values() if one["customer"] == params["customer"]]
        return self._page(theirs, params, "/v1/payment_methods")

    def create_intent(self, params: JSON) -> JSON:
        _known(params, PaymentIntentCreateParams)
        self._check_intent(params)
        intent = self._made("pi", "payment_intent", self.intents, _new_intent(params))
        card, off_session = self.cards[params["payment_method"]], params.get("off_session")
        if card.code:
            self._decline(intent, card.code, card.decline_code)
        elif card.asks and off_session == "true":
            self._decline(intent, "authentication_required", "authentication_required")
        elif card.asks:
            intent["status"] = "requires_action"
            url = f"https://hooks.stripe.com/redirect/authenticate/{intent['id']}"
            target = {"url": url, "return_url": params["return_url"]}
            intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": target}
        else:
            self._collect(intent)
        return intent

    def retrieve_intent(self, params: JSON, intent_id: str) -> JSON:
        return _get(self.intents, intent_id)

    def list_intents(self, params: JSON) -> JSON:
        theirs = [one for one in self.intents.values() if one["customer"] == params["customer"]]
        return self._page(theirs, params, "/v1/payment_intents")

    def cancel_intent(self, params: JSON, intent_id: str) -> JSON:
        intent = _get(self.intents, intent_id)
        if intent["status"] in ("succeeded", "canceled", "processing"):
            code = "payment_intent_unexpected_state"
            message = f"You can't cancel a PaymentIntent with status {intent['status']}"
            raise Refused(
                400, "invalid_request_error", message, code=code, payment_intent=_shown(intent)
            )
        intent.update(status="canceled", next_action=None, canceled_at=int(time.time()))
        return intent

    def create_refund(self, params: JSON) -> JSON:
        _known(params, RefundCreateParams)
        intent, amount = _get(self.intents, params["payment_intent"]), int(params["amount"])
        theirs = [one for one in self.refunds.values() if one["payment_intent"] == intent["id"]]
        left = intent["amount_received"] - sum(one["amount"] for one in theirs)
        if intent["status"] != "succeeded":
            message = f"This PaymentIntent ({intent['id']}) has no successful charge to refund."
            raise Refused(400, "invalid_request_error", message)
        if left == 0:
            message = f"Charge {intent['latest_charge']} has already been refunded."
            raise Refused(400, "invalid_request_error", message, code="charge_already_refunded")
        if amount > left:
            message = "Refund amount is greater than unrefunded amount on charge"
            raise Refused(400, "invalid_request_error", message, param="amount")
        facts = {
            **{"amount": amount, "currency": intent["currency"], "charge": intent["latest_charge"]},
            **{"payment_intent": intent["id"], "metadata": params.get("metadata", {})},
            **{"status": self.refund_status, "reason": None},
        }
        return self._made("re", "refund", self.refunds, facts)

    def retrieve_refund(self, params: JSON, refund_id: str) -> JSON:
        return _get(self.refunds, refund_id)

    def list_refunds(self, params: JSON) -> JSON:
        asked = params["payment_intent"]
        theirs = [one for one in self.refunds.values() if one["payment_intent"] == asked]
        return self._page(theirs, params, "/v1/refunds")

    # Helpers in the order they are used ----------------------------------------------------------

    def _made(self, prefix: str, kind: str, shelf: dict[str, JSON], facts: JSON) -> JSON:
        made_id = f"{prefix}_{next(self._numbers):06}{secrets.token_hex(4)}"
        made = {"id": made_id, "object": kind, "created": int(time.time()), "livemode": False}
        shelf[made_id] = made | facts
        return shelf[made_id]

    def _page(self, things: list[JSON], params: JSON, url: str) -> JSON:
        """Newest first."""
        things = things[::-1]
        after = params.get("starting_after")
        if after:
            things = things[[one["id"] for one in things].index(after) + 1 :]
        length = min(int(params.get("limit", 10)), self.longest_page)
        page = [_shown(one) for one in things[:length]]
        return {"object": "list", "data": page, "has_more": len(things) > length, "url": url}

    def _check_intent(self, params: JSON) -> None:
        _get(self.customers, params["customer"], "customer")
        method = _get(self.methods, params["payment_method"], "payment_method")
        if method["customer"] != params["customer"]:
            message = "The customer does not have this payment method."
            raise Refused(400, "invalid_request_error", message, param="payment_method")
        if params["currency"] not in LEAST:
            message = f"Invalid currency: {params['currency']}"
            raise Refused(400, "invalid_request_error", message, param="currency")
        if int(params["amount"]) < LEAST[params["currency"]]:
            message = "Amount must be at least 50."
            more = {"code": "amount_too_small", "param": "amount"}
            raise Refused(400, "invalid_request_error", message, **more)

    def _collect(self, intent: JSON) -> None:
        charge = f"ch_{next(self._numbers):06}"
        intent.update(status="succeeded", amount_received=intent["amount"], latest_charge=charge)

    def _decline(self, intent: JSON, code: str, decline_code: str | None) -> None:
        error = {"code": code, "decline_code": decline_code, "charge": "ch_declined"}
        self._fail(intent, {"type": "card_error", "message": "Your card was declined."} | error)
        told = intent["last_payment_error"] | {"payment_intent": _shown(intent)}
        raise Refused(402, told.pop("type"), told.pop("message"), **told)

    def _fail(self, intent: JSON, error: JSON, *, detach: bool = True) -> None:
        intent.update(status="requires_payment_method", last_payment_error=error)
        if detach:
            intent["payment_method"] = None


ROUTES: list[tuple[str, Callable[..., JSON]]] = [
    (r"POST /v1/customers", StripeServer.create_customer),
    (r"POST /v1/customers/(\w+)", StripeServer.update_customer),
    (r"POST /v1/checkout/sessions", StripeServer.create_session),
    (r"GET /v1/checkout/sessions/(\w+)", StripeServer.retrieve_session),
    (r"GET /v1/payment_methods", StripeServer.list_methods),
    (r"POST /v1/payment_intents", StripeServer.create_intent),
    (r"GET /v1/payment_intents", StripeServer.list_intents),
    (r"GET /v1/payment_intents/(\w+)", StripeServer.retrieve_intent),
    (r"POST /v1/payment_intents/(\w+)/cancel", StripeServer.cancel_intent),
    (r"POST /v1/refunds", StripeServer.create_refund),
    (r"GET /v1/refunds", StripeServer.list_refunds),
    (r"GET /v1/refunds/(\w+)", StripeServer.retrieve_refund),
]


def _new_intent(params: JSON) -> JSON:
    return {
        "amount": int(params["amount"]),
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"pi_secret_{secrets.token_hex(8)}",
        "confirmation_method": "automatic",
        "currency": params["currency"],
        "customer": params["customer"],
        "description": params.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": params.get("metadata", {}),
        "next_action": None,
        "payment_method": params["payment_method"],
        "payment_method_types": params["allowed_payment_method_types"],
        "status": "requires_confirmation",
    }


def _known(params: JSON, known: Any) -> None:
    for name in params:
        if name not in known.__annotations__:
            message = f"Received unknown parameter: {name}"
            more = {"code": "parameter_unknown", "param": name}
            raise Refused(400, "invalid_request_error", message, **more)


def _get(shelf: dict[str, JSON], thing_id: str, param: str = "id") -> JSON:
    if thing_id not in shelf:
        status = 404 if param == "id" else 400
        more = {"code": "resource_missing", "param": param}
        raise Refused(status, "invalid_request_error", f"No such thing: '{thing_id}'", **more)
    return shelf[thing_id]


def _shown(thing: JSON) -> JSON:
    return {name: value for name, value in thing.items() if not name.startswith("_")}


@contextlib.contextmanager
def running() -> Iterator[StripeServer]:
    server = StripeServer()
    try:
        yield server
    finally:
        server.stop()

"""What people do about payments, in a browser, and what an account then has."""

import re

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.billing import invoices, payments, subscriptions
from portal.extensions import db
from portal.models import (
    Account,
    Invoice,
    Notice,
    Payment,
    PaymentState,
    PlanChange,
    Price,
    Subscription,
)

METHOD = "/account/payment-method"


def upgrade(client: FlaskClient, price: Price, card: str | None = None) -> TestResponse:
    """Read the quote of a plan and confirm it, with another card or the one there is."""
    return client.post("/account/change-plan", data=confirmation(client, price, card))


def confirmation(client: FlaskClient, price: Price, card: str | None = None) -> dict[str, str]:
    """What the form of a quote carries."""
    page = client.get(f"/account/change-plan/{price.id}").text
    return _fields(page, "confirmation") | ({"card": card} if card else {})


def buy_seats(client: FlaskClient, quantity: int, card: str) -> TestResponse:
    """Read the quote of more seats beside the plan and confirm it, with a card."""
    shown = client.get("/account/add-ons").text
    seat = re.search(r'<label for="(add_on_\d+)">1 seat<', shown)
    assert seat, "no seats are sold"
    page = client.get(f"/account/add-ons/quote?{seat[1]}={quantity}").text
    return client.post("/account/add-ons", data=_fields(page, "confirmation") | {"card": card})


def pay_now(client: FlaskClient, invoice: Invoice) -> TestResponse:
    """Click "Pay now" on the invoice's page."""
    return client.post(f"/invoices/{invoice.number_text}/payment", data=seen(client, invoice))


def seen(client: FlaskClient, invoice: Invoice) -> dict[str, str]:
    """What the form of "Pay now" carries."""
    return _fields(client.get(f"/invoices/{invoice.number_text}").text, "seen")


def new_card(client: FlaskClient, card: str) -> TestResponse:
    return client.post(METHOD, data={"card": card})


def at_the_bank(client: FlaskClient, sent: TestResponse, answer: str) -> TestResponse:
    """Authenticate or refuse where the portal sent the customer, and come back."""
    bank = sent.headers["Location"]
    assert bank.startswith("/sandbox/cards/")
    page = client.get(bank).text
    path = bank.partition("?")[0]
    return arrive(client, client.post(path, data=_fields(page, "back") | {"answer": answer}))


def arrive(client: FlaskClient, answer: TestResponse) -> TestResponse:
    """Where a browser ends up that is sent on."""
    while answer.status_code == 303:
        answer = client.get(answer.headers["Location"])
    return answer


def open_invoice(account: Account) -> Invoice | None:
    db.session.rollback()
    return invoices.open_invoice(db.session(), account.id)


def unpaid(account: Account) -> Invoice:
    found = open_invoice(account)
    assert found is not None
    return found


def running(account: Account) -> Subscription:
    db.session.rollback()
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    return subscription


def tries(invoice: Invoice) -> list[tuple[str, int, str, bool]]:
    """Each attempt to collect an invoice: day it was written, retry, state, and if by hand."""
    statement = select(Payment).where(Payment.invoice_id == invoice.id).order_by(Payment.id)
    return [
        (f"{p.created_at:%d %b}", p.retry, p.state.value, p.on_session)
        for p in db.session.scalars(statement)
    ]


def collected(account: Account) -> list[int]:
    """What was collected from an account, in order."""
    statement = select(Payment.amount_minor).where(
        Payment.account_id == account.id, Payment.state == PaymentState.SUCCEEDED
    )
    return list(db.session.scalars(statement.order_by(Payment.id)))


def last_payment(account: Account) -> Payment:
    db.session.rollback()
    statement = select(Payment).where(Payment.account_id == account.id)
    return db.session.scalars(statement.order_by(Payment.id.desc()).limit(1)).one()


def last_change(account: Account) -> PlanChange:
    db.session.rollback()
    statement = select(PlanChange).where(PlanChange.account_id == account.id)
    return db.session.scalars(statement.order_by(PlanChange.id.desc()).limit(1)).one()


def paid_with(account: Account) -> str:
    db.session.rollback()
    method = payments.method_of(db.session(), account.id)
    assert method is not None
    return method.reference


def told(account: Account, name: str, recipient: str | None = None) -> list[str]:
    """On which days an email was written."""
    return [f"{notice.created_at:%d %b %H:%M}" for notice in emails(account, name, recipient)]


def emails(account: Account, name: str, recipient: str | None = None) -> list[Notice]:
    statement = select(Notice).where(Notice.account_id == account.id, Notice.name == name)
    if recipient is not None:
        statement = statement.where(Notice.recipient == recipient)
    return list(db.session.scalars(statement.order_by(Notice.id)))


def flat(text: str) -> str:
    return " ".join(text.split())


def _fields(page: str, *names: str) -> dict[str, str]:
    found, main = {}, page[page.index("<main") :]
    for name in names:
        value = re.search(rf'name="{name}" value="([^"]*)"', main)
        assert value, f"no field {name} on the page"
        found[name] = value[1]
    return found

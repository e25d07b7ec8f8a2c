"""Addresses that got invoices before anybody was asked go on getting them, on either database."""

from flask_migrate import upgrade
from sqlalchemy import text

from portal import create_app
from portal.config import Settings
from portal.extensions import db
from portal.mail import readers
from portal.models import Account, InvoiceAddress
from portal.transaction import transaction
from tests import former_rows
from tests.cast import START, FixedClock
from tests.conftest import Databases

FIRST, BEFORE = "2026_11_22_frozen", "2026_11_22_limits"
LIST = '["Books@example.com", "pay@example.com", "BOOKS@example.com"]'


def test_those_of_before_count_as_confirmed(place: Databases) -> None:
    """Since the account is there; one that is written twice is one."""
    app = create_app(Settings(database_url=place.make("addresses")), FixedClock(START))
    with app.app_context():
        upgrade(revision=FIRST)
        with transaction() as session:
            former_rows.insert(session.connection())
        upgrade(revision=BEFORE)
        with transaction() as session:
            session.execute(
                text("UPDATE billing_details SET invoice_emails = :list WHERE account_id = 1"),
                {"list": LIST},
            )
        upgrade()
        acme = db.session.get_one(Account, 1)
        kept = db.session.query(InvoiceAddress).order_by(InvoiceAddress.id).all()
        assert [(row.account_id, row.email) for row in kept] == [
            (1, "books@example.com"),
            (1, "pay@example.com"),
        ]
        assert {row.confirmed_at for row in kept} == {acme.created_at}
        listed = [person.email for person in readers.listed(db.session(), acme)]
        assert listed == ["Books@example.com", "pay@example.com", "BOOKS@example.com"]
        db.session.remove()
        db.engine.dispose()

"""What the database alone refuses: with no lock and no check in the way, the constraints stand.

Each row is the copy of one that is there, different only in what has nothing to do with the
constraint; it goes to the database as it is.
"""

from typing import Any

import pytest
from sqlalchemy import Table, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal.extensions import db
from portal.jobs import schedule
from portal.models import (
    AuditEntry,
    Invoice,
    InvoiceLine,
    LedgerTransfer,
    OutboxItem,
    Payment,
    PlanChange,
    Price,
    Refund,
    Subscription,
    TakenBack,
)
from portal.transaction import transaction
from tests.cast import Cast
from tests.credit_stories import credit, newest, unpaid
from tests.taking_back_stories import makes_room, take_back
from tests.taking_back_stories import upgraded as auto_upgraded

UPGRADED = "Upgraded"


def upgraded(cast: Cast) -> int:
    """5 users, and half-way through the cycle 10 users; the id of the account."""
    account = cast.account(UPGRADED, "standard", "5-users")
    cast.let_pass(days=15)
    cast.change_plan(account, cast.price("standard", "10-users"))
    return account.id


def test_charge_paid_not_list_a_line_is_credited_once(cast: Cast) -> None:
    account_id = upgraded(cast)
    line = one(InvoiceLine, account_id=account_id, kind="unused_time")
    with refused("source_line_id"):
        copy(InvoiceLine, line, position=9)


def test_charge_paid_not_list_a_credit_is_followed_by_one(cast: Cast) -> None:
    """A line is credited anew after its former credit, which a note took back: once."""
    account_id = upgraded(cast)
    former = one(InvoiceLine, account_id=account_id, kind="unused_time")
    copy(InvoiceLine, former, position=9, after_line_id=former["id"])
    with refused("after_line_id"):
        copy(InvoiceLine, former, position=10, after_line_id=former["id"])


def test_over_revert_an_upgrade_is_taken_back_once(cast: Cast) -> None:
    change = auto_upgraded(cast, cast.acme)
    makes_room(cast, cast.acme, seats=10)
    take_back(cast, change)
    row = one(TakenBack, account_id=cast.acme.id)
    first = one(Invoice, account_id=cast.acme.id, reason="initial")
    note = credit(cast, db.session.get_one(Invoice, first["id"])).id
    began = one(PlanChange, account_id=cast.acme.id, reason="initial")["id"]
    with refused("plan_change_id"):
        copy(TakenBack, row, op_id="another", credit_note_id=note)
    with refused("credit_note_id"):
        copy(TakenBack, row, op_id="another", plan_change_id=began)
    with refused("op_id"):
        copy(TakenBack, row, plan_change_id=began, credit_note_id=note)


def test_charge_renewal_a_cycle_is_invoiced_once(cast: Cast) -> None:
    invoice = one(Invoice, account_id=cast.acme.id)
    with refused("uq_invoice_recurring|subscription_id, invoice.period_start_at"):
        copy(Invoice, invoice, number=999, number_text="INV-2026-000999")


def test_invoice_numbering_a_number_is_given_once(cast: Cast) -> None:
    invoice = one(Invoice, account_id=cast.acme.id)
    with refused("uq_invoice_series_number|invoice.series, invoice.number"):
        copy(Invoice, invoice, number_text="INV-2026-000999", reason="plan_change")


def test_charge_once_an_intention_is_written_once(cast: Cast) -> None:
    change = one(PlanChange, account_id=cast.acme.id)
    with refused("op_id"):
        copy(PlanChange, change, invoice_id=None)


def test_an_account_has_one_live_subscription(cast: Cast) -> None:
    subscription = one(Subscription, account_id=cast.acme.id)
    with refused("uq_subscription_live|subscription.account_id"):
        copy(Subscription, subscription)


@pytest.mark.parametrize("state", ["pending", "scheduled"])
def test_of_the_changes_that_wait_there_is_one_of_a_kind(cast: Cast, state: str) -> None:
    change = one(PlanChange, account_id=cast.acme.id)
    copy(PlanChange, change, invoice_id=None, op_id="one", state=state)
    with refused(f"uq_plan_change_{state}|plan_change.account_id"):
        copy(PlanChange, change, invoice_id=None, op_id="two", state=state)


def test_an_invoice_is_collected_by_one_payment_at_a_time(cast: Cast) -> None:
    account = unpaid(cast)
    payment = one(Payment, invoice_id=newest(account).id, state="created")
    for state in ("created", "processing", "unknown"):
        with refused("uq_payment_invoice_in_flight|payment.invoice_id"):
            copy(Payment, payment, idempotency_key=f"payment-{state}", state=state)


def test_an_invoice_is_paid_by_one_payment(cast: Cast) -> None:
    payment = one(Payment, account_id=cast.acme.id)
    with refused("uq_payment_invoice_settled|payment.invoice_id"):
        copy(Payment, payment, idempotency_key="payment-two", plan_change_id=None)


def test_a_change_is_paid_by_one_payment(cast: Cast) -> None:
    payment = one(Payment, account_id=cast.acme.id)
    with refused("uq_payment_plan_change|payment.plan_change_id"):
        copy(Payment, payment, idempotency_key="payment-two", invoice_id=None, state="declined")


def test_a_key_of_the_gateway_belongs_to_one_payment(cast: Cast) -> None:
    payment = one(Payment, account_id=cast.acme.id)
    with refused("idempotency_key"):
        copy(
            Payment, payment, invoice_id=newest(cast.acme).id, plan_change_id=None, state="declined"
        )


def test_a_credit_note_leads_to_one_refund(cast: Cast) -> None:
    note = credit(cast, newest(cast.acme))
    refund = one(Refund, credit_note_id=note.id)
    with refused("uq_refund_credit_note_id|refund.credit_note_id"):
        copy(Refund, refund, idempotency_key="refund-two")


def test_work_is_written_once(cast: Cast) -> None:
    item = one(OutboxItem, work="payment", account_id=cast.acme.id)
    with refused("dedupe_key"):
        copy(OutboxItem, item)


def test_invoice_balance_an_event_is_booked_once(cast: Cast) -> None:
    booked = one(LedgerTransfer, account_id=cast.acme.id, debit="cash")
    with refused("uq_ledger_transfer_account_id_event|ledger_transfer.event"):
        copy(LedgerTransfer, booked)


def test_nothing_of_another_account_is_referred_to(cast: Cast) -> None:
    """A payment of Other can't pay an invoice of Acme, nor a line of Other stand on it."""
    payment = one(Payment, account_id=cast.other.id)
    with refused("(?i)foreign key"):
        copy(
            Payment,
            payment,
            idempotency_key="payment-two",
            invoice_id=newest(cast.acme).id,
            plan_change_id=None,
            state="declined",
        )
    line = one(InvoiceLine, account_id=cast.other.id)
    with refused("(?i)foreign key"):
        copy(InvoiceLine, line, invoice_id=newest(cast.acme).id, position=9)


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        ("total_adds_up", {"subtotal_minor": 9999}),
        ("total_adds_up", {"tax_minor": 1}),
        ("due_adds_up", {"balance_applied_minor": 1}),
        ("surplus_of_nothing_due", {"surplus_minor": 1, "subtotal_minor": 9999}),
        ("credited_within_due", {"credited_minor": 10001}),
        ("credited_within_due", {"credited_minor": -1}),
        ("total_not_negative", {"subtotal_minor": -1, "total_minor": -1, "due_minor": 0}),
    ],
)
def test_invoice_total_sums_that_do_not_add_up(
    cast: Cast, check: str, wrong: dict[str, int]
) -> None:
    """Acme's invoice: $100.00 in all, all of it due."""
    invoice = one(Invoice, account_id=cast.acme.id)
    values = {"number": 999, "number_text": "INV-2026-000999", "reason": "plan_change", **wrong}
    # Where one sum is wrong, another can be wrong with it: SQLite names the one it looks at first.
    with refused(f"ck_invoice_({check}|due_adds_up)" if check == "total_not_negative" else check):
        copy(Invoice, invoice, **values)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (Invoice, {"total_minor": 1}),
        (Invoice, {"due_minor": 1}),
        (Invoice, {"customer": {}}),
        (Invoice, {"number": 7}),
        (InvoiceLine, {"amount_minor": 1}),
        (LedgerTransfer, {"amount_minor": 1}),
        (AuditEntry, {"action": "nothing.happened"}),
        (Price, {"amount_minor": 1}),
    ],
    ids=lambda value: getattr(value, "__tablename__", None) or next(iter(value)),
)
def test_invoice_snapshot_what_was_issued_never_changes(
    cast: Cast, table: Any, values: dict[str, Any]
) -> None:
    with pytest.raises(DBAPIError, match="never changes"), transaction() as session:
        session.execute(update(table).values(values))


@pytest.mark.parametrize("table", [Invoice, InvoiceLine, LedgerTransfer, AuditEntry, Price])
def test_invoice_snapshot_what_was_issued_is_never_deleted(cast: Cast, table: Any) -> None:
    with pytest.raises(DBAPIError, match="never changes"), transaction() as session:
        session.execute(table.__table__.delete())


def one(table: Any, **facts: object) -> dict[str, Any]:
    """The columns of the only row of which that is true."""
    schedule.run_due()
    statement = select(table.__table__).filter_by(**facts)
    with db.engine.connect() as connection:
        return dict(connection.execute(statement).mappings().one())


def copy(table: Any, row: dict[str, Any], **changed: object) -> None:
    made: Table = table.__table__
    values = {name: value for name, value in row.items() if name not in ("id", "public_id")}
    with transaction() as session:
        session.execute(insert(made).values(values | changed))


def refused(by: str) -> Any:
    return pytest.raises(IntegrityError, match=by)

"""The rows of a database of the first revisions, as the portal of then left them.

Acme paid $365.00 for a year, moved after 100 days to a plan of $50.00 every 30 days and lives off
the credit of 265 ÷ 365 × $365.00 = $265.00. Other's renewal was declined four times. Third has
confirmed a plan change whose payment has no answer yet.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, MetaData

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZEROS = "0" * 64
Row = dict[str, Any]


def insert(connection: Connection) -> None:
    """Write all rows into the tables as they are in the database, not as the models say."""
    found = MetaData()
    found.reflect(connection)
    for table, row in _rows():
        connection.execute(found.tables[table].insert().values(**row))


def at(day: int) -> int:
    """An instant as it is stored: so many days after 1 March 2026, 09:00 UTC."""
    return (START + timedelta(days=day) - EPOCH) // timedelta(microseconds=1)


def _rows() -> Iterator[tuple[str, Row]]:
    yield from _price_list()
    for number, name in enumerate(("Acme", "Other", "Third"), start=1):
        yield from _account(number, name)
    yield from _subscriptions()
    yield from _of_acme()
    yield from _of_other()
    yield from _of_third()
    yield from _episodes()
    for number in range(1, 7):
        yield "outbox", _item(number, "invoice_pdf", number)


def _price_list() -> Iterator[tuple[str, Row]]:
    shown = {"position": 0, "features": [], "hidden": False}
    yield (
        "vendor",
        {
            **{"id": 1, "name": "Example Software", "email": "billing@example.com"},
            **{"address": ["1 Main Street"], "country": "US", "tax_id": "", "policies": {}},
        },
    )
    yield "family", {"id": 1, "key": "standard", "name": "Standard", **shown}
    for tier_id, name, interval, amount in (
        (1, "Small", "yearly", 36500),
        (2, "Big", "monthly", 5000),
    ):
        tier = {"id": tier_id, "family_id": 1, "key": name.lower(), "name": name}
        yield "tier", {**tier, **shown, "position": tier_id}
        price = {"id": tier_id, "tier_id": tier_id, "interval": interval, "amount_minor": amount}
        yield "price", {**price, "currency": "USD", "version": 1, "offered_at": at(0)}
    yield "invoice_series", {"key": "INV-2026", "last_number": 6}


def _account(account_id: int, name: str) -> Iterator[tuple[str, Row]]:
    row = {"id": account_id, "public_id": f"account-{account_id}", "name": name}
    place = {"address": ["2 Side Street", "75001 Paris"], "country": "FR", "time_zone": "UTC"}
    trail = {"audit_length": 0, "audit_head": ZEROS}
    yield "account", {**row, **place, **trail, "currency": "USD", "created_at": at(0)}
    for metric in ("seats", "clients", "storage"):
        yield "usage", {"account_id": account_id, "metric": metric, "used": 0}
    method = {"id": account_id, "account_id": account_id, "gateway": "sandbox"}
    yield "payment_method", {**method, "reference": "card", "label": "Card", "added_at": at(0)}


def _subscriptions() -> Iterator[tuple[str, Row]]:
    for number, status, price_id, begins, ends, ended_at in (
        (1, "active", 2, 130, 160, None),
        (2, "ended", 2, 30, 60, at(37)),
        (3, "active", 2, 0, 30, None),
    ):
        row = {"id": number, "account_id": number, "status": status, "price_id": price_id}
        cycle = {"cycle_start_at": at(begins), "cycle_end_at": at(ends), "started_at": at(0)}
        yield "subscription", {**row, **cycle, "ended_at": ended_at}


def _of_acme() -> Iterator[tuple[str, Row]]:
    yield "invoice", _invoice(1, 1, "initial", (0, 365), total=36500)
    yield "invoice_line", _line(1, 1, (0, 365), 36500)
    yield "plan_change", _change(1, 1, "initial", 36500, invoice=1)
    yield from _payment(1, 1, 36500, "succeeded", invoice_id=1, plan_change_id=1)
    yield from _transfers(1, 1, charged=36500)
    yield "ledger_transfer", _received(1, 1, 36500)
    yield "invoice", _invoice(2, 1, "plan_change", (100, 130), total=0, surplus_minor=21500)
    yield "invoice_line", _line(2, 2, (100, 130), 5000)
    yield "invoice_line", _line(3, 2, (100, 365), -5000, kept="$215.00", source_line_id=1)
    yield "plan_change", _change(2, 1, "manual", 0, invoice=2)
    yield from _transfers(2, 1, charged=5000, credited=5000, kept=21500)
    yield "invoice", _invoice(3, 1, "renewal", (130, 160), total=5000, balance=5000)
    yield "invoice_line", _line(4, 3, (130, 160), 5000)
    yield from _transfers(3, 1, charged=5000, balance=5000)


def _of_other() -> Iterator[tuple[str, Row]]:
    yield "invoice", _invoice(4, 2, "initial", (0, 30), total=5000)
    yield "invoice_line", _line(5, 4, (0, 30), 5000, account=2)
    yield "plan_change", _change(3, 2, "initial", 5000, invoice=4)
    yield from _payment(2, 2, 5000, "succeeded", invoice_id=4, plan_change_id=3)
    yield from _transfers(4, 2, charged=5000)
    yield "ledger_transfer", _received(2, 4, 5000)
    yield "invoice", _invoice(5, 2, "renewal", (30, 60), total=5000, status="open")
    yield "invoice_line", _line(6, 5, (30, 60), 5000, account=2)
    yield from _transfers(5, 2, charged=5000)
    for attempt in range(4):
        yield from _payment(3 + attempt, 2, 5000, "declined", invoice_id=5)


def _of_third() -> Iterator[tuple[str, Row]]:
    yield "invoice", _invoice(6, 3, "initial", (0, 30), total=5000)
    yield "invoice_line", _line(7, 6, (0, 30), 5000, account=3)
    yield "plan_change", _change(4, 3, "initial", 5000, invoice=6)
    yield from _payment(7, 3, 5000, "succeeded", invoice_id=6, plan_change_id=4)
    yield from _transfers(6, 3, charged=5000)
    yield "ledger_transfer", _received(7, 6, 5000)
    yield "plan_change", _change(5, 3, "manual", 34000)
    yield from _payment(8, 3, 34000, "unknown", plan_change_id=5)
    yield "outbox", _item(7, "payment", 8)


def _episodes() -> Iterator[tuple[str, Row]]:
    """Four times over the seats, each ended in another way, and kept in words of then."""
    for number, (state, reason) in enumerate(
        (
            ("resolved", "10 of 10 seats: within the limit again"),
            ("superseded", "the plan was changed"),
            ("superseded", "answered by the same upgrade"),
            ("superseded", "no_auto_upgrade"),
        ),
        start=1,
    ):
        row = {"id": number, "account_id": 1, "subscription_id": 1, "metric": "seats"}
        counts = {"used_at_opening": 11, "limit_at_opening": 10, "price_id": 2}
        days = {"opened_at": at(number), "closed_at": at(number), "next_step_at": at(number)}
        yield "episode", {**row, **counts, **days, "state": state, "close_reason": reason}


def _invoice(
    invoice_id: int,
    account: int,
    reason: str,
    days: tuple[int, int],
    *,
    total: int,
    balance: int = 0,
    status: str = "paid",
    surplus_minor: int = 0,
) -> Row:
    return {
        **{"id": invoice_id, "account_id": account, "subscription_id": account},
        **{"series": "INV-2026", "number": invoice_id, "currency": "USD"},
        **{"number_text": f"INV-2026-{invoice_id:06d}", "reason": reason, "status": status},
        **{"subtotal_minor": total, "tax_minor": 0, "total_minor": total},
        **{"balance_applied_minor": balance, "due_minor": total - balance},
        **{"surplus_minor": surplus_minor, "issued_at": at(days[0])},
        **{"period_start_at": at(days[0]), "period_end_at": at(days[1])},
        **{"paid_at": at(days[0]) if status == "paid" else None, "vendor": {}, "customer": {}},
    }


def _line(
    line_id: int,
    invoice_id: int,
    days: tuple[int, int],
    amount: int,
    *,
    kept: str = "",
    account: int = 1,
    source_line_id: int | None = None,
) -> Row:
    credit = f"265 of 365 days × $365.00 = −$265.00; $50.00 taken off here, {kept} kept"
    kind = "unused_time" if source_line_id else "plan"
    return {
        **{"id": line_id, "account_id": account, "invoice_id": invoice_id, "kind": kind},
        **{"position": 2 if source_line_id else 1, "description": "A plan", "currency": "USD"},
        **{"explanation": credit if source_line_id else "Full price", "amount_minor": amount},
        **{"period_start_at": at(days[0]), "period_end_at": at(days[1])},
        "source_line_id": source_line_id,
    }


def _change(
    change_id: int, account: int, reason: str, due: int, *, invoice: int | None = None
) -> Row:
    day = 100 if change_id == 2 else 0
    return {
        **{"id": change_id, "account_id": account, "op_id": f"change-{change_id}"},
        **{"subscription_id": account if invoice is None else None, "reason": reason},
        **{"state": "applied" if invoice else "pending", "invoice_id": invoice},
        **{"to_price_id": 1 if due in (36500, 34000) else 2, "due_minor": due, "currency": "USD"},
        **{"quote_sha256": ZEROS, "invoice_draft": {} if invoice else _draft()},
        **{"effective_at": at(day), "requested_at": at(day)},
        "settled_at": at(day) if invoice else None,
    }


def _draft() -> Row:
    """On day 15: a year for $365.00, less 15 ÷ 30 × $50.00 = $25.00."""
    nothing, due = [0, "USD"], [34000, "USD"]
    sums = {"subtotal": due, "tax": nothing, "total": due, "balance_applied": nothing}
    begins = START + timedelta(days=15)
    charge = {
        **{"kind": "plan", "description": "Small", "explanation": "Full price for 365 days"},
        **{"days": 365, "days_in_cycle": 365, "base": [36500, "USD"], "amount": [36500, "USD"]},
        "period_start_at": begins.isoformat(),
        "period_end_at": (begins + timedelta(days=365)).isoformat(),
    }
    credit = {
        **{"kind": "unused_time", "description": "Unused time on Big"},
        **{"explanation": "15 of 30 days × $50.00 = −$25.00", "days": 15, "days_in_cycle": 30},
        **{"base": [5000, "USD"], "amount": [-2500, "USD"]},
        "period_start_at": begins.isoformat(),
        "period_end_at": (START + timedelta(days=30)).isoformat(),
    }
    lines = {"lines": [charge, credit], "taxes": [], "currency": "USD"}
    return {**lines, **sums, "due": due, "surplus_credit": nothing}


def _payment(
    payment_id: int, account: int, amount: int, state: str, **subject: int
) -> Iterator[tuple[str, Row]]:
    key, day = f"payment-{payment_id}", 30 if state == "declined" else 0
    row = {"id": payment_id, "account_id": account, "payment_method_id": account, "state": state}
    money = {"amount_minor": amount, "currency": "USD"}
    known = {"idempotency_key": key, "gateway": "sandbox", "created_at": at(day)}
    settled_at = None if state == "unknown" else at(day)
    yield "payment", {**row, **subject, **money, **known, "settled_at": settled_at}
    if state != "unknown":
        charge = {"idempotency_key": key, "card": "card", "succeeded": state == "succeeded"}
        yield "sandbox_charge", {**charge, **money}


def _transfers(invoice: int, account: int, **booked: int) -> Iterator[tuple[str, Row]]:
    sides = {
        "charged": ("receivable", "revenue"),
        "credited": ("revenue", "receivable"),
        "kept": ("revenue", "customer_credit"),
        "balance": ("customer_credit", "receivable"),
    }
    for what, amount in booked.items():
        debit, credit = sides[what]
        row = {"account_id": account, "event": f"invoice:{invoice}:{what}", "invoice_id": invoice}
        money = {"amount_minor": amount, "currency": "USD", "occurred_at": at(0)}
        yield "ledger_transfer", {**row, **money, "debit": debit, "credit": credit}


def _received(payment: int, invoice: int, amount: int) -> Row:
    account = {1: 1, 4: 2, 6: 3}[invoice]
    row = {"account_id": account, "event": f"payment:{payment}", "payment_id": payment}
    money = {"amount_minor": amount, "currency": "USD", "occurred_at": at(0)}
    return {**row, **money, "invoice_id": invoice, "debit": "cash", "credit": "receivable"}


def _item(number: int, work: str, subject: int) -> Row:
    row = {"work": work, "subject_id": subject, "dedupe_key": f"{work}:{number}"}
    return {**row, "state": "waiting", "created_at": at(0), "next_at": at(0), "attempts": 0}

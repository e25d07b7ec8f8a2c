"""The billing history has words for all that is put down, and counts where they matter."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import portal
from portal.audit import SYSTEM, Actor, operator, record
from portal.billing import accounts
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.roles import Role
from portal.display.account_history import entries
from portal.display.account_history.entries import Asked, Document, Entry
from portal.display.account_history.kinds import Kind
from portal.display.account_history.words import ACTIONS
from portal.extensions import db
from portal.models import Account, PaymentState
from portal.transaction import transaction
from tests.blueprints.pages import use
from tests.cast import Cast, FixedClock

PORTAL = Path(portal.__file__).parent
ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
# Work in the client list and invitations: nothing that is charged follows from them by itself.
NOT_TOLD = {
    "client.added", "client.brought_back", "client.deleted", "client.edited", "client.restored",
    "client.status_set", "client.suspended", "clients.imported", "clients.removed",
    "document.added", "document.deleted",
    "status.added", "status.deleted", "status.moved", "status.painted", "status.renamed",
    "user.invitation_withdrawn", "user.invited", "user.invited_again",
}  # fmt: skip
OUTCOMES = [PaymentState.SUCCEEDED, PaymentState.DECLINED]


def test_over_history_whatever_is_recorded_has_words_or_is_left_out_on_purpose() -> None:
    found = set(recorded())
    assert {"plan.changed", "payment.declined", "refund.succeeded", "user.added"} <= found
    assert found - ACTIONS.keys() - NOT_TOLD == set()
    assert NOT_TOLD - found == set()
    assert ACTIONS.keys() - found == set()


def recorded() -> Iterator[str]:
    """Each action that some code puts down: what stands third in a call of `record`, or what a
    name that stands there may be."""
    for path in PORTAL.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or len(call.args) < 3:
                continue
            if _name(call.func) == "record":
                yield from _names(call.args[2], tree)
            # Changes of many clients are put down by what carries them out.
            if _name(call.func) == "carry_out" and isinstance(call.args[0], ast.Constant):
                yield from _names(call.args[0], tree)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _names(argument: ast.expr, tree: ast.Module) -> Iterator[str]:
    match argument:
        case ast.Constant(str(name)):
            yield name
        case ast.IfExp(body=one, orelse=other):
            yield from _names(one, tree)
            yield from _names(other, tree)
        case ast.JoinedStr([ast.Constant(subject), *_]):
            yield from (f"{subject}{state}" for state in OUTCOMES)
        case ast.Name():
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and ACTION.fullmatch(str(node.value)):
                    yield str(node.value)
        case _:
            raise AssertionError(ast.dump(argument))


# --- What is said --------------------------------------------------------------------------------

CASES = {
    "plan.change_confirmed": (
        {"plan": "Standard, 20 users", "due": "$80.00"},
        ("Standard, 20 users confirmed", "For $80.00 now."),
    ),
    "plan.change_called_off": (
        {"plan": "Standard, 20 users"},
        ("Standard, 20 users called off", "While its payment was waited for."),
    ),
    "payment.by_hand": (
        {"invoice": "INV-2026-000002", "amount": "$100.00"},
        ("Payment of $100.00 begun", "For INV-2026-000002."),
    ),
    "add_ons.bought": (
        {"what": "2 × 1 seat", "paid": "$12.00", "invoice": "INV-2026-000003"},
        ("2 × 1 seat added", "Paid $12.00."),
    ),
    "add_ons.removed": (
        {"what": "1 × 1 seat", "on": "2026-03-31T09:00:00+00:00"},
        ("1 × 1 seat removed", "In use until 31 Mar 2026, and not charged again."),
    ),
    "add_ons.kept": (
        {"what": "1 × 1 seat", "on": "2026-03-31T09:00:00+00:00"},
        ("1 × 1 seat kept", "The removal was withdrawn."),
    ),
    "add_ons.not_removed": (
        {"what": "1 seat", "reason": "without it the plan no longer fits"},
        ("1 seat not removed", "Without it the plan no longer fits."),
    ),
    "subscription.cancelled": (
        {"plan": "Standard, 5 users", "on": "2026-03-31T09:00:00+00:00"},
        ("Standard, 5 users cancelled", "It ends on 31 Mar 2026."),
    ),
    "subscription.cancellation_withdrawn": (
        {"plan": "Standard, 5 users", "on": "2026-03-31T09:00:00+00:00"},
        ("Cancellation withdrawn", "Standard, 5 users renews on 31 Mar 2026."),
    ),
    "subscription.ended": (
        {"reason": "unpaid", "plan": "Standard, 5 users"},
        (
            "The subscription ended",
            "An invoice stayed unpaid after the last attempt to collect it.",
        ),
    ),
    "payment.succeeded": (
        {"amount": "$80.00", "reference": "ch-1"},
        ("Payment of $80.00 received", ""),
    ),
    "credit_note.issued": (
        {
            "number": "CN-2026-000001",
            "invoice": "INV-2026-000001",
            "reason": "Charged twice.",
            "total": "$100.00",
            "off_invoice": "$0.00",
            "to_method": "$70.00",
            "to_balance": "$30.00",
        },
        (
            "$100.00 of invoice INV-2026-000001 credited",
            "Charged twice. $70.00 to the payment method and $30.00 to the credit balance.",
        ),
    ),
    "refund.succeeded": (
        {"credit_note": "CN-2026-000001", "amount": "$70.00", "method": "Test card 4242"},
        ("Refund of $70.00 sent", "To Test card 4242."),
    ),
    "refund.declined": (
        {"credit_note": "CN-2026-000001", "amount": "$70.00", "method": "Test card 4242"},
        ("The refund of $70.00 did not go through", "It is in your credit balance instead."),
    ),
    "account.parked": (
        {"reason": "4 charges in 24 hours"},
        (
            "Charges are on hold",
            "Nothing is charged by itself until the vendor has looked at the account.",
        ),
    ),
    "account.released": ({}, ("Charges go on", "The vendor has looked at the account.")),
    "user.role_changed": (
        {"user": "Bob", "email": "bob@example.com", "before": "member", "after": "admin"},
        ("Bob became Admin", "Member before."),
    ),
    "user.deactivated": ({"user": "Bob"}, ("Bob was deactivated", "")),
    "user.reactivated": ({"user": "Bob"}, ("Bob was given access again", "")),
    "payment_method.changed": (
        {"label": "Test card 0002", "before": "Test card 4242"},
        ("Payment by Test card 0002 from now on", "Test card 4242 before."),
    ),
    "billing_details.changed": (
        {
            "changed": {
                "country": ["US", "DE"],
                "tax_id": ["", "DE123456788"],
                "address": [["1 High Street", "Springfield"], []],
            }
        },
        (
            "Billing details changed",
            "Address: 1 High Street, Springfield → none. Country: United States → Germany."
            " Tax id: none → DE123456788.",
        ),
    ),
}


@pytest.mark.parametrize(
    ("details", "told"),
    [
        (
            {"metric": "clients", "used": 301, "limit": 300},
            ("More is in use than the plan holds", "301 of 300 clients."),
        ),
        (
            {"metric": "storage", "used": 5_000_000_001, "limit": 5_000_000_000},
            ("More is in use than the plan holds", "5.1 of 5 GB of documents."),
        ),
        (
            {"metric": "clients", "used": 300, "limit": 300},
            ("No more is in use than the plan holds", "300 of 300 clients."),
        ),
        (
            {"metric": "clients", "used": 301, "limit": None},
            ("No more is in use than the plan holds", "301 clients in use."),
        ),
    ],
)
def test_over_history_tells_when_a_count_crosses_its_limit(
    details: dict[str, object], told: tuple[str, str]
) -> None:
    assert ACTIONS["usage.crossed"].words(details)[:2] == told


WARNED = {"number": 2, "deadline": "2026-03-07T10:00:00+00:00"}
STOOD = {"metric": "seats", "used": 11, "limit": 10}
UPGRADE = {"plan": "Standard, 20 users", "due": "$143.33"}


@pytest.mark.parametrize(
    ("details", "told"),
    [
        (
            WARNED | STOOD | UPGRADE,
            "11 seats in use. Announced for 7 Mar 2026, 10:00 UTC: Standard, 20 users, $143.33.",
        ),
        (
            WARNED | STOOD | {"plan": None, "due": None},
            "11 seats in use. There is no larger plan to move to.",
        ),
        # As it was kept by former versions.
        (WARNED, "Automatic upgrade announced for 7 Mar 2026, 10:00 UTC."),
    ],
)
def test_over_history_tells_each_email_with_its_quote(
    cast: Cast, details: dict[str, object], told: str
) -> None:
    assert ACTIONS["episode.warned"].words(details)[:2] == ("Second warning by email", told)


@pytest.mark.parametrize("action", CASES)
def test_what_is_said(action: str, cast: Cast) -> None:
    details, said = CASES[action]
    title, detail, _tone = ACTIONS[action].words(details)  # type: ignore[arg-type]
    assert (title, detail) == said


def test_an_entry_of_a_former_version_is_told_as_well(cast: Cast, clock: FixedClock) -> None:
    """Then an end was told by a sentence, and no counts were kept."""
    ended = {"reason": "invoice INV-2026-000002 stayed unpaid"}
    title, detail, _tone = ACTIONS["subscription.ended"].words(ended)
    assert (title, detail) == (
        "The subscription ended",
        "Invoice INV-2026-000002 stayed unpaid.",
    )


# --- Seats and clients then ----------------------------------------------------------------------


def test_over_history_keeps_the_counts_there_were(cast: Cast, clock: FixedClock) -> None:
    use(cast.acme, Metric.CLIENTS, 312)
    clock.advance(days=1)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    use(cast.acme, Metric.CLIENTS, 10)
    cast.member(cast.acme, "Dora", Role.MEMBER)
    told = {entry.title: (entry.seats, entry.clients) for entry in everything(cast.acme)}
    assert told["Upgrade from Standard, 10 users to Standard, 20 users"] == (2, 312)
    assert told["Dora was added"] == (3, 322)
    assert told["Standard, 10 users began"] == (0, 0)
    assert told["The account was opened"] == (None, None)


def test_an_upgrade_is_told_with_its_amount_and_leads_to_its_invoice(
    cast: Cast, clock: FixedClock
) -> None:
    """15 of 30 days of $100.00 are left: $180.00 − $50.00 = $130.00."""
    clock.advance(days=15)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    upgrade = next(entry for entry in everything(cast.acme) if entry.title.startswith("Upgrade"))
    invoice = upgrade.document
    assert (upgrade.at, upgrade.kind, upgrade.who) == (clock.now(), Kind.PLAN, "The portal")
    assert upgrade.amount == Money(13000, "USD")
    money = list(everything(cast.acme, Kind.MONEY))[:2]
    assert [(entry.title, entry.amount, entry.document) for entry in money] == [
        ("Invoice for the change of plan", Money(13000, "USD"), invoice),
        ("Payment of $130.00 received", Money(13000, "USD"), None),
    ]


@pytest.mark.parametrize(
    ("actor", "who"),
    [
        (SYSTEM, "The portal"),
        (operator("root"), "The vendor"),
        (Actor("user", "Alice", 1, "admin"), "Alice"),
    ],
)
def test_each_entry_says_who(cast: Cast, clock: FixedClock, actor: Actor, who: str) -> None:
    put_down(cast.acme, "account.released", actor, clock)
    assert next(everything(cast.acme)).who == who


def test_what_was_given_back_is_below_zero_and_leads_to_its_credit_note(
    cast: Cast, clock: FixedClock
) -> None:
    for action in ("credit_note.issued", "refund.succeeded"):
        put_down(cast.acme, action, SYSTEM, clock, **CASES[action][0])
    refund, note = list(everything(cast.acme))[:2]
    assert (refund.amount, note.amount) == (Money(-7000, "USD"), Money(-10000, "USD"))
    assert refund.document == note.document == Document("CN-2026-000001", is_credit_note=True)


def everything(account: Account, *kinds: Kind) -> Iterator[Entry]:
    """The entries of these kinds, or of all, newest first."""
    db.session.rollback()
    return entries.every(db.session(), account, Asked(kinds or tuple(Kind)))


def put_down(
    account: Account, action: str, actor: Actor, clock: FixedClock, **details: object
) -> None:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        record(session, locked, action, at=clock.now(), actor=actor, **details)

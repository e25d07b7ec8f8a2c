"""Every other email: who gets it, what it says, and that it says it as text and as HTML."""

import re
from datetime import timedelta

import pytest
from flask import Flask, has_request_context
from sqlalchemy import select

from portal.billing import usage
from portal.billing.rules.counting import Fit, Metric, Shortfall
from portal.billing.rules.money import Money
from portal.billing.rules.roles import Role
from portal.blueprints.auth.passwords import LINK_LASTS
from portal.collecting import collection
from portal.extensions import db
from portal.mail import episode_notices, letters, notices, payment_notices
from portal.mail.payment_notices import Failure
from portal.models import (
    Account,
    Episode,
    Invitation,
    Invoice,
    InvoiceReason,
    Notice,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Usage,
)
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.notices.post import ESCAPED, ODD_NAME, deliver_all, named, newest, step

LINK = "http://127.0.0.1:8000/invitations/" + "x" * 60
WIDTH = 78


def test_an_invitation_says_who_to_what_and_as_what(
    acme: Account, cast: Cast, clock: FixedClock
) -> None:
    notice = _invite(acme, cast, clock, Role.BILLING)
    assert notice.recipient == "new@example.com"
    # The vendor's words alone: what strangers named themselves stands no further up than the text.
    assert notice.subject == "You are invited to an account at Example Software Ltd"
    text = " ".join(notice.body_text.split())
    assert f"Alice would like you to join the account {ODD_NAME}" in text
    assert "as a billing contact" in text
    assert "They take up no seat." in text
    assert "within 7 days" in text
    assert LINK in notice.body_text
    assert f'href="{LINK}"' in notice.body_html


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (Role.ADMIN, "as an Admin. Admins manage the users"),
        (Role.MEMBER, "as a Member. Members work in the client list"),
        (Role.BILLING, "as a billing contact. Billing contacts see and download"),
    ],
)
def test_an_invitation_says_what_the_role_may_do(
    acme: Account, cast: Cast, clock: FixedClock, role: Role, words: str
) -> None:
    assert words in " ".join(_invite(acme, cast, clock, role).body_text.split())


def test_a_password_link_says_how_long_it_lasts(cast: Cast, clock: FixedClock) -> None:
    with transaction() as session:
        notice = notices.password_reset(session, cast.alice, LINK, now=clock.now())
    assert notice.account_id is None
    assert notice.recipient == cast.alice.email
    assert f"for {LINK_LASTS // timedelta(minutes=1)} minutes" in notice.body_text
    assert LINK in notice.body_text
    assert LINK in notice.body_html


def test_over_fixed_in_time_the_admins_hear_that_all_is_well(
    episode: Episode, cast: Cast, clock: FixedClock
) -> None:
    row = Usage(account_id=episode.account_id, metric=Metric.SEATS, used=10, limit_value=10)
    with transaction() as session:
        episode_notices.all_clear(session, session.merge(episode), row, now=clock.now())
    (notice,) = named("all_clear")
    assert notice.recipient == cast.alice.email
    assert notice.subject == "All is well: 10 of 10 seats in use"
    assert "nothing is charged" in notice.body_text


def test_a_receipt_goes_to_admins_and_billing_contacts_once(acme: Account, cast: Cast) -> None:
    before = len(named("invoice_issued"))
    cast.change_plan(acme, cast.price("standard", "20-users"))
    receipts = named("invoice_issued")[before:]
    assert {receipt.recipient for receipt in receipts} == {cast.alice.email, cast.carol.email}
    assert len(receipts) == 2


@pytest.mark.parametrize("part", ["body_text", "body_html"])
def test_a_receipt_explains_its_amount(acme: Account, cast: Cast, part: str) -> None:
    cast.change_plan(acme, cast.price("standard", "20-users"))
    invoice = _invoice(InvoiceReason.PLAN_CHANGE)
    body = " ".join(getattr(newest("invoice_issued"), part).split())
    for words in (
        "changed its plan and is now on Standard, 20 users",
        invoice.number_text,
        "Unused time on Standard, 10 users",
        "30 of 30 days × $100.00 = −$100.00",
        "$80.00",
        "Paid on 1 Mar 2026 with Test card ending 4242",
        "The next charge is $180.00 on 31 Mar 2026.",
        f"http://127.0.0.1:8000/in/{acme.public_id}/invoices/{invoice.number_text}",
    ):
        assert words in body
    assert newest("invoice_issued").subject == f"Receipt: $80.00 paid, {invoice.number_text}"


@pytest.mark.parametrize("part", ["body_text", "body_html"])
def test_a_receipt_for_add_ons_says_what_was_bought(acme: Account, cast: Cast, part: str) -> None:
    cast.buy(acme, seat=2)
    body = " ".join(getattr(newest("invoice_issued"), part).split())
    assert "has more room beside its plan: 2 × 1 seat, paid until 31 Mar 2026" in body
    assert "The next charge" not in body


def test_the_next_charge_of_a_receipt_is_of_everything_that_renews(
    acme: Account, cast: Cast
) -> None:
    """Standard, 20 users and a seat: 180.00 + 10.00."""
    cast.buy(acme, seat=1)
    cast.change_plan(acme, cast.price("standard", "20-users"))
    assert "The next charge is $190.00 on 31 Mar 2026." in newest("invoice_issued").body_text


def test_over_history_an_auto_upgrade_is_told_with_its_reason(
    episode: Episode, cast: Cast, clock: FixedClock
) -> None:
    _upgrade(episode, clock)
    (told,) = named("auto_upgraded")
    assert told.recipient == cast.alice.email
    text = " ".join(told.body_text.split())
    for words in (
        "from Standard, 10 users, to Standard, 20 users",
        "The account uses 11 seats".lower(),
        "Email 1: 1 Mar 2026, 10:12 CET, 11 in use, 10 included",
        "Email 2: 3 Mar 2026, 10:12 CET, 11 in use, 10 included",
        "Email 3: 5 Mar 2026, 10:12 CET, 11 in use, 10 included",
        "25 of 30 days × $100.00 = −$83.33",
        "$96.67",
        _invoice(InvoiceReason.AUTO_UPGRADE).number_text,
    ):
        assert words.lower() in text.lower()


def test_sums_in_text_stand_in_columns(acme: Account, cast: Cast) -> None:
    cast.change_plan(acme, cast.price("standard", "20-users"))
    text = newest("invoice_issued").body_text
    assert (
        "\n"
        "  Standard, 20 users                                             $180.00\n"
        "    Full price for 30 days: $180.00\n"
        "  Unused time on Standard, 10 users                             −$100.00\n"
        "    30 of 30 days × $100.00 = −$100.00\n"
        f"  {'-' * 70}\n"
        "  Paid                                                            $80.00\n"
        "  Paid on 1 Mar 2026 with Test card ending 4242\n"
        "\n"
    ) in text
    footer = f"You get this because of your role in the account {ODD_NAME}."
    assert text.endswith(f"\n\n-- \nExample Software Ltd\n{footer}\n")


def test_of_an_auto_upgrade_each_person_gets_one_email(
    episode: Episode, cast: Cast, clock: FixedClock
) -> None:
    before = len(named("invoice_issued"))
    _upgrade(episode, clock)
    (receipt,) = named("invoice_issued")[before:]
    assert receipt.recipient == cast.carol.email
    assert [notice.recipient for notice in named("auto_upgraded")] == [cast.alice.email]


def test_a_failed_payment_says_what_why_and_when_again(
    acme: Account, cast: Cast, clock: FixedClock
) -> None:
    with transaction() as session:
        invoice = session.get_one(Invoice, _invoice(InvoiceReason.INITIAL, acme).id)
        failure = Failure(
            amount=Money(10000, "USD"),
            reason="The card was declined.",
            invoice=invoice,
            next_try_at=clock.now() + timedelta(days=3),
        )
        payment_notices.failed(session, session.merge(acme), failure, now=clock.now())
    told = named("payment_failed")
    assert {notice.recipient for notice in told} == {cast.alice.email, cast.carol.email}
    assert told[0].subject == f"We could not collect $100.00 for invoice {invoice.number_text}"
    for body in (told[0].body_text, told[0].body_html):
        assert "The card was declined." in body
        assert "We try again on 4 Mar 2026, 10:00 CET." in " ".join(body.split())


def test_a_downgrade_that_was_not_made_says_why(
    acme: Account, cast: Cast, clock: FixedClock
) -> None:
    change = PlanChange(
        from_price=cast.price("standard", "10-users"), to_price=cast.price("standard", "5-users")
    )
    with transaction() as session:
        account = session.merge(acme)
        misfit = Fit((Shortfall(Metric.SEATS, used=8, limit=5),))
        notices.downgrade_not_made(session, account, change, misfit, now=clock.now())
    (notice,) = named("downgrade_not_made")
    assert notice.recipient == cast.alice.email
    assert "Standard, 5 users no longer fits: 3 seats too many." in notice.body_text
    assert "Standard, 10 users" in notice.body_html


def test_the_vendor_is_told_at_the_vendor_s_address(acme: Account, clock: FixedClock) -> None:
    with transaction() as session:
        notice = notices.vendor_told(
            session,
            session.merge(acme),
            subject=f"{ODD_NAME}: nobody can be warned",
            text="Every email was refused.\n\nNothing is charged.",
            now=clock.now(),
        )
    assert notice.recipient == "billing@example.com"
    assert notice.subject == f"{ODD_NAME}: nobody can be warned"
    assert f"flask accounts show {acme.public_id}" in notice.body_text


def test_all_emails_fit_their_width_and_escape_what_people_typed(
    episode: Episode, cast: Cast, clock: FixedClock
) -> None:
    with transaction() as session:
        alice = session.merge(cast.alice)
        alice.name = "<i>Alice</i>"
    _upgrade(episode, clock)
    _invite(session.merge(cast.acme), cast, clock, Role.ADMIN)
    written = list(db.session.scalars(select(Notice).where(Notice.account_id == cast.acme.id)))
    assert {notice.name for notice in written} >= {"warning", "auto_upgraded", "invited"}
    for notice in written:
        lines = notice.body_text.splitlines()
        assert max(len(line) for line in lines if "://" not in line) <= WIDTH, notice.name
        assert max(len(line.encode()) for line in notice.body_html.splitlines()) < 998
        assert ODD_NAME in " ".join(notice.body_text.split())
        assert ESCAPED in " ".join(notice.body_html.split())
        assert "<b>&" not in notice.body_html
        assert "<i>Alice" not in notice.body_html
        assert "{{" not in notice.body_text + notice.body_html


def test_links_lead_to_the_portal_s_own_address(
    app: Flask, acme: Account, cast: Cast, clock: FixedClock
) -> None:
    """Whatever Host a request names: a link never leads to a stranger's server."""
    with app.test_request_context(headers={"Host": "mallory.example"}):
        notice = _invite(acme, cast, clock, Role.ADMIN)
        with transaction() as session:
            failure = Failure(Money(1, "USD"), "No.", upgrade_to="Standard, 20 users")
            payment_notices.failed(session, session.merge(acme), failure, now=clock.now())
    for body in (notice.body_html, newest("payment_failed").body_html):
        assert "mallory" not in body
        links = re.findall(r'href="([^"]+)"', body)
        assert links
        assert all(link.startswith(("http://127.0.0.1:8000/", "mailto:")) for link in links)


def test_no_request_is_needed(acme: Account, cast: Cast, clock: FixedClock) -> None:
    assert not has_request_context()
    assert _invite(acme, cast, clock, Role.ADMIN).id


def test_a_line_break_in_a_name_stays_out_of_subject_and_text(
    cast: Cast, clock: FixedClock
) -> None:
    with transaction() as session:
        account = session.merge(cast.acme)
        account.name = "Acme\r\nBcc: mallory@example.com\n\nYour account is closed"
    notice = _invite(cast.acme, cast, clock, Role.ADMIN)
    assert notice.subject.splitlines() == [notice.subject]
    assert "\nYour account is closed" not in notice.body_text


def test_text_is_wrapped_with_its_indent_and_addresses_stay_whole() -> None:
    address = "  https://example.com/" + "x" * 90
    text = f"\n\n1. {'word ' * 20}\n\n\n\n{address}\n-- \nName  \n"
    first, second, _, third, *rest = letters.wrapped(text).splitlines()
    assert first.startswith("1. word")
    assert second.startswith("   word")
    assert third == address
    assert rest == ["-- ", "Name"]


def _invite(account: Account, cast: Cast, clock: FixedClock, role: Role) -> Notice:
    with transaction() as session:
        invitation = Invitation(
            account_id=account.id,
            email="new@example.com",
            role=role,
            token_sha256=role.value,
            invited_by_id=cast.alice.id,
            created_at=clock.now(),
            expires_at=clock.now() + timedelta(days=7),
        )
        session.add(invitation)
        session.flush()
        notice = notices.invited(session, invitation, LINK, now=clock.now())
    db.session.refresh(notice)
    return notice


def _upgrade(episode: Episode, clock: FixedClock) -> None:
    """Three warnings accepted, two days between them; at the deadline the upgrade is paid."""
    for days in (2, 2, 2):
        deliver_all(clock.now())
        clock.advance(days=days)
        step(episode, clock.now())
    change = db.session.scalars(
        select(PlanChange).where(PlanChange.reason == PlanChangeReason.AUTO_UPGRADE)
    ).one()
    assert collection.carry_change(change.id).state is PlanChangeState.APPLIED
    assert usage.of(db.session(), episode.account_id)[Metric.SEATS].limit_value == 20


def _invoice(reason: InvoiceReason, account: Account | None = None) -> Invoice:
    statement = select(Invoice).where(Invoice.reason == reason)
    if account is not None:
        statement = statement.where(Invoice.account_id == account.id)
    return db.session.scalars(statement).one()

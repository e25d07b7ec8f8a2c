"""Whose language an email is in: the account's, at the time it is written."""

import pytest
from icalendar import Calendar
from sqlalchemy import select

from portal import language
from portal.billing import accounts, overages
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.mail import enclosures, notices
from portal.models import Account, Episode, Membership, Notice
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.notices.post import deliver_all, named, newest, step
from tests.taking_back_stories import goes_over, makes_room


def test_a_german_account_is_warned_and_told_that_all_is_well_in_german(
    cast: Cast, clock: FixedClock
) -> None:
    """10 seats since 1 March, one more joins, and leaves after the first warning."""
    _speaks(cast.acme, "de")
    goes_over(cast, cast.acme)
    _found(cast.acme, clock)
    deliver_all(clock.now())
    clock.advance(days=1)
    makes_room(cast, cast.acme, seats=10)
    warning, all_clear = newest("warning"), newest("all_clear")
    assert warning.subject.startswith("11 von 10 Sitzplätzen genutzt: was in 5 Tagen geschieht")
    assert "wechselt Ihr Plan zu „Standard, 20 users“" in _words(warning)
    assert "am 6. März 2026, 09:00 UTC" in _words(warning)
    assert "96,67" in _words(warning)
    event = Calendar.from_ical(warning.calendar or "").events[0]
    assert event["SUMMARY"] == "Acme wechselt zu „Standard, 20 users“"
    assert all_clear.subject == "Alles in Ordnung: 10 von 10 Sitzplätzen genutzt"
    assert "es wird nichts berechnet" in _words(all_clear)


def test_a_receipt_is_in_german_with_its_lines(cast: Cast) -> None:
    """From 10 to 20 users on the first day: 180.00 − 100.00 = 80.00."""
    _speaks(cast.acme, "de")
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    receipt = newest("invoice_issued")
    assert receipt.subject.replace("\xa0", " ").startswith("Beleg: 80,00 $ bezahlt, INV-")
    for words in (
        "Acme hat den Plan gewechselt und nutzt jetzt „Standard, 20 users“.",
        "Abgerechnet wird alle 30 Tage.",
        "Voller Preis für 30 Tage: 180,00 $",
        "Die nächsten 180,00 $ werden am 31. März 2026 berechnet.",
    ):
        assert words in _words(receipt)


def test_who_switches_gets_the_next_email_in_the_new_language(
    cast: Cast, clock: FixedClock
) -> None:
    goes_over(cast, cast.acme)
    episode = _found(cast.acme, clock)
    deliver_all(clock.now())
    _speaks(cast.acme, "fr")
    clock.advance(days=2)
    step(episode, clock.now())
    first, second = named("warning")
    assert first.subject.startswith("11 of 10 seats in use")
    assert second.subject.replace("\xa0", " ").startswith("Utilisation toujours à 11 sur 10 places")
    assert '<html lang="fr">' in second.body_html


@pytest.mark.parametrize("of_page", ["en", "de"])
def test_the_language_of_the_page_that_causes_it_is_not_asked(
    cast: Cast, clock: FixedClock, of_page: str
) -> None:
    _speaks(cast.acme, "nl")
    with language.speaking(of_page):
        cast.change_plan(cast.acme, cast.price("standard", "20-users"))
        with transaction() as session:
            account = session.get_one(Account, cast.acme.id)
            told = notices.vendor_told(
                session, account, subject="Look", text="Please.", now=clock.now()
            )
            assert "needs somebody to look at it" in _words(told)
        assert language.spoken() == of_page
    assert newest("invoice_issued").subject.startswith("Betaalbewijs: ")


def test_what_an_email_brings_is_said_in_its_own_language(cast: Cast, clock: FixedClock) -> None:
    """Written in German; French is chosen before the PDF is there."""
    _speaks(cast.acme, "de")
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    _speaks(cast.acme, "fr")
    notice = newest("invoice_issued")
    clock.advance(minutes=10)
    enclosures.decide(notice.id, now=clock.now())
    assert "Das PDF war beim Versand noch nicht fertig." in _words(newest("invoice_issued"))


def test_a_password_link_is_in_the_language_of_the_account(cast: Cast, clock: FixedClock) -> None:
    _speaks(cast.acme, "es")
    with language.speaking("de"):
        assert _reset(cast, clock).subject.startswith("Establecer una contraseña nueva")


def test_a_password_link_of_somebody_in_several_is_in_that_of_the_page(
    cast: Cast, clock: FixedClock
) -> None:
    _speaks(cast.acme, "es")
    with transaction() as session:
        row = Membership(
            account_id=cast.other.id,
            user_id=cast.alice.id,
            role=Role.MEMBER,
            joined_at=clock.now(),
        )
        session.add(row)
    with language.speaking("de"):
        assert _reset(cast, clock).subject.startswith("Neues Passwort")


def _speaks(account: Account, chosen: str) -> None:
    with transaction() as session:
        session.get_one(Account, account.id).language = chosen


def _found(account: Account, clock: FixedClock) -> Episode:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        assert overages.open_if_over(session, locked, Metric.SEATS, now=clock.now())
    return db.session.scalars(select(Episode).where(Episode.account_id == account.id)).one()


def _reset(cast: Cast, clock: FixedClock) -> Notice:
    with transaction() as session:
        notices.password_reset(session, cast.alice, "http://127.0.0.1:8000/x", now=clock.now())
    return newest("password_reset")


def _words(notice: Notice) -> str:
    return " ".join(notice.body_text.split())

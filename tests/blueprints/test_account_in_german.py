"""The pages of an account, its plans, its limits and its history in German: nothing stays English.

Acme is on Standard, 10 users since 1 March 2026, 09:00, and its documents are in German.
"""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient

from portal import language
from portal.billing import accounts
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.display.account_history.words import ACTIONS
from portal.models import Account, PlanChangeReason, User
from portal.transaction import transaction
from tests.blueprints.pages import in_order, use, words
from tests.cast import Cast
from tests.in_german import ASKED, english_in
from tests.scenarios.over import Operator, episode
from tests.taking_back_stories import makes_room, take_back, upgraded, upgrades

Browser = Callable[[User | None], FlaskClient]
FLASH = re.compile(r'<div class="notice flash[^>]*>\s*<p>(.*?)</p>')
# Emails are in the language of the account, and name addresses that hold English words; what a
# plan comes with is said by the vendor's catalog.
VENDORS = re.compile(
    r'<pre class="mail-text">.*?</pre>'
    r"|(?<=>)[^<]*(?:GB of documents|working days|four hours)[^<]*",
    re.S,
)
# What the vendor calls what it sells, why it did something, and what a mail server answered.
AS_WRITTEN = {
    "(250 kept in the sandbox mailbox)",
    "They asked for time. Es wird nichts berechnet, bis der Anbieter es weiterlaufen lässt.",
    "Das automatische Upgrade ist ausgesetzt: Es wird nichts berechnet. They asked for time.",
}


@pytest.fixture
def acme(cast: Cast) -> Account:
    with transaction() as session:
        accounts.lock(session, cast.acme.id).language = "de"
    return cast.acme


@pytest.fixture
def alice(cast: Cast, acme: Account, browser: Browser) -> FlaskClient:
    return german_reader(browser(cast.alice))


def german_reader(client: FlaskClient) -> FlaskClient:
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = ASKED["Accept-Language"]
    return client


def read(client: FlaskClient, path: str, status: int = 200) -> str:
    """A page whose every word is German; what is on it."""
    page = client.get(path, follow_redirects=True)
    assert page.status_code == status
    return german(page.text)


def send(client: FlaskClient, path: str, status: int = 200, **fields: object) -> str:
    """What a form is answered with, where it leads included, and what was said on the way."""
    page = client.post(path, data=fields, follow_redirects=True)
    assert page.status_code == status
    return " ".join([german(page.text), *FLASH.findall(unescape(page.text))])


def german(page: str) -> str:
    assert '<html lang="de"' in page
    assert english_in(VENDORS.sub("", page)) - AS_WRITTEN == set()
    assert "%(" not in page
    return words(page)


def in_words(amount: Money) -> str:
    with language.speaking("de"):
        return describe.money(amount).replace("\N{NO-BREAK SPACE}", " ")


def confirmation_on(client: FlaskClient, path: str) -> str:
    found = re.search(r'name="confirmation" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


# --- My account ----------------------------------------------------------------------------------


def test_my_account(cast: Cast, alice: FlaskClient, browser: Browser) -> None:
    cast.buy(cast.acme, seat=2)
    in_order(
        read(alice, "/account"),
        "Mein Konto",
        "Ihr Plan Standard, 10 users",
        "Nächste Zahlung",
        "Die nächsten zwölf Monate Wenn sich nichts ändert",
        "Was bisher geschah",
    )
    assert "Nächste Zahlung" in read(german_reader(browser(cast.carol)), "/account")


def test_a_downgrade_that_waits(cast: Cast, alice: FlaskClient) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    shown = read(alice, "/account")
    assert "Standard, 5 users ist für den" in shown
    assert "Bis dahin bleibt Ihr Plan, wie er ist" in shown
    cast.members(cast.acme, 5)
    assert "Zu viel sind: 2 Sitzplätze. Entfernen Sie das vorher" in read(alice, "/account")
    assert "Das Downgrade ist zurückgezogen" in send(alice, "/account/scheduled-change/withdrawal")


def test_a_plan_that_was_cancelled_and_ended(cast: Cast, alice: FlaskClient) -> None:
    assert "Ihren Plan kündigen" in read(alice, "/account/cancellation")
    assert "Ihr Plan ist gekündigt. Er läuft noch bis" in send(alice, "/account/cancellation")
    assert "Meinen Plan behalten" in read(alice, "/account/cancellation")
    cast.let_pass(days=31)
    in_order(read(alice, "/account"), "Ihr Plan ist beendet", "Sie haben ihn gekündigt; er lief")
    assert "Plan wählen" in read(alice, "/account/change-plan")
    assert "Es läuft kein Plan" in read(alice, "/account/what-if")


def test_an_invoice_that_stays_unpaid(cast: Cast, alice: FlaskClient) -> None:
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=31)
    in_order(read(alice, "/account"), "ist nicht bezahlt", "Die Zahlung wurde abgelehnt.")
    assert "Bezahlen Sie sie zuerst" in read(alice, "/account/change-plan")
    read(alice, "/account/history")


# --- Plans and add-ons ---------------------------------------------------------------------------


@pytest.mark.parametrize("interval", ["monthly", "yearly"])
def test_every_plan_and_its_price(cast: Cast, alice: FlaskClient, interval: str) -> None:
    shown = read(alice, f"/account/change-plan?interval={interval}")
    days = {"monthly": 30, "yearly": 365}[interval]
    in_order(shown, "Plan wechseln", f"alle {days} Tage", "Sitzplätze", "Preis ansehen")
    for tier in ("5-users", "20-users"):
        price = cast.price("standard", tier, interval)
        in_order(
            read(alice, f"/account/change-plan/{price.id}"),
            "Jetzt fällig",
            "Nächste Zahlung",
            f"Ab dann {in_words(price.money)}",
            f"alle {days} Tage",
        )


def test_a_plan_that_is_too_small(cast: Cast, alice: FlaskClient) -> None:
    cast.members(cast.acme, 6)
    price = cast.price("standard", "5-users")
    shown = read(alice, f"/account/change-plan/{price.id}")
    in_order(shown, "Noch nicht möglich. Zu viel: 3 Sitzplätze", "8 von 5 Sitzplätzen: 3 zu viel")


def test_an_upgrade_that_is_paid(cast: Cast, alice: FlaskClient) -> None:
    price = cast.price("standard", "20-users")
    signed = confirmation_on(alice, f"/account/change-plan/{price.id}")
    shown = send(alice, "/account/change-plan", confirmation=signed)
    in_order(shown, "Sie haben jetzt Standard, 20 users", "bezahlt", "steht, wie sich der Betrag")
    refused = send(alice, "/account/change-plan", 400, confirmation="nonsense")
    assert "Dieses Formular stammt nicht vom Portal. Wählen Sie den Plan erneut." in refused


def test_an_upgrade_that_is_declined(cast: Cast, alice: FlaskClient) -> None:
    cast.use_card(cast.acme, "card_declines")
    price = cast.price("standard", "20-users")
    signed = confirmation_on(alice, f"/account/change-plan/{price.id}")
    shown = send(alice, "/account/change-plan", 422, confirmation=signed)
    assert "Es wurde nichts berechnet, und Ihr Plan ist, wie er war." in shown


def test_add_ons(cast: Cast, alice: FlaskClient) -> None:
    field = f"add_on_{cast.add_on(cast.acme, 'seat').id}"
    assert "Zusatzpakete kaufen" in read(alice, "/account/add-ons")
    too_many = read(alice, f"/account/add-ons/quote?{field}=1001", 422)
    assert "Geben Sie eine ganze Zahl von 0 bis 1.000 ein." in too_many
    path = f"/account/add-ons/quote?{field}=2"
    in_order(read(alice, path), "Zusätzlich zu Standard, 10 users", "Oder zu Standard, 20 users")
    shown = send(alice, "/account/add-ons", confirmation=confirmation_on(alice, path))
    assert "Sie haben jetzt 2 × 1 seat" in shown
    cast.let_go(cast.acme, "seat")
    assert "2 entfallen am" in read(alice, "/account/add-ons")
    assert "Mehrkosten alle 30 Tage" in read(alice, "/account/add-ons")


# --- Over a limit --------------------------------------------------------------------------------


@pytest.fixture
def over(cast: Cast, acme: Account) -> Account:
    """Eleven people since 1 March, 09:01."""
    cast.let_pass(minutes=1)
    cast.members(acme, 9)
    return acme


def test_over_history_in_german(cast: Cast, over: Account, alice: FlaskClient) -> None:
    """$180.00 − 25/30 × $100.00 = $96.67, on 7 March at 06:00."""
    assert "Ist es bei der täglichen Prüfung am" in read(alice, "/account")
    cast.let_pass(days=3, hours=2)
    path = f"/account/over-limit/{episode(over).public_id}"
    in_order(
        read(alice, path),
        "Über dem Limit: 11 von 10 Sitzplätzen",
        "der Plan von Standard, 10 users zu Standard, 20 users",
        "96,67 $ werden berechnet",
        "Was bisher geschah",
        "vom Mailserver angenommen",
    )
    in_order(read(alice, "/account"), "11 von 10 Sitzplätzen: Am", "Warum, und alle Auswege")
    assert "UTC: Standard, 20 users, 96,67 $." in read(alice, "/account/history")
    cast.let_pass(days=4)
    in_order(read(alice, path), "Upgrade erfolgt", "96,67 $ bezahlt", "Upgrade rückgängig machen")


def test_over_hold_in_german(cast: Cast, over: Account, alice: FlaskClient) -> None:
    cast.let_pass(days=2)
    Operator(over, cast).hold()
    shown = read(alice, f"/account/over-limit/{episode(over).public_id}")
    assert "Das automatische Upgrade ist ausgesetzt: Es wird nichts berechnet." in shown


def test_over_back_within_in_german(cast: Cast, over: Account, alice: FlaskClient) -> None:
    cast.let_pass(days=2)
    makes_room(cast, over, seats=10)
    shown = read(alice, f"/account/over-limit/{episode(over).public_id}")
    assert "Alles in Ordnung: Es wurde nichts geändert" in shown


def test_over_revert_in_german(cast: Cast, acme: Account, alice: FlaskClient) -> None:
    change = upgraded(cast, acme)
    path = f"/account/plan-changes/{change.op_id}/taking-back"
    assert "Noch nicht möglich" in read(alice, path)
    makes_room(cast, acme, seats=10)
    in_order(read(alice, path), "Zurück an Sie 96,67 $", "Ihr Plan danach Standard, 10 users")
    assert "durch ein automatisches Upgrade vom" in read(alice, "/account")
    take_back(cast, upgrades(acme)[0])
    in_order(
        read(alice, path), "Das Upgrade ist rückgängig gemacht", "Ihnen gutgeschrieben 96,67 $"
    )
    assert change.reason is PlanChangeReason.AUTO_UPGRADE


def test_seats_over_hard_cap_in_german(cast: Cast, acme: Account, alice: FlaskClient) -> None:
    path = "/account/when-seats-run-out"
    assert "Personen können über die Sitzplätze des Plans hinaus hinzukommen." in read(alice, path)
    assert "Wählen Sie, was geschehen soll." in send(alice, path, 422, choice="")
    marks = dict(re.findall(r'name="(shown_\w+)" value="(\w+)"', alice.get(path).text))
    shown = send(alice, path, choice="hard_cap", **marks)
    assert "Ab jetzt kann niemand über Ihre Sitzplätze hinaus hinzukommen." in shown
    in_order(read(alice, path), "Nie über die Sitzplätze hinausgehen: gewählt von Alice am")
    assert "Die Sitzplätze werden ab jetzt nie überschritten" in read(alice, "/account/history")


def test_over_the_seats_there_is_no_hard_cap(cast: Cast, over: Account, alice: FlaskClient) -> None:
    path = "/account/when-seats-run-out"
    marks = dict(re.findall(r'name="(shown_\w+)" value="(\w+)"', alice.get(path).text))
    shown = send(alice, path, 409, choice="hard_cap", **marks)
    assert "11 von 10 Sitzplätzen sind belegt. Entfernen Sie zuerst 1 Person" in shown


# --- Trying out, usage and history ---------------------------------------------------------------


def test_what_if(cast: Cast, alice: FlaskClient) -> None:
    path = "/account/what-if"
    assert "Was wäre, wenn …" in read(alice, path)
    wrong = send(alice, path, 422, users="viele", clients="", plan="", until="2026-13-01")
    in_order(wrong, "Geben Sie eine ganze Zahl ein, zum Beispiel 3 oder -2.")
    fields = {"users": "9", "clients": "", "plan": "", "until": "2026-03-20"}
    shown = send(alice, path, **fields)
    in_order(shown, "96,67 $ berechnet", "Das Konto heute und am Ende", "E-Mail: ")
    in_order(shown, "Automatisches Upgrade von Standard, 10 users auf Standard, 20 users")


def test_usage(cast: Cast, acme: Account, alice: FlaskClient) -> None:
    cast.let_pass(days=40)
    use(acme, Metric.CLIENTS, 240)
    in_order(read(alice, "/account/usage"), "Nutzung", "In Gebrauch", "Das Limit: durchgehend")
    table = alice.get("/account/usage.csv").text
    assert '"Tag (UTC)","Messgröße","In Gebrauch","Limit"' in table


def test_history(cast: Cast, acme: Account, alice: FlaskClient, browser: Browser) -> None:
    cast.buy(acme, seat=2)
    cast.change_plan(acme, cast.price("standard", "20-users"))
    in_order(
        read(alice, "/account/history"),
        "Abrechnungsverlauf",
        "Upgrade von Standard, 10 users auf Standard, 20 users",
        "2 × 1 seat hinzugefügt",
    )
    assert "Zahlung von 100,00 $ eingegangen" in read(alice, "/account/history")
    assert "Von" in read(alice, "/account/history?from=nonsense", 422)
    table = alice.get("/account/history.csv").text
    assert '"Datum","Uhrzeit","Thema","Bezeichnung"' in table
    assert '"Plan und Zusatzpakete","Das Konto wurde eröffnet"' in table
    carol = german_reader(browser(cast.carol))
    assert "Jede Rechnung, Zahlung, Gutschrift und Rückzahlung." in read(carol, "/account/history")


def test_what_was_kept_in_english_is_told_in_german() -> None:
    why = "The plan ended 90 days ago or more, and Admins were told"
    details = {"count": 2, "size": "1.2 MB", "why": why}
    with language.speaking("de"):
        title, told, _tone = ACTIONS["documents.removed"].words(details)
    assert title == "2 Dokumente entfernt, 1.2 MB"
    assert told == ("Der Plan endete vor 90 Tagen oder mehr, und die Admins wurden benachrichtigt.")

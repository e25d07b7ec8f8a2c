"""Documents in six languages: the account's at issue, for good."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import update

from portal import document_store
from portal.audit import SYSTEM
from portal.billing import accounts, billing_details, plan_changes, reissues
from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.jobs import schedule
from portal.language import LANGUAGES, speaking
from portal.models import Account, CreditNote, CreditNoteLine, Invoice, RefundTo
from portal.papers import credit_note_display, handing_out, invoice_display, statement_display
from portal.papers.e_invoice import factur_x, ubl
from portal.transaction import transaction
from portal.web.formatting import date, money
from tests.cast import Cast
from tests.credit_stories import change_details, credit, newest
from tests.e_invoice_checks import broken_rules

GERMAN = {"country": "DE", "address": ["2 Example Lane", "10115 Berlin"]}
WRITERS = (factur_x, ubl)
every_language = pytest.mark.parametrize("language", LANGUAGES)
# Of an upgrade from $100.00 to $180.00 with 20 of 30 days unused, and 19 % on both.
UPGRADED = {
    "en": (
        *("Invoice", "Change to Standard, 20 users", "Full price for 30 days: $180.00"),
        *("Unused time on Standard, 10 users", "20 of 30 days × $100.00 = −$66.67"),
        *("Subtotal", "VAT 19 % on $113.33", "every 30 days", "Page 1 of 1", "Germany"),
    ),
    "de": (
        *("Rechnung", "Wechsel zu Standard, 20 users", "Voller Preis für 30 Tage: 180,00 $"),
        *("Ungenutzte Zeit: Standard, 10 users", "20 von 30 Tagen × 100,00 $ = −66,67 $"),
        *("Zwischensumme", "Umsatzsteuer 19 % auf 113,33 $", "alle 30 Tage", "Seite 1 von 1"),
        *("Leistungszeitraum", "Deutschland"),
    ),
    "fr": (
        *("Facture", "Passage à Standard, 20 users", "Plein tarif pour 30 jours : 180,00 $US"),
        *("Temps non utilisé : Standard, 10 users", "20 jours sur 30 × 100,00 $US = −66,67 $US"),
        *("Sous-total", "TVA 19 % sur 113,33 $US", "tous les 30 jours", "Page 1 sur 1"),
        "Allemagne",
    ),
    "es": (
        *("Factura", "Cambio a Standard, 20 users", "Precio completo por 30 días: 180,00 US$"),
        *("Tiempo no utilizado: Standard, 10 users", "20 de 30 días × 100,00 US$ = −66,67 US$"),
        *("Base imponible", "IVA 19 % sobre 113,33 US$", "cada 30 días", "Página 1 de 1"),
        "Alemania",
    ),
    "pt": (
        *("Fatura", "Passagem para Standard, 20 users", "Preço completo por 30 dias: 180,00 US$"),
        *("Tempo não utilizado: Standard, 10 users", "20 de 30 dias × 100,00 US$ = −66,67 US$"),
        *("Subtotal", "IVA 19% sobre 113,33 US$", "a cada 30 dias", "Página 1 de 1", "Alemanha"),
    ),
    "nl": (
        *("Factuur", "Overstap naar Standard, 20 users", "Volle prijs voor 30 dagen: US$ 180,00"),
        *("Ongebruikte tijd: Standard, 10 users", "20 van 30 dagen × US$ 100,00 = US$ −66,67"),
        *("Subtotaal", "Btw 19% over US$ 113,33", "elke 30 dagen", "Pagina 1 van 1", "Duitsland"),
    ),
}
CORRECTED = {
    "en": ("Credit note", "VAT 19 % on $113.33", "charged, given back in full", "Corrects"),
    "de": ("Gutschrift", "Umsatzsteuer 19 % auf 113,33 $", "berechnet, vollständig gutgeschrieben"),
    "fr": ("Avoir", "TVA 19 % sur 113,33 $US", "facturés, crédités en totalité", "Rectifie"),
    "es": ("Factura rectificativa", "IVA 19 % sobre 113,33 US$", "abonados por completo"),
    "pt": ("Nota de crédito", "IVA 19% sobre 113,33 US$", "creditados na totalidade"),
    "nl": ("Creditnota", "Btw 19% over US$ 113,33", "volledig gecrediteerd", "Corrigeert"),
}
STATED = {
    "en": ("Statement of account", "Invoiced", "Owed at the end", "Credit note"),
    "de": ("Kontoauszug", "Berechnet", "Am Ende offen", "Gutschrift"),
    "fr": ("Relevé de compte", "Facturé", "Dû à la fin", "Avoir"),
    "es": ("Extracto de cuenta", "Facturado", "Pendiente al final", "Factura rectificativa"),
    "pt": ("Extrato de conta", "Faturado", "Em dívida no fim", "Nota de crédito"),
    "nl": ("Rekeningoverzicht", "Gefactureerd", "Eindsaldo", "Creditnota"),
}
# What the law of each country wants to read where the customer accounts for the tax.
REVERSED = {
    "en": "Reverse charge",
    "de": "Steuerschuldnerschaft des Leistungsempfängers",
    "fr": "Autoliquidation",
    "es": "Inversión del sujeto pasivo",
    "pt": "IVA – autoliquidação",
    "nl": "Btw verlegd",
}


@every_language
def test_invoice_explains_itself_in_the_accounts_language(cast: Cast, language: str) -> None:
    """An upgrade with credit and tax, its credit note, and both in a statement: their PDFs
    say what the rows say."""
    account = customer(cast, language)
    cast.clock.advance(days=10)
    cast.change_plan(account, cast.price("standard", "20-users"))
    invoice = newest(account)
    cast.clock.advance(days=1)
    note = credit(cast, invoice, to=RefundTo.BALANCE)
    assert (invoice.language, note.language) == (language, language)
    schedule.run_due()
    for paper, expected in ((invoice, UPGRADED[language]), (note, CORRECTED[language])):
        reader = PdfReader(io.BytesIO(pdf_of(paper)))
        says(reader, *expected, *shown_of(paper))
        assert reader.trailer["/Root"]["/Lang"] == language
        assert reader.metadata is not None
        assert expected[0] in (reader.metadata.title or "")
    statement = statement_of(cast, account)
    says(statement, *STATED[language], invoice.number_text, note.number_text)
    assert statement.trailer["/Root"]["/Lang"] == language


@every_language
def test_invoice_tax_reverse_charge_is_told_as_the_law_wants_it(cast: Cast, language: str) -> None:
    """On the quote, in the row, in the PDF, and as the reason (BT-120) in both files."""
    account = customer(cast, language, tax_id="DE136695976")
    quote = plan_changes.quote(
        db.session(), account, cast.price("standard", "20-users"), now=cast.clock.now()
    )
    invoice = newest(account)
    schedule.run_due()
    assert quote.draft.tax_note == invoice.tax_note
    assert invoice.tax_note.startswith(REVERSED[language])
    says(PdfReader(io.BytesIO(pdf_of(invoice))), invoice.tax_note)
    for write in WRITERS:
        content = written(write, invoice)
        assert invoice.tax_note in content.decode()
        assert "VATEX-EU-AE" in content.decode()


@every_language
def test_the_files_for_accounting_software_are_valid_in_every_language(
    cast: Cast, language: str
) -> None:
    """Their words are the document's; their codes and figures are those of every language."""
    account = customer(cast, language)
    cast.clock.advance(days=10)
    cast.change_plan(account, cast.price("standard", "20-users"))
    invoice = newest(account)
    note = credit(cast, invoice)
    for write in WRITERS:
        for paper in (invoice, note):
            content = written(write, paper)
            assert broken_rules(content) == []
            assert all(line.explanation in content.decode() for line in paper.lines)


def test_charge_quote_is_charge_whoever_reads_the_page(cast: Cast) -> None:
    """Quoted to one who reads German, confirmed by one who reads English: the account is French."""
    account = customer(cast, "fr")
    price = cast.price("standard", "20-users")
    cast.clock.advance(days=10)
    now = cast.clock.now()
    with speaking("de"):
        quote = plan_changes.quote(db.session(), account, price, now=now)
    assert quote.lines[1].explanation == "20 jours sur 30 × 100,00\xa0$US = −66,67\xa0$US"
    confirmation = plan_changes.Confirmation("once", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        plan_changes.confirm(session, locked, price, confirmation, now=now, actor=SYSTEM)


def test_invoice_pdf_stays_in_its_language_when_the_account_chooses_another(cast: Cast) -> None:
    """German until 2 March: that invoice stays German byte for byte. The renewal is French."""
    account = customer(cast, "de")
    schedule.run_due()
    first = newest(account)
    before = pdf_of(first)
    cast.let_pass(days=1)
    speak(cast, account, "fr")
    cast.let_pass(days=29)
    renewal = newest(account)
    assert (first.language, renewal.language) == ("de", "fr")
    assert pdf_of(db.session.get_one(Invoice, first.id)) == before
    says(PdfReader(io.BytesIO(before)), "Rechnung", "Voller Preis für 30 Tage: 100,00 $")
    says(PdfReader(io.BytesIO(pdf_of(renewal))), "Facture", "Renouvellement de Standard, 10 users")
    # What corrects the German one is German, though the account's documents are French by now.
    note = credit(cast, first)
    assert note.language == "de"
    assert note.lines[0].explanation == "100,00\xa0$ berechnet, vollständig gutgeschrieben"


def test_what_was_confirmed_is_invoiced_in_the_language_it_was_quoted_in(cast: Cast) -> None:
    """The card needs a day for its answer; meanwhile the account chooses another language."""
    account = customer(cast, "de")
    cast.use_card(account, "card_authenticates")
    price = cast.price("standard", "20-users")
    now = cast.clock.now()
    quote = plan_changes.quote(db.session(), account, price, now=now)
    confirmation = plan_changes.Confirmation("once", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        change = plan_changes.confirm(session, locked, price, confirmation, now=now, actor=SYSTEM)
        assert change.invoice_draft["language"] == "de"
    speak(cast, account, "nl")
    assert db.session.get_one(type(change), change.id).invoice_draft["language"] == "de"


def test_an_invoice_issued_again_stays_in_its_language(cast: Cast) -> None:
    """German, of a school; then the account turns to Spanish and moves to another street."""
    account = customer(cast, "de", tax_exempt_reason="Schule")
    first = newest(account)
    assert first.tax_note == "Steuerbefreit: Schule"
    speak(cast, account, "es")
    change_details(account, address=["3 Example Lane", "10115 Berlin"])
    now = cast.clock.now()
    with transaction() as session:
        locked, invoice = accounts.lock(session, account.id), session.get_one(Invoice, first.id)
        offer = reissues.offer(session, locked, invoice, by_customer=False, now=now)
        reissues.reissue(
            session, locked, invoice, "Umzug", seen=offer.fingerprint(), now=now, actor=SYSTEM
        )
    again = newest(account)
    assert again.id != first.id
    assert (again.language, again.tax_note) == ("de", "Steuerbefreit: Schule")


def test_an_issued_invoice_never_changes_its_language(cast: Cast) -> None:
    invoice = newest(customer(cast, "de"))
    statement = update(Invoice).where(Invoice.id == invoice.id).values(language="fr")
    with pytest.raises(Exception, match="invoice never changes"), transaction() as session:
        session.execute(statement)


def test_no_date_is_written_in_figures_alone() -> None:
    """3 May and 5 March can't be taken for each other in any language."""
    written = {}
    for language in LANGUAGES:
        with speaking(language):
            written[language] = date(datetime(2026, 5, 3, tzinfo=UTC))
    assert written["pt"] == "3 de mai. de 2026"
    assert written["de"] == "3. Mai 2026"
    assert all(sum(part.isalpha() for part in text) >= 3 for text in written.values())


def customer(cast: Cast, language: str, **details: Any) -> Account:
    """A German company with 10 users whose documents are in a language from the first on."""
    account = cast.account("Muster", None)
    change_details(account, **(GERMAN | details))
    speak(cast, account, language)
    cast.subscribe(account, cast.price("standard", "10-users", Interval.MONTHLY))
    return account


def speak(cast: Cast, account: Account, language: str) -> None:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        details = replace(billing_details.of(locked), language=language)
        billing_details.change(session, locked, details, now=cast.clock.now(), actor=SYSTEM)


def pdf_of(paper: Invoice | CreditNote) -> bytes:
    db.session.expire_all()
    assert paper.document is not None
    return document_store.read(paper.document.sha256)


def shown_of(paper: Invoice | CreditNote) -> list[str]:
    """Every text, amount and date of a row, as its document is to show it."""
    with speaking(paper.language):
        shown = [paper.number_text, money(paper.total), date(paper.issued_at, "UTC")]
        for line in paper.lines:
            timed = line.invoice_line if isinstance(line, CreditNoteLine) else line
            shown += [line.description, line.explanation, money(line.money)]
            shown += [day_of(timed.period_start_at), day_of(timed.period_end_at)]
    return shown


def statement_of(cast: Cast, account: Account) -> PdfReader:
    now = cast.clock.now()
    with speaking(account.language):
        statement = statement_display.shown(
            db.session(),
            account,
            since_at=now - timedelta(days=30),
            before_at=now + timedelta(days=1),
            now=now,
        )
    return PdfReader(io.BytesIO(handing_out.statement_pdf(statement)))


def written(write: Any, paper: Invoice | CreditNote) -> bytes:
    """A file as the worker writes it."""
    display = invoice_display if isinstance(paper, Invoice) else credit_note_display
    with speaking(paper.language):
        return bytes(write(display.issued(db.session(), paper)))


def says(reader: PdfReader, *expected: str) -> None:
    """That a document holds each text, wherever its lines break."""
    text = flowing("".join(page.extract_text() for page in reader.pages))
    assert [part for part in expected if flowing(part) not in text] == []


def day_of(instant: datetime | None) -> str:
    assert instant is not None
    return date(instant, "UTC")


def flowing(text: str) -> str:
    return "".join(text.split())

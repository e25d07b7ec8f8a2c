"""The files of an invoice that was issued again: valid, settled, and naming the one it replaces."""

from decimal import Decimal

from portal.extensions import db
from portal.papers import credit_note_display, invoice_display
from portal.papers.e_invoice import factur_x, ubl
from tests.cast import Cast
from tests.correction_stories import as_it_is, note_of, reissue, void
from tests.credit_stories import change_details, newest, unpaid
from tests.e_invoice_checks import broken_rules, figures
from tests.papers.test_e_invoice import agreed, agreed_note, german, texts


def test_a_renewal_that_was_paid_and_issued_again(cast: Cast) -> None:
    """31 March: $100.00 and 19 % VAT, paid; issued again the day after, nothing is due on it."""
    account = german(cast)
    cast.let_pass(days=31)
    change_details(account, company="German Holding", po_number="PO-7")
    former = newest(account)

    row = reissue(cast, former)

    content = agreed(row)
    assert figures(content)["BT-115"] == 0
    assert texts(content, "InvoiceReferencedDocument/ram:IssuerAssignedID") == [former.number_text]
    assert "German Holding" in texts(content, "BuyerTradeParty/ram:Name")
    agreed_note(note_of(former))


def test_the_first_invoice_is_as_it_was(cast: Cast) -> None:
    """The file of the former invoice says what it said, its payment too, whenever it is made."""
    account = german(cast)
    former = newest(account)
    before = factur_x(invoice_display.issued(db.session(), former))
    cast.let_pass(days=1)
    change_details(account, company="German Holding")
    reissue(cast, former)

    assert factur_x(invoice_display.issued(db.session(), as_it_is(former))) == before


def test_an_upgrade_names_what_it_replaces_and_what_it_gives_back_of(cast: Cast) -> None:
    account = german(cast)
    first = newest(account)
    cast.let_pass(days=10)
    cast.change_plan(account, cast.price("standard", "20-users"))
    upgrade = newest(account)
    cast.let_pass(days=1)
    change_details(account, company="German Holding")

    content = agreed(reissue(cast, upgrade))

    named = texts(content, "InvoiceReferencedDocument/ram:IssuerAssignedID")
    assert named == [upgrade.number_text, first.number_text]


def test_the_note_of_a_void_invoice(cast: Cast) -> None:
    note = void(cast, newest(unpaid(cast)))
    issued = credit_note_display.issued(db.session(), note)
    for write in (factur_x, ubl):
        content = write(issued)
        assert broken_rules(content) == []
        assert figures(content)["BT-115"] == Decimal("50.00")

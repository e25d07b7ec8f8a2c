"""What of a line only software reads: which tax case it is, and how much of what at which price."""

from dataclasses import dataclass
from enum import StrEnum

from portal.billing.rules import tax
from portal.billing.rules.money import Money
from portal.models import CreditNoteLine, InvoiceLine
from portal.printable import printable

NOTE_LENGTH = 300


class TaxCase(StrEnum):
    """Why a line carries the tax that it does, by the codes of UNTDID 5305."""

    STANDARD = "S"
    ZERO_RATE = "Z"
    REVERSE_CHARGE = "AE"
    EXEMPT = "E"
    # No row of the vendor's table is for the customer's country.
    NOT_SUBJECT = "O"


class Unit(StrEnum):
    """What is counted, by the codes of UN/ECE Recommendation 20."""

    ONE = "C62"
    DAY = "DAY"


@dataclass(frozen=True)
class LineTax:
    """The tax case of a line, its rate in hundredths of a percent, and why none is charged."""

    case: TaxCase
    basis_points: int = 0
    note: str = ""


@dataclass(frozen=True)
class Measure:
    """`quantity` × `price` ÷ `per` is the line's amount before rounding, all in `unit`.

    The quantity is below zero where something is given back; the price never is.
    """

    quantity: int
    unit: Unit
    price: Money
    per: int = 1


NOT_SUBJECT = LineTax(TaxCase.NOT_SUBJECT)


def tax_of(line: InvoiceLine | CreditNoteLine, note: str) -> LineTax:
    """The tax of a line; `note` says why none was charged, on the invoice that charged it.

    Where the customer accounts for the tax that is told in the language spoken now, whichever the
    invoice was in: of what is exempt only the invoice knows the reason.
    """
    if line.tax_basis_points:
        return LineTax(TaxCase.STANDARD, line.tax_basis_points)
    if note and line.tax_name:
        return LineTax(TaxCase.REVERSE_CHARGE, note=tax.reverse_charge())
    if note:
        return LineTax(TaxCase.EXEMPT, note=printable(note, NOTE_LENGTH))
    return LineTax(TaxCase.ZERO_RATE) if line.tax_name else NOT_SUBJECT


def measure_of(line: InvoiceLine) -> Measure:
    """A whole cycle is counted in pieces; a part of one in days, at the price of the whole."""
    price = Money(line.base_minor, line.currency)
    sign = -1 if line.amount_minor < 0 else 1
    if line.days == line.days_in_cycle:
        return Measure(sign * line.quantity, Unit.ONE, price)
    return Measure(sign * line.quantity * line.days, Unit.DAY, price, line.days_in_cycle)


def one_at(amount: Money) -> Measure:
    """A line that is not worked out anew, such as that of a credit note."""
    return Measure(-1 if amount.is_negative else 1, Unit.ONE, abs(amount))

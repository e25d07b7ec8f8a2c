"""The tax of a document by case and rate (BG-23), from the tax on each of its lines.

EN 16931 works tax out for the sum of a rate, invoices here round it on each line. Its rules allow
a difference below one unit of the currency, so the document's own figures stand in the file. Where
many lines add up to more, there is no file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from portal.billing.rules.money import Money, minor_digits
from portal.language import gettext as _
from portal.papers.e_invoice.refusals import NoEInvoice
from portal.papers.e_invoice.values import amount, percent, text
from portal.papers.line_facts import LineTax, TaxCase
from portal.papers.parts import Line

REASON_CODES = {TaxCase.REVERSE_CHARGE: "VATEX-EU-AE", TaxCase.NOT_SUBJECT: "VATEX-EU-O"}
BASIS_POINTS = 10_000
LEAST_RATE = 50
HALVES_OF_A_HUNDREDTH = 200


@dataclass(frozen=True)
class TaxOfRate:
    """What the lines of one case and rate come to, and the tax on them."""

    tax: LineTax
    base: Money
    amount: Money


def beside_each_other(taxes: Sequence[LineTax]) -> list[LineTax]:
    """The taxes of lines as one file may hold them.

    What is not subject to tax stands alone by the standard. Beside a credit at another rate, as
    when a customer moved to another country, it is told as exempt, for that reason.
    """
    not_subject = _("Not subject to tax")
    if all(tax.case is TaxCase.NOT_SUBJECT for tax in taxes):
        return [replace(tax, note=not_subject) for tax in taxes]
    exempt = LineTax(TaxCase.EXEMPT, note=not_subject)
    return [exempt if tax.case is TaxCase.NOT_SUBJECT else tax for tax in taxes]


def by_rate(taxes: Sequence[LineTax], lines: Sequence[Line]) -> list[TaxOfRate]:
    """The sums of `lines`, each with the tax at its place in `taxes`; in the order of the lines.

    Raises NoEInvoice where the tax is too far from what the standard works out.
    """
    sums: dict[tuple[TaxCase, int], TaxOfRate] = {}
    for tax, line in zip(taxes, lines, strict=True):
        levied = line.tax_amount or Money.zero(line.amount.currency)
        key = (tax.case, tax.basis_points)
        before = sums.get(key)
        if before is None:
            sums[key] = TaxOfRate(tax, line.amount, levied)
        else:
            both = replace(tax, note=_both(before.tax.note, tax.note))
            sums[key] = TaxOfRate(both, before.base + line.amount, before.amount + levied)
    for each in sums.values():
        _refuse_too_far(each)
    return list(sums.values())


def breakdown(sums: Iterable[TaxOfRate]) -> list[dict[str, str]]:
    """BG-23: a table for each case and rate."""
    return [_table(each) for each in sums]


def on_line(tax: LineTax) -> dict[str, str]:
    """BT-151 and BT-152 of a line."""
    return {"BT-151": tax.case.value} | _rate(tax, "BT-152")


def _table(each: TaxOfRate) -> dict[str, str]:
    table = {
        "BT-116": amount(each.base),
        "BT-117": amount(each.amount),
        "BT-118": each.tax.case.value,
    }
    if each.tax.note:
        table["BT-120"] = text(each.tax.note)
    if each.tax.case in REASON_CODES:
        table["BT-121"] = REASON_CODES[each.tax.case]
    return table | _rate(each.tax, "BT-119")


def _rate(tax: LineTax, term: str) -> dict[str, str]:
    """What is not subject to tax has no rate, not even one of zero."""
    if tax.case is TaxCase.NOT_SUBJECT:
        return {}
    return {term: percent(tax.basis_points)}


def _both(first: str, second: str) -> str:
    return first if second in first else f"{first}; {second}"


def _refuse_too_far(each: TaxOfRate) -> None:
    """BR-CO-17 and BR-S-09: less than one unit of the currency from base × rate, rounded to
    hundredths; a rate below 0.5 % counts as none."""
    unit = BASIS_POINTS * 10 ** minor_digits(each.base.currency)
    of_base = abs(each.base.amount) * each.tax.basis_points
    difference = abs(abs(each.amount.amount) * BASIS_POINTS - of_base)
    if each.tax.basis_points < LEAST_RATE:
        difference = max(difference, 2 * abs(each.amount.amount) * BASIS_POINTS)
    if difference >= unit - unit // HALVES_OF_A_HUNDREDTH:
        raise NoEInvoice(
            f"The tax of {percent(each.tax.basis_points)} %, rounded on each line, comes to"
            f" {amount(each.amount)} {each.base.currency}, which is further from the tax on their"
            " sum than EN 16931 allows."
        )

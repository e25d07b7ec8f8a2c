"""Which tax a sale carries, by the vendor's own table, and how much it is."""

from __future__ import annotations

from dataclasses import dataclass

from portal.billing.rules import describe
from portal.billing.rules.money import Money
from portal.language import gettext as _
from portal.language import message

BASIS_POINTS = 10_000
REVERSE_CHARGE = message("Reverse charge: the customer accounts for the tax.")
# What a vendor's table may call a tax that has a name of its own in other languages.
NAMES = frozenset((message("VAT"), message("Sales tax"), message("GST")))


@dataclass(frozen=True)
class Rate:
    """A country's row of the table; `basis_points` are hundredths of a percent."""

    country: str
    name: str
    basis_points: int
    reverse_charge: bool


@dataclass(frozen=True)
class Customer:
    """What of a customer decides about tax. `exempt_reason` is the vendor's, None where taxed."""

    country: str
    has_tax_id: bool
    exempt_reason: str | None = None


@dataclass(frozen=True)
class Tax:
    """What a line carries: a name such as "VAT", as the vendor's table has it, a rate, and a
    sentence where it must be told."""

    name: str
    basis_points: int
    note: str = ""

    @property
    def text(self) -> str:
        """As in "VAT 19 %", "VAT 8.1 %", in the language spoken now."""
        name = _(self.name) if self.name in NAMES else self.name
        return f"{name} {describe.percent(self.basis_points)}"

    def on(self, amount: Money) -> Money:
        """The tax on a line's amount, rounded once, half away from zero."""
        return amount.share(self.basis_points, BASIS_POINTS)


NO_TAX = Tax("", 0)


def reverse_charge() -> str:
    """What has to be told, in the language spoken now, where the customer accounts for the tax."""
    return _(REVERSE_CHARGE)


def treatment(rate: Rate | None, customer: Customer, *, vendor_country: str) -> Tax:
    """The tax on a sale to `customer`, whose country's row is `rate` (None: not in the table).

    Reverse charge is for businesses of another country than the vendor's: a valid tax id is what
    makes a customer one.
    """
    if customer.exempt_reason:
        return Tax("", 0, _("Exempt from tax: %(reason)s", reason=customer.exempt_reason))
    if rate is None:
        return NO_TAX
    abroad = customer.country != vendor_country
    if rate.reverse_charge and abroad and customer.has_tax_id:
        return Tax(rate.name, 0, reverse_charge())
    return Tax(rate.name, rate.basis_points)

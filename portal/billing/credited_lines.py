"""The lines of an issued invoice, each with what was given back of it since."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing.rules import describe
from portal.billing.rules.crediting import ChargedLine
from portal.billing.rules.money import Money
from portal.billing.rules.tax import Tax
from portal.language import gettext as _
from portal.models import CreditNoteLine, Invoice, InvoiceLine


@dataclass(frozen=True)
class CreditedLine:
    """A line and what is left of it. `returned_on` is the invoice that gave the rest back."""

    line_id: int
    description: str
    charged: ChargedLine
    returned_on: str | None

    @property
    def explanation(self) -> str:
        """How what is left is worked out, as in "$50.00 charged − $25.00 given back by … = …", in
        the language spoken now."""
        line = self.charged
        if line.amount.is_negative:
            credit = describe.money(-line.amount)
            return _(
                "A credit of %(credit)s, taken back with what it was set against", credit=credit
            )
        amount = describe.money(line.amount)
        if self.returned_on is None:
            return _("%(amount)s charged, given back in full", amount=amount)
        return _(
            "%(amount)s charged − %(returned)s given back by %(invoice)s = %(left)s",
            amount=amount,
            returned=describe.money(line.returned),
            invoice=self.returned_on,
            left=describe.money(line.left),
        )


def of(session: Session, invoice: Invoice) -> list[CreditedLine]:
    """Every line of the invoice, in its order."""
    ids = {line.id for line in invoice.lines}
    sources = {line.source_line_id for line in invoice.lines if line.source_line_id is not None}
    givers = _givers(session, invoice.account_id, ids)
    noted = _noted(session, invoice.account_id, ids | sources | {row.id for row in givers.values()})
    return [_line(line, givers.get(line.id), noted) for line in invoice.lines]


def _givers(
    session: Session, account_id: int, line_ids: Collection[int]
) -> dict[int | None, InvoiceLine]:
    """The lines of later invoices that give something back, by the line they credit.

    Of several credits of one line it is the last: each of the others was taken back by a note
    before the next was made.
    """
    statement = (
        select(InvoiceLine)
        .where(InvoiceLine.account_id == account_id, InvoiceLine.source_line_id.in_(line_ids))
        .order_by(InvoiceLine.id)
    )
    return {row.source_line_id: row for row in session.scalars(statement)}


def _noted(session: Session, account_id: int, line_ids: Collection[int]) -> set[int]:
    """Those lines that a credit note has given back, or taken back."""
    statement = select(CreditNoteLine.invoice_line_id).where(
        CreditNoteLine.account_id == account_id, CreditNoteLine.invoice_line_id.in_(line_ids)
    )
    return set(session.scalars(statement))


def _line(row: InvoiceLine, giver: InvoiceLine | None, noted: set[int]) -> CreditedLine:
    # A credit that was itself taken back gives nothing any more. And one whose line a note has
    # given back stays: the note gave only what was left of the line beside it.
    gives = giver if giver and giver.id not in noted else None
    charged = ChargedLine(
        position=row.position,
        amount=row.money,
        tax=Tax(row.tax_name, row.tax_basis_points),
        tax_amount=Money(row.tax_minor, row.currency),
        returned=Money(-gives.amount_minor if gives else 0, row.currency),
        returned_tax=Money(-gives.tax_minor if gives else 0, row.currency),
        is_closed=row.id in noted or row.source_line_id in noted,
    )
    returned_on = gives.invoice.number_text if gives and gives.amount_minor else None
    return CreditedLine(row.id, row.description, charged, returned_on)

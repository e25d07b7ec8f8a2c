"""The lines of an issued invoice, each with what was given back of it since.

An invoice that was issued again has each line once in every edition, at the same place. What a
later invoice gave back of one of them it gave back of the line, whichever edition it names.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from portal.billing.rules import describe
from portal.billing.rules.crediting import ChargedLine
from portal.billing.rules.money import Money
from portal.billing.rules.tax import Tax
from portal.language import gettext as _
from portal.models import (
    CreditNote,
    CreditNoteLine,
    CreditNotePurpose,
    Invoice,
    InvoiceLine,
)

Editions = Mapping[int, Collection[int]]


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


def of(session: Session, invoice: Invoice, *, is_whole: bool = False) -> list[CreditedLine]:
    """Every line of the invoice, in its order; with `is_whole` as if nothing was given back by
    other invoices: what is issued again is all of it."""
    ids = {line.id for line in invoice.lines}
    sources = {line.source_line_id for line in invoice.lines if line.source_line_id is not None}
    editions = editions_of(session, invoice.account_id, ids | sources)
    givers = {} if is_whole else _givers(session, invoice.account_id, ids, editions)
    noted = _noted(session, invoice.account_id, ids | {row.id for row in givers.values()})
    given_back = _given_back(session, invoice.account_id, sources, editions)
    return [
        _line(line, givers.get(line.id), noted, is_over=line.source_line_id in given_back)
        for line in invoice.lines
    ]


def editions_of(session: Session, account_id: int, line_ids: Collection[int]) -> Editions:
    """The same line in other editions of its invoice, by its id; most lines have none."""
    line, of_line = aliased(InvoiceLine), aliased(Invoice)
    other, of_other = aliased(InvoiceLine), aliased(Invoice)
    statement = (
        select(line.id, other.id)
        .join(of_line, of_line.id == line.invoice_id)
        .join(
            of_other,
            and_(
                of_other.account_id == of_line.account_id,
                of_other.first_id == of_line.first_id,
                of_other.id != of_line.id,
            ),
        )
        .join(other, and_(other.invoice_id == of_other.id, other.position == line.position))
        .where(line.account_id == account_id, line.id.in_(line_ids))
    )
    found = defaultdict[int, list[int]](list)
    for line_id, other_id in session.execute(statement):
        found[line_id].append(other_id)
    return found


def _givers(
    session: Session, account_id: int, line_ids: Collection[int], editions: Editions
) -> dict[int, InvoiceLine]:
    """The lines of later invoices that give something back, by the line they credit.

    Of several credits of one line it is the last: each of the others was taken back by a note
    before the next was made.
    """
    own = {line_id: line_id for line_id in line_ids}
    own |= {other: line_id for line_id in line_ids for other in editions.get(line_id, ())}
    statement = (
        select(InvoiceLine.source_line_id, InvoiceLine)
        .where(InvoiceLine.account_id == account_id, InvoiceLine.source_line_id.in_(own))
        .order_by(InvoiceLine.id)
    )
    return {
        own[source_id]: row
        for source_id, row in session.execute(statement)
        if source_id is not None
    }


def _noted(session: Session, account_id: int, line_ids: Collection[int]) -> set[int]:
    """Those lines that a credit note has given back, or taken back."""
    statement = select(CreditNoteLine.invoice_line_id).where(
        CreditNoteLine.account_id == account_id, CreditNoteLine.invoice_line_id.in_(line_ids)
    )
    return set(session.scalars(statement))


def _given_back(
    session: Session, account_id: int, line_ids: Collection[int], editions: Editions
) -> set[int]:
    """Those lines of which a credit note has given back all, in whichever edition: one that was
    issued again is still charged."""
    every = {*line_ids, *(other for line_id in line_ids for other in editions.get(line_id, ()))}
    statement = (
        select(CreditNoteLine.invoice_line_id)
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .where(
            CreditNoteLine.account_id == account_id,
            CreditNoteLine.invoice_line_id.in_(every),
            CreditNote.purpose != CreditNotePurpose.REISSUE,
        )
    )
    noted = set(session.scalars(statement))
    return {line_id for line_id in line_ids if noted & {line_id, *editions.get(line_id, ())}}


def _line(
    row: InvoiceLine, giver: InvoiceLine | None, noted: set[int], *, is_over: bool
) -> CreditedLine:
    """`is_over`: of a credit, that all of what it credits was given back."""
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
        is_closed=row.id in noted or is_over,
    )
    returned_on = gives.invoice.number_text if gives and gives.amount_minor else None
    return CreditedLine(row.id, row.description, charged, returned_on)

"""Vendor and customer (BG-4, BG-7), and by which of their ids they are found.

A tax id that begins with the letters of its country is a VAT identifier to EN 16931. Every other
stands as the registration number that it is; so do all on a document that is not subject to tax,
where the standard allows no VAT identifier.
"""

from typing import Any

from portal.papers.e_invoice.refusals import NoEInvoice
from portal.papers.e_invoice.values import needed, text
from portal.papers.parts import Party

ADDRESS_TERMS = ("addr_l1", "addr_l2", "addr_l3")
# Whose tax ids begin with other letters than their ISO code, or with those of another country.
PREFIXES = {
    "AX": ("FI",), "GB": ("GB", "XI"), "GF": ("FR",), "GP": ("FR",), "GR": ("EL", "GR"),
    "IM": ("GB",), "MC": ("FR",), "MQ": ("FR",), "RE": ("FR",),
}  # fmt: skip


def seller(party: Party, *, is_subject: bool) -> dict[str, Any]:
    """BG-4; `is_subject` says whether anything on the document is subject to tax.

    Raises NoEInvoice where a tax case needs a tax id that the vendor doesn't have.
    """
    terms = _party(party, "the vendor's")
    tax_id = text(party.tax_id)
    if tax_id and is_subject and _is_vat_id(party):
        terms["vat_identifier"] = tax_id
    elif tax_id:
        terms |= {"tax_identifier": tax_id, "legal_identifier": tax_id}
    elif is_subject:
        raise NoEInvoice(
            "EN 16931 asks for the vendor's tax id on invoices with tax, with reverse charge or"
            " with an exemption. Set tax_id in the catalog."
        )
    else:
        # By the standard the buyer is to know the seller by some id.
        terms["identifiers"] = {None: needed(party.email, "the vendor's tax id or email")}
    if party.email:
        terms["contacts"] = [{"email": text(party.email)}]
    return terms


def buyer(party: Party, *, is_subject: bool, is_reverse_charge: bool) -> dict[str, Any]:
    """BG-7. Raises NoEInvoice for a reverse charge to somebody without a tax id."""
    terms = _party(party, "the customer's")
    tax_id = text(party.tax_id)
    if tax_id:
        is_vat_id = is_subject and _is_vat_id(party)
        terms["vat_identifier" if is_vat_id else "legal_identifier"] = tax_id
    elif is_reverse_charge:
        raise NoEInvoice("EN 16931 asks for the customer's tax id where they account for the tax.")
    return terms


def _party(party: Party, whose: str) -> dict[str, Any]:
    terms: dict[str, Any] = {
        "name": needed(party.name, f"{whose} name"),
        "country_code": needed(party.country, f"{whose} country"),
    }
    first, second, *others = *(text(line) for line in party.street), "", ""
    written = (first, second, ", ".join(line for line in others if line))
    return terms | {term: line for term, line in zip(ADDRESS_TERMS, written, strict=True) if line}


def _is_vat_id(party: Party) -> bool:
    return party.tax_id.upper().startswith(PREFIXES.get(party.country, (party.country,)))

"""Billing details: who an account's invoices are made out to, and where they are sent.

Issued invoices carry a copy of their own and stay as they are; what is changed here shows on the
next one, its tax included.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.orm import Session

from portal.audit import Actor, record
from portal.billing import countries, episodes, invoice_addresses, invoice_emails, tax_ids, taxes
from portal.billing.invoice_addresses import AskedOften
from portal.billing.invoice_emails import NobodyReads
from portal.billing.rules import text
from portal.billing.rules.errors import RuleBroken, TaxConfirmed, ToldOften
from portal.language import ENGLISH, LANGUAGES
from portal.language import gettext as _
from portal.models import Account

COMPANY_LENGTH = 120
ADDRESS_LINES = 5
ADDRESS_LINE_LENGTH = 100
TAX_ID_LENGTH = 60
PO_NUMBER_LENGTH = 60
MOST_EMAILS = 10
EMAIL_LENGTH = 254
# What is typed into a field of several lines, before it is taken apart.
TYPED_AT_MOST = 4000
# What the tax follows from.
TAXED_BY = ("country", "tax_id")


class DetailsRefused(RuleBroken):
    """What was entered can't be kept; `problems` has a sentence for each field that is wrong."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


@dataclass(frozen=True)
class Details:
    """What people enter, checked. `address` is a line each, `country` an ISO 3166 code, `language`
    what invoices and emails are written in: a key of LANGUAGES.
    """

    company: str
    address: tuple[str, ...]
    country: str
    tax_id: str
    po_number: str
    invoice_emails: tuple[str, ...]
    language: str = ENGLISH


def of(account: Account) -> Details:
    """The account's details as they are now."""
    kept = account.billing
    return Details(
        company=kept.company,
        address=tuple(kept.address),
        country=kept.country,
        tax_id=kept.tax_id,
        po_number=kept.po_number,
        invoice_emails=tuple(kept.invoice_emails),
        language=account.language,
    )


def check(entered: Mapping[str, str]) -> Details:
    """The details in `entered`, a text for each field of `Details`. Raises DetailsRefused.

    Address and emails are one a line; the country is taken as it is.
    """
    kept: dict[str, Any] = {"country": entered["country"]}
    problems: dict[str, str] = {}
    for field, read in _READ.items():
        try:
            kept[field] = read(entered.get(field, ""))
        except RuleBroken as refusal:
            problems[field] = str(refusal)
    if "tax_id" in kept:
        try:
            kept["tax_id"] = tax_ids.check(kept["tax_id"], kept["country"])
        except RuleBroken as refusal:
            problems["tax_id"] = str(refusal)
    if problems:
        raise DetailsRefused(problems)
    return Details(**kept)


def change(
    session: Session, account: Account, details: Details, *, now: datetime, actor: Actor
) -> bool:
    """Keep `details` from now on; the account must be locked. False where nothing is different.

    Addresses that are new among those that get invoices are asked first. Raises DetailsRefused
    where the country is another and the tax id still that of the former, where nobody would be
    left to get invoices or too many would be asked today, or while a plan change waits for the
    payment of what was worked out for them.
    """
    before = of(account)
    if details == before:
        return False
    _refuse_former_tax_id(before, details)
    _refuse_another_tax(session, account, before, details)
    changed = _difference(before, details)
    _put(account, details)
    record(session, account, "billing_details.changed", at=now, actor=actor, changed=changed)
    if details.invoice_emails != before.invoice_emails:
        _send_elsewhere(session, account, before, now=now, actor=actor)
    return True


def _company(typed: str) -> str:
    company = text.line(typed, most=COMPANY_LENGTH)
    if not company:
        raise text.TextRefused(_("Enter the company's name as it stands on invoices."))
    return company


def _address(typed: str) -> tuple[str, ...]:
    lines = _lines(typed)
    if len(lines) > ADDRESS_LINES:
        raise text.TextRefused(
            _("Use at most %(most)s lines; this has %(num)s.", most=ADDRESS_LINES, num=len(lines))
        )
    return tuple(text.line(line, most=ADDRESS_LINE_LENGTH) for line in lines)


def _emails(typed: str) -> tuple[str, ...]:
    emails = [_email(line) for line in _lines(typed.replace(",", "\n").replace(";", "\n"))]
    if len(emails) > MOST_EMAILS:
        raise text.TextRefused(
            _(
                "Enter at most %(most)s email addresses; these are %(num)s.",
                most=MOST_EMAILS,
                num=len(emails),
            )
        )
    _refuse_doubles(emails)
    return tuple(emails)


def _email(typed: str) -> str:
    try:
        if len(typed) > EMAIL_LENGTH:
            raise EmailNotValidError("too long")
        return validate_email(typed, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise text.TextRefused(
            _(
                "“%(typed)s” is no email address: write each like name@example.com, on a line of"
                " its own.",
                typed=typed[:80],
            )
        ) from error


def _language(chosen: str) -> str:
    if chosen and chosen not in LANGUAGES:
        raise text.TextRefused(_("Choose one of the languages."))
    return chosen or ENGLISH


def _refuse_doubles(emails: Sequence[str]) -> None:
    seen: set[str] = set()
    for email in emails:
        if email.lower() in seen:
            raise text.TextRefused(_("%(email)s is there twice: leave one out.", email=email))
        seen.add(email.lower())


def _lines(typed: str) -> list[str]:
    paragraph = text.paragraph(typed, most=TYPED_AT_MOST)
    return [line.strip() for line in paragraph.split("\n") if line.strip()]


def _refuse_former_tax_id(before: Details, after: Details) -> None:
    """A number can pass the check of two countries, and be the tax id of one."""
    if not after.tax_id or after.country == before.country or after.tax_id != before.tax_id:
        return
    former, chosen = countries.in_sentence(before.country), countries.in_sentence(after.country)
    raise DetailsRefused(
        {
            "tax_id": _(
                "This is still the tax id for %(former)s. Enter the one for %(chosen)s, or leave"
                " the field empty.",
                former=former,
                chosen=chosen,
            )
        }
    )


def _refuse_another_tax(
    session: Session, account: Account, before: Details, after: Details
) -> None:
    differing = [f for f in TAXED_BY if getattr(before, f) != getattr(after, f)]
    if not differing:
        return
    try:
        taxes.may_change(session, account)
        episodes.refuse_dearer(session, account)
    except (TaxConfirmed, ToldOften) as refusal:
        raise DetailsRefused({differing[0]: str(refusal)}) from refusal


def _send_elsewhere(
    session: Session, account: Account, before: Details, *, now: datetime, actor: Actor
) -> None:
    session.flush()
    try:
        invoice_addresses.keep(session, account, before.invoice_emails, now=now, actor=actor)
        invoice_emails.keep_a_reader(session, account)
    except (AskedOften, NobodyReads) as refusal:
        raise DetailsRefused({"invoice_emails": str(refusal)}) from refusal


def _difference(before: Details, after: Details) -> dict[str, list[Any]]:
    """Of each field that changed the values before and after, as JSON keeps them."""
    was, is_now = asdict(before), asdict(after)
    return {
        field: [_plain(was[field]), _plain(is_now[field])]
        for field in was
        if was[field] != is_now[field]
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _put(account: Account, details: Details) -> None:
    for field, value in asdict(details).items():
        kept = account if field == "language" else account.billing
        setattr(kept, field, _plain(value))


_READ: dict[str, Callable[[str], Any]] = {
    "company": _company,
    "address": _address,
    "tax_id": lambda typed: text.line(typed, most=TAX_ID_LENGTH),
    "po_number": lambda typed: text.line(typed, most=PO_NUMBER_LENGTH),
    "invoice_emails": _emails,
    "language": _language,
}

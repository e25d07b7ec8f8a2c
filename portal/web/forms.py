"""Fields that forms share: text as people type it, made safe to keep and to show."""

import unicodedata
from typing import Any

from email_validator import EmailNotValidError, validate_email
from wtforms import EmailField, Field, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from portal.billing.rules.text import normal

NAME_LENGTH = 120
EMAIL_LENGTH = 254
# More than any password that is taken, so that the refusal can say how long it may be.
PASSWORD_LENGTH = 1000
COMBINING_MARKS = 4
DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NEVER_SHOWN = frozenset({"Cc", "Cs", "Co"})


def text_field(
    label: str, missing: str, *, longest: int = NAME_LENGTH, **extra: Any
) -> StringField:
    """One line of text that must be given; `missing` says what to enter."""
    too_long = f"Use at most {longest} characters."
    return StringField(
        label,
        filters=[clean_text],
        validators=[DataRequired(missing), Length(max=longest, message=too_long)],
        render_kw=extra,
    )


def email_field(label: str = "Email", **extra: Any) -> EmailField:
    """An email address as a mail server would take it."""
    return EmailField(
        label,
        filters=[clean_text],
        validators=[DataRequired("Enter an email address."), _is_email],
        render_kw={"autocomplete": "email", "maxlength": EMAIL_LENGTH} | extra,
    )


def password_field(label: str, missing: str, *, new: bool = False) -> PasswordField:
    """A password, taken exactly as typed and never sent back to the page."""
    return PasswordField(
        label,
        validators=[
            InputRequired(missing),
            Length(max=PASSWORD_LENGTH, message="Use at most 128 characters."),
        ],
        render_kw={"autocomplete": "new-password" if new else "current-password"},
    )


def clean_text(text: str | None) -> str | None:
    """One line: NFC, no control or direction characters, single spaces.

    A letter keeps at most four combining marks; more only make it unreadable and slow to draw.
    """
    if text is None:
        return None
    kept: list[str] = []
    marks = 0
    for character in normal("NFC", text):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if character.isspace():
            kept.append(" ")
        elif marks <= COMBINING_MARKS and _can_be_shown(character):
            kept.append(character)
    return " ".join("".join(kept).split())


def _can_be_shown(character: str) -> bool:
    return character not in DIRECTIONS and unicodedata.category(character) not in NEVER_SHOWN


def _is_email(_form: object, field: Field) -> None:
    try:
        if len(field.data) > EMAIL_LENGTH:
            raise EmailNotValidError("too long")
        validate_email(field.data, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValidationError("Write an email address like name@example.com.") from error

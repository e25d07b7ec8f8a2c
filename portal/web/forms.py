"""What forms share: the language they speak, and text as people type it, made safe to keep and
to show.

Labels, hints and what validators say are messages, marked with `language.message` where a form is
declared and looked up when one is made. Choices are given by a function, which looks its words up
itself; what has a figure in it is put into the form that was made.
"""

import unicodedata
from copy import copy
from functools import cache
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import EmailField, Field, PasswordField, StringField
from wtforms.fields.core import UnboundField
from wtforms.i18n import get_builtin_gnu_translations
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from portal import language
from portal.billing.rules.text import normal
from portal.language import gettext as _
from portal.language import look_up, message

NAME_LENGTH = 120
EMAIL_LENGTH = 254
# More than any password that is taken, so that the refusal can say how long it may be.
PASSWORD_LENGTH = 1000
COMBINING_MARKS = 4
DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NEVER_SHOWN = frozenset({"Cc", "Cs", "Co"})


class Form(FlaskForm):
    """A form in the language spoken when it is made; what WTForms says by itself is its own
    translation."""

    class Meta(FlaskForm.Meta):
        def bind_field(self, form: Any, unbound_field: UnboundField, options: Any) -> Field:
            field = super().bind_field(form, unbound_field, options)
            field.label.text = look_up(field.label.text)
            field.description = look_up(field.description)
            field.validators = [_speaking(validator) for validator in field.validators]
            return field

        def get_translations(self, form: Any) -> Any:
            return _said_by_wtforms(language.spoken())


def text_field(
    label: str, missing: str, *, longest: int = NAME_LENGTH, **extra: Any
) -> StringField:
    """One line of text that must be given; `missing` says what to enter."""
    too_long = message("Use at most %(max)s characters.")
    return StringField(
        label,
        filters=[clean_text],
        validators=[DataRequired(missing), Length(max=longest, message=too_long)],
        render_kw=extra,
    )


def email_field(label: str = message("Email"), **extra: Any) -> EmailField:
    """An email address as a mail server would take it."""
    return EmailField(
        label,
        filters=[clean_text],
        validators=[DataRequired(message("Enter an email address.")), _is_email],
        render_kw={"autocomplete": "email", "maxlength": EMAIL_LENGTH} | extra,
    )


def password_field(label: str, missing: str, *, new: bool = False) -> PasswordField:
    """A password, taken exactly as typed and never sent back to the page."""
    return PasswordField(
        label,
        validators=[
            InputRequired(missing),
            Length(max=PASSWORD_LENGTH, message=message("Use at most 128 characters.")),
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


def _speaking(validator: Any) -> Any:
    """A validator of this form alone, with its message looked up; the class's is everybody's.

    It puts its figures into the message by itself.
    """
    said = getattr(validator, "message", None)
    if not isinstance(said, str):
        return validator
    spoken = copy(validator)
    spoken.message = look_up(said)
    return spoken


@cache
def _said_by_wtforms(tag: str) -> Any:
    return get_builtin_gnu_translations([tag])


def _can_be_shown(character: str) -> bool:
    return character not in DIRECTIONS and unicodedata.category(character) not in NEVER_SHOWN


def _is_email(_form: object, field: Field) -> None:
    try:
        if len(field.data) > EMAIL_LENGTH:
            raise EmailNotValidError("too long")
        validate_email(field.data, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValidationError(_("Write an email address like name@example.com.")) from error

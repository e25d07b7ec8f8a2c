"""Whose language an email's facts are put into words in, whoever's page causes it.

What goes to people of an account is in the account's language, what goes to the vendor in English.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy.orm import Session

from portal import language
from portal.models import Account

P = ParamSpec("P")
R = TypeVar("R")


class Owned(Protocol):
    """A row that belongs to an account."""

    @property
    def account_id(self) -> int: ...


Subject = TypeVar("Subject", bound=Owned | Account)


def to_account(
    tell: Callable[Concatenate[Session, Subject, P], R],
) -> Callable[Concatenate[Session, Subject, P], R]:
    """Speak the language of the account that a message is about: of its first argument after the
    session, an account or a row of one."""

    @wraps(tell)
    def told(session: Session, subject: Subject, *args: P.args, **kwargs: P.kwargs) -> R:
        with language.speaking(_account_of(session, subject).language):
            return tell(session, subject, *args, **kwargs)

    return told


def to_vendor(tell: Callable[P, R]) -> Callable[P, R]:
    """Speak English, amounts and counts included."""

    @wraps(tell)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        with language.speaking(language.ENGLISH):
            return tell(*args, **kwargs)

    return told


def _account_of(session: Session, subject: Owned | Account) -> Account:
    if isinstance(subject, Account):
        return subject
    return session.get_one(Account, subject.account_id)

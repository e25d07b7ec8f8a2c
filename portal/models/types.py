"""Column types and constraint shorthands that every table shares."""

import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeDecorator

from portal.language import LANGUAGES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970.

    The same integer on every database: exact, ordered, and free of time-zone settings.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("an instant needs its time zone")
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + value * MICROSECOND


class MinorUnits(TypeDecorator[int]):
    """An amount in a currency's smallest unit. Refuses anything but an int."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        if value is not None and type(value) is not int:
            raise TypeError(f"an amount is an int of minor units, not {value!r}")
        return value


class Name(TypeDecorator[StrEnum]):
    """A value of a StrEnum, stored as its text."""

    impl = String(32)
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else self.enum(value)


def one_of(column: str, enum: type[StrEnum]) -> CheckConstraint:
    """A check that `column` holds a value of `enum`, in the database too."""
    values = ", ".join(f"'{member.value}'" for member in enum)
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")


def language_known() -> CheckConstraint:
    """A check that `language` is one that documents are written in."""
    known = ", ".join(f"'{language}'" for language in LANGUAGES)
    return CheckConstraint(f"language IN ({known})", name="language_known")


def owned() -> UniqueConstraint:
    """What a composite key of a child refers to; makes cross-account references impossible."""
    return UniqueConstraint("account_id", "id")


def same_account(column: str, table: str) -> ForeignKeyConstraint:
    """A reference that must stay within the account."""
    return ForeignKeyConstraint(["account_id", column], [f"{table}.account_id", f"{table}.id"])


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows that satisfy `where`, on both databases."""
    rows = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=rows, postgresql_where=rows)


def spelt_out(column: InstrumentedAttribute[Any], *values: StrEnum) -> ColumnElement[bool]:
    """Whether the column has one of these values, which stand in the statement itself: so it can be
    answered by an index of just those rows, and nothing has to be filled in each time."""
    return column.in_([literal_column(f"'{value}'") for value in values])


def new_public_id() -> str:
    """128 random bits for a URL: says nothing about how many rows there are."""
    return secrets.token_hex(16)

"""Accounts, the people in them, and how they are signed in."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.billing.rules.roles import Role
from portal.extensions import Model
from portal.language import ENGLISH
from portal.models.types import (
    Instant,
    Name,
    language_known,
    new_public_id,
    one_of,
    owned,
    partial_index,
)


class Account(Model):
    """A customer company of the vendor: the tenant. Its row is the lock of every command."""

    __tablename__ = "account"
    __table_args__ = (language_known(),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    name: Mapped[str] = mapped_column(String(120))
    currency: Mapped[str] = mapped_column(String(3))
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    # What invoices and emails are written in: a key of LANGUAGES.
    language: Mapped[str] = mapped_column(String(2), default=ENGLISH)
    created_at: Mapped[datetime] = mapped_column(Instant)
    audit_length: Mapped[int] = mapped_column(default=0)
    audit_head: Mapped[str] = mapped_column(String(64), default="0" * 64)
    # Nothing is charged by itself while an account is parked: a person looks at it first.
    parked_at: Mapped[datetime | None] = mapped_column(Instant)
    parked_reason: Mapped[str | None] = mapped_column(String(300))

    billing: Mapped["BillingDetails"] = relationship(back_populates="account")


class BillingDetails(Model):
    """Who an account's invoices are made out to, and where they are sent.

    `invoice_emails` get each invoice besides the Admins and billing contacts, once they have said
    so (`InvoiceAddress`). Only the vendor sets `tax_exempt_reason`.
    """

    __tablename__ = "billing_details"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    company: Mapped[str] = mapped_column(String(120))
    address: Mapped[list[str]] = mapped_column(JSON, default=list)
    country: Mapped[str] = mapped_column(String(2))
    tax_id: Mapped[str] = mapped_column(String(32), default="")
    po_number: Mapped[str] = mapped_column(String(60), default="")
    invoice_emails: Mapped[list[str]] = mapped_column(JSON, default=list)
    tax_exempt_reason: Mapped[str | None] = mapped_column(String(200))

    account: Mapped[Account] = relationship(back_populates="billing")


class InvoiceAddress(Model):
    """An address of the billing details, in small letters, whose reader was asked whether invoices
    are to come there; none do before `confirmed_at`."""

    __tablename__ = "invoice_address"
    __table_args__ = (UniqueConstraint("account_id", "email"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    email: Mapped[str] = mapped_column(String(254))
    added_at: Mapped[datetime] = mapped_column(Instant)
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)


class User(Model):
    """A person: one email, one password, a membership in one or more accounts."""

    __tablename__ = "user_"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Instant)
    is_example: Mapped[bool] = mapped_column(default=False)

    memberships: Mapped[list["Membership"]] = relationship(
        back_populates="user", foreign_keys="Membership.user_id"
    )


class Membership(Model):
    """A user's place in one account: the role, and whether it is active.

    `wants_invoices` says whether each invoice is sent to an Admin or a billing contact by email.
    """

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("account_id", "user_id"), owned(), one_of("role", Role))

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_.id"), index=True)
    role: Mapped[Role] = mapped_column(Name(Role))
    joined_at: Mapped[datetime] = mapped_column(Instant)
    wants_invoices: Mapped[bool] = mapped_column(default=True)
    deactivated_at: Mapped[datetime | None] = mapped_column(Instant)
    deactivated_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))

    account: Mapped[Account] = relationship()
    user: Mapped[User] = relationship(back_populates="memberships", foreign_keys=[user_id])

    @property
    def is_active(self) -> bool:
        return self.deactivated_at is None


class Invitation(Model):
    """An offer of membership by email. Takes a seat only when it is accepted."""

    __tablename__ = "invitation"
    __table_args__ = (
        partial_index(
            "uq_invitation_open",
            "account_id",
            "email",
            where="accepted_at IS NULL AND withdrawn_at IS NULL",
            unique=True,
        ),
        one_of("role", Role),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[Role] = mapped_column(Name(Role))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    invited_by_id: Mapped[int] = mapped_column(ForeignKey("user_.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    accepted_at: Mapped[datetime | None] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)

    account: Mapped[Account] = relationship()
    invited_by: Mapped[User] = relationship()


class SignIn(Model):
    """One signed-in browser. The cookie holds a random id; this row is what it is worth.

    Its instants are wall time, not the portal's clock: moving the sandbox clock signs nobody out.
    """

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_seen_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ip: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(200))

    user: Mapped[User] = relationship(lazy="joined")

"""The account's own client list and its statuses."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.billing.rules.counting import is_counted, status_label
from portal.extensions import Model
from portal.models.types import Instant, new_public_id, owned, partial_index, same_account


class ClientStatus(Model):
    """A status an account can give its clients: five built-in ones, and its own."""

    __tablename__ = "client_status"
    __table_args__ = (
        UniqueConstraint("account_id", "name_key"),
        UniqueConstraint("account_id", "built_in"),
        owned(),
        CheckConstraint(
            "built_in IS NULL OR built_in IN"
            " ('client', 'lead', 'prospect', 'inactive', 'suspended')",
            name="built_in_known",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    built_in: Mapped[str | None] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(60))
    name_key: Mapped[str] = mapped_column(String(120))
    position: Mapped[int]
    # The name of one of the portal's colours; None lets the portal choose.
    colour: Mapped[str | None] = mapped_column(String(16))

    @property
    def is_counted(self) -> bool:
        return is_counted(self.built_in)

    @property
    def label(self) -> str:
        """What people read; `name` is what is kept and compared."""
        return status_label(self.name, built_in_key=self.built_in)


class Client(Model):
    """A customer of the account. Deleted ones stay 30 days, uncounted, so that it can be undone."""

    __tablename__ = "client"
    __table_args__ = (
        same_account("status_id", "client_status"),
        same_account("suspended_from_id", "client_status"),
        owned(),
        Index("ix_client_list", "account_id", "sort_key", "id"),
        partial_index("ix_client_counted", "account_id", "status_id", where="deleted_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    # Folded name and email: what search and sorting look at, the same on every database.
    sort_key: Mapped[str] = mapped_column(
        String(160).with_variant(String(160, collation="C"), "postgresql")
    )
    search_text: Mapped[str] = mapped_column(String(500))
    status_id: Mapped[int]
    # The status a suspended client had before, which bringing it back gives it again.
    suspended_from_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)
    deleted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))

    status: Mapped[ClientStatus] = relationship(
        primaryjoin="foreign(Client.status_id) == ClientStatus.id", viewonly=True
    )

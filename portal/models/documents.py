"""Files that an account keeps with its clients; their bytes are outside the database."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.extensions import Model
from portal.models.accounts import User
from portal.models.clients import Client
from portal.models.types import Instant, new_public_id, owned, same_account


class Document(Model):
    """A file of one client. `stored_as` is what the store knows its bytes by.

    Once deleted nobody sees it; the row stays until the worker has removed the bytes.
    """

    __tablename__ = "document"
    __table_args__ = (
        owned(),
        same_account("client_id", "client"),
        Index("ix_document_client", "account_id", "client_id"),
        CheckConstraint("size_bytes >= 0", name="size_not_negative"),
        CheckConstraint("client_id IS NOT NULL OR deleted_at IS NOT NULL", name="kept_with_client"),
        # Rows go while the work that removed their bytes is remembered by their ids.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    client_id: Mapped[int | None]
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    stored_as: Mapped[str] = mapped_column(String(64), unique=True)
    uploaded_at: Mapped[datetime] = mapped_column(Instant)
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)

    client: Mapped[Client | None] = relationship(
        primaryjoin="foreign(Document.client_id) == Client.id", viewonly=True
    )
    uploaded_by: Mapped[User | None] = relationship()

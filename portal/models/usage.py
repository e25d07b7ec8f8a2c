"""How much of each metric an account uses, kept in the transaction that changes it."""

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from portal.billing.rules.counting import Metric
from portal.extensions import Model
from portal.models.types import MinorUnits, Name, one_of, partial_index

OVER = "limit_value IS NOT NULL AND used > limit_value"


class Usage(Model):
    """One metric of one account: the count, and the limit of the plan it has now.

    `limit_value` NULL is unlimited. The index holds only the rows that are over, so that
    finding them costs what there is to find.
    """

    __tablename__ = "usage"
    __table_args__ = (
        partial_index("ix_usage_over", "metric", "account_id", where=OVER),
        CheckConstraint("used >= 0", name="used_not_negative"),
        one_of("metric", Metric),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    metric: Mapped[Metric] = mapped_column(Name(Metric), primary_key=True)
    used: Mapped[int] = mapped_column(MinorUnits, default=0)
    limit_value: Mapped[int | None] = mapped_column(MinorUnits)

    @property
    def is_over(self) -> bool:
        return self.limit_value is not None and self.used > self.limit_value

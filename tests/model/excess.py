"""What the oracle of over-limit episodes reckons with: the episodes, their emails, the upgrades."""

from dataclasses import dataclass, field
from datetime import datetime

from tests.model.books import DAY, Invoice, Line, Plan, Subscription

# How long before the upgrade each email comes, at the least.
GIVEN = (5 * DAY, 3 * DAY, DAY)


@dataclass(eq=False)
class Warning:
    """What an email tells; `due` at `deadline`, for `target`, which is None in the top tier.

    Beyond the third they tell that the amount rose.
    """

    number: int
    written_at: datetime
    used: int = 0
    limit: int = 0
    deadline: datetime | None = None
    target: Plan | None = None
    due: int | None = None
    accepted_at: datetime | None = None
    refused: bool = False


@dataclass(eq=False)
class Episode:
    """`look_at` is when its next step is due, None while an answer is awaited; `news` are the
    emails that told a dearer upgrade anew, `retold` how often it was told."""

    plan: Plan
    opened_at: datetime
    used: int
    limit: int
    state: str = "open"
    closed_at: datetime | None = None
    warnings: list[Warning] = field(default_factory=list)
    look_at: datetime | None = None
    news: list[Warning] = field(default_factory=list)
    retold: int = 0
    is_left_to_vendor: bool = False
    called_off: bool = False

    @property
    def is_open(self) -> bool:
        return self.state in ("open", "parked")

    @property
    def last(self) -> Warning:
        return (self.news or self.warnings)[-1]

    @property
    def deadline(self) -> datetime:
        told = self.last.deadline
        assert told
        return told

    @property
    def due_at(self) -> datetime | None:
        """When the upgrade may be made, or None while not all have been warned of it."""
        taken = [w.accepted_at for w in self.warnings if w.accepted_at]
        if len(taken) < len(GIVEN):
            return None
        return max(self.deadline, taken[0] + GIVEN[0], taken[-1] + GIVEN[-1])

    def park(self, *, at_the_top: bool = False) -> None:
        """Nothing follows by itself; where there is no larger tier nothing could."""
        self.state, self.is_left_to_vendor = "parked", not at_the_top

    def close(self, state: str, now: datetime) -> None:
        self.state, self.closed_at = state, now


@dataclass(frozen=True, eq=False)
class Made:
    """An upgrade that was paid for at `at`: what ran before, what runs since, and its invoice."""

    name: str
    at: datetime
    before: Subscription
    after: Subscription
    charges: list[Line]
    invoice: Invoice

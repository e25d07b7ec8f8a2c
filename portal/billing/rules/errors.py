"""What the rules refuse. The text of each error is a sentence for the person who asked."""

from __future__ import annotations


class RuleBroken(Exception):
    """A rule of the product refused what was asked; `str()` says why and what to do."""


class CurrencyMismatch(RuleBroken):
    """Amounts of two currencies were added, subtracted, compared or put on one invoice."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"Amounts in {one} and {other} can't be mixed.")


class AmountNotUnderstood(RuleBroken):
    """A written amount is no exact amount of its currency."""


class SamePlan(RuleBroken):
    """The plan asked for is the one that is running."""

    def __init__(self, plan: str) -> None:
        super().__init__(f"You are already on {plan}. Choose another plan or billing interval.")


class CycleEnded(RuleBroken):
    """The running cycle is over and its renewal has not been worked off yet."""

    def __init__(self) -> None:
        super().__init__("Your plan is being renewed right now. Try again in a minute.")

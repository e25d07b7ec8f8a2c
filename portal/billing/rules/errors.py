"""What the rules refuse. The text of each error is a sentence for the person who asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


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


class NoLongerSold(RuleBroken):
    """The plan asked for was taken off the list."""

    def __init__(self, plan: str) -> None:
        super().__init__(f"{plan} is no longer sold. Choose another plan.")


class CycleEnded(RuleBroken):
    """The running cycle is over and its renewal has not been worked off yet."""

    def __init__(self) -> None:
        super().__init__("Your plan is being renewed right now. Try again in a minute.")


class NoPaymentMethod(RuleBroken):
    """Something is to be charged, but there is no way to collect it."""

    def __init__(self) -> None:
        super().__init__("There is no way to pay on file. Add one first.")


class ChangeUnderWay(RuleBroken):
    """A plan change of the account has no outcome yet."""

    def __init__(self) -> None:
        super().__init__(
            "A plan change is still waiting for its payment. It is finished or called off as soon"
            " as the payment is known; nothing else is charged meanwhile."
        )


class TaxConfirmed(RuleBroken):
    """What tax follows from can't be changed while an amount with tax is being collected."""

    def __init__(self) -> None:
        super().__init__(
            "A plan change waits for its payment, with the tax that follows from the details as"
            " they are. Change this once it is paid, or call it off first."
        )


class InvoiceUnpaid(RuleBroken):
    """Plan changes wait while an invoice is past due."""

    def __init__(self, number: str) -> None:
        super().__init__(f"Invoice {number} is not paid yet. Pay it first, then change the plan.")
        self.number = number


class DoesNotFit(RuleBroken):
    """A downgrade to a plan that today's usage doesn't fit."""

    def __init__(self, plan: str, to_remove: str) -> None:
        super().__init__(f"{plan} doesn't fit what you use today. Remove {to_remove} first.")


class TooSmallToBegin(RuleBroken):
    """A plan to begin with that what is in use would be beyond from the first day."""

    def __init__(self, plan: str, too_many: str, to_remove: str) -> None:
        super().__init__(
            f"{plan} is too small to begin with: {too_many}. Choose a larger plan, or remove"
            f" {to_remove} first."
        )


class CancellationScheduled(RuleBroken):
    """The plan was cancelled: nothing is changed until that is withdrawn."""

    def __init__(self) -> None:
        super().__init__(
            "You cancelled your plan. Withdraw the cancellation first, then change the plan."
        )


class FullWhileCancelled(RuleBroken):
    """More than the limit of a plan that was cancelled, and so isn't upgraded by itself."""

    def __init__(self, metric: str) -> None:
        super().__init__(
            f"The plan is cancelled and all of its {metric} are in use. An Admin can withdraw the"
            " cancellation, or make room."
        )


class FullWhileParked(RuleBroken):
    """More of what is over its limit already, while nothing follows from that by itself: `why`
    says, in a sentence, what keeps the upgrade from being made."""

    NO_MORE: ClassVar[Mapping[str, str]] = {
        "seats": "nobody who takes a seat",
        "clients": "no client that counts",
        "storage": "no document",
    }

    def __init__(self, metric: str, why: str) -> None:
        super().__init__(
            f"{why} Until that is settled, {self.NO_MORE[metric]} can be added beyond the plan; all"
            " that is there stays. An Admin can choose a larger plan, make room, or write to us."
        )


class SeatsFull(RuleBroken):
    """One more seat than the plan has, in an account that chose never to go beyond it."""

    def __init__(self, seats: int) -> None:
        taken = "The only seat is taken" if seats == 1 else f"All {seats:,} seats are taken"
        super().__init__(
            f"{taken}, and this account has chosen never to go beyond its plan. An Admin can"
            " deactivate somebody or make them a billing contact, move to a larger plan, or change"
            " what happens when seats run out."
        )
        self.seats = seats


class CapWhileOver(RuleBroken):
    """An account wants never to go beyond its seats, and is beyond them."""

    def __init__(self, used: int, seats: int) -> None:
        in_use = f"{used:,} of {seats:,} {'seat' if seats == 1 else 'seats'} are in use"
        remove = "1 person" if used - seats == 1 else f"{used - seats:,} people"
        super().__init__(
            f"{in_use}: remove {remove} first, or move to a larger plan; then nobody can be added"
            " beyond your seats."
        )


class OverWhileCancelled(RuleBroken):
    """A cancellation is withdrawn while more is in use than the plan holds."""

    def __init__(self, to_remove: str) -> None:
        super().__init__(
            f"Your plan would go on too small for what you use. Remove {to_remove} first, then"
            " withdraw the cancellation."
        )


class DowngradeScheduled(RuleBroken):
    """Add-ons wait while a downgrade, with add-ons of its own, is scheduled."""

    def __init__(self, plan: str) -> None:
        super().__init__(
            f"A downgrade to {plan} is scheduled. Withdraw it first, then change add-ons."
        )


class AccountParked(RuleBroken):
    """The vendor is to look at the account before anything is charged."""

    def __init__(self) -> None:
        super().__init__(
            "We stopped a charge that looked wrong and are looking into it. Until then nothing is"
            " charged and the plan can't be changed."
        )


class NoPlan(RuleBroken):
    """Something was asked of a plan that isn't running any more, or never was."""

    def __init__(self) -> None:
        super().__init__("There is no running plan for this any more. Look at your account again.")


class ReadOnly(RuleBroken):
    """The account has no running plan: it can be read, but not worked in."""

    def __init__(self) -> None:
        super().__init__(
            "This account has no running plan, so it can be read but not changed. Nothing was"
            " done. An Admin can choose a plan under My account; all that is here is kept."
        )


class NothingChosen(RuleBroken):
    """A purchase of nothing."""

    def __init__(self) -> None:
        super().__init__("Choose how many you want of at least one add-on.")


class AlreadySubscribed(RuleBroken):
    """A first plan was asked for where one is running."""

    def __init__(self) -> None:
        super().__init__("This account has a plan already. Change it under Change plan.")


class UsedForSomethingElse(RuleBroken):
    """A confirmation was posted again with other content than the first time."""

    def __init__(self) -> None:
        super().__init__("This confirmation was used for something else. Start again.")

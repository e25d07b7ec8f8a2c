"""What the rules refuse. The text of each error is a sentence for the person who asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from babel.numbers import format_decimal

from portal.language import gettext as _
from portal.language import locale, message, ngettext


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
        super().__init__(
            _(
                "You are already on %(plan)s. Choose another plan or billing interval.",
                plan=plan,
            )
        )


class NoLongerSold(RuleBroken):
    """The plan asked for was taken off the list."""

    def __init__(self, plan: str) -> None:
        super().__init__(_("%(plan)s is no longer sold. Choose another plan.", plan=plan))


class CycleEnded(RuleBroken):
    """The running cycle is over and its renewal has not been worked off yet."""

    def __init__(self) -> None:
        super().__init__(_("Your plan is being renewed right now. Try again in a minute."))


class NoPaymentMethod(RuleBroken):
    """Something is to be charged, but there is no way to collect it."""

    def __init__(self) -> None:
        super().__init__(_("There is no way to pay on file. Add one first."))


class ChangeUnderWay(RuleBroken):
    """A plan change of the account has no outcome yet."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "A plan change is still waiting for its payment. It is finished or called off as"
                " soon as the payment is known; nothing else is charged meanwhile."
            )
        )


class TaxConfirmed(RuleBroken):
    """What tax follows from can't be changed while an amount with tax is being collected."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "A plan change waits for its payment, with the tax that follows from the details"
                " as they are. Change this once it is paid, or call it off first."
            )
        )


class InvoiceUnpaid(RuleBroken):
    """Plan changes wait while an invoice is past due."""

    def __init__(self, number: str) -> None:
        super().__init__(
            _(
                "Invoice %(number)s is not paid yet. Pay it first, then change the plan.",
                number=number,
            )
        )
        self.number = number


class DoesNotFit(RuleBroken):
    """A downgrade to a plan that today's usage doesn't fit."""

    def __init__(self, plan: str, to_remove: str) -> None:
        super().__init__(
            _(
                "%(plan)s doesn't fit what you use today. Remove %(surplus)s first.",
                plan=plan,
                surplus=to_remove,
            )
        )


class TooSmallToBegin(RuleBroken):
    """A plan to begin with that what is in use would be beyond from the first day."""

    def __init__(self, plan: str, too_many: str, to_remove: str) -> None:
        super().__init__(
            _(
                "%(plan)s is too small to begin with: %(misfit)s. Choose a larger plan, or remove"
                " %(surplus)s first.",
                plan=plan,
                misfit=too_many,
                surplus=to_remove,
            )
        )


class CancellationScheduled(RuleBroken):
    """The plan was cancelled: nothing is changed until that is withdrawn."""

    def __init__(self) -> None:
        super().__init__(
            _("You cancelled your plan. Withdraw the cancellation first, then change the plan.")
        )


class FullWhileCancelled(RuleBroken):
    """More than the limit of a plan that was cancelled, and so isn't upgraded by itself."""

    ALL_IN_USE: ClassVar[Mapping[str, str]] = {
        "seats": message(
            "The plan is cancelled and all of its seats are in use. An Admin can withdraw the"
            " cancellation, or make room."
        ),
        "clients": message(
            "The plan is cancelled and all of its clients are in use. An Admin can withdraw the"
            " cancellation, or make room."
        ),
        "storage": message(
            "The plan is cancelled and all of its storage are in use. An Admin can withdraw the"
            " cancellation, or make room."
        ),
    }

    def __init__(self, metric: str) -> None:
        super().__init__(_(self.ALL_IN_USE[metric]))


class FullWhileParked(RuleBroken):
    """More of what is over its limit already, while nothing follows from that by itself: `why`
    says, in a sentence, what keeps the upgrade from being made."""

    NO_MORE: ClassVar[Mapping[str, str]] = {
        "seats": message(
            "Until that is settled, nobody who takes a seat can be added beyond the plan; all that"
            " is there stays. An Admin can choose a larger plan, make room, or write to us."
        ),
        "clients": message(
            "Until that is settled, no client that counts can be added beyond the plan; all that"
            " is there stays. An Admin can choose a larger plan, make room, or write to us."
        ),
        "storage": message(
            "Until that is settled, no document can be added beyond the plan; all that is there"
            " stays. An Admin can choose a larger plan, make room, or write to us."
        ),
    }

    def __init__(self, metric: str, why: str) -> None:
        super().__init__(f"{why} {_(self.NO_MORE[metric])}")


class FullWhileStopped(FullWhileParked):
    """More than the plan has, in an account that is charged nothing until the vendor has looked."""

    UNTIL_THEN: ClassVar[Mapping[str, str]] = {
        "seats": message(
            "We stopped a charge that looked wrong and are looking into it. Until then no more"
            " seats can be taken than the plan has; all that is there stays. An Admin can make"
            " room, or write to us."
        ),
        "clients": message(
            "We stopped a charge that looked wrong and are looking into it. Until then no more"
            " clients can be counted than the plan has; all that is there stays. An Admin can make"
            " room, or write to us."
        ),
        "storage": message(
            "We stopped a charge that looked wrong and are looking into it. Until then no more can"
            " be stored than the plan has room for; all that is there stays. An Admin can make"
            " room, or write to us."
        ),
    }

    def __init__(self, metric: str) -> None:
        RuleBroken.__init__(self, _(self.UNTIL_THEN[metric]))


class ToldOften(RuleBroken):
    """What would make an announced upgrade dearer, though that was told again `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__(
            _(
                "What the coming upgrade costs has been told again %(times)s times since it was"
                " announced. Nothing that makes it dearer can be changed or bought until it is"
                " made, or until no more is in use than the plan has.",
                times=times,
            )
        )


class SeatsFull(RuleBroken):
    """One more seat than the plan has, in an account that chose never to go beyond it."""

    def __init__(self, seats: int) -> None:
        super().__init__(
            ngettext(
                "The only seat is taken, and this account has chosen never to go beyond its plan."
                " An Admin can deactivate somebody or make them a billing contact, move to a larger"
                " plan, or change what happens when seats run out.",
                "All %(num)s seats are taken, and this account has chosen never to go beyond its"
                " plan. An Admin can deactivate somebody or make them a billing contact, move to a"
                " larger plan, or change what happens when seats run out.",
                seats,
                num=_figure(seats),
            )
        )
        self.seats = seats


class CapWhileOver(RuleBroken):
    """An account wants never to go beyond its seats, and is beyond them."""

    def __init__(self, used: int, seats: int) -> None:
        too_many = used - seats
        people = ngettext("%(num)s person", "%(num)s people", too_many, num=_figure(too_many))
        super().__init__(
            ngettext(
                "%(used)s of %(num)s seat are in use: remove %(people)s first, or move to a larger"
                " plan; then nobody can be added beyond your seats.",
                "%(used)s of %(num)s seats are in use: remove %(people)s first, or move to a larger"
                " plan; then nobody can be added beyond your seats.",
                seats,
                num=_figure(seats),
                used=_figure(used),
                people=people,
            )
        )


class OverWhileCancelled(RuleBroken):
    """A cancellation is withdrawn while more is in use than the plan holds."""

    def __init__(self, to_remove: str) -> None:
        super().__init__(
            _(
                "Your plan would go on too small for what you use. Remove %(surplus)s first, then"
                " withdraw the cancellation.",
                surplus=to_remove,
            )
        )


class DowngradeScheduled(RuleBroken):
    """Add-ons wait while a downgrade, with add-ons of its own, is scheduled."""

    def __init__(self, plan: str) -> None:
        super().__init__(
            _(
                "A downgrade to %(plan)s is scheduled. Withdraw it first, then change add-ons.",
                plan=plan,
            )
        )


class AccountParked(RuleBroken):
    """The vendor is to look at the account before anything is charged."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "We stopped a charge that looked wrong and are looking into it. Until then nothing"
                " is charged and the plan can't be changed."
            )
        )


class NoPlan(RuleBroken):
    """Something was asked of a plan that isn't running any more, or never was."""

    def __init__(self) -> None:
        super().__init__(
            _("There is no running plan for this any more. Look at your account again.")
        )


class ReadOnly(RuleBroken):
    """The account has no running plan: it can be read, but not worked in."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This account has no running plan, so it can be read but not changed. Nothing was"
                " done. An Admin can choose a plan under My account; all that is here is kept."
            )
        )


class NothingChosen(RuleBroken):
    """A purchase of nothing."""

    def __init__(self) -> None:
        super().__init__(_("Choose how many you want of at least one add-on."))


class AlreadySubscribed(RuleBroken):
    """A first plan was asked for where one is running."""

    def __init__(self) -> None:
        super().__init__(_("This account has a plan already. Change it under Change plan."))


class UsedForSomethingElse(RuleBroken):
    """A confirmation was posted again with other content than the first time."""

    def __init__(self) -> None:
        super().__init__(_("This confirmation was used for something else. Start again."))


def _figure(count: int) -> str:
    """As in "1,200"; `describe` stands above this."""
    return format_decimal(count, locale=locale())

"""Taking an automatic upgrade back, as the oracle of over-limit episodes reckons it."""

from datetime import datetime

from tests.model.books import DAY, Invoice, fits
from tests.model.excess import Made
from tests.model.oracle import Account, Refused

TAKEN_BACK_WITHIN = 30 * DAY


def take_back(account: Account, made: Made, now: datetime) -> tuple[int, int, int]:
    """As if it had not been made; what comes back, as a credit note gives it."""
    running = account.subscription
    renewals = _renewals(account, made)
    if now >= made.at + TAKEN_BACK_WITHIN or running.cancelled or running.scheduled:
        raise Refused("too late, or something is to be withdrawn first")
    if account.unpaid or account.change_waits or running.renewing != running.held:
        raise Refused("something waits")
    lines = made.invoice.lines
    charged = [line for invoice in renewals for line in invoice.lines]
    if not made.invoice.total or any(line.noted for line in lines + charged):
        raise Refused("nothing was charged, or some was credited")
    if not fits(account.usage, (made.before.plan, made.before.held)):
        raise Refused("usage does not fit")
    bills = [made.invoice, *renewals]
    parts = [account.credit(invoice, invoice.lines, to_balance=False) for invoice in bills]
    for line in lines:
        if line.source:
            line.source.spent, line.source.credit = False, None
    account.subscription = made.before
    off, refunded, kept = (sum(part) for part in zip(*parts, strict=True))
    stays = min(refunded, _due_at_once(account, now))
    _keep(account, bills, stays)
    return off, refunded - stays, kept + stays


def _due_at_once(account: Account, now: datetime) -> int:
    """What is to be paid for the cycles that ended meanwhile."""
    assert account.subscription
    asked, then = list[int](), account.ahead(account.subscription.start)

    def bank(amount: int) -> str:
        asked.append(amount)
        return "paid"

    then.catch_up(now, bank)
    return sum(asked)


def _keep(account: Account, bills: list[Invoice], stays: int) -> None:
    """So much of what was to go back stays, as credit balance."""
    account.balance += stays
    for invoice in bills:
        here = min(invoice.refunded, stays)
        invoice.refunded -= here
        stays -= here


def _renewals(account: Account, made: Made) -> list[Invoice]:
    """What renewed an upgrade exactly as it was, the first first."""
    running, found = account.subscription, list[Invoice]()
    while running and running is not made.after and running.renewal:
        is_same = running.plan is made.after.plan and +running.held == +made.after.held
        again = (running.start - made.before.end) % (made.before.plan.days * DAY)
        if not is_same or running.lines != running.renewal.lines or not again:
            raise Refused("something was changed or bought since, or would be charged twice")
        found.insert(0, running.renewal)
        running = running.renews
    if running is not made.after or running.lines != made.charges:
        raise Refused("something was changed or bought since")
    return found

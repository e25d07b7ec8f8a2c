"""Over-limit episodes, the rules read once more: an oracle beside the one of money.

It shares no code with the portal. It is told what people did, when the worker was at work, and what
the mail server and the bank answered; when an episode opens, what each email says, when the upgrade
comes and what it costs, it works out itself. Of the metrics it knows seats.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.model import taking_back
from tests.model.books import DAY, Plan, Quote, fits
from tests.model.excess import GIVEN, Episode, Made, Warning
from tests.model.oracle import RETRY_DAYS, Account, Refused

HOUR = timedelta(hours=1)
# How soon it is looked again where a purchase is being paid.
SOON = timedelta(minutes=5)
# How far apart two emails are at the least.
APART = 2 * DAY
CHECK_HOUR = 6
# How often an amount that rose is told again until nobody may make it dearer; what was being paid
# for by then, or is the vendor's doing, is told once more.
MOST_RETOLD = 3


class Episodes:
    """The episodes of one account."""

    def __init__(self, account: Account, next_tier: Callable[[Plan], Plan | None]) -> None:
        self.account, self.next_tier = account, next_tier
        self.all: list[Episode] = []
        self.made: list[Made] = []
        self.pending: Quote | None = None
        # When an upgrade was asked for since the account was within its limit, or changed plan.
        self.tries: list[datetime] = []
        self._tried_on: Plan | None = None
        self._name = ""
        account.nothing_follows = self._nothing_follows
        account.told_often = self._told_often
        self._checked: datetime | None = None

    @property
    def open(self) -> Episode | None:
        return next((episode for episode in self.all if episode.is_open), None)

    @property
    def waiting(self) -> Warning | None:
        """The email that no mail server has given a final answer to."""
        last = self.open.last if self.open else None
        return last if last and not last.accepted_at and not last.refused else None

    @property
    def waits_for_vendor(self) -> bool:
        """Whether it stopped because an email was refused."""
        return self.open is not None and self.open.state == "parked" and self.open.last.refused

    @property
    def is_over(self) -> bool:
        running = self.account.subscription
        assert running
        return not fits(self.account.usage, (running.plan, running.held), ["seats"])

    @property
    def limit(self) -> int:
        running = self.account.subscription
        assert running
        limit, held = running.plan.limits["seats"], running.held.items()
        assert limit is not None
        return limit + sum(add_on.gives.get("seats", 0) * n for add_on, n in held)

    def check(self, now: datetime) -> None:
        """The daily check, once for each six o'clock, late where nobody worked then."""
        six = now.replace(hour=CHECK_HOUR, minute=0, second=0, microsecond=0)
        six = six if six <= now else six - DAY
        running, is_new = self.account.subscription, six != self._checked
        self._checked = six
        if not is_new or self.open or running is None or running.cancelled:
            return
        if self.is_over and not self.account.capped:
            episode = Episode(running.plan, now, self.account.usage["seats"], self.limit)
            self.all.append(episode)
            self._warn(episode, now)

    def handed_over(self, at: datetime, answer: str) -> None:
        """An email was given to a mail server, which accepted, refused or deferred it."""
        episode, warning = self.open, self.waiting
        assert warning, f"an email of no episode was sent at {at}"
        assert episode
        is_old = at >= warning.written_at + HOUR
        if is_old or self._deadline(episode, warning, at) > episode.deadline:
            self._set_down(episode, warning, at)
        if answer == "accepted":
            warning.accepted_at = at
        elif answer == "refused":
            warning.refused = True
        if warning not in episode.news:
            if answer == "accepted":
                episode.look_at = episode.due_at or at + APART
            elif answer == "refused":
                episode.park()

    def look(self, now: datetime) -> Quote | None:
        """The next step that is due: an email, an end, or the upgrade, to be charged now."""
        self.settle(now)
        episode = self.open
        if not episode or episode.state == "parked" or self.pending:
            return None
        if episode.look_at is None or episode.look_at > now:
            return None
        if not episode.due_at:
            self._warn(episode, now)
            return None
        if now < episode.due_at:
            episode.look_at = episode.due_at
            return None
        return self._upgrade(episode, episode.last, now)

    def begin(self, quote: Quote, name: str, now: datetime) -> None:
        """The payment of an upgrade is asked for."""
        assert self.open
        self.pending, self._name = quote, name
        self.tries.append(now)

    def outcome(self, said: str, now: datetime) -> None:
        """What the bank said of that payment, "paid" or "declined"."""
        if said == "paid":
            self._paid(now)
        else:
            self._declined(now)

    def settle(self, now: datetime) -> None:
        """What has been fixed is over at once; an upgrade under way is called off before that."""
        episode, running = self.open, self.account.subscription
        if running is None or running.plan is not self._tried_on or not self.is_over:
            self.tries, self._tried_on = [], running.plan if running else None
        if episode is None:
            return
        if running is None or running.cancelled or running.plan is not episode.plan:
            episode.close("superseded", now)
        elif self.pending and not self.is_over:
            episode.called_off = True
        elif not self.is_over:
            episode.close("resolved", now)

    def choose_when_full(self, *, capped: bool) -> None:
        """Never beyond the seats, or upgraded after five days; who is over can't choose the cap."""
        if capped and not self.account.capped and self.account.subscription and self.is_over:
            raise Refused("more seats are in use than there are")
        self.account.capped = capped

    def release(self, now: datetime) -> None:
        """The vendor has an email written again that was refused."""
        episode = self.open
        assert episode
        episode.state, last = "open", episode.last
        if last not in episode.news:
            last.refused = False
            self._set_down(episode, last, now)
        elif self._is_another(episode, last):
            episode.close("superseded", now)
        else:
            self._tell_anew(episode, now)

    def take_back(self, made: Made, now: datetime) -> tuple[int, int, int]:
        """As if it had not been made; what comes back, as a credit note gives it."""
        return taking_back.take_back(self.account, made, now)

    def announced(self, now: datetime) -> tuple[datetime, int] | None:
        """The upgrade that was told and is still to come: when, and what it comes to today."""
        episode = self.open
        if episode is None or episode.state == "parked" or episode.deadline <= now:
            return None
        target = episode.last.target
        return (episode.deadline, self._price(target, episode.deadline)) if target else None

    def _paid(self, now: datetime) -> None:
        quote, episode, before = self.pending, self.open, self.account.subscription
        assert quote
        assert episode
        assert before
        self.pending = None
        self.account.carry_out(quote)
        episode.close("upgraded", now)
        after = self.account.subscription
        assert after
        self.made.append(Made(self._name, now, before, after, after.lines, quote.invoice))

    def _declined(self, now: datetime) -> None:
        """Tried again 3, 5 and 7 days after the first time, then left to the vendor."""
        self.pending = None
        self.settle(now)
        episode = self.open
        if episode is None:
            return
        if episode.called_off:
            episode.close("resolved", now)
        elif again := self._try_again_at():
            episode.look_at = again
        else:
            episode.park()

    def _try_again_at(self) -> datetime | None:
        """When to try after the last time; None before the first, and after the last there is."""
        tries = self.tries
        if not 0 < len(tries) <= len(RETRY_DAYS):
            return None
        own_day = tries[0] + RETRY_DAYS[len(tries) - 1] * DAY
        return own_day if own_day > tries[-1] else tries[-1] + DAY

    def _nothing_follows(self) -> bool:
        """Whether what should follow from being over was left to the vendor."""
        episode = self.open
        return bool(episode and episode.state == "parked" and episode.is_left_to_vendor)

    def _told_often(self) -> bool:
        """Whether the upgrade to come was told again so often that nobody may make it dearer."""
        episode = self.open
        return bool(episode and episode.state == "open" and episode.retold >= MOST_RETOLD)

    def _tell_anew(self, episode: Episode, now: datetime) -> None:
        """What the upgrade has come to cost, a day before it at the least."""
        news = Warning(len(GIVEN) + 1, now)
        episode.news.append(news)
        self._set_down(episode, news, now)
        episode.look_at = news.deadline

    def _warn(self, episode: Episode, now: datetime) -> None:
        warning = Warning(len(episode.warnings) + 1, now)
        episode.warnings.append(warning)
        episode.look_at = None
        self._set_down(episode, warning, now)

    def _set_down(self, episode: Episode, warning: Warning, now: datetime) -> None:
        if warning not in episode.news:
            warning.written_at = now
        warning.deadline = self._deadline(episode, warning, now)
        warning.used, warning.limit = self.account.usage["seats"], self.limit
        warning.target = self.next_tier(episode.plan)
        warning.due = self._price(warning.target, warning.deadline) if warning.target else None

    def _deadline(self, episode: Episode, warning: Warning, now: datetime) -> datetime:
        """A full hour, rounded up, and none that is earlier than what was told."""
        given = now + GIVEN[min(warning.number, len(GIVEN)) - 1]
        full = given.replace(minute=0, second=0, microsecond=0)
        told = [w.deadline for w in episode.warnings + episode.news if w.deadline]
        return max([full if full == given else full + HOUR, *told])

    def _price(self, target: Plan, at: datetime) -> int:
        """What moving there costs then, once what ends before has renewed."""
        return self.account.ahead(at).move(target, None, at).invoice.due

    def _upgrade(self, episode: Episode, last: Warning, now: datetime) -> Quote | None:
        account, running = self.account, self.account.subscription
        assert running
        if not self.next_tier(episode.plan):
            episode.park(at_the_top=True)
        elif self._is_another(episode, last):
            episode.close("superseded", now)
        elif last.refused:
            episode.park()
        elif account.unpaid or running.end <= episode.deadline or self.waiting:
            # A cycle that is over by then renews first, however late both are.
            episode.look_at = now + HOUR
        elif last.target and self._price(last.target, episode.deadline) > (last.due or 0):
            self._became_dearer(episode, now)
        elif account.change_waits:
            episode.look_at = now + SOON
        elif (again := self._try_again_at()) and again > now:
            episode.look_at = again
        else:
            assert last.target
            return account.move(last.target, None, episode.deadline)
        return None

    def _became_dearer(self, episode: Episode, now: datetime) -> None:
        """Told again, four times at the most; then the vendor is to look at it."""
        if episode.retold > MOST_RETOLD:
            episode.park()
            return
        episode.retold += 1
        self._tell_anew(episode, now)

    def _is_another(self, episode: Episode, last: Warning) -> bool:
        """Whether nobody was told of this upgrade: of another price version or cycle."""
        running, deadline = self.account.subscription, episode.deadline
        if not running or not last.target or self.next_tier(episode.plan) is not last.target:
            return True
        return deadline < running.start

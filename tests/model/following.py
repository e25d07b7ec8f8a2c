"""Time in the model: what the worker did is what the rules say falls due, run for run."""

from datetime import datetime

from portal.models import PlanChange
from tests.model import over_acts
from tests.model.mail import Handed
from tests.model.sides import CARDS, Sides


class Following(Sides):
    """The oracles are told when the worker was at work, and what server and bank answered."""

    def travel(self, to: datetime) -> None:
        """The worker does everything when it falls due; then all is done.

        Where no time passes it isn't at work, and what was just asked for may still wait.
        """
        if to > self.now:
            self.world.travel(to, self.follow)
            self.world.be_done()
        self.compare()

    def follow(self) -> None:
        """What the worker did is what the rules say falls due until now.

        Of many cycles missed, the portal charges three a day and has the vendor look in between.
        """
        while is_parked := over_acts.is_parked(self.real):
            self._follow_run(is_parked=is_parked)
            self.real.release()
            self.world.clock.advance(days=1)
            self.world.work()
        self._follow_run(is_parked=False)
        self.compare_rows()

    def _follow_run(self, *, is_parked: bool) -> None:
        """One run of the worker: emails and payments that wait, the daily check, the next step of
        an episode, the cycles that ended. Of an account that was parked it charged some only."""
        until = over_acts.cycle_start(self.real) if is_parked else None
        handed = over_acts.warnings_among(self.world.mail.news())
        self._told_by_server(handed)
        self.hear()
        self.ours.answer_due(self.now, self._bank)
        self.over.check(self.now)
        self._step(is_parked=is_parked)
        self._told_by_server(handed)
        assert not handed, f"what was to be sent differs: {handed}"
        self.ours.catch_up(self.now, self._bank, until=until)
        self.over.settle(self.now)

    def _told_by_server(self, handed: list[Handed]) -> None:
        while handed and self.over.waiting:
            letter = handed.pop(0)
            self.over.handed_over(letter.at, letter.answer)

    def _step(self, *, is_parked: bool) -> None:
        """over.upgrade: to the next tier, at the instant and the price that were told."""
        quote, made = self.over.look(self.now), self._new_upgrades()
        if is_parked and not made:
            return
        if quote is None:
            assert not made, f"upgraded though nothing was due: {[c.op_id for c in made]}"
            return
        assert len(made) == 1, f"due, and not upgraded: {quote}"
        (change,) = made
        said = (change.effective_at, change.due_minor)
        assert said == (quote.at, quote.invoice.due), f"upgraded at {said}"
        self.over.begin(quote, change.op_id, self.now)
        self._charge(quote, change, CARDS[self.card].away)

    def _new_upgrades(self) -> list[PlanChange]:
        if not self.over.all:
            return []
        made = [c for c in over_acts.auto_upgrades(self.real) if c.id not in self.upgrades]
        self.upgrades |= {change.id for change in made}
        return made

"""What happens around an account that is over its seats: emails, the way out, and the way back."""

from contextlib import suppress
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.model import over_acts
from tests.model.following import Following
from tests.model.mail import FAULTS
from tests.model.oracle import Refused

HOUR, DAY = 3600, 86_400


class OverLimit(Following):
    """The rules of the random lives that are about over-limit episodes."""

    @precondition(lambda self: self.ours.subscription)
    @rule(beyond=st.integers(-1, 2))
    def seats_are_taken(self, beyond: int) -> None:
        """So many more or fewer than there are."""
        self._come_and_go(self.over.limit + beyond)

    @precondition(lambda self: self.ours.subscription)
    @rule(beyond=st.integers(1, 2), days=st.sampled_from([1, 3, 5, 7, 9, 16]))
    def stay_over(self, beyond: int, days: int) -> None:
        """More people than seats, for days."""
        self._come_and_go(self.over.limit + beyond)
        self.travel(self.now + timedelta(days=days, seconds=1))

    @precondition(lambda self: self.over.open and not self.over.tries)
    @rule()
    def stay_over_to_the_end(self) -> None:
        """Nobody does anything about an open episode."""
        self.travel(self.now + timedelta(days=6))

    @precondition(lambda self: self.over.open and self.over.open.look_at)
    @rule(seconds=st.sampled_from([-1, 0, 1, HOUR]))
    def the_next_step_comes(self, seconds: int) -> None:
        """Time passes up to what the episode does next, or a little less, or more."""
        assert self.over.open
        assert self.over.open.look_at
        self.travel(max(self.now, self.over.open.look_at + timedelta(seconds=seconds)))

    @rule(capped=st.booleans())
    def choose_when_full(self, capped: bool) -> None:
        self.both(
            lambda: over_acts.choose_when_full(self.real, capped=capped),
            lambda: self.over.choose_when_full(capped=capped),
        )

    @precondition(lambda self: self.over.made)
    @rule(back=st.integers(0, 1), makes_room=st.booleans())
    def take_back(self, back: int, makes_room: bool) -> None:
        """An automatic upgrade, the last or the one before, as if it had not been made."""
        made = self.over.made[max(-1 - back, -len(self.over.made))]
        if makes_room and self.ours.subscription:
            self._come_and_go(2)
        said: list[tuple[int, int, int]] = []
        must: list[tuple[int, int, int]] = []
        self.both(
            lambda: said.append(over_acts.take_back(self.real, made.name)),
            lambda: must.append(self.over.take_back(made, self.now)),
        )
        assert said == must, f"gives back {said}, must give back {must}"

    @rule(
        fault=st.sampled_from(FAULTS),
        seconds=st.one_of(st.sampled_from([HOUR, DAY, 3 * DAY]), st.integers(1, 7 * DAY)),
    )
    def the_mail_server_fails(self, fault: str, seconds: int) -> None:
        """For hours or days, whatever is handed to it."""
        self.world.mail.fail(fault, self.now + timedelta(seconds=seconds))

    @precondition(lambda self: self.over.waits_for_vendor)
    @rule()
    def the_vendor_has_it_sent_again(self) -> None:
        over_acts.release_episode(self.real)
        self.over.release(self.now)
        self.compare()

    def _come_and_go(self, seats: int) -> None:
        taken = self.ours.usage["seats"]
        for _ in range(seats - taken - 1):
            with suppress(Refused):
                self.ours.join()
                self.real.join()
        if seats > taken:
            self.both(self.real.join, self.ours.join)
        for _ in range(taken - seats):
            self.real.leave()
            self.ours.usage["seats"] -= 1
        self.compare()

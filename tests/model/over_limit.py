"""What happens around an account that is over its seats: emails, the way out, and the way back."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.model import over_acts
from tests.model.following import Following
from tests.model.mail import FAULTS

HOUR, DAY = 3600, 86_400


class OverLimit(Following):
    """The rules of the random lives that are about over-limit episodes."""

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
    @rule(back=st.integers(0, 1))
    def take_back(self, back: int) -> None:
        """An automatic upgrade, the last or the one before, as if it had not been made."""
        made = self.over.made[max(-1 - back, -len(self.over.made))]
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

    @precondition(lambda self: self.over.open and self.over.open.warnings[-1].refused)
    @rule()
    def the_vendor_has_it_sent_again(self) -> None:
        over_acts.release_episode(self.real)
        self.over.release(self.now)
        self.compare()

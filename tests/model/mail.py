"""The mail server of the model: what it takes, refuses, puts off or takes without saying so.

It notes every letter that is handed to it, so that the oracle can be told when it answered what.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from portal.mail import mailer
from portal.mail.mailer import Answer, Letter, Retry
from portal.models import NoticeState
from tests.cast import FixedClock

# Deferred, refused for good, or accepted with an answer that gets lost.
FAULTS = ("deferred", "refused", "dropped")
_send: Callable[[Letter], Answer] = mailer.send


@dataclass(frozen=True)
class Handed:
    """A letter that was handed over: when, which, and the server's "accepted" or fault."""

    at: datetime
    message_id: str
    answer: str


@dataclass
class MailServer:
    """A server that works, but for a fault until some instant."""

    clock: FixedClock
    fault: str = ""
    until: datetime | None = None
    handed: list[Handed] = field(default_factory=list)
    _read: int = 0

    def begin(self) -> None:
        """Another life begins: the server works, and has seen nothing."""
        self.fault, self.until, self._read = "", None, 0
        self.handed.clear()

    def fail(self, fault: str, until: datetime) -> None:
        self.fault, self.until = fault, until

    def back_at(self, now: datetime) -> datetime | None:
        """When a server that defers everything works again; None where it does."""
        is_away = self.fault == "deferred" and self.until is not None and now < self.until
        return self.until if is_away else None

    def send(self, letter: Letter) -> Answer:
        """In the place of `mailer.send`."""
        answer = self._answer(letter)
        self.handed.append(Handed(self.clock.now(), letter.message_id, answer))
        match answer:
            case "refused":
                return Answer(NoticeState.REFUSED, "550 no such mailbox")
            case "deferred":
                raise Retry("451 try again later")
            case "dropped":
                raise Retry("SMTPServerDisconnected: the line dropped")
        return _send(letter)

    def news(self) -> list[Handed]:
        """What was handed over since this was asked last."""
        new, self._read = self.handed[self._read :], len(self.handed)
        return new

    def _answer(self, letter: Letter) -> str:
        is_faulty = self.until is not None and self.clock.now() < self.until
        if not is_faulty or (self.fault == "dropped" and self._has(letter)):
            return "accepted"
        return self.fault

    def _has(self, letter: Letter) -> bool:
        """Whether it took this letter before, unheard."""
        return any(one.message_id == letter.message_id for one in self.handed)

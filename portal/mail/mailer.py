"""Handing emails to the mail server, and keeping what it answered.

SMTP can't promise that a message arrives once only: when the server takes it and the line drops
before its answer is here, it is sent again. Both copies carry the same Message-ID, and a warning
counts from the answer that was recorded.
"""

import re
import smtplib
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask_mail import Attachment, Message
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import events
from portal.billing.rules import delivery
from portal.extensions import db
from portal.mail import enclosures, mail_server
from portal.mail.enclosures import Enclosed
from portal.models import EpisodeWarning, Notice, NoticeState
from portal.transaction import after_commit, assert_outside, is_simulated

ANSWER_LENGTH = 500
KEPT = "250 kept in the sandbox mailbox"
GIVEN_UP = "given up: "
# Anything else is told in our own words, for the vendor: they may name files and machines.
ANSWERED = re.compile(r"\d{3} ")
PDF_TYPE = "application/pdf"
CALENDAR_TYPE = "text/calendar; method=PUBLISH; charset=utf-8"
# Nothing an account or a person entered ever goes into these: Flask-Mail doesn't check them.
EXTRA_HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
BREAKS = re.compile(r"[\r\n\0]")
# The server wants us to sign in first, or differently: nothing about the recipient.
SIGN_IN_CODES = frozenset({530, 534, 535, 538})


class Retry(Exception):
    """The message was not accepted for now; says what stood in the way."""


class BadMessage(ValueError):
    """A message that must not be sent; says what is wrong with it."""


@dataclass(frozen=True)
class File:
    """A PDF that a letter brings."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """What goes over the wire: to one person, always under the same Message-ID."""

    message_id: str
    recipient: str
    subject: str
    text: str
    html: str
    calendar: str | None = None
    file: File | None = None


@dataclass(frozen=True)
class Answer:
    """The final word on a message: accepted or refused, in the server's words."""

    state: NoticeState
    text: str


def deliver(notice_id: int) -> Answer:
    """Send a notice, outside any transaction; to be recorded with `record`.

    Raises Retry when the answer isn't final. A notice settled before isn't sent again.
    """
    assert_outside()
    notice = db.session.get_one(Notice, notice_id)
    settled = Answer(notice.state, notice.server_answer or "")
    letter, enclosed = letter_of(notice), enclosures.of(db.session(), notice)
    db.session.rollback()
    if settled.state is not NoticeState.WAITING:
        return settled
    if enclosed is not None and _leaves():
        letter = replace(letter, file=_file(enclosed))
    return send(letter)


def letter_of(notice: Notice) -> Letter:
    host = urlsplit(current_app.config["PORTAL"].base_url).hostname
    return Letter(
        message_id=f"<{notice.public_id}@{host}>",
        recipient=notice.recipient,
        subject=notice.subject,
        text=notice.body_text,
        html=notice.body_html,
        calendar=notice.calendar,
    )


def send(letter: Letter) -> Answer:
    """Hand a letter to the mail server; without one, in sandbox mode, the mailbox keeps it. In a
    simulation it is taken at once.

    Raises Retry for everything that may go better another time.
    """
    try:
        message = compose(letter)
        if not _leaves():
            return Answer(NoticeState.ACCEPTED, KEPT)
        return Answer(NoticeState.ACCEPTED, mail_server.transmit(message))
    except BadMessage as problem:
        return Answer(NoticeState.REFUSED, str(problem))
    except smtplib.SMTPRecipientsRefused as refusal:
        return _judge(*next(iter(refusal.recipients.values())))
    except smtplib.SMTPDataError as refusal:
        return _judge(refusal.smtp_code, refusal.smtp_error)
    except (smtplib.SMTPException, OSError) as problem:
        raise Retry(_told(problem)) from problem


def record(session: Session, notice: Notice, answer: Answer, *, now: datetime) -> None:
    """Keep the final answer on a notice, and on its warning once all of its notices are settled.

    The first answer stays: a second delivery changes nothing.
    """
    warning = _locked_warning(session, notice)
    settled = session.execute(
        update(Notice)
        .where(Notice.id == notice.id, Notice.state == NoticeState.WAITING)
        .values(state=answer.state, settled_at=now, server_answer=answer.text[:ANSWER_LENGTH])
        .returning(Notice.id)
    ).first()
    session.refresh(notice)
    if settled and warning:
        _settle_warning(session, warning, now)
        after_commit(session, lambda: events.publish(warning.account_id, "usage"))


def look_at_warning(session: Session, notice: Notice, *, now: datetime) -> None:
    """A notice was put off again, or withdrawn: its warning may count all the same by now."""
    warning = _locked_warning(session, notice)
    if warning is not None:
        _settle_warning(session, warning, now)


def answer_to_tell(notice: Notice) -> str:
    """What a mail server answered, for people of the account; "" where none did."""
    answer = notice.server_answer or ""
    last = answer.removeprefix(GIVEN_UP)
    return last if last == answer or ANSWERED.match(last) else ""


def compose(letter: Letter) -> Message:
    """The message as Flask-Mail sends it; BadMessage where a header could become two."""
    message = Message(
        subject=letter.subject,
        recipients=[address(letter.recipient)],
        body=letter.text,
        html=letter.html,
        extra_headers=dict(EXTRA_HEADERS),
    )
    message.msgId = letter.message_id
    if letter.calendar:
        data = letter.calendar.encode()
        message.attachments.append(Attachment("deadline.ics", CALENDAR_TYPE, data))
    if letter.file:
        message.attachments.append(Attachment(letter.file.name, PDF_TYPE, letter.file.content))
    check_headers(message)
    return message


def address(written: str) -> str:
    """One plain address, its domain in ASCII; BadMessage for anything else.

    Flask-Mail would take "a@example.com, b@example.com" and send to the first.
    """
    try:
        found = validate_email(
            written, check_deliverability=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError as problem:
        raise BadMessage(f"not an email address: {problem}") from problem
    return str(found.ascii_email)


def check_headers(message: Message) -> None:
    """Raise BadMessage for a line break in any header: what follows it would be a header too."""
    headers: dict[str, object] = {
        "Subject": message.subject,
        "From": message.sender,
        "To": message.recipients,
        "Cc": message.cc,
        "Bcc": message.bcc,
        "Reply-To": message.reply_to,
        "Message-ID": message.msgId,
        "Content-Disposition": [attached.filename for attached in message.attachments],
        **(message.extra_headers or {}),
    }
    for name, value in headers.items():
        if any(BREAKS.search(text) for text in (name, *_texts(value))):
            raise BadMessage(f"not sent: a line break in the {BREAKS.sub('?', name)} header")


def _texts(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return [] if value is None else [str(value)]


def _leaves() -> bool:
    """Whether letters are handed to a mail server, not just kept."""
    settings = current_app.config["PORTAL"]
    is_kept = settings.is_sandbox and settings.mail.server is None
    return not is_kept and not is_simulated()


def _file(enclosed: Enclosed) -> File:
    """The PDF as it is stored; raises Retry where it can't be had."""
    try:
        return File(enclosed.file_name, enclosures.read(enclosed.sha256))
    except enclosures.CantBeRead as problem:
        raise Retry(f"its PDF can't be read: {problem}") from problem


def _judge(code: int, text: bytes | str) -> Answer:
    words = mail_server.words(code, text)
    if code < 500 or code in SIGN_IN_CODES:
        raise Retry(words)
    return Answer(NoticeState.REFUSED, words)


def _told(problem: Exception) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        return mail_server.words(problem.smtp_code, problem.smtp_error)
    return f"{type(problem).__name__}: {problem}"


def _locked_warning(session: Session, notice: Notice) -> EpisodeWarning | None:
    """Two workers settling the last two notices at once take turns, so one sees both settled."""
    if notice.warning_id is None:
        return None
    statement = (
        select(EpisodeWarning)
        .where(EpisodeWarning.id == notice.warning_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def _settle_warning(session: Session, warning: EpisodeWarning, now: datetime) -> None:
    """Accepted by the rule of `delivery`, and from then on for good; refused when no server took
    it and none will."""
    if warning.accepted_at is not None:
        return
    rows = session.execute(
        select(Notice.state, Notice.settled_at).where(Notice.warning_id == warning.id)
    ).all()
    is_waited_for = any(row.state is NoticeState.WAITING for row in rows)
    taken = [row.settled_at for row in rows if row.state is NoticeState.ACCEPTED]
    warning.accepted_at = delivery.told_at(taken, is_waited_for=is_waited_for, now=now)
    if not taken and not is_waited_for:
        warning.refused_at = max(row.settled_at for row in rows)

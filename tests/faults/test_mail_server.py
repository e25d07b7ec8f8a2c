"""What becomes of an email, and of the warning it carries, with each way a mail server fails."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from portal import outbox
from portal.config import MailSettings
from portal.extensions import db, mail
from portal.mail import mail_server, mailer
from portal.models import Notice, NoticeState, Work
from portal.transaction import InsideTransaction, transaction
from tests.cast import Cast, FixedClock
from tests.faults.mail_server import TAKEN, Mode, free_port, greeting, running

Use = Callable[[int], None]


@pytest.fixture
def use_server(app: Flask) -> Use:
    """Let the portal send to a port of this machine."""

    def use(port: int, *, tls: bool = False) -> None:
        settings = MailSettings(
            server="127.0.0.1", port=port, use_tls=tls, sender="Vendor <billing@example.com>"
        )
        app.config["PORTAL"] = replace(app.config["PORTAL"], mail=settings)
        app.config.update(
            MAIL_SERVER=settings.server,
            MAIL_PORT=port,
            MAIL_USE_TLS=tls,
            MAIL_DEFAULT_SENDER=settings.sender,
        )
        mail.init_app(app)

    return use


@pytest.fixture
def notice_id(cast: Cast, clock: FixedClock) -> int:
    return _notice("alice@example.com", clock)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience for tests: two fifths of a second instead of twenty."""
    monkeypatch.setattr(mail_server, "SECONDS", 0.4)


def test_an_accepted_email_keeps_the_server_s_words(
    use_server: Use, notice_id: int, clock: FixedClock
) -> None:
    with running(Mode.ACCEPTS) as (office, port):
        use_server(port)
        notice = _deliver_and_record(notice_id, clock)
    assert notice.state is NoticeState.ACCEPTED
    assert notice.server_answer == TAKEN
    assert notice.settled_at == clock.now()
    recipients, message = office.stored[0]
    assert recipients == ["alice@example.com"]
    assert message["To"] == "alice@example.com"
    assert message["From"] == "Vendor <billing@example.com>"
    assert message["Message-ID"] == f"<{notice.public_id}@127.0.0.1>"
    assert message["Auto-Submitted"] == "auto-generated"


def test_an_email_has_text_html_and_the_deadline(
    use_server: Use, notice_id: int, clock: FixedClock
) -> None:
    with running(Mode.ACCEPTS) as (office, port):
        use_server(port)
        _deliver_and_record(notice_id, clock)
    _, message = office.stored[0]
    parts = {part.get_content_type(): part for part in message.walk()}
    assert parts["text/plain"].get_content().strip() == "Grüße, −$25.00"
    assert "<p>Grüße, −$25.00</p>" in parts["text/html"].get_content()
    calendar = parts["text/calendar"]
    assert calendar.get_content().startswith("BEGIN:VCALENDAR")
    assert calendar.get_filename() == "deadline.ics"
    assert calendar.get_param("method") == "PUBLISH"


@pytest.mark.parametrize("mode", [Mode.REFUSES, Mode.REFUSES_CONTENT])
def test_a_final_no_is_kept_as_refused(
    mode: Mode, use_server: Use, notice_id: int, clock: FixedClock
) -> None:
    with running(mode) as (_, port):
        use_server(port)
        notice = _deliver_and_record(notice_id, clock)
    assert notice.state is NoticeState.REFUSED
    assert (notice.server_answer or "").startswith("55")


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (Mode.GREYLISTS, "451"),
        (Mode.IS_BUSY, "421"),
        (Mode.DROPS_BEFORE, "SMTPServerDisconnected"),
        (Mode.REFUSES_SENDER, "553"),
        (Mode.WANTS_SIGN_IN, "530"),
    ],
)
def test_what_may_pass_is_tried_again(
    mode: Mode, words: str, use_server: Use, notice_id: int
) -> None:
    with running(mode) as (office, port):
        use_server(port)
        with pytest.raises(mailer.Retry, match=words):
            mailer.deliver(notice_id)
    assert _state(notice_id) is NoticeState.WAITING
    assert office.stored == []


def test_a_server_that_never_speaks_is_given_up_on(
    use_server: Use, notice_id: int, soon: None
) -> None:
    with greeting(None) as port:
        use_server(port)
        with pytest.raises(mailer.Retry, match="timed out"):
            mailer.deliver(notice_id)
    assert _state(notice_id) is NoticeState.WAITING


def test_a_server_that_is_closed_for_all_is_no_refusal_of_one(
    use_server: Use, notice_id: int
) -> None:
    with greeting(b"554 5.3.2 No service here\r\n") as port:
        use_server(port)
        with pytest.raises(mailer.Retry, match="554"):
            mailer.deliver(notice_id)


def test_no_server_at_all_is_tried_again(use_server: Use, notice_id: int) -> None:
    use_server(free_port())
    with pytest.raises(mailer.Retry, match="refused"):
        mailer.deliver(notice_id)


def test_nothing_is_sent_in_the_clear_where_tls_is_asked_for(
    use_server: Use, notice_id: int
) -> None:
    with running(Mode.ACCEPTS) as (office, port):
        use_server(port, tls=True)
        with pytest.raises(mailer.Retry, match="STARTTLS"):
            mailer.deliver(notice_id)
    assert office.stored == []


def test_a_slow_server_is_waited_for(use_server: Use, notice_id: int, clock: FixedClock) -> None:
    with running(Mode.IS_SLOW) as (_, port):
        use_server(port)
        assert _deliver_and_record(notice_id, clock).state is NoticeState.ACCEPTED


def test_an_answer_counts_whatever_becomes_of_the_goodbye(
    use_server: Use, notice_id: int, clock: FixedClock
) -> None:
    with running(Mode.LEAVES_AFTER) as (office, port):
        use_server(port)
        assert _deliver_and_record(notice_id, clock).state is NoticeState.ACCEPTED
    assert len(office.stored) == 1


def test_f6_a_message_taken_without_an_answer_goes_out_again_under_the_same_id(
    use_server: Use, notice_id: int, clock: FixedClock
) -> None:
    with running(Mode.DROPS_AFTER) as (office, port):
        use_server(port)
        with pytest.raises(mailer.Retry):
            mailer.deliver(notice_id)
        assert _state(notice_id) is NoticeState.WAITING
        office.mode = Mode.ACCEPTS
        clock.advance(minutes=5)
        notice = _deliver_and_record(notice_id, clock)
    first, second = (message["Message-ID"] for _, message in office.stored)
    assert first == second
    assert notice.settled_at == clock.now()


def test_a_settled_email_is_not_sent_again(
    use_server: Use, notice_id: int, clock: FixedClock
) -> None:
    with running(Mode.ACCEPTS) as (office, port):
        use_server(port)
        first = _deliver_and_record(notice_id, clock).settled_at
        clock.advance(hours=1)
        again = _deliver_and_record(notice_id, clock)
    assert len(office.stored) == 1
    assert again.settled_at == first


def test_a_second_answer_changes_nothing(notice_id: int, clock: FixedClock) -> None:
    _record(notice_id, mailer.Answer(NoticeState.ACCEPTED, TAKEN), clock)
    clock.advance(hours=1)
    _record(notice_id, mailer.Answer(NoticeState.REFUSED, "550 too late"), clock)
    notice = db.session.get_one(Notice, notice_id)
    assert notice.state is NoticeState.ACCEPTED
    assert notice.server_answer == TAKEN
    assert notice.settled_at == clock.now() - timedelta(hours=1)


def test_without_a_server_the_sandbox_keeps_the_email(notice_id: int, clock: FixedClock) -> None:
    notice = _deliver_and_record(notice_id, clock)
    assert notice.state is NoticeState.ACCEPTED
    assert notice.server_answer == mailer.KEPT


def test_production_never_takes_an_email_for_sent_that_went_nowhere(
    app: Flask, notice_id: int
) -> None:
    production = replace(app.config["PORTAL"], mode="production")
    app.config["PORTAL"] = replace(production, mail=MailSettings())
    app.extensions["mail"].port = free_port()
    with pytest.raises(mailer.Retry):
        mailer.deliver(notice_id)


def test_nothing_is_sent_inside_a_transaction(notice_id: int) -> None:
    with pytest.raises(InsideTransaction), transaction():
        mailer.deliver(notice_id)


def _notice(recipient: str, clock: FixedClock) -> int:
    with transaction() as session:
        notice = Notice(
            name="test",
            recipient=recipient,
            subject="Grüße: −$25.00",
            body_text="Grüße, −$25.00\n",
            body_html="<p>Grüße, −$25.00</p>\n",
            calendar="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
            created_at=clock.now(),
        )
        session.add(notice)
        session.flush()
        outbox.put(session, Work.NOTICE, notice.id, account_id=None, at=clock.now())
        return notice.id


def _deliver_and_record(notice_id: int, clock: FixedClock) -> Notice:
    _record(notice_id, mailer.deliver(notice_id), clock)
    return db.session.get_one(Notice, notice_id)


def _record(notice_id: int, answer: mailer.Answer, clock: FixedClock) -> None:
    with transaction() as session:
        notice = session.get_one(Notice, notice_id)
        mailer.record(session, notice, answer, now=clock.now())


def _state(notice_id: int) -> NoticeState:
    db.session.rollback()
    return db.session.get_one(Notice, notice_id).state

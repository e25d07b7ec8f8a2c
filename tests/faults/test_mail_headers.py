"""Nothing that anybody typed becomes a header, or a second recipient."""

from dataclasses import replace

import pytest
from flask import Flask
from flask_mail import Message

from portal.extensions import mail
from portal.mail import mailer
from portal.mail.mailer import Letter
from portal.models import NoticeState
from tests.faults.mail_server import Mode, running

INJECTIONS = ["Acme\r\nBcc: mallory@example.com", "Acme\nX: y", "Acme\rX: y", "Acme\0"]
LETTER = Letter(
    message_id="<1@example.com>",
    recipient="alice@example.com",
    subject="Hello",
    text="Hello\n",
    html="<p>Hello</p>\n",
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_f10_flask_mail_s_unchecked_headers_are_checked(app: Flask, text: str) -> None:
    message = Message("Hello", ["alice@example.com"], sender="billing@example.com")
    message.extra_headers = {"X-Account": text}
    assert not message.has_bad_headers()  # Flask-Mail sees nothing wrong
    with pytest.raises(mailer.BadMessage, match="X-Account"):
        mailer.check_headers(message)


def test_f10_flask_mail_would_send_the_injected_header(app: Flask) -> None:
    """What the check is for: without it, another recipient is in the message."""
    message = Message("Hello", ["alice@example.com"], sender="billing@example.com", body="Hello")
    message.extra_headers = {"X-Account": INJECTIONS[0]}
    assert "\nBcc: mallory@example.com" in message.as_string().replace("\r\n", "\n")


@pytest.mark.parametrize("name", ["message_id", "recipient", "subject"])
@pytest.mark.parametrize("text", INJECTIONS)
def test_a_letter_with_a_line_break_in_a_header_is_refused(
    app: Flask, name: str, text: str
) -> None:
    answer = mailer.send(replace(LETTER, **{name: text}))
    assert answer.state is NoticeState.REFUSED
    assert len(answer.text.splitlines()) == 1


def test_an_innocent_looking_fold_in_the_subject_is_refused_too(app: Flask) -> None:
    """Flask-Mail lets a folded subject pass."""
    answer = mailer.send(replace(LETTER, subject="Hello\r\n Bcc: mallory@example.com"))
    assert answer.state is NoticeState.REFUSED


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "alice",
        "alice@example.com, mallory@example.com",
        "alice@example.com; mallory@example.com",
        "alice@example.com mallory@example.com",
        "Alice <alice@example.com>",
        "alice@example..com",
        "alice@-example.com",
        '"alice example"@example.com',
        "alice@[127.0.0.1]",
        "<alice@example.com>",
        "alice@example.com>",
        "a" * 65 + "@example.com",
    ],
)
def test_only_one_plain_address_is_written_to(app: Flask, recipient: str) -> None:
    answer = mailer.send(replace(LETTER, recipient=recipient))
    assert answer.state is NoticeState.REFUSED
    assert answer.text.startswith("not an email address")


def test_a_domain_with_umlauts_is_written_to_in_ascii(app: Flask) -> None:
    assert mailer.address("alice@bücher.example.com") == "alice@xn--bcher-kva.example.com"


def test_what_is_typed_in_a_subject_stays_in_the_subject(app: Flask) -> None:
    subject = "Bcc: mallory@example.com, =?utf-8?q?x?= Ünï " + "long " * 30
    with running(Mode.ACCEPTS) as (office, port):
        app.extensions["mail"].server, app.extensions["mail"].port = "127.0.0.1", port
        settings = app.config["PORTAL"]
        app.config["PORTAL"] = replace(
            settings, mail=replace(settings.mail, server="127.0.0.1", use_tls=False)
        )
        app.extensions["mail"].use_tls = False
        answer = mailer.send(replace(LETTER, subject=subject.strip()))
    assert answer.state is NoticeState.ACCEPTED
    recipients, message = office.stored[0]
    assert recipients == ["alice@example.com"]
    assert message["Bcc"] is None
    assert " ".join(str(message["Subject"]).split()).startswith("Bcc: mallory@example.com,")


def test_flask_mail_is_what_sends(app: Flask) -> None:
    """The signal of Flask-Mail fires for what goes out."""
    with running(Mode.ACCEPTS) as (_, port), mail.record_messages() as sent:
        app.extensions["mail"].server, app.extensions["mail"].port = "127.0.0.1", port
        app.extensions["mail"].use_tls = False
        settings = app.config["PORTAL"]
        app.config["PORTAL"] = replace(settings, mail=replace(settings.mail, server="127.0.0.1"))
        mailer.send(LETTER)
    assert [message.recipients for message in sent] == [["alice@example.com"]]

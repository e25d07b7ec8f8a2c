"""The line to the mail server: made to give up in time, and to say what the server answered."""

import smtplib
import ssl
from contextlib import suppress
from types import TracebackType

from flask import current_app
from flask_mail import Connection, Mail, Message

SECONDS = 20


def transmit(message: Message) -> str:
    """Hand a message over; returns the server's answer to it."""
    with _Line(current_app.extensions["mail"]) as line:
        line.send(message)
        return line.answer


def words(code: int, text: bytes | str) -> str:
    """A server's answer on one line."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(said.split())}"


class _Session(smtplib.SMTP):
    """Keeps the server's answer to the message itself, which smtplib throws away."""

    answer = ""

    def data(self, msg: bytes | str) -> tuple[int, bytes]:  # type: ignore[override]
        code, text = super().data(msg)
        self.answer = words(code, text)
        return code, text


class _Line(Connection):
    """Flask-Mail's connection, with the server's answer."""

    mail: Mail

    def __enter__(self) -> "_Line":
        self.host = self.configure_host()
        self.num_emails = 0
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        # An answer that is in counts, whatever becomes of the goodbye.
        if self.host is not None:
            with suppress(smtplib.SMTPException, OSError):
                self.host.quit()
            self.host.close()

    @property
    def answer(self) -> str:
        return self.host.answer if isinstance(self.host, _Session) else ""

    def configure_host(self) -> smtplib.SMTP:
        host = _Session(self.mail.server, self.mail.port, timeout=SECONDS)
        try:
            self._sign_in(host)
        except BaseException:
            host.close()
            raise
        return host

    def _sign_in(self, host: smtplib.SMTP) -> None:
        if self.mail.use_tls:
            host.starttls(context=ssl.create_default_context())
        if self.mail.username and self.mail.password:
            host.login(self.mail.username, self.mail.password)

"""A mail server that misbehaves as real ones do, on a port of its own."""

import asyncio
import email
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from enum import StrEnum

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

TAKEN = "250 2.0.0 Ok: queued as 4F2A1"


class Mode(StrEnum):
    ACCEPTS = "accepts"
    REFUSES = "refuses the recipient"
    REFUSES_CONTENT = "refuses the message"
    REFUSES_SENDER = "refuses the sender"
    WANTS_SIGN_IN = "wants a sign-in first"
    GREYLISTS = "greylists"
    IS_BUSY = "is busy"
    DROPS_BEFORE = "drops before accepting"
    DROPS_AFTER = "drops after accepting"
    LEAVES_AFTER = "accepts and leaves without a goodbye"
    IS_SLOW = "is slow"


REPLIES = {
    Mode.REFUSES: "550 5.1.1 No such user here",
    Mode.GREYLISTS: "451 4.7.1 Greylisted, come back later",
    Mode.IS_BUSY: "421 4.3.2 Too busy",
    Mode.WANTS_SIGN_IN: "530 5.7.0 Authentication required",
}


class PostOffice:
    """The handler: keeps what it stored, whatever it answered."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.stored: list[tuple[list[str], EmailMessage]] = []

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mode is Mode.REFUSES_SENDER:
            return "553 5.1.8 Sender not allowed"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mode in REPLIES:
            return REPLIES[self.mode]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.mode is Mode.REFUSES_CONTENT:
            return "554 5.7.1 Message refused"
        if self.mode is Mode.DROPS_BEFORE:
            server.transport.abort()
            return ""
        if self.mode is Mode.IS_SLOW:
            await asyncio.sleep(0.5)
        message = email.message_from_bytes(envelope.content, policy=default)
        self.stored.append((list(envelope.rcpt_tos), message))
        if self.mode is Mode.DROPS_AFTER:
            server.transport.abort()
        return TAKEN

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.mode is Mode.LEAVES_AFTER:
            server.transport.abort()
        return "221 Bye"


@contextmanager
def running(mode: Mode) -> Iterator[tuple[PostOffice, int]]:
    """The post office and its port."""
    office, port = PostOffice(mode), free_port()
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield office, port
    finally:
        controller.stop()


@contextmanager
def greeting(words: bytes | None) -> Iterator[int]:
    """A port whose server says `words` and nothing more; None: it never speaks."""
    listener = socket.create_server(("127.0.0.1", 0))
    lines: list[socket.socket] = []

    def answer() -> None:
        try:
            while True:
                line, _ = listener.accept()
                lines.append(line)
                if words is not None:
                    line.sendall(words)
        except OSError:
            return

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for line in lines:
            line.close()
        thread.join(5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port

"""Warnings and a mail server that fails: over.never-unwarned, and never the same twice.

Acme has 11 of 10 seats since 1 March; the daily check finds it on 2 March, 06:00.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from flask import Flask

from portal.config import MailSettings
from portal.extensions import db, mail
from portal.models import Account, EpisodeState, NoticeState
from tests.cast import Cast
from tests.faults.mail_server import Mode, PostOffice, free_port, running
from tests.scenarios.over import emails, episode, sent, the_upgrade, upgrades

Server = Callable[[Mode], object]


@pytest.fixture
def server(app: Flask) -> Callable[[Mode], object]:
    """Let the portal send to a mail server in some mode: `with server(Mode.IS_BUSY) as office:`."""

    @contextmanager
    def run(mode: Mode) -> Iterator[PostOffice]:
        with running(mode) as (office, port):
            send_to(app, port)
            yield office
        send_to(app, free_port())

    return run


@pytest.fixture
def over(cast: Cast) -> Account:
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    return cast.acme


def subjects(office: PostOffice) -> list[str]:
    return [str(message["Subject"]) for _to, message in office.stored]


def test_over_never_unwarned_with_a_server_that_defers_for_three_days(
    cast: Cast, over: Account, server: Server
) -> None:
    """Greylisted from 2 to 5 March: the first counts from when it was taken, and says so."""
    with server(Mode.GREYLISTS):
        cast.let_pass(days=4)
    assert sent(over, "warning") == []
    with server(Mode.ACCEPTS) as office:
        cast.let_pass(days=8)

    first, second, third = (notice.settled_at for notice in emails(over, "warning"))
    assert first is not None
    assert second is not None
    assert third is not None
    assert second - first >= timedelta(hours=48)
    assert third - second >= timedelta(hours=48)
    upgrade = the_upgrade(over).issued_at
    assert upgrade - first >= timedelta(hours=120)
    assert upgrade - third >= timedelta(hours=24)
    told = [subject for subject in subjects(office) if "seats in use" in subject]
    assert len(told) == len(set(told)), "each of them once"


def test_over_fixed_in_time_before_anything_could_be_sent_nothing_ever_is(
    cast: Cast, over: Account, server: Server
) -> None:
    """Down from 2 March; back at ten on 4 March; up on 5 March: no warning, and no all clear."""
    with server(Mode.IS_BUSY):
        cast.let_pass(days=3)
        cast.leave(over, cast.bob)
    with server(Mode.ACCEPTS) as office:
        cast.let_pass(days=3)

    assert not any("seats" in subject for subject in subjects(office))
    assert [notice.state for notice in emails(over, "warning")] == [NoticeState.WITHDRAWN]
    assert emails(over, "all_clear") == []
    assert episode(over).state is EpisodeState.RESOLVED


def test_over_fixed_in_time_while_the_second_waits_only_all_clear_goes_out(
    cast: Cast, over: Account, server: Server
) -> None:
    with server(Mode.ACCEPTS):
        cast.let_pass(days=2)
    with server(Mode.IS_BUSY):
        cast.let_pass(days=2)
        cast.leave(over, cast.bob)
    with server(Mode.ACCEPTS) as office:
        cast.let_pass(days=3)

    about_seats = [subject for subject in subjects(office) if "seats" in subject]
    assert about_seats == ["All is well: 10 of 10 seats in use"]
    assert [notice.state for notice in emails(over, "warning")] == [
        NoticeState.ACCEPTED,
        NoticeState.WITHDRAWN,
    ]


def test_over_never_unwarned_when_the_server_refuses_everybody(
    cast: Cast, over: Account, server: Server
) -> None:
    with server(Mode.REFUSES):
        cast.let_pass(days=10)
    assert episode(over).state is EpisodeState.PARKED
    assert upgrades(over) == []


def test_a_warning_dropped_after_acceptance_is_sent_again_as_the_same_message(
    cast: Cast, over: Account, server: Server
) -> None:
    """The only way to get one twice: the answer got lost. Both have the same Message-ID."""
    with server(Mode.DROPS_AFTER) as office:
        cast.let_pass(days=1)
        copies = [message["Message-ID"] for _to, message in office.stored]
    assert sent(over, "warning") == []
    with server(Mode.ACCEPTS) as office:
        cast.let_pass(days=1)
        copies += [m["Message-ID"] for _to, m in office.stored if "11 of 10" in m["Subject"]]
    assert len(set(copies)) == 1
    assert len(sent(over, "warning")) == 1


@pytest.mark.parametrize("mode", [Mode.ACCEPTS, Mode.LEAVES_AFTER, Mode.IS_SLOW])
def test_each_warning_is_sent_once_and_never_two_within_a_day(
    cast: Cast, over: Account, server: Server, mode: Mode
) -> None:
    with server(mode) as office:
        cast.let_pass(days=10)
    warnings = emails(over, "warning")
    assert len(warnings) == 3
    for earlier, later in pairwise(warnings):
        assert later.created_at - earlier.created_at >= timedelta(hours=24)
    ids = [message["Message-ID"] for _to, message in office.stored]
    assert len(ids) == len(set(ids))
    assert the_upgrade(over).due_minor == 9667


def test_every_email_of_an_episode_says_which_it_is_of(cast: Cast, over: Account) -> None:
    cast.let_pass(days=10)
    names = ("warning", "auto_upgraded")
    found = [notice for name in names for notice in emails(over, name)]
    assert len(found) == 4
    assert {notice.episode_id for notice in found} == {episode(over).id}


def send_to(app: Flask, port: int) -> None:
    db.session.rollback()
    settings = MailSettings(server="127.0.0.1", port=port, sender="Vendor <billing@example.com>")
    app.config["PORTAL"] = replace(app.config["PORTAL"], mail=settings)
    app.config.update(
        MAIL_SERVER=settings.server,
        MAIL_PORT=port,
        MAIL_USE_TLS=False,
        MAIL_DEFAULT_SENDER=settings.sender,
    )
    mail.init_app(app)

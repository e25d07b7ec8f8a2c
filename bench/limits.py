"""Limits on PostgreSQL: finding who is over, handling them, a meter, and changes that count.

Counts are kept with each change, so finding is a look into an index of those over. What it is
measured against is the one statement that could do it; how many accounts there are must not matter.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from unittest import mock

from flask import current_app
from sqlalchemy import insert, select, text
from werkzeug.test import TestResponse

from bench.people import PASSWORD, TOKEN
from bench.place import ROOT, Measured, at, filling, megabytes, with_redis
from portal import live, passwords
from portal.audit import SYSTEM
from portal.billing import accounts, clients, overages, people, statuses
from portal.billing.client_list import ClientFilter
from portal.billing.clients import Selection
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.jobs import limit_checks
from portal.models import Account, Client
from portal.transaction import transaction

ACCOUNTS = (10_000, 1_000_000)
OVER = 1_000
FEW, MANY, BULK = 50, 100_000, 10_000
CHOSEN = "chosen"
ROUNDS = 60
STARTED = datetime(2026, 1, 1, 9, tzinfo=UTC)
AT = STARTED + timedelta(days=3)
KILLED_AFTER_SECONDS = 5
# What a daily run of django-plans takes for each account it looks at, on two processors.
OTHERS_MILLISECONDS = 6.0


def measure() -> Iterator[str]:
    """A row for each figure."""
    found = {}
    for size in ACCOUNTS:
        with _settled(size) as measured:
            with at(AT, measured.environ):
                found[size], bare = _finding()
            yield (
                f"finding {OVER:,} over of {size:,} accounts: {found[size] * 1000:.1f} ms, the one"
                f" statement {bare * 1000:.1f} ms: {found[size] / bare:.2f}× (at most 2×)"
            )
            if size == ACCOUNTS[-1]:
                yield _handling(measured, size)
    few, many = (found[size] for size in ACCOUNTS)
    yield f"finding, {ACCOUNTS[1]:,} against {ACCOUNTS[0]:,}: {many / few - 1:+.0%} (at most +25%)"
    with _settled(2) as measured, at(AT, measured.environ):
        yield _meter()
        yield _one_suspended()
        yield _many_suspended()


def _finding() -> tuple[float, float]:
    """Seconds to find who is over, and of the one statement alone."""
    bare = text(
        "SELECT account_id FROM usage WHERE metric = 'seats' AND limit_value IS NOT NULL"
        " AND used > limit_value ORDER BY account_id"
    )
    return _in_turn(
        lambda: overages.found_over(db.session(), Metric.SEATS),
        lambda: db.session.execute(bare).scalars().all(),
    )


def _handling(measured: Measured, size: int) -> str:
    """The whole daily check, killed once on the way and begun again."""
    command = [sys.executable, "-m", "bench.limits", "check"]
    first = subprocess.Popen(command, cwd=ROOT, env=measured.environ, stdout=subprocess.PIPE)
    time.sleep(KILLED_AFTER_SECONDS)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    done = subprocess.run(
        command, cwd=ROOT, env=measured.environ, check=True, capture_output=True, text=True
    )
    with at(AT, measured.environ):
        opened = db.session.execute(text("SELECT count(*) FROM episode")).scalar_one()
    said = json.loads(done.stdout)
    if opened != OVER or said["before"] == 0:
        raise RuntimeError(f"{opened} episodes, {said['before']} of them before the kill")
    each = said["seconds"] / (OVER - said["before"])
    per_account = each * OVER / size * 1000
    return (
        f"daily check, {size:,} accounts: {each * 1000:.1f} ms for each that is over,"
        f" {per_account:.3f} ms for each there is: {OTHERS_MILLISECONDS / per_account:.0f}× faster"
        f" than {OTHERS_MILLISECONDS:.0f} ms (at least 20×); {said['before']} were done before a"
        f" kill, all after it; memory {said['grown']:+.0f} MB"
    )


def _check() -> None:
    """What one process does: the daily check, to its end."""
    with at(AT, dict(os.environ)):
        before = db.session.execute(text("SELECT count(*) FROM episode")).scalar_one()
        overages.found_over(db.session(), Metric.SEATS)
        db.session.rollback()
        early, began = megabytes(), time.perf_counter()
        limit_checks.check(int(AT.timestamp()))
        seconds = time.perf_counter() - began
        print(json.dumps({"before": before, "seconds": seconds, "grown": megabytes() - early}))


def _meter() -> str:
    """My Account's meters of an account with few clients and of one with many."""
    small, large = db.session.scalars(select(Account.id).order_by(Account.id)).all()
    _add_clients(small, FEW)
    _add_clients(large, MANY)
    few, many = _in_turn(lambda: live.meters_context(small), lambda: live.meters_context(large))
    return (
        f"meters with {FEW} clients {few * 1000:.2f} ms, with {MANY:,} {many * 1000:.2f} ms:"
        f" {many / few - 1:+.0%} (within 10%)"
    )


def _one_suspended() -> str:
    """One client suspended and brought back, with counting and without."""
    account_id = _large()
    first = text("SELECT min(public_id) FROM client WHERE account_id = :account")
    client_id = db.session.execute(first, {"account": account_id}).scalar_one()
    post = _signed_in(account_id)

    def there_and_back() -> None:
        for change in ("suspension", "return"):
            post(f"/clients/{client_id}/{change}")

    with_counts, without = _in_turn(there_and_back, _uncounted(there_and_back))
    return (
        f"suspending a client and back, two requests: {with_counts * 1000:.1f} ms, without counts"
        f" {without * 1000:.1f} ms: {with_counts / without:.2f}× (at most 1.5×)"
    )


def _many_suspended() -> str:
    """Ten thousand at once, against the bare update of the same rows."""
    account_id = _large()
    ours, bare = _in_turn(
        lambda: _there_and_back(account_id), lambda: _bare_update(account_id), rounds=5
    )
    return (
        f"suspending {BULK:,} clients and back: {ours * 1000:.0f} ms, bare SQL"
        f" {bare * 1000:.0f} ms: {ours / bare:.2f}× (at most 2×)"
    )


def _there_and_back(account_id: int) -> None:
    chosen = Selection(matching=ClientFilter(CHOSEN))
    for command in (clients.suspend, clients.bring_back):
        with transaction() as session:
            account = accounts.lock(session, account_id)
            command(session, account, chosen, now=AT, actor=SYSTEM)


def _bare_update(account_id: int) -> None:
    """Only what is written to the clients, there and back."""
    change = text(
        "UPDATE client SET status_id = :to, suspended_from_id = NULL, updated_at = updated_at + 1"
        " WHERE account_id = :account AND search_text LIKE :text"
    )
    with transaction() as session:
        known = statuses.of(session, account_id)
    active, suspended = (statuses.built_in(known, key).id for key in ("client", "suspended"))
    for to in (suspended, active):
        with transaction() as session:
            facts = {"to": to, "account": account_id, "text": f"%{CHOSEN}%"}
            session.execute(change, facts)


def _uncounted(action: Callable[[], None]) -> Callable[[], None]:
    """The same without the counts and what follows from them."""

    def run() -> None:
        with mock.patch.object(overages, "count_changed"):
            action()

    return run


def _large() -> int:
    account_id: int = db.session.execute(text("SELECT max(id) FROM account")).scalar_one()
    return account_id


def _signed_in(account_id: int) -> Callable[[str], None]:
    """What posts a form as an Admin of the account."""
    with transaction() as session:
        admin = people.add_user(
            session,
            email="admin@example.com",
            name="Admin",
            password_hash=passwords.hash_of(PASSWORD),
            now=STARTED,
        )
        account = accounts.lock(session, account_id)
        people.add_member(session, account, admin, Role.ADMIN, now=STARTED, actor=SYSTEM)
    browser = current_app.test_client()

    def ask(action: Callable[..., TestResponse], path: str, **form: str) -> str:
        # Away from this context, so that each request gets one of its own, as in a server.
        answer = Context().run(action, path, data=form, headers={"HX-Request": "true"})
        if answer.status_code >= 400:
            raise RuntimeError(f"{path}: {answer.status}")
        return answer.text

    def token(page: str) -> str:
        return TOKEN.findall(ask(browser.get, page))[0]

    form = {"email": "admin@example.com", "password": PASSWORD, "csrf_token": token("/login")}
    ask(browser.post, "/login", **form)
    kept = token("/clients")

    def post(path: str) -> None:
        ask(browser.post, path, csrf_token=kept)

    return post


def _add_clients(account_id: int, count: int) -> None:
    with transaction() as session:
        account = accounts.lock(session, account_id)
        status = statuses.built_in(statuses.of(session, account_id), "client")
        rows: list[dict[str, Any]] = [
            {
                "account_id": account_id,
                "public_id": f"{account_id:08x}{number:024x}",
                "name": f"Client {number}",
                "email": "",
                "phone": "",
                "note": "",
                "sort_key": f"client {number:06d}",
                "search_text": f"client {number} {CHOSEN if number < BULK else ''}",
                "status_id": status.id,
                "created_at": STARTED,
                "updated_at": STARTED,
            }
            for number in range(count)
        ]
        session.execute(insert(Client), rows)
        change = {"now": STARTED, "actor": SYSTEM}
        overages.count_changed(session, account, Metric.CLIENTS, count, **change)
    with db.engine.begin() as connection:
        connection.execute(text("ANALYZE client"))


def _in_turn(
    one: Callable[[], object], other: Callable[[], object], rounds: int = ROUNDS
) -> tuple[float, float]:
    """The median seconds of both, made in turn so that a slow moment meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds + rounds // 4):
        for which, action in enumerate((one, other)):
            began = time.perf_counter()
            action()
            db.session.rollback()
            if round_ >= rounds // 4:
                times[which].append(time.perf_counter() - began)
    return median(times[0]), median(times[1])


@contextmanager
def _settled(size: int) -> Iterator[Measured]:
    """A portal with so many accounts on the smallest plan, the first thousand over its seats."""
    with with_redis("postgresql") as measured:
        with at(AT, measured.environ), filling() as connection:
            facts = {"n": size, "over": min(OVER, size // 10), "limit": 10**9}
            facts |= {"start": int(STARTED.timestamp()) * 10**6, "cycle": 30 * 86400 * 10**6}
            for statement in SETTLE:
                connection.execute(text(statement), facts)
        yield measured


SETTLE = (
    "INSERT INTO account (public_id, name, currency, time_zone, created_at, audit_length,"
    " audit_head) SELECT 'bench' || i, 'Customer ' || i, 'USD', 'UTC', :start, 0,"
    " repeat('0', 64) FROM generate_series(1, :n) i",
    "INSERT INTO billing_details (account_id, company, address, country, tax_id, po_number,"
    " invoice_emails) SELECT id, name, '[]', 'US', '', '', '[]' FROM account",
    "INSERT INTO client_status (public_id, account_id, built_in, name, name_key, position)"
    " SELECT 'status' || id || k, id, k, k, k, 0 FROM account,"
    " unnest(ARRAY['client', 'suspended']) k WHERE :n < 100",
    "INSERT INTO user_ (public_id, email, name, password_hash, created_at, is_example)"
    " SELECT 'bench' || id, 'admin-' || id || '@example.com', 'Admin ' || id, '', :start, false"
    " FROM account WHERE id <= :over",
    "INSERT INTO membership (public_id, account_id, user_id, role, joined_at)"
    " SELECT 'bench' || a.id, a.id, u.id, 'admin', :start FROM account a"
    " JOIN user_ u ON u.public_id = a.public_id",
    "INSERT INTO subscription (account_id, status, price_id, cycle_start_at, cycle_end_at,"
    " started_at) SELECT a.id, 'active', (SELECT p.id FROM price p JOIN tier t ON t.id = p.tier_id"
    " WHERE p.currency = 'USD' AND p.interval = 'monthly' AND t.seats = 5 LIMIT 1), :start,"
    " :start + :cycle, :start FROM account a",
    "INSERT INTO usage (account_id, metric, used, limit_value) SELECT id, m, CASE WHEN"
    " m = 'seats' AND id <= :over THEN 6 ELSE 1 END, CASE WHEN m = 'seats' THEN 5 ELSE :limit END"
    " FROM account, unnest(ARRAY['seats', 'clients', 'storage']) m",
    "INSERT INTO usage_day (account_id, metric, day, used, limit_value) SELECT account_id, metric,"
    " DATE '2026-01-01', used, limit_value FROM usage WHERE account_id <= :over OR :n < 100",
    *(f"ANALYZE {table}" for table in ("account", "usage", "subscription", "episode")),
)


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        _check()
    else:
        for row in measure():
            print(row, flush=True)

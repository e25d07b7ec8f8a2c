"""The account that is measured, and a browser of its Admin."""

import http.client
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from sqlalchemy import text

from portal import create_app, passwords
from portal.audit import SYSTEM
from portal.billing import accounts, overages, payments, people, plan_changes
from portal.billing.rules.counting import Metric
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.clock import wall_now
from portal.collecting.collection import carry_change
from portal.config import Settings
from portal.extensions import db
from portal.models import Client, ClientStatus, Price, Tier
from portal.transaction import transaction

PASSWORD = "measuring with care 1"
# One person may hold 25 streams of a process.
ADMINS = 8
CLIENTS = 20_000
QUOTE = re.compile(r'href="/account/change-plan/(\d+)"')
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass
class Visitor:
    """A signed-in browser that keeps its connection open, as browsers do."""

    connection: http.client.HTTPConnection
    cookie: str = ""

    def get(self, path: str) -> bytes:
        return self.ask("GET", path)

    def post(self, path: str, **fields: str) -> bytes:
        return self.ask("POST", path, urlencode(fields))

    def ask(self, method: str, path: str, body: str | None = None) -> bytes:
        headers = {"Cookie": self.cookie}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self._answer(method, path, body, headers)
        page = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        for value in answer.headers.get_all("Set-Cookie") or []:
            if value.startswith("portal="):
                self.cookie = value.split(";")[0]
        return page

    def _answer(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        """Sent again where the server had closed the idle connection meanwhile."""
        try:
            self.connection.request(method, path, body, headers)
            return self.connection.getresponse()
        except http.client.RemoteDisconnected:
            self.connection.close()
            self.connection.request(method, path, body, headers)
            return self.connection.getresponse()

    def token(self, path: str) -> str:
        found = TOKEN.search(self.get(path).decode())
        if found is None:
            raise RuntimeError(f"no form at {path}")
        return found[1]


def email(number: int) -> str:
    return f"admin-{number}@example.com"


def signed_in(url: str, number: int = 0) -> Visitor:
    """One of the Admins, come in by the sign-in page."""
    parts = urlsplit(url)
    visitor = Visitor(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30))
    token = visitor.token("/login")
    visitor.post("/login", email=email(number), password=PASSWORD, csrf_token=token)
    return visitor


def another_plan(visitor: Visitor) -> str:
    """The id of the price of the plan above the account's, the last that is on offer."""
    found = QUOTE.findall(visitor.get("/account/change-plan").decode())
    if not found:
        raise RuntimeError("no plan is on offer")
    return str(found[-1])


def settle(environ: dict[str, str]) -> int:
    """An account with 20,000 clients and its Admins, on a plan that holds them and has one above
    it; returns its id."""
    app = create_app(Settings.from_env(environ))
    with app.app_context():
        account_id = _open_account()
        _fill(account_id)
        db.session.remove()
        _tidy()
        db.engine.dispose()
    return account_id


def _open_account() -> int:
    now = wall_now()
    with transaction() as session:
        account = accounts.open_account(
            session, name="Measured", country="US", currency="USD", time_zone="UTC", now=now,
            actor=SYSTEM,
        )  # fmt: skip
        payments.set_method(
            session, account, gateway="sandbox", reference="card_pays", label="Test card", now=now
        )
        for number in range(ADMINS):
            user = people.add_user(
                session,
                email=email(number),
                name=f"Admin {number}",
                password_hash=passwords.hash_of(PASSWORD),
                now=now,
            )
            people.add_member(session, account, user, Role.ADMIN, now=now, actor=SYSTEM)
        for tier in session.query(Tier):
            tier.clients = 2 * CLIENTS
        price = session.query(Price).filter(
            Price.currency == "USD", Price.interval == Interval.MONTHLY
        ).order_by(Price.amount_minor.desc()).offset(1).first()  # fmt: skip
        change = plan_changes.subscribe(
            session, account, price, op_id="bench", now=now, actor=SYSTEM
        )
        account_id, change_id = account.id, change.id
    carry_change(change_id)
    return account_id


def _tidy() -> None:
    """What PostgreSQL does by itself within a minute or two of so much new."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _fill(account_id: int) -> None:
    now = wall_now()
    with transaction() as session:
        account = accounts.lock(session, account_id)
        status = session.query(ClientStatus).filter_by(account_id=account_id, built_in="client")
        status_id = status.one().id
        session.execute(
            Client.__table__.insert(),
            [
                {
                    "account_id": account_id,
                    "public_id": f"{number:032x}",
                    "name": f"Client {number:05d}",
                    "email": f"client-{number}@example.com",
                    "phone": "",
                    "note": "",
                    "sort_key": f"client {number:05d}",
                    "search_text": f"client {number:05d} client-{number}@example.com",
                    "status_id": status_id,
                    "created_at": now,
                    "updated_at": now,
                }
                for number in range(CLIENTS)
            ],
        )
        overages.count_changed(session, account, Metric.CLIENTS, CLIENTS, now=now, actor=SYSTEM)

"""Signing a browser in and out: the row that vouches for it, and the cookie that names the row.

The cookie holds a random id that exists nowhere else; the row holds its hash, and once the row
has ended the cookie is worth nothing, wherever it was copied to. The id is new at every sign-in
and every switch of account. Instants are wall time: moving the sandbox clock signs nobody out.
"""

from dataclasses import dataclass
from functools import partial

from flask import Response, after_this_request, request
from flask_login import current_user, login_user, logout_user
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import clock, events, passwords, tokens
from portal.billing import people
from portal.extensions import db
from portal.models import SignIn, User
from portal.transaction import after_commit, transaction
from portal.web import attempts, languages
from portal.web.principals import Identity, SignedIn

AGENT_LENGTH = 200
IP_LENGTH = 45


class NoLongerProven(Exception):
    """What lets somebody in was taken back while they were being let in: their password was set
    anew, or this browser was signed out."""


@dataclass(frozen=True)
class ByPassword:
    """Somebody whose password fitted `password_hash`, which takes a while to find out."""

    user: User
    password_hash: str

    def holds(self, db_session: Session) -> None:
        """Raise NoLongerProven where another password was set meanwhile; none is set from here on
        until the transaction ends."""
        db_session.refresh(self.user, with_for_update=True)
        if self.user.password_hash != self.password_hash:
            raise NoLongerProven


@dataclass(frozen=True)
class ByBrowser:
    """Somebody as whom this browser is signed in."""

    user: User

    def holds(self, db_session: Session) -> None:
        """Raise NoLongerProven where it was signed out meanwhile, as at a new password."""
        db_session.refresh(self.user, with_for_update=True)
        ended_at = select(SignIn.ended_at).where(SignIn.id == current_user.sign_in_id)
        if db_session.scalars(ended_at).one() is not None:
            raise NoLongerProven


Proof = ByPassword | ByBrowser


def proven(email: str | None, password: str | None) -> ByPassword | None:
    """The person with that email, if the password is theirs; as slow where there is nobody.

    A hash made with former parameters is made anew on the way. Raises NoLongerProven.
    """
    user = people.find_by_email(db.session(), email or "")
    proof = ByPassword(user, user.password_hash) if user else None
    is_right = passwords.verify(proof.password_hash if proof else None, password or "")
    if proof is None or not is_right:
        return None
    if passwords.is_outdated(proof.password_hash):
        fresh = passwords.hash_of(password or "")
        with transaction() as db_session:
            proof.holds(db_session)
            proof.user.password_hash = fresh
        return ByPassword(proof.user, fresh)
    return proof


def enter(proof: Proof, account_id: int | None) -> None:
    """Sign this browser in as the person, in an account or (None) before choosing one. Raises
    NoLongerProven."""
    with transaction() as db_session:
        proof.holds(db_session)
        signed_in = begin(db_session, proof.user, account_id)
    remember(signed_in)


def begin(db_session: Session, user: User, account_id: int | None) -> SignedIn:
    """Write that this browser is signed in, ending what it was signed in as.

    Call `remember` with the result once that is committed.
    """
    end(db_session)
    wall = clock.wall_now()
    token = tokens.new()
    row = SignIn(
        token_sha256=tokens.hash_of(token),
        user=user,
        account_id=account_id,
        created_at=wall,
        last_seen_at=wall,
        ip=(request.remote_addr or "")[:IP_LENGTH],
        agent=request.user_agent.string[:AGENT_LENGTH],
    )
    db_session.add(row)
    db_session.flush()
    return SignedIn(token, Identity(user.id, user.name, user.email), row.id)


def remember(signed_in: SignedIn) -> None:
    """Give the browser its new id; whatever its session held before but its language is dropped."""
    languages.empty_session()
    login_user(signed_in)
    email = signed_in.user.email
    after_this_request(lambda response: attempts.recognise(response, email))


def end(db_session: Session) -> None:
    """Write that this browser is signed out, if it was in."""
    if current_user.is_authenticated:
        row = db_session.get_one(SignIn, current_user.sign_in_id)
        row.ended_at = clock.wall_now()
        _end_streams(db_session, row.account_id, row.user_id)


def forget() -> None:
    """Take the id from the browser, and everything else its session held but its language."""
    logout_user()
    languages.empty_session()


def clear_site(response: Response) -> Response:
    """Have the browser drop what it kept of the pages, so that Back shows none of them."""
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def end_all(db_session: Session, user_id: int) -> None:
    """End every sign-in of a person, this browser's included."""
    running = select(SignIn.account_id).where(SignIn.user_id == user_id, SignIn.ended_at.is_(None))
    for account_id in db_session.scalars(running.distinct()).all():
        _end_streams(db_session, account_id, user_id)
    db_session.execute(
        update(SignIn)
        .where(SignIn.user_id == user_id, SignIn.ended_at.is_(None))
        .values(ended_at=clock.wall_now())
    )


def _end_streams(db_session: Session, account_id: int | None, user_id: int) -> None:
    """Have the person's open pages ask to be let in again: a stream is let in when it begins."""
    if account_id is not None:
        publish = partial(events.publish, account_id, "people", user_id=user_id)
        after_commit(db_session, publish)

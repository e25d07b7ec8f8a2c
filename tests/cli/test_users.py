"""`flask users add`: a way in that needs no page."""

from collections.abc import Callable

from click.testing import Result

from portal import passwords
from portal.billing import people, usage
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import AuditEntry
from tests.cast import Cast

Run = Callable[..., Result]
PASSWORD = "plum harvest in october"


def test_a_new_person_with_a_password_of_their_own(run: Run, cast: Cast) -> None:
    result = _add(run, "Dora@Example.com", "--name", "Dora", role="admin")

    assert result.exit_code == 0, result.output
    assert "Dora (dora@example.com) is Admin of Acme.\n" in result.output
    assert PASSWORD not in result.output
    user = people.find_by_email(db.session(), "dora@example.com")
    assert user is not None
    assert passwords.verify(user.password_hash, PASSWORD)
    assert usage.of(db.session(), cast.acme.id)[Metric.SEATS].used == 3
    entry = db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert entry is not None
    assert (entry.action, entry.actor["kind"]) == ("user.added", "operator")


def test_somebody_known_keeps_their_name_and_password(run: Run, cast: Cast) -> None:
    result = run(
        "users", "add", cast.mallory.email, "--account", cast.acme.public_id, "--role", "billing"
    )

    assert result.exit_code == 0, result.output
    assert f"Mallory ({cast.mallory.email}) is Billing contact of Acme.\n" in result.output
    membership = people.membership_in(db.session(), cast.acme.id, cast.mallory.id)
    assert membership is not None
    assert membership.role is Role.BILLING
    assert usage.of(db.session(), cast.acme.id)[Metric.SEATS].used == 2


def test_nobody_is_in_an_account_twice(run: Run, cast: Cast) -> None:
    result = run("users", "add", cast.bob.email, "--account", "Acme", "--role", "admin")

    assert result.exit_code == 1
    assert f"{cast.bob.email} is a user of Acme already." in result.output


def test_a_new_person_needs_a_name(run: Run, cast: Cast) -> None:
    result = _add(run, "dora@example.com")

    assert result.exit_code == 2
    assert "This person is new here: give their --name." in result.output


def test_a_weak_password_is_refused_and_nobody_is_made(run: Run, cast: Cast) -> None:
    result = _add(run, "dora@example.com", "--name", "Dora", password="short")

    assert result.exit_code == 1
    assert "Use at least 12 characters" in result.output
    assert people.find_by_email(db.session(), "dora@example.com") is None


def test_what_is_no_email_is_refused(run: Run, cast: Cast) -> None:
    result = _add(run, "dora", "--name", "Dora")

    assert result.exit_code == 2
    assert "EMAIL" in result.output


def test_an_account_that_is_not_there(run: Run, cast: Cast) -> None:
    result = run("users", "add", "dora@example.com", "--account", "Nobody", "--role", "admin")

    assert result.exit_code == 1
    assert "There is no account “Nobody”" in result.output


def _add(
    run: Run, email: str, *more: str, role: str = "member", password: str = PASSWORD
) -> Result:
    typed = f"{password}\n{password}\n"
    return run("users", "add", email, "--account", "Acme", "--role", role, *more, typed=typed)

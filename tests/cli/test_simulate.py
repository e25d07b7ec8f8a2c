"""`flask simulate`: the story as an operator reads it, as JSON, and what is refused."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from tests.cast import Cast

Run = Callable[..., Result]


def test_time_simulate_as_a_story(run: Run, cast: Cast) -> None:
    """Nine people more are eleven of ten: three emails, and $96.67 on 7 March."""
    cast.let_pass(minutes=1)

    told = run("simulate", "Acme", "--to", "2026-03-08", "--users", "+9")

    assert told.exit_code == 0, told.output
    text = told.output
    parts = (
        "Acme, 1 Mar 2026, 09:01:00 UTC to 8 Mar 2026, 00:00:00 UTC",
        "What if: 9 seats more.",
        "Before: Standard, 10 users, paid until 31 Mar 2026, 09:00:00 UTC; 2 of 10 seats;"
        " 0 of 600 clients; 0 bytes of 10 GB of documents",
        "2 Mar 2026, 06:00:01 UTC",
        "Over the limit of 10 seats. 11 seats in use.",
        f"Email to {cast.alice.email}: ",
        "| ",
        "$96.67",
        "6 Mar 2026, 06:00:01 UTC",
        "7 Mar 2026, 07:00:00 UTC",
        "Unused time on Standard, 10 users",
        "−$83.33",
        "Due",
        "$96.67",
        "In the end: Standard, 20 users",
        "11 of 20 seats",
    )
    position = 0
    for part in parts:
        position = text.find(part, position)
        assert position >= 0, f"{part!r} is missing in\n{text}"


def test_time_simulate_as_json(run: Run, cast: Cast) -> None:
    arguments = ("--to", "2026-04-01T00:00", "--clients", "-0", "--card", "declines", "--json")

    facts = json.loads(run("simulate", "Acme", *arguments).output)

    assert facts["account"] == "Acme"
    assert facts["currency"] == "USD"
    assert facts["if"] == {"users": 0, "clients": 0, "plan": None, "card": "declines"}
    invoice = next(each for each in facts["happenings"] if each["what"] == "invoice.issued")
    assert invoice["at"] == "2026-03-31T09:00:00+00:00"
    assert invoice["amount_minor"] == 10000
    assert invoice["invoice"]["due_minor"] == 10000
    assert [line["amount_minor"] for line in invoice["invoice"]["lines"]] == [10000]
    email = next(each for each in facts["happenings"] if each["what"] == "email")
    assert email["name"] == "payment_failed"
    assert "$100.00" in email["text"]
    assert facts["after"]["owed_minor"] == 10000
    assert facts["after"]["usage"][0] == {"metric": "seats", "used": 2, "limit": 10}


def test_nothing_happens(run: Run, cast: Cast) -> None:
    told = run("simulate", cast.acme.public_id, "--to", "2026-03-02")
    assert "Nothing happens." in told.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Nobody", "--to", "2026-03-08"), "There is no account “Nobody”"),
        (("Acme", "--to", "2026-02-08"), "This is over already"),
        (("Acme", "--to", "2027-04-08"), "at most 400 days"),
        (("Acme", "--to", "soon"), "is no date"),
        (("Acme", "--to", "2026-03-08", "--users", "-3"), "There are only 2 seats"),
        (("Acme", "--to", "2026-03-08", "--users", "many"), "not a valid integer"),
        (("Acme", "--to", "2026-03-08", "--plan", "gold"), "standard/10-users/monthly"),
        (("Acme", "--to", "2026-03-08", "--card", "gold"), "declines-later"),
    ],
)
def test_what_is_refused(run: Run, cast: Cast, arguments: tuple[str, ...], words: str) -> None:
    refused = run("simulate", *arguments)
    assert refused.exit_code != 0
    assert words in refused.output

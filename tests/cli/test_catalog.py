"""`flask catalog`: applying a file, or being told line by line why not."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from sqlalchemy import func, select

from portal.extensions import db
from portal.models import CatalogRevision, Price
from tests.cast import Cast

Run = Callable[..., Result]
EXAMPLE = Path(__file__).parents[2] / "catalog" / "example.toml"


def test_the_same_file_again_changes_nothing(run: Run) -> None:
    result = run("catalog", "apply", str(EXAMPLE))

    assert result.exit_code == 0, result.output
    assert result.output == "The catalog is as the file says already: nothing changed.\n"


def test_what_changed_is_told(run: Run, tmp_path: Path, cast: Cast) -> None:
    file = _edited(tmp_path, 'monthly = { USD = "50.00"', 'monthly = { USD = "55.00"')

    result = run("catalog", "apply", str(file))

    assert result.exit_code == 0, result.output
    assert result.output == (
        "Prices\n"
        "  Standard, 5 users, every 30 days: $50.00 → $55.00, version 2; 1 account keeps $50.00\n"
        "1 change applied.\n"
    )
    assert cast.price("standard", "5-users").amount_minor == 5500


def test_mistakes_are_told_by_line_and_nothing_is_applied(run: Run, tmp_path: Path) -> None:
    file = _edited(tmp_path, 'monthly = { USD = "50.00"', 'monthly = { USD = "50.001"')
    file.write_text(file.read_text().replace("clients = 600", "clients = -1", 1))
    before = _state()

    for command in ("plan", "apply"):
        result = run("catalog", command, str(file))

        assert result.exit_code == 1
        assert f"{file}: line {_line(file, '50.001')}: " in result.output
        assert "“50.001” is not exact in USD" in result.output
        assert f"{file}: line {_line(file, 'clients = -1')}: " in result.output
        assert result.output.endswith("Error: Nothing was applied.\n")
        assert _state() == before


def test_a_plan_of_the_same_file_has_nothing_to_tell(run: Run) -> None:
    result = run("catalog", "plan", str(EXAMPLE))
    assert result.exit_code == 0, result.output
    assert result.output == "The catalog is as the file says already: nothing changed.\n"
    facts = json.loads(run("catalog", "plan", str(EXAMPLE), "--json").output)
    assert facts == {"changes": [], "over_a_limit": []}


def test_a_plan_tells_by_heading_what_would_change_and_for_whom(
    run: Run, tmp_path: Path, cast: Cast
) -> None:
    """Seats of 5 users become 2: Mallory's account has 1, another 3, which leads to 10 users."""
    cast.members(cast.account("Three", "standard", "5-users"), 3)
    file = tmp_path / "catalog.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    for before, after in EDITS:
        assert before in text
        text = text.replace(before, after, 1)
    file.write_text(text, encoding="utf-8")
    before = _state()

    planned = run("catalog", "plan", str(file))

    assert planned.exit_code == 0, planned.output
    assert planned.output == f"{TOLD}8 changes to apply. Nothing was changed.\n"
    assert _state() == before
    applied = run("catalog", "apply", str(file))
    assert applied.output == f"{TOLD}8 changes applied.\n"
    assert run("catalog", "plan", str(file)).output.endswith("nothing changed.\n")


EDITS = [
    ('name = "Example Software Ltd"', 'name = "Example Software Inc"'),
    ('name = "5 users"\nseats = 5', 'name = "5 users"\nseats = 2'),
    ('monthly = { USD = "50.00"', 'monthly = { USD = "55.00"'),
    ('key = "80-users"', 'key = "80-users"\nhidden = true'),
    ('key = "storage-5"', 'key = "storage-5"\nhidden = true'),
    ('rate = "8.1"', 'rate = "8.5"'),
    ('key = "pro"', 'key = "pro"\nhidden = true'),
    ("[policy]\nseats", '[[tax]]\ncountry = "US"\nname = "Sales tax"\nrate = "5.25"\n'
     "reverse_charge = false\n\n[policy]\nseats"),
]  # fmt: skip
TOLD = """\
Changed
  The vendor: name “Example Software Inc”, was “Example Software Ltd”
  Standard, 5 users: 2 seats, was 5 seats; holds at once for 2 accounts
Prices
  Standard, 5 users, every 30 days: $50.00 → $55.00, version 2; 2 accounts keep $50.00
Hidden from new purchases
  Standard, 80 users
  Standard, add-on 5 GB
  Pro
Tax
  US: Sales tax 5.25 %
  CH: rate 8.5 %, was 8.1 %
Over a limit then
  Standard, 5 users, seats: 1 account; 1 leads to an upgrade
    Three: 3 seats, 2 allowed, were 5; moves to Standard, 10 users
"""


def test_a_plan_as_json(run: Run, tmp_path: Path, cast: Cast) -> None:
    file = _edited(tmp_path, 'monthly = { USD = "50.00"', 'monthly = { USD = "55.00"')
    facts = json.loads(run("catalog", "plan", str(file), "--json").output)
    assert facts == {
        "changes": [
            {
                "heading": "Prices",
                "text": "Standard, 5 users, every 30 days: $50.00 → $55.00, version 2",
                "kind": "tier",
                "keys": ["standard", "5-users"],
                "interval": "monthly",
                "currency": "USD",
                "before_minor": 5000,
                "after_minor": 5500,
                "version": 2,
                "touched": [{"accounts": 1, "price_minor": 5000}],
            }
        ],
        "over_a_limit": [],
    }


def test_a_plan_as_json_names_who_is_over(run: Run, tmp_path: Path, cast: Cast) -> None:
    account = cast.account("Three", "standard", "5-users")
    cast.members(account, 3)
    file = _edited(tmp_path, "seats = 5\n", "seats = 2\n")
    facts = json.loads(run("catalog", "plan", str(file), "--json").output)
    assert facts["changes"][0]["before"] == 5
    assert facts["over_a_limit"] == [
        {
            "plan": "Standard, 5 users",
            "metric": "seats",
            "accounts": 1,
            "over_before": 0,
            "automatic_upgrades": 1,
            "of": [
                {
                    "account": "Three",
                    "id": account.public_id,
                    "used": 3,
                    "limit": 2,
                    "limit_before": 5,
                    "over_before": False,
                    "moves_to": "Standard, 10 users",
                }
            ],
        }
    ]


def test_of_many_accounts_over_a_limit_some_are_named(run: Run, tmp_path: Path, cast: Cast) -> None:
    for number in range(12):
        cast.members(cast.account(f"Two {number:02}", "standard", "5-users"), 2)
    file = _edited(tmp_path, "seats = 5\n", "seats = 1\n")
    output = run("catalog", "plan", str(file)).output
    assert "  Standard, 5 users, seats: 12 accounts; 12 lead to an upgrade\n" in output
    assert "    Two 09: 2 seats, 1 allowed, were 5; moves to Standard, 10 users\n" in output
    assert "Two 10" not in output
    assert "    and 2 more\n" in output


def test_catalog_better_value_is_explained_before_and_at_applying(
    run: Run, tmp_path: Path, cast: Cast
) -> None:
    """Seats for $1.00: 5 × $1.00 + 3 × $12.00 + 1 × $5.00 = $46.00 for a step of $50.00."""
    file = _edited(tmp_path, 'monthly = { USD = "10.00"', 'monthly = { USD = "1.00"')
    before = _state()
    for command in ("plan", "apply"):
        result = run("catalog", command, str(file))
        assert result.exit_code == 1
        line = _line(file, 'key = "10-users"') - 1
        assert (
            f"{file}: line {line}: family “standard”, tier “10-users”: catalog.better-value: from"
            " Standard, 5 users to Standard, 10 users (monthly, USD) costs $50.00 more, but the"
            " same as add-ons (5 × “1 seat”, 3 × “100 clients” and 1 × “5 GB”) only $46.00: the"
            " step is $4.00 too dear, or the add-ons too cheap.\n"
            "    The step: $100.00 − $50.00 = $50.00.\n"
            "    5 seats more: 5 × “1 seat” at $1.00 = $5.00.\n"
            "    300 clients more: 3 × “100 clients” at $12.00 = $36.00.\n"
            "    5 GB more: 1 × “5 GB” at $5.00 = $5.00.\n"
            "    The add-ons: $5.00 + $36.00 + $5.00 = $46.00.\n"
            "    Too dear by $50.00 − $46.00 = $4.00.\n"
        ) in result.output
        assert _state() == before


def test_mistakes_as_json(run: Run, tmp_path: Path) -> None:
    file = _edited(tmp_path, 'monthly = { USD = "50.00"', 'monthly = { USD = "50.001"')
    result = run("catalog", "plan", str(file), "--json")
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["line"] == _line(file, "50.001")
    assert problem["where"] == "family “standard”, tier “5-users”, monthly, USD"
    assert problem["explanation"] == []


def test_what_is_new_is_told_with_its_prices(run: Run, tmp_path: Path) -> None:
    new = """[[family.add_on]]
key = "seats-4"
name = "4 seats"
seats = 4
monthly = { USD = "40.00", EUR = "36.00" }
yearly = { USD = "384.00", EUR = "345.60" }

"""
    file = _edited(tmp_path, "[[family.add_on]]", f"{new}[[family.add_on]]")
    assert run("catalog", "apply", str(file)).output == (
        "New\n"
        "  Standard, add-on 4 seats: 4 seats more; $40.00 and €36.00 every 30 days; $384.00 and"
        " €345.60 every 365 days\n"
        "1 change applied.\n"
    )
    assert "  + 4 seats      +4  " in run("catalog", "show").output


def test_a_file_that_is_no_text(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "catalog.toml"
    file.write_bytes(b"# fine\n\xff\xfe")

    result = run("catalog", "apply", str(file))

    assert result.exit_code == 1
    assert "line 2 is not UTF-8 text. Nothing was applied." in result.output


def test_a_file_that_is_not_there(run: Run) -> None:
    assert run("catalog", "apply", "nowhere.toml").exit_code == 2


def test_what_is_on_sale(run: Run) -> None:
    output = run("catalog", "show").output

    assert "Vendor        Example Software Ltd\n" in output
    smallest = next(line for line in output.splitlines() if line.startswith("  5 users"))
    assert smallest.split()[2:] == ["5", "300", "5", "GB", "€46.00", "€441.60", "$50.00", "$480.00"]
    assert "  + 100 clients         +100  " in output


def test_what_is_on_sale_as_json(run: Run) -> None:
    facts = json.loads(run("catalog", "show", "--json").output)

    standard = facts["families"][0]
    assert standard["plans"][0]["limits"] == {
        "seats": 5, "clients": 300, "storage": 5_000_000_000
    }  # fmt: skip
    prices = standard["plans"][0]["prices"]
    assert {(price["currency"], price["interval"]): price["amount_minor"] for price in prices} == {
        ("EUR", "monthly"): 4600,
        ("EUR", "yearly"): 44160,
        ("USD", "monthly"): 5000,
        ("USD", "yearly"): 48000,
    }


def test_the_taxes_are_shown(run: Run) -> None:
    output = run("catalog", "show").output
    assert "  CH       VAT    8.1 %  no\n" in output
    assert "  FI       VAT   25.5 %  yes\n" in output
    rates = json.loads(run("catalog", "show", "--json").output)["tax_rates"]
    assert rates[0] == {
        "country": "AT", "name": "VAT", "basis_points": 2000, "reverse_charge": True
    }  # fmt: skip


def _line(file: Path, start: str) -> int:
    """The line, from 1, of the first that has this in it."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if start in line)


def _edited(folder: Path, before: str, after: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert before in text
    file = folder / "catalog.toml"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    return file


def _state() -> tuple[int, int]:
    db.session.rollback()
    prices = db.session.scalar(select(func.count(Price.id)))
    revisions = db.session.scalar(select(func.count(CatalogRevision.id)))
    return prices or 0, revisions or 0

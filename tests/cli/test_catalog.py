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

    result = run("catalog", "apply", str(file))

    assert result.exit_code == 1
    assert f"{file}: line 62: " in result.output
    assert "“50.001” is not exact in USD" in result.output
    assert f"{file}: line 69: " in result.output
    assert result.output.endswith("Error: Nothing was applied.\n")
    assert _state() == before


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

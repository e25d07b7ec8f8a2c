"""Bank transfer: what the customer is told to write on it, and by when."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from stdnum import iso11649

from portal.billing.gateways.manual import (
    TransferTerms,
    transfer_reference,
    transfer_terms,
    written_reference,
)
from portal.config import ConfigError, Settings

KEYS = [f"payment-{number:032x}" for number in range(2000)]


def test_a_transfer_has_a_creditor_reference_of_its_own() -> None:
    """ISO 11649: banks check its digits."""
    references = [transfer_reference(key) for key in KEYS]
    assert references[0] == "RF86 7342 2827 7036"
    assert all(iso11649.is_valid(reference) for reference in references)
    assert len(set(references)) == len(KEYS)
    assert [transfer_reference(key) for key in KEYS] == references


@pytest.mark.parametrize(
    "typed", ["RF86734228277036", "rf86 7342 2827 7036", " RF86-7342-2827-7036 "]
)
def test_it_is_known_however_it_is_typed(typed: str) -> None:
    assert written_reference(typed) == transfer_reference(KEYS[0])


def test_a_slip_of_the_pen_is_noticed() -> None:
    assert not iso11649.is_valid("RF86 7342 2827 7063")


def test_it_is_due_after_the_days_the_vendor_gives() -> None:
    settings = Settings(transfer_days=30, bank_details="Example Bank\nIBAN …")
    asked_at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert transfer_terms(KEYS[0], asked_at=asked_at, settings=settings) == TransferTerms(
        reference=transfer_reference(KEYS[0]),
        due_at=datetime(2026, 3, 31, 9, tzinfo=UTC),
        bank_details="Example Bank\nIBAN …",
    )


def test_bank_details_may_have_many_lines_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "bank").write_text("Example Bank\nIBAN DE02 1203 0000 0000 2020 51\n")
    environment = {"PORTAL_BANK_DETAILS_FILE": str(tmp_path / "bank"), "PORTAL_TRANSFER_DAYS": "7"}
    settings = Settings.from_env(environment)
    assert settings.bank_details == "Example Bank\nIBAN DE02 1203 0000 0000 2020 51"
    assert settings.transfer_days == 7


def test_days_have_a_bound() -> None:
    with pytest.raises(ConfigError, match="PORTAL_TRANSFER_DAYS must be 365 at most"):
        Settings.from_env({"PORTAL_TRANSFER_DAYS": "9999999999"})

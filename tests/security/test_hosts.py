"""In production the portal answers to its own name, and to this machine's."""

from dataclasses import replace

import pytest

from portal import create_app
from portal.config import Mode, Settings
from tests.cast import START, FixedClock


@pytest.mark.parametrize(
    ("host", "status"),
    [("billing.example.com", 200), ("127.0.0.1:8000", 200), ("evil.example", 400)],
)
def test_only_known_names_are_answered(settings: Settings, host: str, status: int) -> None:
    production = replace(
        settings,
        mode=Mode.PRODUCTION,
        gateway="manual",
        base_url="https://billing.example.com",
        secret_key="k" * 64,
    )
    page = (
        create_app(production, FixedClock(START))
        .test_client()
        .get("/healthz", headers={"Host": host})
    )
    assert page.status_code == status

"""Settings are read once, from variables or files; all that is wrong is told at once."""

from pathlib import Path

import pytest

from portal.config import ConfigError, Mode, Settings

FIT = {
    "PORTAL_MODE": "production",
    "SECRET_KEY": "x" * 64,
    "PORTAL_GATEWAY": "manual",
    "PORTAL_BANK_DETAILS": "Example Bank, IBAN DE02 1203 0000 0000 2020 51",
    "MAIL_SERVER": "mail.example.com",
    "BASE_URL": "https://billing.example.com",
}


def test_the_defaults_are_a_sandbox_in_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env({})

    assert (settings.mode, settings.gateway) == (Mode.SANDBOX, "sandbox")
    assert settings.database_url == f"sqlite:///{tmp_path / 'var' / 'portal.sqlite3'}"
    assert settings.redis_url is None


def test_production_starts_when_nothing_of_the_sandbox_is_left() -> None:
    assert Settings.from_env(FIT).mode is Mode.PRODUCTION


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": Settings.secret_key}, "SECRET_KEY"),
        ({"PORTAL_GATEWAY": "sandbox"}, "PORTAL_GATEWAY"),
        ({"MAIL_SERVER": ""}, "MAIL_SERVER"),
        ({"BASE_URL": "http://billing.example.com"}, "BASE_URL"),
    ],
)
def test_production_refuses_what_is_left_of_the_sandbox(
    without: dict[str, str], named: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_env(FIT | {"PORTAL_DATA": str(tmp_path)} | without)
    (problem,) = refused.value.problems
    assert problem.startswith(named)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_env({"PORTAL_MODE": "live", "MAIL_PORT": "smtp", "BASE_URL": "billing"})
    assert len(refused.value.problems) == 3


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    assert Settings.from_env({"SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == "from a file"


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="can't read /nowhere/key"):
        Settings.from_env({"SECRET_KEY_FILE": "/nowhere/key"})


def test_commands_find_the_redis_and_the_key_of_the_portal_that_runs(tmp_path: Path) -> None:
    (tmp_path / "redis.sock").touch()
    (tmp_path / "secret_key").write_text("its own")
    settings = Settings.from_env({"PORTAL_DATA": str(tmp_path)})

    assert settings.redis_url == f"unix://{tmp_path / 'redis.sock'}"
    assert settings.secret_key == "its own"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_plain_postgresql_address_means_the_driver_that_comes_along(scheme: str) -> None:
    settings = Settings.from_env({"DATABASE_URL": f"{scheme}://me@db/portal"})
    assert settings.database_url == "postgresql+psycopg://me@db/portal"


STRIPE = {
    "PORTAL_GATEWAY": "stripe",
    "PORTAL_STRIPE_SECRET_KEY": "sk_live_0",
    "PORTAL_STRIPE_WEBHOOK_SECRET": "whsec_0",
}


def test_production_starts_with_stripe() -> None:
    settings = Settings.from_env(FIT | STRIPE)
    assert (settings.gateway, settings.stripe.api_base) == ("stripe", "https://api.stripe.com")


@pytest.mark.parametrize(
    ("without", "told"),
    [
        ({"PORTAL_STRIPE_SECRET_KEY": ""}, "PORTAL_STRIPE_SECRET_KEY is not set"),
        ({"PORTAL_STRIPE_SECRET_KEY": "sk_test_0"}, "PORTAL_STRIPE_SECRET_KEY is a test key"),
        ({"PORTAL_STRIPE_WEBHOOK_SECRET": ""}, "PORTAL_STRIPE_WEBHOOK_SECRET is not set"),
        ({"PORTAL_STRIPE_API_BASE": "http://127.0.0.1:1"}, "PORTAL_STRIPE_API_BASE must be"),
        ({"PORTAL_GATEWAY": "manual", "PORTAL_BANK_DETAILS": ""}, "PORTAL_BANK_DETAILS is not"),
    ],
)
def test_production_refuses_a_gateway_that_could_not_collect(
    without: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_env(FIT | STRIPE | without)
    (problem,) = refused.value.problems
    assert problem.startswith(told)


def test_the_sandbox_takes_no_key_that_moves_money() -> None:
    with pytest.raises(ConfigError, match="the sandbox, whose clock can be moved"):
        Settings.from_env(STRIPE)
    assert Settings.from_env(STRIPE | {"PORTAL_STRIPE_SECRET_KEY": "sk_test_0"}).is_sandbox


def test_settings_can_be_printed_without_their_secrets() -> None:
    settings = Settings.from_env(FIT | STRIPE)
    assert "sk_live_0" not in repr(settings)
    assert "whsec_0" not in repr(settings)

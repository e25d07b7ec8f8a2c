"""Every setting of the portal, read once from the environment, typed, and failing loudly.

Any setting NAME can also be given as NAME_FILE, the path of a file that holds it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlsplit

SECRET_BYTES = 32
KNOWN_SECRETS = frozenset({"dev", "secret", "changeme", "sandbox-secret-key-never-for-production"})


class Mode(StrEnum):
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class ConfigError(Exception):
    """Settings that can't be started with; the message names each and says what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class MailSettings:
    """Where emails go. Without a server, in sandbox mode, they stay in the mailbox page."""

    server: str | None = None
    port: int = 587
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    use_tls: bool = True
    sender: str = "billing@localhost"


@dataclass(frozen=True)
class Settings:
    """What the portal runs with. Durations carry their unit in the name."""

    mode: Mode = Mode.SANDBOX
    data: Path = Path("var")
    database_url: str = "sqlite:///var/portal.sqlite3"
    redis_url: str | None = None
    secret_key: str = field(default="sandbox-secret-key-never-for-production", repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(default=(), repr=False)
    base_url: str = "http://127.0.0.1:8000"
    gateway: str = "sandbox"
    mail: MailSettings = field(default_factory=MailSettings)
    session_idle_minutes: int = 120
    session_hours: int = 12
    proxy_hops: int = 0
    streams_per_process: int = 250
    # Up to so many automatic charges a day, of all accounts, are never taken for unusual.
    charges_floor: int = 50
    migrations: Path = Path(__file__).parent.parent / "migrations"

    @property
    def is_sandbox(self) -> bool:
        return self.mode is Mode.SANDBOX

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def documents(self) -> Path:
        """The folder of rendered invoice files."""
        return self.data / "documents"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; raises ConfigError naming every one that is missing or wrong."""
        return _Reader(environ).settings()


class _Reader:
    """Reads variables and collects what is wrong with them, to tell it all at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def settings(self) -> Settings:
        data = Path(self.text("PORTAL_DATA", "var")).absolute()
        settings = Settings(
            mode=self.mode(),
            data=data,
            database_url=_with_driver(
                self.text("DATABASE_URL", f"sqlite:///{data / 'portal.sqlite3'}")
            ),
            redis_url=self.text("REDIS_URL") or _redis_beside(data),
            secret_key=self.text("SECRET_KEY", _secret_beside(data)),
            secret_key_fallbacks=tuple(self.text("SECRET_KEY_FALLBACKS").split()),
            base_url=self.base_url(),
            gateway=self.choice("PORTAL_GATEWAY", "sandbox", ("sandbox", "manual")),
            mail=self.mail(),
            session_idle_minutes=self.number("SESSION_IDLE_MINUTES", Settings.session_idle_minutes),
            session_hours=self.number("SESSION_HOURS", Settings.session_hours),
            proxy_hops=self.number("PROXY_HOPS", 0),
            streams_per_process=self.number("STREAMS_PER_PROCESS", Settings.streams_per_process),
            charges_floor=self.number("CHARGES_FLOOR", Settings.charges_floor),
        )
        if not settings.is_sandbox:
            self.problems += _unfit_for_production(settings)
        if self.problems:
            raise ConfigError(self.problems)
        return settings

    def text(self, name: str, default: str = "") -> str:
        path = self.environ.get(f"{name}_FILE")
        if not path:
            return self.environ.get(name) or default
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            self.problems.append(f"{name}_FILE: can't read {path}: {error.strerror}.")
            return default

    def number(self, name: str, default: int) -> int:
        written = self.text(name, str(default))
        if written.isascii() and written.isdigit():
            return int(written)
        self.problems.append(f"{name} must be a whole number, not {written!r}.")
        return default

    def choice(self, name: str, default: str, known: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in known:
            self.problems.append(f"{name} must be one of {', '.join(known)}, not {value!r}.")
        return value

    def mode(self) -> Mode:
        value = self.choice("PORTAL_MODE", "sandbox", tuple(Mode))
        return Mode(value) if value in tuple(Mode) else Mode.SANDBOX

    def base_url(self) -> str:
        url = self.text("BASE_URL", f"http://127.0.0.1:{self.text('PORT', '8000')}").rstrip("/")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            self.problems.append(f"BASE_URL must be an http or https address, not {url!r}.")
        return url

    def mail(self) -> MailSettings:
        return MailSettings(
            server=self.text("MAIL_SERVER") or None,
            port=self.number("MAIL_PORT", 587),
            username=self.text("MAIL_USERNAME") or None,
            password=self.text("MAIL_PASSWORD") or None,
            use_tls=self.choice("MAIL_USE_TLS", "yes", ("yes", "no")) == "yes",
            sender=self.text("MAIL_SENDER", MailSettings.sender),
        )


def _redis_beside(data: Path) -> str | None:
    """The Redis of the portal that runs in this data folder, for commands given by hand."""
    socket = data / "redis.sock"
    return f"unix://{quote(str(socket))}" if socket.exists() else None


def _secret_beside(data: Path) -> str:
    """The key that this data folder's sandbox made for itself."""
    made = data / "secret_key"
    try:
        return made.read_text(encoding="utf-8").strip()
    except OSError:
        return Settings.secret_key


def _with_driver(url: str) -> str:
    """A plain postgresql:// address means the driver this portal ships with."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _unfit_for_production(settings: Settings) -> list[str]:
    """What of the sandbox's conveniences is still switched on."""
    problems = []
    if settings.secret_key in KNOWN_SECRETS or len(settings.secret_key.encode()) < SECRET_BYTES:
        problems.append(
            "SECRET_KEY is the default or shorter than 32 bytes: set SECRET_KEY or SECRET_KEY_FILE"
            " to random text, for example from: openssl rand -hex 32"
        )
    if settings.gateway == "sandbox":
        problems.append("PORTAL_GATEWAY is the sandbox, which moves no money: choose manual.")
    if settings.mail.server is None:
        problems.append("MAIL_SERVER is not set: without it no warning and no invoice is sent.")
    if not settings.is_https:
        problems.append("BASE_URL must be the portal's https address.")
    return problems

"""Every setting of the portal, read once from the environment, typed, and failing loudly.

Any setting NAME can also be given as NAME_FILE, the path of a file that holds it; under
`make run` except PORT, PORTAL_HOST, PORTAL_DATA, PORTAL_MODE, WEB_CONCURRENCY, WORKER_CONCURRENCY.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlsplit

from portal import document_settings
from portal.document_settings import DocumentSettings

SECRET_BYTES = 32
KNOWN_SECRETS = frozenset({"dev", "secret", "changeme", "sandbox-secret-key-never-for-production"})
STRIPE_API = "https://api.stripe.com"
LONGEST_TRANSFER_DAYS = 365


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
class StripeSettings:
    """How the portal signs in at Stripe, and by what it knows Stripe's news from anybody else's."""

    secret_key: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    api_base: str = STRIPE_API

    @property
    def is_live(self) -> bool:
        """Whether the key moves real money."""
        return "_live_" in self.secret_key


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
    stripe: StripeSettings = field(default_factory=StripeSettings)
    transfer_days: int = 14
    bank_details: str = ""
    mail: MailSettings = field(default_factory=MailSettings)
    client_documents: DocumentSettings = field(default_factory=DocumentSettings)
    session_idle_minutes: int = 120
    session_hours: int = 12
    proxy_hops: int = 0
    streams_per_process: int = 250
    # Up to so many automatic charges a day, of all accounts, are never taken for unusual.
    charges_floor: int = 50
    # The paper of PDFs: "A4", "Letter", or by the customer's country ("auto").
    paper: str = "auto"
    migrations: Path = Path(__file__).parent.parent / "migrations"

    @property
    def is_sandbox(self) -> bool:
        return self.mode is Mode.SANDBOX

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def documents(self) -> Path:
        """The folder of issued documents, where they are on disk."""
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
            gateway=self.choice("PORTAL_GATEWAY", "sandbox", ("sandbox", "manual", "stripe")),
            stripe=self.stripe(),
            transfer_days=self.number("PORTAL_TRANSFER_DAYS", Settings.transfer_days),
            bank_details=self.text("PORTAL_BANK_DETAILS"),
            mail=self.mail(),
            client_documents=self.client_documents(),
            session_idle_minutes=self.number("SESSION_IDLE_MINUTES", Settings.session_idle_minutes),
            session_hours=self.number("SESSION_HOURS", Settings.session_hours),
            proxy_hops=self.number("PROXY_HOPS", 0),
            streams_per_process=self.number("STREAMS_PER_PROCESS", Settings.streams_per_process),
            charges_floor=self.number("CHARGES_FLOOR", Settings.charges_floor),
            paper=self.choice("PORTAL_PAPER", Settings.paper, ("auto", "A4", "Letter")),
        )
        self.problems += _unfit_gateway(settings)
        self.problems += document_settings.unfit(
            settings.client_documents, is_sandbox=settings.is_sandbox
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

    def stripe(self) -> StripeSettings:
        return StripeSettings(
            secret_key=self.text("PORTAL_STRIPE_SECRET_KEY"),
            webhook_secret=self.text("PORTAL_STRIPE_WEBHOOK_SECRET"),
            api_base=self.text("PORTAL_STRIPE_API_BASE", STRIPE_API).rstrip("/"),
        )

    def mail(self) -> MailSettings:
        return MailSettings(
            server=self.text("MAIL_SERVER") or None,
            port=self.number("MAIL_PORT", 587),
            username=self.text("MAIL_USERNAME") or None,
            password=self.text("MAIL_PASSWORD") or None,
            use_tls=self.choice("MAIL_USE_TLS", "yes", ("yes", "no")) == "yes",
            sender=self.text("MAIL_SENDER", MailSettings.sender),
        )

    def client_documents(self) -> DocumentSettings:
        return DocumentSettings(
            store=self.choice("DOCUMENTS_STORE", "disk", document_settings.STORES),
            max_bytes=self.number("DOCUMENT_MAX_BYTES", DocumentSettings.max_bytes),
            reserve_bytes=self.number("DOCUMENTS_RESERVE_BYTES", DocumentSettings.reserve_bytes),
            ceiling=self.number("DOCUMENTS_CEILING", DocumentSettings.ceiling),
            kept_days=self.number("DOCUMENTS_KEPT_DAYS", DocumentSettings.kept_days),
            endpoint=self.text("S3_ENDPOINT").rstrip("/"),
            bucket=self.text("S3_BUCKET"),
            prefix=self.text("S3_PREFIX").strip("/"),
            region=self.text("S3_REGION", DocumentSettings.region),
            access_key=self.text("S3_ACCESS_KEY"),
            secret_key=self.text("S3_SECRET_KEY"),
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


def _unfit_gateway(settings: Settings) -> list[str]:
    """What the chosen gateway lacks, in any mode."""
    problems = []
    if settings.transfer_days > LONGEST_TRANSFER_DAYS:
        problems.append(f"PORTAL_TRANSFER_DAYS must be {LONGEST_TRANSFER_DAYS} at most.")
    if settings.gateway != "stripe":
        return problems
    if not settings.stripe.secret_key:
        problems.append(
            "PORTAL_STRIPE_SECRET_KEY is not set: PORTAL_GATEWAY=stripe needs a key of your Stripe"
            " account."
        )
    if settings.is_sandbox and settings.stripe.is_live:
        problems.append(
            "PORTAL_STRIPE_SECRET_KEY is a live key: the sandbox, whose clock can be moved, takes"
            " test keys only."
        )
    return problems


def _unfit_for_production(settings: Settings) -> list[str]:
    """What of the sandbox's conveniences is still switched on."""
    problems = []
    if settings.secret_key in KNOWN_SECRETS or len(settings.secret_key.encode()) < SECRET_BYTES:
        problems.append(
            "SECRET_KEY is the default or shorter than 32 bytes: set SECRET_KEY or SECRET_KEY_FILE"
            " to random text, for example from: openssl rand -hex 32"
        )
    if settings.gateway == "sandbox":
        problems.append(
            "PORTAL_GATEWAY is the sandbox, which moves no money: choose stripe or manual."
        )
    if settings.gateway == "manual" and not settings.bank_details:
        problems.append(
            "PORTAL_BANK_DETAILS is not set: without it nobody knows where to transfer money to."
        )
    if settings.gateway == "stripe":
        problems += _unfit_stripe(settings.stripe)
    if settings.mail.server is None:
        problems.append("MAIL_SERVER is not set: without it no warning and no invoice is sent.")
    if not settings.is_https:
        problems.append("BASE_URL must be the portal's https address.")
    return problems


def _unfit_stripe(settings: StripeSettings) -> list[str]:
    problems = []
    if settings.secret_key and not settings.is_live:
        problems.append("PORTAL_STRIPE_SECRET_KEY is a test key, which moves no money.")
    if not settings.webhook_secret:
        problems.append(
            "PORTAL_STRIPE_WEBHOOK_SECRET is not set: without it the portal can't know Stripe's"
            " news from anybody else's."
        )
    if settings.api_base != STRIPE_API:
        problems.append(f"PORTAL_STRIPE_API_BASE must be {STRIPE_API}.")
    return problems

"""A self-hosted customer billing portal."""

from urllib.parse import urlsplit

from flask import Flask

from portal import clock, engine, extensions, production, queue
from portal.blueprints import (
    account,
    add_ons,
    auth,
    balance,
    billing_details,
    cancellation,
    change_plan,
    clients,
    credit_notes,
    dev,
    episodes,
    health,
    history,
    invoice_addresses,
    invoice_exports,
    invoice_links,
    invoice_xml,
    invoices,
    issued_files,
    payment_method,
    payments,
    reissuing,
    resending,
    sandbox,
    sandbox_cards,
    seat_consent,
    shared_invoices,
    statements,
    taking_back,
    usage,
    users,
    what_if,
)
from portal.blueprints import (
    gateway_events as gateway_news,
)
from portal.blueprints import (
    languages as language_choice,
)
from portal.blueprints import (
    live as live_pages,
)
from portal.cli import register_commands
from portal.config import Settings
from portal.web import (
    access,
    addresses,
    attempts,
    errors,
    formatting,
    htmx,
    languages,
    page_context,
    security,
)

ACCOUNT = (
    *(account, change_plan, add_ons, seat_consent, taking_back, cancellation),
    *(usage, episodes, history, balance, what_if),
)
BILLING = (
    *(invoices, credit_notes, invoice_exports, invoice_links, invoice_xml, issued_files),
    statements,
    shared_invoices,
    *(billing_details, invoice_addresses, resending, reissuing, payment_method, payments),
)
PAGES = (
    *(auth, *ACCOUNT, *BILLING, clients, users, live_pages, language_choice),
    *(sandbox, sandbox_cards, gateway_news, dev, health),
)


def create_app(settings: Settings | None = None, the_clock: clock.Clock | None = None) -> Flask:
    """Assemble the portal. `settings` default to the environment's; `the_clock` to the mode's."""
    settings = settings or Settings.from_env()
    app = Flask(__name__, instance_path=str(settings.data.absolute()))
    # Tidying an address would answer with a whole one, made of whatever host was asked for.
    app.url_map.merge_slashes = False
    _configure(app, settings)
    app.extensions[clock.EXTENSION] = the_clock or _clock_of(settings)
    redis_url = settings.redis_url
    app.extensions["portal.redis"] = queue.connect(redis_url) if redis_url else None

    # First of what looks at a request: a refusal is told in the reader's language too.
    languages.init_app(app)
    extensions.db.init_app(app)
    extensions.migrate.init_app(app, extensions.db, directory=str(settings.migrations))
    extensions.csrf.init_app(app)
    extensions.login.init_app(app)
    extensions.mail.init_app(app)
    extensions.htmx.init_app(app)
    extensions.limiter.init_app(app)

    security.init_app(app, settings)
    access.init_app(app)
    attempts.init_app(app)
    errors.init_app(app)
    formatting.register(app)
    htmx.register(app)
    page_context.init_app(app)
    addresses.init_app(app)

    for pages in PAGES:
        app.register_blueprint(pages.bp)
    register_commands(app)
    production.check_start(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    mail = settings.mail
    app.config.update(
        PORTAL=settings,
        SECRET_KEY=settings.secret_key,
        SECRET_KEY_FALLBACKS=list(settings.secret_key_fallbacks),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine.options(settings.database_url),
        MAIL_SERVER=mail.server or "localhost",
        MAIL_PORT=mail.port,
        MAIL_USERNAME=mail.username,
        MAIL_PASSWORD=mail.password,
        MAIL_USE_TLS=mail.use_tls,
        MAIL_DEFAULT_SENDER=mail.sender,
        RATELIMIT_STORAGE_URI=_limits_storage(settings),
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_SWALLOW_ERRORS=True,
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_STRATEGY="fixed-window",
        WTF_CSRF_TIME_LIMIT=None,
        MAX_CONTENT_LENGTH=2 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        MAX_FORM_PARTS=1000,
        TRUSTED_HOSTS=_hosts(settings),
        SESSION_COOKIE_NAME="__Host-portal" if settings.is_https else "portal",
        SESSION_COOKIE_SECURE=settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )


def _clock_of(settings: Settings) -> clock.Clock:
    return clock.SandboxClock() if settings.is_sandbox else clock.SystemClock()


def _hosts(settings: Settings) -> list[str] | None:
    """By which names the portal may be asked for; any in sandbox mode.

    The loopback ones are for a proxy or a health check on the same machine.
    """
    if settings.is_sandbox:
        return None
    return [urlsplit(settings.base_url).hostname or "", "localhost", "127.0.0.1", "[::1]"]


def _limits_storage(settings: Settings) -> str:
    """Where attempts are counted: shared by all processes when there is a Redis."""
    if settings.redis_url is None:
        return "memory://"
    return settings.redis_url.replace("unix://", "redis+unix://", 1)

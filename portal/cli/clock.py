"""`flask clock`: what time it is for the portal, and moving it in the sandbox."""

import re
import time
from datetime import UTC, datetime, timedelta

import click
from flask import current_app
from flask.cli import AppGroup

from portal import clock as portal_clock
from portal import clock_moves, queue
from portal.cli.output import instant, json_option, show_facts, show_json
from portal.extensions import db
from portal.jobs import schedule, travel

UNITS = {"d": "days", "h": "hours", "m": "minutes"}
DURATION = re.compile(r"(?:\d+[dhm])+")
LOOK_SECONDS = 0.2
# A worker that is there takes the journey up at once; one that is busy, within this.
PATIENCE_SECONDS = 60.0

clock = AppGroup("clock", help="The portal's clock; in the sandbox it can be moved forward.")


@clock.command("show")
@json_option
def show(as_json: bool) -> None:
    """Show the portal's time, and what is the next to fall due."""
    facts = {
        "now": portal_clock.now(),
        "wall": portal_clock.wall_now(),
        "moving_to": portal_clock.target(),
        "next_due_at": schedule.next_at(),
    }
    if as_json:
        show_json(facts)
        return
    ahead = portal_clock.now() - portal_clock.wall_now()
    show_facts(
        {
            "Now": facts["now"],
            "Ahead of the wall by": _span(ahead),
            "Moving to": facts["moving_to"] or "nowhere",
            "Next thing due": facts["next_due_at"] or "nothing",
        }
    )


@clock.command("set")
@click.argument("to")
def set_clock(to: str) -> None:
    """Move the clock forward to TO ("2026-12-24" or "2026-12-24 14:30", in UTC)."""
    _move(instant_of(to))


@clock.command("advance")
@click.argument("by", required=False)
@click.option("--to-next", is_flag=True, help="Move to the next thing that falls due.")
def advance(by: str | None, to_next: bool) -> None:
    """Move the clock forward BY "5d", "12h" or "1d12h", doing what falls due on the way."""
    if to_next == (by is not None):
        raise click.UsageError("Say how far (5d, 12h), or --to-next.")
    if by is not None:
        _move(portal_clock.now() + _duration(by))
        return
    next_at = schedule.next_at()
    if next_at is None:
        raise click.ClickException("Nothing will fall due.")
    _move(next_at)


def instant_of(written: str) -> datetime:
    """An instant as operators write it, in UTC; raises BadParameter."""
    try:
        at = datetime.fromisoformat(written)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"“{written}” is no date: write 2026-12-24 or 2026-12-24T14:30."
        ) from None


def _move(target_at: datetime) -> None:
    """Send the clock there; by the workers where they can be reached, else here."""
    if not current_app.config["PORTAL"].is_sandbox:
        raise click.ClickException("The clock moves in the sandbox only: this is production mode.")
    db.session.rollback()
    try:
        is_new = clock_moves.set_out(target_at)
    except ValueError:
        now = instant(portal_clock.now())
        raise click.ClickException(f"It is {now} already: the clock only moves forward.") from None
    if queue.hand_out(clock_moves.NAME, 1):
        _watch()
    else:
        travel.go_on()
    click.echo(f"It is {instant(_now())}.")
    if not is_new:
        raise click.ClickException("That was an earlier move; give yours again.")


def _watch() -> None:
    """Show how far the clock has come until it has arrived."""
    shown, moved_at = _now(), time.monotonic()
    while portal_clock.target() is not None:
        time.sleep(LOOK_SECONDS)
        if _now() - shown > timedelta(hours=1):
            shown, moved_at = portal_clock.now(), time.monotonic()
            click.echo(f"  {instant(shown)}")
        elif time.monotonic() - moved_at > PATIENCE_SECONDS:
            raise click.ClickException("No worker moves the clock: is one running?")


def _now() -> datetime:
    """The portal's time and its clock's target, read anew."""
    portal_clock.forget()
    db.session.rollback()
    return portal_clock.now()


def _duration(written: str) -> timedelta:
    if not DURATION.fullmatch(written):
        raise click.BadParameter(f"“{written}” is no length of time: write 5d, 12h or 1d12h.")
    parts = re.findall(r"(\d+)([dhm])", written)
    try:
        return timedelta(**{UNITS[unit]: int(number) for number, unit in parts})
    except OverflowError:
        raise click.BadParameter(f"“{written}” is too long.") from None


def _span(span: timedelta) -> str:
    """Whole seconds, as in "5 days, 2:00:00"; "nothing" when they agree."""
    whole = timedelta(seconds=round(span.total_seconds()))
    return str(whole) if whole else "nothing"

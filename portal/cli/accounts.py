"""`flask accounts`: who the customers are, and all that happened to one of them."""

import getpass
from dataclasses import replace
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select

from portal import clock
from portal.audit import operator
from portal.billing import accounts as billing_accounts
from portal.billing import billing_details, taxes
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import TaxConfirmed
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.text import TextRefused
from portal.cli import account_facts
from portal.cli.account_facts import Facts
from portal.cli.output import day, instant, json_option, show_facts, show_json, show_table
from portal.extensions import db
from portal.language import LANGUAGES
from portal.models import Account
from portal.transaction import transaction

NOTICES_SHOWN = 20

accounts = AppGroup("accounts", help="The customer accounts.")


@accounts.command("list")
@json_option
def list_accounts(as_json: bool) -> None:
    """Show every account: plan, usage, what it owes and when it is charged next."""
    ids = db.session.scalars(select(Account.id).order_by(Account.id)).all()
    session = db.session()
    rows = [account_facts.brief(session, session.get_one(Account, each)) for each in ids]
    if as_json:
        show_json(rows)
    elif rows:
        headings = ["Account", "Id", "Plan", "Seats", "Clients", "Storage", ">Owes", "Next charge"]
        show_table(headings, map(_line, rows))
    else:
        click.echo("There are no accounts.")


@accounts.command("show")
@click.argument("account")
@click.option("--all", "all_notices", is_flag=True, help="Show all emails, not just the latest.")
@json_option
def show(account: str, all_notices: bool, as_json: bool) -> None:
    """Show all there is about ACCOUNT (its id or its name)."""
    facts = account_facts.full(db.session(), one(account))
    if as_json:
        show_json(facts)
        return
    _show_standing(facts)
    _show_people(facts)
    _show_invoices(facts)
    _show_episodes(facts)
    _show_notices(facts, None if all_notices else NOTICES_SHOWN)


@accounts.command("tax-exempt")
@click.argument("account")
@click.option("--reason", help="Why, as it is to stand on invoices.")
@click.option("--clear", is_flag=True, help="Tax it again.")
def tax_exempt(account: str, reason: str | None, clear: bool) -> None:
    """Charge ACCOUNT no tax from now on, or tax it again. Issued invoices keep what they have."""
    if (reason is None) != clear:
        raise click.UsageError("Give either --reason or --clear.")
    account_id, actor = one(account).id, operator(getpass.getuser())
    try:
        with transaction() as session:
            locked = billing_accounts.lock(session, account_id)
            changed = taxes.exempt(session, locked, reason, now=clock.now(), actor=actor)
            name = locked.name
    except TextRefused as refusal:
        raise click.BadParameter(str(refusal), param_hint="--reason") from None
    except TaxConfirmed as refusal:
        raise click.ClickException(str(refusal)) from None
    standing = "is taxed by its country" if clear else "is exempt from tax"
    click.echo(f"{name} {standing} from now on." if changed else f"{name} {standing} already.")


@accounts.command("language")
@click.argument("account")
@click.argument("language", type=click.Choice(list(LANGUAGES)))
def choose_language(account: str, language: str) -> None:
    """Write the invoices and emails of ACCOUNT in LANGUAGE from now on. Issued documents stay."""
    account_id, actor = one(account).id, operator(getpass.getuser())
    with transaction() as session:
        locked = billing_accounts.lock(session, account_id)
        details = replace(billing_details.of(locked), language=language)
        changed = billing_details.change(session, locked, details, now=clock.now(), actor=actor)
        name = locked.name
    said = f"The invoices and emails of {name} are in {LANGUAGES[language]}"
    click.echo(f"{said} from now on." if changed else f"{said} already.")


def one(written: str) -> Account:
    """The account somebody means; a ClickException says when that is none or several."""
    found = account_facts.find(db.session(), written)
    if not found:
        raise click.ClickException(f"There is no account “{written}”: see flask accounts list.")
    if len(found) > 1:
        ids = ", ".join(account.public_id for account in found)
        raise click.ClickException(f"{len(found)} accounts have that name; use an id: {ids}")
    return found[0]


def _line(facts: Facts) -> list[object]:
    plan, levels = facts["plan"], {row["metric"]: _level(row) for row in facts["usage"]}
    return [
        facts["account"],
        facts["id"],
        _plan(facts, plan) if plan else "none",
        *(levels.get(metric.value, "") for metric in Metric),
        _money(facts, facts["owed_minor"]),
        day(plan["cycle_end_at"]) if plan else "",
    ]


def _show_standing(facts: Facts) -> None:
    plan, change = facts["plan"], facts["plan_change"]
    shown = {
        "Account": facts["account"],
        "Id": facts["id"],
        "Opened": facts["opened_at"],
        "Time zone": facts["time_zone"],
        "Language": LANGUAGES[facts["language"]],
        **_billing(facts["billing"]),
        "Pays by": facts["pays_by"] or "nothing on file",
        "Plan": f"{_plan(facts, plan)}, {plan['status']}" if plan else "none",
    }
    if facts["parked"]:
        shown["Parked"] = facts["parked"]
    if plan:
        cycle = f"{instant(plan['cycle_start_at'])} to {instant(plan['cycle_end_at'])}"
        shown["Cycle"] = cycle
    if change:
        effective = f"{change['state']}, effective {instant(change['effective_at'])}"
        shown["Changes to"] = f"{_plan(facts, change)} ({effective})"
    shown |= {row["metric"].capitalize(): _level(row) for row in facts["usage"]}
    shown["Owes"] = _money(facts, facts["owed_minor"])
    shown["Credit"] = _money(facts, facts["credit_minor"])
    show_facts(shown)


def _billing(billing: Facts) -> Facts:
    """Who invoices are made out to; what isn't known takes no line."""
    holder = [billing["company"], *billing["address"], billing["country"]]
    lines = {
        "Billed to": ", ".join(holder),
        "Tax id": billing["tax_id"],
        "PO number": billing["po_number"],
        "Sent to": ", ".join(billing["invoice_emails"]),
        "Tax exempt": billing["tax_exempt_reason"],
    }
    return {name: value for name, value in lines.items() if value}


def _show_people(facts: Facts) -> None:
    _title("People", facts["people"])
    if facts["people"]:
        show_table(
            ["Name", "Email", "Role", "Joined", "Deactivated"],
            [
                (
                    person["name"],
                    person["email"],
                    person["role"],
                    day(person["joined_at"]),
                    day(person["deactivated_at"]),
                )
                for person in facts["people"]
            ],
            indent=2,
        )


def _show_invoices(facts: Facts) -> None:
    _title("Invoices", facts["invoices"])
    if facts["invoices"]:
        show_table(
            ["Number", "Issued", "Reason", ">Total", ">Due", "Status", "Paid", "PDF"],
            [_invoice_line(facts, invoice) for invoice in facts["invoices"]],
            indent=2,
        )


def _invoice_line(facts: Facts, invoice: Facts) -> list[object]:
    return [
        invoice["number"],
        invoice["issued_at"],
        invoice["reason"].replace("_", " "),
        _money(facts, invoice["total_minor"]),
        _money(facts, invoice["due_minor"]),
        invoice["status"],
        invoice["paid_at"],
        "ready" if invoice["document"] else "not yet",
    ]


def _show_episodes(facts: Facts) -> None:
    _title("Over the limit", facts["episodes"])
    for episode in facts["episodes"]:
        counts = f"{episode['used']} of {episode['limit']} {episode['metric']}"
        end = f"next step {instant(episode['next_step_at'])}"
        if episode["closed_at"]:
            end = f"closed {instant(episode['closed_at'])}: {episode['reason']}"
        click.echo(f"  {counts}, opened {instant(episode['opened_at'])}, {episode['state']}, {end}")
        if episode["warnings"]:
            show_table(
                ["Email", "Count", "Written", "Accepted", "Deadline told", "Would move to", ">For"],
                [_warning_line(facts, warning) for warning in episode["warnings"]],
                indent=4,
            )


def _warning_line(facts: Facts, warning: Facts) -> list[object]:
    answered = instant(warning["accepted_at"]) or "not yet"
    if warning["refused_at"]:
        answered = f"refused {instant(warning['refused_at'])}"
    due = warning["due_minor"]
    return [
        warning["number"],
        f"{warning['used']} of {warning['limit']}",
        warning["written_at"],
        answered,
        warning["deadline_at"],
        warning["moves_to"] or "no larger tier",
        "" if due is None else _money(facts, due),
    ]


def _show_notices(facts: Facts, most: int | None) -> None:
    shown = facts["notices"][:most]
    _title("Emails", facts["notices"])
    if shown:
        show_table(
            ["Written", "Message", "To", "State", "Answered", "The mail server's answer"],
            [
                (
                    notice["written_at"],
                    notice["name"].replace("_", " "),
                    notice["recipient"],
                    notice["state"],
                    notice["settled_at"],
                    notice["server_answer"],
                )
                for notice in shown
            ],
            indent=2,
        )
    if len(shown) < len(facts["notices"]):
        click.echo(f"  The latest {len(shown)}; --all shows all.")


def _title(name: str, rows: list[Any]) -> None:
    click.echo(f"\n{name}: {len(rows) or 'none'}")


def _plan(facts: Facts, plan: Facts) -> str:
    price = _money(facts, plan["price_minor"])
    return f"{plan['name']}, {price} {describe.every(Interval(plan['interval']))}"


def _level(row: Facts) -> str:
    used, limit = row["used"], row["limit"]
    if row["metric"] == Metric.STORAGE:
        used = describe.storage(used)
        return f"{used} of {'unlimited' if limit is None else describe.storage(limit)}"
    return f"{used:,} of {'unlimited' if limit is None else f'{limit:,}'}"


def _money(facts: Facts, minor: int) -> str:
    return describe.money(Money(minor, facts["currency"]))

"""`flask catalog`: what the vendor sells."""

from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import catalog as billing_catalog
from portal.billing.rules import catalog as rules
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.money import Money
from portal.cli.catalog_report import as_facts, show_problems, show_report
from portal.cli.output import json_option, show_facts, show_json, show_table
from portal.extensions import db
from portal.models import AddOn, CatalogRevision, Family, Price, TaxRate, Tier, Vendor
from portal.transaction import rehearsal, transaction

SAME = "The catalog is as the file says already: nothing changed."

catalog = AppGroup("catalog", help="The plans, their prices and limits.")

file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@catalog.command("plan")
@file_argument
@json_option
def plan(file: Path, as_json: bool) -> None:
    """Show what applying FILE would change, and who would be over a limit. Changes nothing."""
    parsed, _ = _read(file, as_json=as_json)
    with rehearsal() as session:
        report = billing_catalog.plan(session, parsed, now=clock.now())
    if as_json:
        show_json(as_facts(report))
        return
    show_report(report)
    click.echo(f"{_counted(report)} to apply. Nothing was changed." if report.changes else SAME)


@catalog.command("apply")
@file_argument
def apply(file: Path) -> None:
    """Make the catalog what FILE says. With a mistake in it, nothing is applied."""
    parsed, text = _read(file)
    with transaction() as session:
        report = billing_catalog.apply(session, parsed, text, now=clock.now())
    show_report(report)
    click.echo(f"{_counted(report)} applied." if report.changes else SAME)


@catalog.command("show")
@json_option
def show(as_json: bool) -> None:
    """Show what is on sale: families, plans with limits and prices, add-ons."""
    facts = _catalog(db.session())
    if as_json:
        show_json(facts)
    elif facts["vendor"] is None:
        click.echo("There is no catalog yet: apply one with flask catalog apply FILE.")
    else:
        _show(facts)


def _read(file: Path, *, as_json: bool = False) -> tuple[rules.Catalog, str]:
    """What the file says, and its text; ends the command where there is a mistake in it."""
    text = _text_of(file)
    try:
        return rules.parse(text), text
    except rules.CatalogErrors as errors:
        if as_json:
            show_json({"problems": errors.problems})
        else:
            show_problems(file, errors.problems)
    raise click.ClickException("Nothing was applied.")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise click.ClickException(
            f"{file}: line {line} is not UTF-8 text. Nothing was applied."
        ) from None


def _counted(report: billing_catalog.Report) -> str:
    return describe.counted(len(report.changes), "%(num)s change", "%(num)s changes")


def _catalog(session: Session) -> dict[str, Any]:
    vendor = session.get(Vendor, 1)
    families = session.scalars(select(Family).where(~Family.hidden).order_by(Family.position))
    rates = select(TaxRate).order_by(TaxRate.country)
    revisions = select(CatalogRevision.applied_at).order_by(CatalogRevision.id.desc()).limit(1)
    return {
        "vendor": vendor and vendor.name,
        "applied_at": session.scalars(revisions).first(),
        "policies": vendor and vendor.policies,
        "tax_rates": [_tax_rate(rate) for rate in session.scalars(rates)],
        "families": [_family(session, family) for family in families],
    }


def _tax_rate(rate: TaxRate) -> dict[str, Any]:
    return {
        "country": rate.country,
        "name": rate.name,
        "basis_points": rate.basis_points,
        "reverse_charge": rate.reverse_charge,
    }


def _family(session: Session, family: Family) -> dict[str, Any]:
    add_ons = select(AddOn).where(AddOn.family_id == family.id, ~AddOn.hidden)
    return {
        "key": family.key,
        "name": family.name,
        "features": family.features,
        "plans": [_tier(session, tier) for tier in family.tiers if not tier.hidden],
        "add_ons": [
            {"key": each.key, "name": each.name, "metric": each.metric.value,
             "quantity": each.quantity, "prices": _prices(each.prices)}
            for each in session.scalars(add_ons.order_by(AddOn.position))
        ],
    }  # fmt: skip


def _tier(session: Session, tier: Tier) -> dict[str, Any]:
    prices = session.scalars(
        select(Price).where(Price.tier_id == tier.id).order_by(Price.currency, Price.interval)
    )
    limits = {metric.value: limit for metric, limit in tier.limits.items()}
    return {"key": tier.key, "name": tier.name, "limits": limits, "prices": _prices(prices)}


def _prices(rows: Any) -> list[dict[str, Any]]:
    return [
        {
            "currency": row.currency,
            "interval": row.interval.value,
            "amount_minor": row.amount_minor,
            "version": row.version,
            "offered_at": row.offered_at,
        }
        for row in rows
        if row.retired_at is None
    ]


def _show(facts: dict[str, Any]) -> None:
    policies = ", ".join(f"{metric}: {policy}" for metric, policy in facts["policies"].items())
    show_facts(
        {"Vendor": facts["vendor"], "Applied": facts["applied_at"], "Over a limit": policies}
    )
    if facts["tax_rates"]:
        click.echo("\nTax")
        headings = ["Country", "Name", ">Rate", "Reverse charge"]
        show_table(headings, map(_tax_line, facts["tax_rates"]), indent=2)
    for family in facts["families"]:
        click.echo(f"\n{family['name']}")
        prices = [price for plan in family["plans"] for price in plan["prices"]]
        columns = sorted({(price["currency"], price["interval"]) for price in prices})
        headings = [f">{currency} {interval}" for currency, interval in columns]
        plans = [_plan_line(plan, columns) for plan in family["plans"]]
        add_ons = [_add_on_line(add_on, columns) for add_on in family["add_ons"]]
        show_table(["Plan", "Seats", "Clients", "Storage", *headings], plans + add_ons, indent=2)


def _tax_line(rate: dict[str, Any]) -> list[str]:
    percent = describe.percent(rate["basis_points"])
    return [rate["country"], rate["name"], percent, "yes" if rate["reverse_charge"] else "no"]


def _plan_line(plan: dict[str, Any], columns: list[tuple[str, str]]) -> list[str]:
    limits = [_limit(metric, plan["limits"][metric.value]) for metric in Metric]
    return [plan["name"], *limits, *_amounts(plan["prices"], columns)]


def _add_on_line(add_on: dict[str, Any], columns: list[tuple[str, str]]) -> list[str]:
    more = {add_on["metric"]: f"+{_limit(Metric(add_on['metric']), add_on['quantity'])}"}
    limits = [more.get(metric.value, "") for metric in Metric]
    return [f"+ {add_on['name']}", *limits, *_amounts(add_on["prices"], columns)]


def _limit(metric: Metric, value: int | None) -> str:
    if value is None:
        return "unlimited"
    return amount_of(metric, value) if metric is Metric.STORAGE else f"{value:,}"


def _amounts(prices: list[dict[str, Any]], columns: list[tuple[str, str]]) -> list[str]:
    by_column = {(price["currency"], price["interval"]): price for price in prices}
    return [
        describe.money(Money(by_column[column]["amount_minor"], column[0]))
        if column in by_column
        else "not sold"
        for column in columns
    ]

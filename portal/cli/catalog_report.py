"""What a catalog file changes, on the terminal and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from portal.billing.catalog import Report, Told
from portal.billing.catalog_effects import Exceeded, Touched
from portal.billing.rules import describe
from portal.billing.rules.catalog import CatalogProblem
from portal.billing.rules.catalog_changes import Altered, Change, Priced, Unpriced
from portal.billing.rules.catalog_words import Heading, heading, sentence
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.money import Money

ACCOUNTS_NAMED = 10


def show_problems(file: Path, problems: Iterable[CatalogProblem]) -> None:
    """Each mistake with its line, and the arithmetic behind it below."""
    for problem in problems:
        click.echo(f"{file}: {problem}", err=True)
        for line in problem.explanation:
            click.echo(f"    {line}", err=True)


def show_report(report: Report) -> None:
    """The changes under their headings, then who is over a limit."""
    for title in Heading:
        lines = [_line(told) for told in report.changes if heading(told.change) is title]
        if lines:
            click.echo(title)
            for line in lines:
                click.echo(f"  {line}")
    if report.exceeded:
        _show_exceeded(report.exceeded)


def as_facts(report: Report) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "changes": [_facts(told) for told in report.changes],
        "over_a_limit": [
            {
                "plan": plan,
                "metric": metric.value,
                "accounts": len(accounts),
                "over_before": sum(each.was_over for each in accounts),
                "automatic_upgrades": sum(each.moves_to is not None for each in accounts),
                "of": [_account_facts(each) for each in accounts],
            }
            for (plan, metric), accounts in _by_plan(report.exceeded)
        ],
    }


def _line(told: Told) -> str:
    touched = describe.listing([_who(told.change, each) for each in told.touched] or [""])
    return f"{sentence(told.change)}; {touched}" if touched else sentence(told.change)


def _who(change: Change, touched: Touched) -> str:
    accounts = describe.counted(touched.accounts, "%(num)s account", "%(num)s accounts")
    keep = "keeps" if touched.accounts == 1 else "keep"
    if touched.price is not None:
        return f"{accounts} {keep} {describe.money(touched.price)}"
    if isinstance(change, Altered) and change.name == "hidden":
        return f"{accounts} {keep} it"
    return f"holds at once for {accounts}"


def _show_exceeded(exceeded: Sequence[Exceeded]) -> None:
    click.echo("Over a limit then")
    for (plan, metric), accounts in _by_plan(exceeded):
        click.echo(f"  {plan}, {metric}: {_counted(accounts)}")
        for each in accounts[:ACCOUNTS_NAMED]:
            click.echo(f"    {_account(each)}")
        if len(accounts) > ACCOUNTS_NAMED:
            click.echo(f"    and {len(accounts) - ACCOUNTS_NAMED} more")


def _counted(accounts: Sequence[Exceeded]) -> str:
    before = sum(each.was_over for each in accounts)
    upgrades = sum(each.moves_to is not None for each in accounts)
    told = describe.counted(len(accounts), "%(num)s account", "%(num)s accounts")
    if before:
        told += f", {describe.number(before)} over before"
    lead = "leads" if upgrades == 1 else "lead"
    return f"{told}; {describe.number(upgrades) if upgrades else 'none'} {lead} to an upgrade"


def _account(each: Exceeded) -> str:
    level = f"{amount_of(each.metric, each.used)}, {_limit(each.metric, each.limit)} allowed"
    if each.limit_before != each.limit:
        level += f", were {_limit(each.metric, each.limit_before)}"
    return f"{each.account}: {level}" + (f"; moves to {each.moves_to}" if each.moves_to else "")


def _limit(metric: Metric, limit: int | None) -> str:
    if limit is None:
        return "unlimited"
    return describe.storage(limit) if metric is Metric.STORAGE else describe.number(limit)


def _by_plan(exceeded: Sequence[Exceeded]) -> Iterator[tuple[tuple[str, Metric], list[Exceeded]]]:
    for plan_and_metric, accounts in groupby(exceeded, lambda each: (each.plan, each.metric)):
        yield plan_and_metric, list(accounts)


def _facts(told: Told) -> dict[str, Any]:
    ref = told.change.entry.ref
    return {
        "heading": heading(told.change),
        "text": sentence(told.change),
        "kind": ref.kind,
        "keys": ref.keys,
        **_change_facts(told.change),
        "touched": [
            {"accounts": each.accounts, "price_minor": each.price and each.price.amount}
            for each in told.touched
        ],
    }


def _change_facts(change: Change) -> dict[str, Any]:
    match change:
        case Altered():
            return {"field": change.name, "before": change.before, "after": change.after}
        case Priced() | Unpriced():
            after = change.after if isinstance(change, Priced) else None
            return {
                "interval": change.interval,
                "currency": _currency(change.before, after),
                "before_minor": change.before and change.before.amount,
                "after_minor": after and after.amount,
                "version": change.version if isinstance(change, Priced) else None,
            }
    return {}


def _currency(*amounts: Money | None) -> str:
    return next(amount.currency for amount in amounts if amount is not None)


def _account_facts(each: Exceeded) -> dict[str, Any]:
    return {
        "account": each.account,
        "id": each.account_id,
        "used": each.used,
        "limit": each.limit,
        "limit_before": each.limit_before,
        "over_before": each.was_over,
        "moves_to": each.moves_to,
    }

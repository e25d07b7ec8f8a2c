"""`flask simulate`: what would happen to an account, as a story; nothing of it is kept."""

import getpass
import textwrap
from dataclasses import asdict
from typing import Any

import click

from portal.audit import operator
from portal.billing.gateways.sandbox import CARDS
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, amount_of, of_limit
from portal.cli.accounts import one
from portal.cli.clock import instant_of
from portal.cli.output import instant, json_option, show_json
from portal.simulation import Question, Refused, Story, foretell
from portal.simulation.story import Email, Happening, IssuedInvoice, Letter, Standing

CARD = "card_"
CARD_NAMES = [reference.removeprefix(CARD).replace("_", "-") for reference in CARDS]
INDENT = "    "
WIDTH = 100
# For whoever runs it the portal may wait longer than for a page.
SECONDS = 30.0


@click.command("simulate")
@click.argument("account")
@click.option("--to", "until", required=True, help="Up to when: 2026-12-24 or 2026-12-24T14:30.")
@click.option("--users", type=int, default=0, help="So many people more (+3) or fewer (-3).")
@click.option("--clients", type=int, default=0, help="So many clients more (+40) or fewer (-40).")
@click.option("--plan", help="Another plan, confirmed now: standard/20-users[/yearly].")
@click.option("--card", type=click.Choice(CARD_NAMES), help="How payments go: as this test card.")
@json_option
def simulate(
    account: str,
    *,
    until: str,
    users: int,
    clients: int,
    plan: str | None,
    card: str | None,
    as_json: bool,
) -> None:
    """Tell what would happen to ACCOUNT (its id or its name): every email with its text, every
    charge and invoice. The real work is done and rolled back: nothing is sent, charged or kept.
    """
    found, question = one(account), Question(users, clients, plan)
    test_card = CARDS[CARD + card.replace("-", "_")] if card else None
    actor, until_at = operator(getpass.getuser()), instant_of(until)
    try:
        story = foretell(found.id, question, until_at, card=test_card, seconds=SECONDS, actor=actor)
    except Refused as refusal:
        option = "--to" if refusal.field == "until" else f"--{refusal.field}"
        raise click.BadParameter(str(refusal), param_hint=option) from None
    if as_json:
        show_json(_facts(story, question, card))
    else:
        _tell(story, question)


def _tell(story: Story, question: Question) -> None:
    click.echo(f"{story.account}, {instant(story.begins_at)} to {instant(story.ends_at)}")
    for sentence in _wishes(question):
        click.echo(f"What if: {sentence}.")
    click.echo(f"\nBefore: {_standing(story.before)}")
    told = story.told(to_vendor=True)
    for happening in told:
        click.echo(f"\n{instant(happening.at)}")
        if isinstance(happening, Letter):
            _tell_letter(happening)
        else:
            _tell_happening(happening)
    if not told:
        click.echo("\nNothing happens.")
    click.echo(f"\nIn the end: {_standing(story.after)}")


def _wishes(question: Question) -> list[str]:
    wishes = [
        f"{amount_of(metric, abs(change))} {'more' if change > 0 else 'fewer'}"
        for metric, change in question.changes.items()
        if change
    ]
    return [*wishes, f"the plan is {question.plan}"] if question.plan else wishes


def _tell_happening(happening: Happening) -> None:
    told = f"{happening.title}. {happening.detail}" if happening.detail else happening.title
    click.echo(textwrap.fill(told, WIDTH, initial_indent="  ", subsequent_indent="  "))
    if happening.invoice is not None:
        _tell_invoice(happening.invoice)


def _tell_invoice(invoice: IssuedInvoice) -> None:
    """Its lines and sums; what is nothing takes no line."""
    lines = [(line.description, line.amount) for line in invoice.lines]
    sums = [
        ("Tax", invoice.tax),
        ("Kept as credit balance", invoice.surplus),
        ("From the credit balance", -invoice.balance_applied),
    ]
    lines += [(name, amount) for name, amount in sums if not amount.is_zero]
    lines.append(("Due", invoice.due))
    width = max(len(name) for name, _ in lines)
    for name, amount in lines:
        click.echo(f"{INDENT}{name.ljust(width)}  {describe.money(amount).rjust(12)}")
    for line in invoice.lines:
        if line.explanation:
            click.echo(textwrap.fill(line.explanation, WIDTH, initial_indent=INDENT))


def _tell_letter(letter: Letter) -> None:
    click.echo(f"  Email to {', '.join(letter.recipients)}: {letter.subject}")
    click.echo(textwrap.indent(letter.text.rstrip(), f"{INDENT}| ", lambda _line: True))


def _standing(standing: Standing) -> str:
    plan = "no plan"
    if standing.plan and standing.cycle_ends_at:
        plan = f"{standing.plan}, paid until {instant(standing.cycle_ends_at)}"
    levels = [_level(metric, standing) for metric in Metric]
    money = {"credit balance": standing.balance, "owed": standing.owed}
    sums = [f"{describe.money(sum_)} {name}" for name, sum_ in money.items() if not sum_.is_zero]
    return "; ".join([plan, *levels, *sums])


def _level(metric: Metric, standing: Standing) -> str:
    level = standing.levels[metric]
    what = " of documents" if metric is Metric.STORAGE else ""
    if level.limit is None:
        return f"{amount_of(metric, level.used)}{what}, unlimited"
    return f"{of_limit(metric, level.used, level.limit)}{what}"


def _facts(story: Story, question: Question, card: str | None) -> dict[str, Any]:
    """As in the other commands: amounts in minor units, in the one currency of the account."""
    return {
        "account": story.account,
        "currency": story.before.balance.currency,
        "from": story.begins_at,
        "to": story.ends_at,
        "if": asdict(question) | {"card": card},
        "happenings": [_happening(each) for each in story.happenings],
        "before": _standing_facts(story.before),
        "after": _standing_facts(story.after),
    }


def _happening(happening: Happening | Email) -> dict[str, Any]:
    if isinstance(happening, Email):
        return {"what": "email"} | asdict(happening)
    return {
        "what": happening.action,
        "at": happening.at,
        "title": happening.title,
        "detail": happening.detail,
        "amount_minor": happening.amount.amount if happening.amount else None,
        "invoice": _invoice(happening.invoice) if happening.invoice else None,
    }


def _invoice(invoice: IssuedInvoice) -> dict[str, Any]:
    return {
        "lines": [
            {
                "description": line.description,
                "explanation": line.explanation,
                "amount_minor": line.amount.amount,
            }
            for line in invoice.lines
        ],
        "tax_minor": invoice.tax.amount,
        "surplus_minor": invoice.surplus.amount,
        "total_minor": invoice.total.amount,
        "balance_applied_minor": invoice.balance_applied.amount,
        "due_minor": invoice.due.amount,
    }


def _standing_facts(standing: Standing) -> dict[str, Any]:
    return {
        "plan": standing.plan,
        "cycle_end_at": standing.cycle_ends_at,
        "usage": [
            {"metric": metric.value, "used": level.used, "limit": level.limit}
            for metric, level in standing.levels.items()
        ],
        "credit_minor": standing.balance.amount,
        "owed_minor": standing.owed.amount,
    }

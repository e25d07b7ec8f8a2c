"""Commands of the vendor's operator: one module for each group."""

import click
from flask import Flask

from portal.cli import (
    accounts,
    catalog,
    charging,
    clock,
    demo,
    documents,
    episodes,
    invoices,
    jobs,
    payments,
    simulate,
    unreachable,
    users,
    verify,
)

COMMANDS: tuple[click.Command, ...] = (
    accounts.accounts,
    catalog.catalog,
    charging.charging,
    clock.clock,
    demo.demo,
    documents.documents,
    episodes.episodes,
    invoices.invoices,
    jobs.jobs,
    payments.payments,
    simulate.simulate,
    users.users,
    verify.verify,
)
for each in COMMANDS:
    unreachable.explain(each)


def register_commands(app: Flask) -> None:
    """Add every command group to `flask`."""
    for command in COMMANDS:
        app.cli.add_command(command)

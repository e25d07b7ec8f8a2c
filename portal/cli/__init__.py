"""Commands of the vendor's operator: one module for each group."""

from flask import Flask

from portal.cli import demo, verify


def register_commands(app: Flask) -> None:
    """Add every command group to `flask`."""
    for command in (verify.verify, demo.demo):
        app.cli.add_command(command)

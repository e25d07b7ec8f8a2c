"""Commands of the vendor's operator."""

from flask import Flask


def register_commands(app: Flask) -> None:
    """Add every command group to `flask`."""

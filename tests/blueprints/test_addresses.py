"""Addresses that are remembered from page to page stay below the prefix they are asked under."""

from flask import Flask

from tests.cast import Cast


def test_a_prefix_stands_before_all_addresses_of_its_own_pages(app: Flask, cast: Cast) -> None:
    client = app.test_client()
    for _ in range(2):
        below = client.get("/login", environ_overrides={"SCRIPT_NAME": "/billing"}).text
        assert 'href="/billing/static/css/app.css?v=' in below
        assert 'action="/billing/language"' in below
        above = client.get("/login").text
        assert 'href="/static/css/app.css?v=' in above
        assert 'action="/language"' in above

"""A catalog file small enough to break in every way."""

import pytest

from portal.billing.rules.catalog import CatalogErrors, CatalogProblem, parse

GB = 10**9


SMALL = """\
currencies = ["USD"]

[vendor]
name = "Example Software"
email = "billing@example.com"
address = ["1 Example Street", "Springfield"]
country = "US"

[policy]
seats = "auto_upgrade"
clients = "warn"
storage = "warn"

[[family]]
key = "standard"
name = "Standard"
features = ["Email support"]

[[family.tier]]
key = "5-users"
name = "5 users"
seats = 5
clients = 300
storage_gb = 5
monthly = { USD = "50.00" }
yearly = { USD = "480.00" }

[[family.tier]]
key = "10-users"
name = "10 users"
seats = 10
clients = 600
storage_gb = "unlimited"
features = ["Twice of everything"]
monthly = { USD = 100 }
yearly = { USD = "960.0" }

[[family.add_on]]
key = "seat"
name = "1 seat"
seats = 1
monthly = { USD = "12.00" }
yearly = { USD = "115.20" }

[[family.add_on]]
key = "storage-5"
name = "5 GB"
storage_gb = 5
monthly = { USD = "5.00" }
yearly = { USD = "48.00" }
"""


def line_of(text: str, start: str, nth: int = 1) -> int:
    """The line, from 1, of the nth line of `text` that starts so."""
    found = [i for i, line in enumerate(text.split("\n"), 1) if line.strip().startswith(start)]
    return found[nth - 1]


def problems(text: str) -> list[CatalogProblem]:
    with pytest.raises(CatalogErrors) as caught:
        parse(text)
    return caught.value.problems


def in_three_currencies() -> str:
    """Three sizes and a seat, in dollars, euros and yen; yen have no minor units.

    Yen are 100 times the dollars, euros 0.90 of them; yearly is 12 × 30 days less 20 %.
    """
    sizes = [(5, 300, 50), (10, 600, 100), (20, 1200, 180)]
    tiers = "\n".join(
        f"""[[family.tier]]
key = "{seats}-users"
name = "{seats} users"
seats = {seats}
clients = {clients}
storage_gb = "unlimited"
{_prices(dollars)}
"""
        for seats, clients, dollars in sizes
    )
    return f"""{_BEFORE_TIERS}{tiers}
[[family.add_on]]
key = "seat"
name = "1 seat"
seats = 1
{_prices(10)}
"""


def _prices(dollars: int) -> str:
    return "\n".join(
        f'{interval} = {{ USD = "{cents // 100}.{cents % 100:02}", '
        f'EUR = "{cents * 9 // 1000}.{cents * 9 // 10 % 100:02}", JPY = "{cents}" }}'
        for interval, cents in (("monthly", dollars * 100), ("yearly", dollars * 960))
    )


_BEFORE_TIERS = (
    SMALL[: SMALL.index("[[family.tier]]")]
    .replace('["USD"]', '["USD", "EUR", "JPY"]')
    .replace(
        "[[family]]",
        """[[tax]]
country = "JP"
name = "Consumption tax"
rate = "10"
reverse_charge = false

[[family]]""",
    )
)

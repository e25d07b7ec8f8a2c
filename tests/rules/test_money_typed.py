"""An amount that somebody typed, as their language writes it."""

import pytest

from portal import language
from portal.billing.rules import describe
from portal.billing.rules.errors import AmountNotUnderstood


@pytest.mark.parametrize(
    ("spoken", "typed", "minor"),
    [
        ("de", "1.234,50 €", 123450),
        ("de", "1.234,50\N{NO-BREAK SPACE}€", 123450),
        ("de", "1234,5", 123450),
        ("de", "€1,234.50", 123450),
        ("de", "1.234", 123400),
        ("fr", "1\N{NARROW NO-BREAK SPACE}234,50 €", 123450),
        ("nl", "€ 1.234,50", 123450),
        ("en", "€1,234.50", 123450),
        ("en", "1.234,50", None),
        ("de", "1e9", None),
        ("de", "12.34.5", None),
    ],
)
def test_an_amount_is_read_as_it_is_written(spoken: str, typed: str, minor: int | None) -> None:
    with language.speaking(spoken):
        if minor is None:
            with pytest.raises(AmountNotUnderstood):
                describe.money_typed(typed, "EUR")
        else:
            assert describe.money_typed(typed, "EUR").amount == minor

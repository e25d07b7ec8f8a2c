"""What is left of an invoice's lines, and where the money of a credit note goes."""

import pytest

from portal.billing.rules.crediting import (
    ChargedLine,
    Division,
    LineGivenBack,
    NoSuchLine,
    NotAboveZero,
    NothingLeft,
    chosen,
    creditable,
    destinations,
    divide,
    keep,
    subtotal_of,
    tax_of,
    together,
)
from portal.billing.rules.money import Money
from portal.billing.rules.tax import Tax

NUMBER = "INV-2026-000002"
VAT = Tax("VAT", 2000)


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def line(
    position: int,
    cents: int,
    *,
    returned: int = 0,
    returned_tax: int = 0,
    tax: Tax = VAT,
    closed: bool = False,
) -> ChargedLine:
    amount = usd(cents)
    return ChargedLine(
        position, amount, tax, tax.on(amount), usd(returned), usd(returned_tax), closed
    )


def sums(lines: tuple[ChargedLine, ...]) -> tuple[int, int]:
    return subtotal_of(lines).amount, tax_of(lines).amount


def test_the_whole_of_an_upgrade_is_what_it_came_to() -> None:
    """$100.00 − $25.00 = $75.00, and 20 % of each line: $20.00 − $5.00 = $15.00."""
    taken = creditable([line(1, 100_00), line(2, -25_00)], NUMBER)
    assert sums(taken) == (75_00, 15_00)


def test_what_a_later_invoice_gave_back_is_not_given_again() -> None:
    """$100.00 − $40.00 = $60.00; a line of which all was given back has no place on the note."""
    used_up = line(2, 10_00, returned=10_00, returned_tax=2_00)
    taken = creditable([line(1, 100_00, returned=40_00, returned_tax=8_00), used_up], NUMBER)
    assert [each.position for each in taken] == [1]
    assert sums(taken) == (60_00, 12_00)


def test_tax_given_back_is_never_more_than_was_charged() -> None:
    """50 % of 2 cents is 1, of 1 cent 1 (half away from zero): nothing is left of the tax."""
    half = Tax("Levy", 5000)
    only = line(1, 2, tax=half, returned=1, returned_tax=1)
    assert sums(creditable([only], NUMBER)) == (1, 0)


def test_a_credit_whose_line_was_given_back_by_a_note_stays() -> None:
    taken = creditable([line(1, 100_00), line(2, -25_00, closed=True)], NUMBER)
    assert sums(taken) == (100_00, 20_00)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([line(1, 50_00, closed=True)], id="credited by a note"),
        pytest.param([line(1, 50_00, returned=50_00, returned_tax=10_00)], id="by a later invoice"),
        pytest.param([line(1, 50_00, closed=True), line(2, -25_00)], id="only its credit is left"),
        pytest.param([line(1, 0)], id="it charged nothing"),
        pytest.param([], id="it has no lines"),
    ],
)
def test_nothing_is_left(lines: list[ChargedLine]) -> None:
    with pytest.raises(NothingLeft, match=f"Nothing of invoice {NUMBER} is left to credit"):
        creditable(lines, NUMBER)


def test_a_surplus_that_went_to_the_balance_is_not_given_again() -> None:
    """$100.00 − $400.00: the invoice came to nothing, $300.00 of it are credit balance."""
    lines = [line(1, 100_00, tax=Tax("", 0)), line(2, -400_00, tax=Tax("", 0))]
    with pytest.raises(NotAboveZero, match=r"comes to −\$300\.00"):
        creditable(lines, NUMBER)
    assert sums(chosen(lines, {1}, NUMBER)) == (100_00, 0)


def test_single_lines_are_taken_without_the_credits() -> None:
    lines = [line(1, 100_00), line(2, 15_00), line(3, -25_00)]
    assert sums(chosen(lines, {2}, NUMBER)) == (15_00, 3_00)
    assert [each.position for each in chosen(lines, {2, 1}, NUMBER)] == [1, 2]


def test_a_line_that_charges_nothing_or_is_not_there_is_named() -> None:
    lines = [line(1, 100_00), line(2, -25_00)]
    for position in (0, 2, 3):
        with pytest.raises(NoSuchLine, match=f"Line {position} of .* Lines that do: 1"):
            chosen(lines, {position}, NUMBER)


def test_a_line_given_back_before_is_named() -> None:
    with pytest.raises(LineGivenBack, match="Nothing of line 1"):
        chosen([line(1, 100_00, closed=True)], {1}, NUMBER)


@pytest.mark.parametrize(
    ("total", "owed", "returnable", "goes"),
    [
        pytest.param(100, 0, 100, (0, 100, 0), id="paid: back to the method"),
        pytest.param(100, 0, 70, (0, 70, 30), id="the payment took 70, the balance the rest"),
        pytest.param(100, 0, 0, (0, 0, 100), id="covered by the balance"),
        pytest.param(100, 100, 0, (100, 0, 0), id="open: off what is owed"),
        pytest.param(100, 70, 0, (70, 0, 30), id="open, 30 of it came from the balance"),
        pytest.param(20, 70, 0, (20, 0, 0), id="a part of what is owed"),
    ],
)
def test_the_division(total: int, owed: int, returnable: int, goes: tuple[int, int, int]) -> None:
    division = divide(usd(total), owed=usd(owed), returnable=usd(returnable))
    assert division == Division(*map(usd, goes))


@pytest.mark.parametrize(
    ("due", "refunded", "kept"),
    [
        pytest.param(0, (140_00, 180_00), (5_00, 0), id="nothing is due"),
        pytest.param(100_00, (40_00, 180_00), (105_00, 0), id="less than the first part"),
        pytest.param(200_00, (0, 120_00), (145_00, 60_00), id="more than the first part"),
        pytest.param(400_00, (0, 0), (145_00, 180_00), id="more than there is"),
    ],
)
def test_what_is_due_at_once_is_kept(
    due: int, refunded: tuple[int, int], kept: tuple[int, int]
) -> None:
    parts = (Division(usd(3_00), usd(140_00), usd(5_00)), Division(usd(0), usd(180_00), usd(0)))
    found = keep(parts, usd(due))
    assert tuple(part.to_method.amount for part in found) == refunded
    assert tuple(part.to_balance.amount for part in found) == kept
    assert [part.off_invoice.amount for part in found] == [3_00, 0]
    assert sum(together(found).amounts) == 328_00


def test_where_it_goes_in_words() -> None:
    division = Division(usd(20_00), usd(70_00), usd(30_00))
    assert destinations(division, NUMBER, "Test card ending 4242") == (
        f"$20.00 off what is owed on {NUMBER}, $70.00 back to Test card ending 4242 and $30.00 to"
        " your credit balance"
    )
    only_balance = Division(usd(0), usd(0), usd(5_00))
    assert destinations(only_balance, NUMBER, "", whose="the account's") == (
        "$5.00 to the account's credit balance"
    )

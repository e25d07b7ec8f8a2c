"""Text hygiene: one spelling, nothing invisible, no more than fits."""

import pytest

from portal.billing.rules import text
from portal.billing.rules.text import TextRefused


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada   Lovelace ", "Ada Lovelace"),
        ("e\u0301", "é"),
        ("a\u00a0b", "a b"),
        ("نیم\u200cفاصله", "نیم\u200cفاصله"),
        ("👩\u200d🔧", "👩\u200d🔧"),
    ],
)
def test_a_line_is_kept_in_one_spelling(typed: str, kept: str) -> None:
    assert text.line(typed, most=50) == kept


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\u202e", "\u2066", "\ufeff", "\u200b", "\ue000"])
def test_what_cannot_be_seen_is_refused(sign: str) -> None:
    with pytest.raises(TextRefused, match=f"U\\+{ord(sign):04X}"):
        text.line(f"a{sign}b", most=50)


def test_a_paragraph_keeps_its_lines() -> None:
    assert text.paragraph("one\r\ntwo\rthree\n", most=50) == "one\ntwo\nthree"


@pytest.mark.parametrize(
    "address", ["", "a@example.com", "a.b+c@sub.example.co", "jürgen@bücher.example", "o'n@a.ie"]
)
def test_addresses_one_could_write_to(address: str) -> None:
    assert text.email(f" {address} ") == address


@pytest.mark.parametrize(
    "typed",
    ["a", "a@", "@b.c", "a@b", "a@b..c", "a b@c.de", "a@b.c, d@e.fg", "<a@b.cd>", "a@-@b.cd",
     "a@b_c.d e", f"{'x' * 65}@b.cd"],
)  # fmt: skip
def test_addresses_nobody_could_write_to(typed: str) -> None:
    with pytest.raises(TextRefused, match="no email address"):
        text.email(typed)


@pytest.mark.parametrize(
    "typed", ["", "+1 (555) 010-0100", "044/123 45 67", "555.0100 ext. 12", "*100#"]
)
def test_phone_numbers_as_people_write_them(typed: str) -> None:
    assert text.phone(typed) == typed


@pytest.mark.parametrize("typed", ["ask", "12", "call 555 0100", "=1+1", "555 0100 or 0101"])
def test_what_is_no_phone_number(typed: str) -> None:
    with pytest.raises(TextRefused, match="phone number"):
        text.phone(typed)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Émile ZOLA", "emile zola"),
        ("Łukasz Großmann", "lukasz grossmann"),
        ("Øystein  Ærø", "oystein aero"),
        ("ﬁn", "fin"),
        ("Ada", "ada"),
    ],
)
def test_searching_sees_no_case_and_no_accents(written: str, folded: str) -> None:
    assert text.search_form(written) == folded

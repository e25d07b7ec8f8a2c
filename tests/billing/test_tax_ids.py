"""Tax ids: what is taken for one in which country, and what the refusal says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing import tax_ids
from portal.billing.tax_ids import EXAMPLES, TaxIdRefused, check


@pytest.mark.parametrize("country", sorted(EXAMPLES))
def test_each_example_is_valid_and_kept_the_same_when_it_is_entered_again(country: str) -> None:
    kept = check(EXAMPLES[country], country)
    assert kept == EXAMPLES[country].replace("-", "")
    assert check(kept, country) == kept


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("", "DE", ""),
        ("  ", "BH", ""),
        ("de 123.456.788", "DE", "DE123456788"),
        ("123456788", "DE", "DE123456788"),
        ("EL 123456783", "GR", "EL123456783"),
        ("GR123456783", "GR", "EL123456783"),
        ("B-12345674", "ES", "ESB12345674"),
        ("GB 123 4567 82", "GB", "GB123456782"),
        ("123456782", "IM", "GB123456782"),
        ("XI 123 4567 82", "GB", "XI123456782"),
        ("CHE-123.456.788 MWST", "CH", "CHE123456788MWST"),
        ("CHE-123.456.788", "CH", "CHE123456788"),
        ("123 456 785", "NO", "123456785MVA"),
        ("12-3456780", "US", "123456780"),
        ("FR 12 345678221", "RE", "FR12345678221"),
        ("FR 12 345678221", "MC", "FR12345678221"),
        # Nothing is known of tax ids in Bahrain: kept as it is written.
        ("200 000/012-A", "BH", "200 000/012-A"),
        ("tx.4711", "BH", "TX.4711"),
    ],
)
def test_however_it_is_typed_it_is_kept_in_its_compact_form(
    typed: str, country: str, kept: str
) -> None:
    assert check(typed, country) == kept


@pytest.mark.parametrize(
    ("typed", "country", "said"),
    [
        (
            "DE123456789",
            "DE",
            "This tax id has a mistyped character: its check digits don't match the rest. Enter"
            " that of Germany, like DE123456788.",
        ),
        (
            "DE1234",
            "DE",
            "This tax id has too few or too many characters. Enter that of Germany, like"
            " DE123456788.",
        ),
        (
            "DEX23456788",
            "DE",
            "This tax id isn't written as those of its country are. Enter that of Germany, like"
            " DE123456788.",
        ),
        (
            "FR12345678221",
            "DE",
            "This is a tax id of France, and the country chosen is Germany. Choose France, or"
            " enter the tax id of Germany, like DE123456788.",
        ),
        ("GB123456782", "IE", "This is a tax id of the United Kingdom"),
        ("CHE-123.456.788 MWST", "AT", "This is a tax id of Switzerland"),
        ("DE123456788", "BH", "enter the tax id of Bahrain."),
        ("EL123456783", "CY", "This is a tax id of Greece"),
        ("07-1234567", "US", "Enter that of the United States, like 12-3456780."),
        ("C00123456X9", "GH", "Enter that of Ghana, like C0012345679."),
        ("no", "BH", "Write the tax id of Bahrain with 4 to 32 letters and digits"),
        ("none", "BH", "Write the tax id of Bahrain with 4 to 32 letters and digits"),
        ("12345;", "BH", "Write the tax id of Bahrain"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_shows_an_example(
    typed: str, country: str, said: str
) -> None:
    with pytest.raises(TaxIdRefused) as refusal:
        check(typed, country)
    assert said in str(refusal.value)


@given(
    typed=st.text(st.sampled_from("ABCDEGHIRXZ0123456789Ññ٣²&-. /'\"<\n"), max_size=40),
    country=st.sampled_from([*EXAMPLES, "BH", "AX", "IM"]),
)
def test_whatever_is_typed_is_refused_in_words_or_fits_where_it_is_kept(
    typed: str, country: str
) -> None:
    try:
        kept = check(typed, country)
    except TaxIdRefused:
        return
    assert len(kept) <= tax_ids.LENGTH
    assert check(kept, country) == kept

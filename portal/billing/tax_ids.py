"""Tax ids: checked as their country writes them, and kept in their compact form.

What is checked is the shape and the check digits, which is what keeps a mistyped id off an
invoice; no register is asked whether a number is in use.
"""

import re

from stdnum import get_cc_module
from stdnum.ch import uid as swiss_uid
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import InvalidChecksum, InvalidLength
from stdnum.gb import vat as british_vat
from stdnum.us import ein

from portal.billing import countries
from portal.billing.rules.errors import RuleBroken
from portal.language import gettext as _
from portal.language import message

LENGTH = 32
MISSHAPEN = message(
    "This tax id isn't written as those of its country are. Enter that of %(country)s, like"
    " %(example)s."
)
WRONG_LENGTH = message(
    "This tax id has too few or too many characters. Enter that of %(country)s, like %(example)s."
)
MISTYPED = message(
    "This tax id has a mistyped character: its check digits don't match the rest. Enter that of"
    " %(country)s, like %(example)s."
)

# In Mexico two more are letters.
_LETTERS_AND_DIGITS = re.compile(r"[A-Z0-9Ñ&]{2,32}")
_PLAIN = re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9 ./-]{2,30}[A-Z0-9]")
_SEPARATORS = re.compile(r"[\s./·‐‑‒–—-]+")

# How VAT numbers of the European Union begin, by the country; Northern Ireland's count as well.
_EU_PREFIXES = {
    **{code.upper(): code.upper() for code in eu_vat.MEMBER_STATES - {"gr", "xi"}},
    "GR": "EL",
}
# Places whose businesses have tax ids of another country.
_SHARED = {
    "AX": "FI", "GF": "FR", "GP": "FR", "IM": "GB", "MC": "FR", "MQ": "FR", "RE": "FR",
}  # fmt: skip
# Invented, each with check digits that match. Of other countries nothing is known.
EXAMPLES = {
    "AD": "U123450X", "AL": "J12345670L", "AR": "20123456786", "AT": "ATU12345675",
    "AU": "12345678012", "AZ": "1234567801", "BE": "BE1234567894", "BG": "BG123456786",
    "BR": "12345678901230", "BY": "123456783", "CA": "123456782", "CH": "CHE123456788MWST",
    "CL": "123456785", "CN": "12345678901234522L", "CO": "1234567896", "CR": "3101234560",
    "CY": "CY11234563P", "CZ": "CZ12345679", "DE": "DE123456788", "DK": "DK12345674",
    "DO": "123456786", "DZ": "123456789012340", "EC": "1791234502001", "EE": "EE123456780",
    "EG": "123456780", "ES": "ESB12345674", "FI": "FI12345671", "FO": "123450",
    "FR": "FR12345678221", "GB": "GB123456782", "GH": "C0012345679", "GN": "123456782",
    "GR": "EL123456783", "GT": "123451K", "HR": "HR12345678903", "HU": "HU12345676",
    "ID": "012345005091000", "IE": "IE1234560F", "IL": "512345679", "IN": "12AAPFU3457F9ZV",
    "IS": "12340", "IT": "IT12345678887", "JP": "1234567890122", "KE": "P123456780M",
    "KR": "1234567890", "LT": "LT123456715", "LU": "LU12345613", "LV": "LV41234567891",
    "MA": "123456789012333", "ME": "12345679", "MK": "1234567890125", "MT": "MT12345671",
    "MX": "GODE561230GR0", "MZ": "123456785", "NL": "NL123456789B13", "NO": "123456785MVA",
    "NZ": "12345674", "PE": "20123456786", "PL": "PL1234567802", "PT": "PT123456789",
    "PY": "123456789", "RO": "RO12345674", "RS": "123456788", "RU": "123456789110",
    "SE": "SE112345678001", "SG": "12345678M", "SI": "SI12345679", "SK": "SK1234567895",
    "SM": "12345", "SN": "1234567", "SV": "12345678901230", "TH": "0123456789016",
    "TN": "1234567MAE890", "TR": "1234567890", "TW": "12345675", "US": "12-3456780",
    "UY": "211234600010", "VE": "V123456781", "VN": "1234567893",
}  # fmt: skip


class TaxIdRefused(RuleBroken):
    """It is no tax id of the country; `str()` says what is wrong and shows an example."""


def check(typed: str, country: str) -> str:
    """The tax id in its compact form, "" where none was typed. Raises TaxIdRefused.

    VAT numbers of the European Union and of Britain are kept with the letters of their country,
    whether or not these were typed.
    """
    bare = _SEPARATORS.sub("", typed).upper()
    if not bare:
        return ""
    country = _SHARED.get(country, country)
    _refuse_foreign(bare, country)
    if country not in EXAMPLES:
        return _plain(typed, country)
    try:
        kept = _validated(bare, country)
    except InvalidLength as error:
        raise _refusal(WRONG_LENGTH, country) from error
    except InvalidChecksum as error:
        raise _refusal(MISTYPED, country) from error
    except ValueError as error:
        # Beside the library's own errors, a letter where it works with a digit.
        raise _refusal(MISSHAPEN, country) from error
    if not _LETTERS_AND_DIGITS.fullmatch(kept):
        raise _refusal(MISSHAPEN, country)
    return kept


def _refuse_foreign(bare: str, country: str) -> None:
    """A number that says by its first letters which other country it is of."""
    holder = _country_it_names(bare)
    if holder is None or EXAMPLES.get(country, "").startswith(bare[:2]):
        return
    if country == "GB" and bare.startswith("XI"):
        return
    both = {"theirs": countries.in_sentence(holder), "ours": countries.in_sentence(country)}
    if country in EXAMPLES:
        raise TaxIdRefused(
            _(
                "This is a tax id of %(theirs)s, and the country chosen is %(ours)s. Choose"
                " %(theirs)s, or enter the tax id of %(ours)s, like %(example)s.",
                **both,
                example=EXAMPLES[country],
            )
        )
    raise TaxIdRefused(
        _(
            "This is a tax id of %(theirs)s, and the country chosen is %(ours)s. Choose %(theirs)s,"
            " or enter the tax id of %(ours)s.",
            **both,
        )
    )


def _country_it_names(bare: str) -> str | None:
    if bare.startswith("GB") and british_vat.is_valid(bare):
        return "GB"
    if bare.startswith("CHE") and swiss_uid.is_valid(bare[:12]):
        return "CH"
    if not eu_vat.is_valid(bare):
        return None
    by_prefix = {prefix: code for code, prefix in _EU_PREFIXES.items()} | {"XI": "GB"}
    return by_prefix.get(bare[:2])


def _plain(typed: str, country: str) -> str:
    kept = " ".join(typed.upper().split())
    if not _PLAIN.fullmatch(kept):
        raise TaxIdRefused(
            _(
                "Write the tax id of %(country)s with 4 to %(most)s letters and digits; spaces,"
                " points, slashes and hyphens may stand between them, as in 123.456-7.",
                country=countries.in_sentence(country),
                most=LENGTH,
            )
        )
    return kept


def _validated(bare: str, country: str) -> str:
    if country in _EU_PREFIXES:
        prefix = _EU_PREFIXES[country]
        number = bare if bare[:2] in (prefix, country) else prefix + bare
        return prefix + eu_vat.validate(number)[2:]
    match country:
        case "GB" if bare.startswith("XI"):
            return eu_vat.validate(bare)
        case "GB":
            return "GB" + british_vat.validate(bare)
        case "CH" if swiss_uid.is_valid(bare):
            return swiss_uid.validate(bare)
        case "NO" if not bare.endswith("MVA"):
            bare += "MVA"
        case "US":
            return ein.validate(bare)
    module = get_cc_module(country.lower(), "vat")
    # EXAMPLES has the countries that are known and no others.
    assert module is not None  # noqa: S101
    return module.validate(bare)


def _refusal(said: str, country: str) -> TaxIdRefused:
    """What is wrong with an id of a country in EXAMPLES."""
    name = countries.in_sentence(country)
    return TaxIdRefused(_(said, country=name, example=EXAMPLES[country]))

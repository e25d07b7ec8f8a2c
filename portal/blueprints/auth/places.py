"""Countries to choose from, and the time zone an account there begins with."""

from functools import cache
from importlib.resources import files

from babel import Locale
from wtforms import SelectChoice

from portal import language
from portal.billing.rules.text import search_form

# Where a country has several zones: the one most of its companies are in.
BUSIEST = {
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "ID": "Asia/Jakarta",
    "KZ": "Asia/Almaty",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Hebron",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
    "UZ": "Asia/Tashkent",
    "VN": "Asia/Ho_Chi_Minh",
}


def countries() -> list[SelectChoice]:
    """Code of every country in ISO 3166 and its name in the language spoken now, by name."""
    return list(_countries(language.spoken()))


@cache
def time_zone_of(country: str) -> str:
    """The zone a country's accounts begin with; UTC where none is known."""
    if country in BUSIEST:
        return BUSIEST[country]
    for line in _table("zone.tab"):
        code, _place, zone, *_ = line.split("\t")
        if code == country:
            return zone
    return "UTC"


@cache
def _countries(tag: str) -> tuple[SelectChoice, ...]:
    names = Locale.parse(language.LOCALES[tag]).territories
    codes = (line.split("\t")[0] for line in _table("iso3166.tab"))
    named = sorted((search_form(names[code]), names[code], code) for code in codes)
    return tuple(SelectChoice(code, name) for _folded, name, code in named)


def _table(name: str) -> list[str]:
    text = (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]

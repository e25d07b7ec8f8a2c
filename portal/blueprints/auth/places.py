"""Countries to choose from, and the time zone an account there begins with."""

from functools import cache
from importlib.resources import files

from babel import Locale
from wtforms import SelectChoice

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


@cache
def countries() -> list[SelectChoice]:
    """Code and English name of every country in ISO 3166, by name."""
    names = Locale("en").territories
    codes = [line.split("\t")[0] for line in _table("iso3166.tab")]
    named = sorted((names[code], code) for code in codes)
    return [SelectChoice(code, name) for name, code in named]


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


def _table(name: str) -> list[str]:
    text = (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]

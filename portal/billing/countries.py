"""Countries by the names people know them by."""

from functools import cache

from babel import Locale


def name_of(code: str) -> str:
    """The English name of a country in ISO 3166; the code itself where there is none."""
    return _names().get(code, code)


@cache
def _names() -> dict[str, str]:
    return dict(Locale("en").territories)

"""Countries by the names people know them by."""

from functools import cache

from babel import Locale

# Names that take an article within a sentence; "Islands" and "Republic" do as well.
_THE = ("United ", "Netherlands", "Philippines", "Bahamas", "Gambia", "Maldives", "Comoros")


def name_of(code: str) -> str:
    """The English name of a country in ISO 3166; the code itself where there is none."""
    return _names().get(code, code)


def in_sentence(code: str) -> str:
    """As in "the tax id of Germany", "the tax id of the United States"."""
    name = name_of(code)
    takes_article = name.startswith(_THE) or name.endswith(("Islands", "Republic"))
    return f"the {name}" if takes_article else name


@cache
def _names() -> dict[str, str]:
    return dict(Locale("en").territories)

"""Countries by the names people know them by, in the language spoken now."""

from functools import cache

from babel import Locale

from portal import language

# English names that take an article within a sentence; "Islands" and "Republic" do as well.
_THE = ("United ", "Netherlands", "Philippines", "Bahamas", "Gambia", "Maldives", "Comoros")


def name_of(code: str) -> str:
    """The name of a country in ISO 3166; the code itself where there is none."""
    return _names(language.spoken()).get(code, code)


def in_sentence(code: str) -> str:
    """As in "the tax id of Germany", "the tax id of the United States". In other languages the
    bare name: what stands before it depends on more than the country."""
    name = name_of(code)
    if language.spoken() != language.ENGLISH:
        return name
    takes_article = name.startswith(_THE) or name.endswith(("Islands", "Republic"))
    return f"the {name}" if takes_article else name


@cache
def _names(tag: str) -> dict[str, str]:
    return dict(Locale.parse(language.LOCALES[tag]).territories)

"""The catalogs: every message of the code and nothing more, translated as far as it is promised."""

import re
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from portal.language import CATALOGS, ENGLISH, LANGUAGES, LOCALES, OF_PAGES

SCRIPT = Path("scripts/translations")
OTHERS = [language for language in LANGUAGES if language != ENGLISH]
OF_PAPER = [language for language in OTHERS if language not in OF_PAGES]
# Where documents and emails have their words from; pages are in OF_PAGES only.
SAID_ON_PAPER = (
    "portal/templates/pdf/",
    "portal/templates/notices/",
    "portal/papers/",
    "portal/mail/",
    "portal/web/formatting.py",
    "portal/billing/gateways/stripe/",
    "portal/billing/settlements.py",
    "portal/billing/taking_back_terms.py",
    "portal/collecting/",
    *(
        f"portal/billing/rules/{rule}.py"
        for rule in (
            "counting",
            "crediting",
            "describe",
            "episode_words",
            "kept_words",
            "lines",
            "misfits",
            "taking_back",
            "tax",
        )
    ),
)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """What `make translations` runs."""
    loader = SourceFileLoader("translations", str(SCRIPT))
    spec = spec_from_loader("translations", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_catalogs_hold_every_message_of_the_code_and_nothing_more(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `make translations` would leave them: sorted, each with its places."""
    template = script.extracted()
    fresh = {language: script.updated(script.read(language), template) for language in OTHERS}
    monkeypatch.setattr(script, "path_of", lambda language: tmp_path / f"{language}.po")
    for language, catalog in fresh.items():
        script.write(language, catalog)
        kept = CATALOGS / language / "LC_MESSAGES" / "messages.po"
        assert kept.read_text() == (tmp_path / f"{language}.po").read_text(), language


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_places_of_its_message(language: str) -> None:
    """%(plan)s stays %(plan)s; %% is a percent sign, and % alone is none where others stand."""
    for said in _messages(language):
        ids, forms = _forms(said.id), _forms(said.string)
        allowed = set().union(*map(_places, ids))
        for form in filter(None, forms):
            assert _places(form) <= allowed, said.id
            if allowed:
                assert "%" not in re.sub(r"%\(\w+\)s|%%", "", form), said.id
        for one, form in ((ids[0], forms[0]), (ids[-1], forms[-1])):
            assert not form or _places(form) >= _places(one), said.id


@pytest.mark.parametrize("language", OTHERS)
def test_a_plural_has_all_forms_of_its_language_or_none(language: str) -> None:
    forms_of_language = _catalog(language).num_plurals
    for said in _messages(language):
        if len(_forms(said.id)) > 1 and any(_forms(said.string)):
            assert len(_forms(said.string)) == forms_of_language, said.id
            assert all(_forms(said.string)), said.id


@pytest.mark.parametrize("language", [each for each in OF_PAGES if each != ENGLISH])
def test_a_language_of_pages_lacks_no_message(language: str) -> None:
    assert [said.id for said in _messages(language) if not _is_said(said)] == []


@pytest.mark.parametrize("language", OF_PAPER)
def test_a_language_of_documents_and_emails_lacks_none_of_theirs(language: str) -> None:
    lacking = [
        said.id
        for said in _messages(language)
        if not _is_said(said)
        and any(place.startswith(SAID_ON_PAPER) for place, _ in said.locations)
    ]
    assert lacking == []


def test_what_is_said_on_paper_has_a_place_in_the_code() -> None:
    """A room that was renamed would else be looked for in vain."""
    places = {place for said in _messages("de") for place, _ in said.locations}
    empty = [room for room in SAID_ON_PAPER if not any(each.startswith(room) for each in places)]
    assert empty == []


def _catalog(language: str) -> Catalog:
    with (CATALOGS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=LOCALES[language])


def _messages(language: str) -> Iterator[Message]:
    return (said for said in _catalog(language) if said.id)


def _is_said(said: Message) -> bool:
    return all(_forms(said.string))


def _forms(texts: object) -> list[str]:
    return [str(text) for text in texts] if isinstance(texts, list | tuple) else [str(texts)]


def _places(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))

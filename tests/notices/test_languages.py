"""Every email in every language: whole, in its form, and with no sentence left in English."""

import re
from html import unescape
from pathlib import Path

import pytest

from portal.language import LANGUAGES
from tests.cast import Cast, FixedClock
from tests.notices.every_letter import Letter, everything

TEMPLATES = Path("portal/templates/notices")
WIDTH = 76
SUBJECT = 200
OTHERS = [language for language in LANGUAGES if language != "en"]
# An amount as each language writes it: "$1,234.50" nowhere else than in English.
AMOUNTS = {
    "en": r"\$\d[\d,]*\.\d\d\b",
    "de": r"\d,\d\d\xa0\$",
    "fr": r"\d,\d\d\xa0\$US",
    "es": r"\d,\d\d\xa0US\$",
    "pt": r"\d,\d\d\xa0US\$",
    "nl": r"US\$\xa0\d+,\d\d",
}
# So many words in a row are a sentence, or a part of one.
SENTENCE = 4
_written: dict[str, dict[str, Letter]] = {}


@pytest.fixture
def letters(cast: Cast, clock: FixedClock) -> dict[str, dict[str, Letter]]:
    """Written once for all tests: they are values, and outlive the rows."""
    if not _written:
        _written.update(everything(cast, clock))
    return _written


def test_every_email_there_is_was_written(letters: dict[str, dict[str, Letter]]) -> None:
    names = {letter.name for letter in letters["en"].values()}
    assert names == {folder.name for folder in TEMPLATES.iterdir() if folder.is_dir()}
    assert all(letters[language].keys() == letters["en"].keys() for language in OTHERS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_whole(letters: dict[str, dict[str, Letter]], language: str) -> None:
    for key, letter in letters[language].items():
        said = "\n".join((letter.subject, letter.text, letter.html, letter.calendar or ""))
        assert not re.search(r"%\(|%%|\{\{|None|Undefined", said), key
        assert 0 < len(letter.subject) <= SUBJECT, key
        lines = [line for line in letter.text.splitlines() if "://" not in line]
        assert max(map(len, lines)) <= WIDTH, key
        spoken = "en" if letter.name == "vendor_told" else language
        assert f'<html lang="{spoken}">' in letter.html, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_amounts_are_written_as_the_language_does(
    letters: dict[str, dict[str, Letter]], language: str
) -> None:
    for part in ("subject", "text", "html"):
        said = "\n".join(getattr(each, part) for each in _of_people(letters[language]).values())
        # Whether a subject's spaces may break is the same to every mail program.
        own = AMOUNTS[language].replace(r"\xa0", r"[\xa0 ]")
        assert len(re.findall(own, said)) >= 10
        assert language == "en" or not re.search(AMOUNTS["en"], said)


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_left_in_english(
    letters: dict[str, dict[str, Letter]], language: str
) -> None:
    """Line by line: nothing of four words is as in the English letter of the same story."""
    for key, letter in _of_people(letters[language]).items():
        english = letters["en"][key]
        for part in ("subject", "text", "html", "calendar"):
            left = _sentences(getattr(letter, part)) & _sentences(getattr(english, part))
            assert not left, (key, part)


def test_the_vendor_is_told_in_english_whoever_it_is_about(
    letters: dict[str, dict[str, Letter]],
) -> None:
    told = {language: letters[language]["vendor_told, 1"] for language in LANGUAGES}
    assert {_without_numbers(letter.text) for letter in told.values()} == {
        _without_numbers(told["en"].text)
    }
    assert "$98.34 was given back" in told["de"].text


def test_one_warning_and_its_calendar_file(letters: dict[str, dict[str, Letter]]) -> None:
    """Read by people who speak the language, and kept as they read it."""
    subjects = {
        (language, key): letter.subject.replace("\xa0", " ")
        for language, of_language in letters.items()
        for key, letter in of_language.items()
    }
    assert subjects["de", "warning, 1"] == (
        "12 von 11 Sitzplätzen genutzt: was in 5 Tagen geschieht und wie Sie es vermeiden"
    )
    assert subjects["fr", "warning, 3"] == (
        "Demain : 98,34 $US pour Standard, 20 users, sauf si vous revenez à 11 places"
    )
    assert subjects["nl", "warning, 2"] == (
        "Nog steeds 12 van 11 plaatsen in gebruik: over 3 dagen gaat u over op “Standard, 20 users”"
    )
    calendar = (letters["de"]["warning, 1"].calendar or "").replace("\r\n ", "")
    assert "SUMMARY:Lumen & Sons wechselt zu „Standard\\, 20 users“" in calendar


def _of_people(letters: dict[str, Letter]) -> dict[str, Letter]:
    return {key: letter for key, letter in letters.items() if letter.name != "vendor_told"}


def _sentences(said: str | None) -> set[str]:
    """The lines that hold a sentence or a part of one, numbers aside."""
    plain = unescape(re.sub(r"<[^>]+>", "\n", re.sub(r"(?s)<style>.*?</style>", "", said or "")))
    lines = (_without_numbers(line.strip()) for line in plain.splitlines())
    lines = (line for line in lines if "://" not in line and not line.startswith("PRODID"))
    return {line for line in lines if len(re.findall(r"\b[^\W\d_]{2,}", line)) >= SENTENCE}


def _without_numbers(said: str) -> str:
    return re.sub(r"\b[0-9a-f]{32}\b|\d+", "#", said)

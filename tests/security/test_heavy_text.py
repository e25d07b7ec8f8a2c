"""Text made to be slow: nobody keeps a process busy with it."""

from time import process_time

import pytest
from flask.testing import FlaskClient

from portal.billing import people
from portal.billing.rules import client_file, look_alikes, text
from portal.printable import printable
from portal.web.forms import clean_text

# Marks that have to change places, so that sorting them takes the square of their number.
ACUTE_AND_DOT = "\u0301\u0323"
# Marks only once they are taken apart.
VOICED = "\uff9e\u0301"
TIBETAN = "\u0f81\u0f71"
SECONDS = 3


@pytest.fixture(autouse=True)
def _in_good_time():
    began = process_time()
    yield
    assert process_time() - began < SECONDS


@pytest.mark.parametrize("marks", [ACUTE_AND_DOT, VOICED, TIBETAN])
@pytest.mark.parametrize("form", ["NFC", "NFKD"])
def test_half_a_megabyte_of_marks_is_normal_at_once(marks: str, form: str) -> None:
    assert len(text.normal(form, "a" + marks * 125_000)) < 100


@pytest.mark.parametrize("marks", [ACUTE_AND_DOT, VOICED])
@pytest.mark.parametrize(
    "read",
    [
        clean_text,
        people.normal_email,
        text.search_form,
        look_alikes.folded,
        lambda typed: printable(typed, 2500),
    ],
)
def test_whatever_reads_text(read, marks: str) -> None:
    read("a" + marks * 50_000 + "@example.com")


def test_marks_with_something_invisible_between_them() -> None:
    look_alikes.folded("a" + "\u0f72\u200d\u0f71" * 20_000)


def test_what_people_write_stays_as_it_is() -> None:
    for written in ("Nguyễn", "שָׁלוֹם", "हिन्दी", "ʻōlelo Hawaiʻi", "é̄"):
        assert text.normal("NFC", written * 20) == text.normal("NFC", written) * 20
    assert text.normal("NFC", "e\u0301" * 40) == "é" * 40


def test_a_file_of_marks() -> None:
    lines = f"a{ACUTE_AND_DOT * 4000}\n" * 90
    assert len(client_file.read(f"name\n{lines}").problems) == 90


@pytest.mark.parametrize("path", ["/login", "/password-reset", "/signup"])
def test_strangers(browser, path: str) -> None:
    stranger: FlaskClient = browser()
    email = f"a{ACUTE_AND_DOT * 40_000}@example.com"
    assert stranger.post(path, data={"email": email, "password": "p"}).status_code in (200, 422)

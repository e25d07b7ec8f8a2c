"""Invented clients: the same ones every time, none of them anybody."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from portal.billing.rules.client_details import ClientDetails, check
from portal.billing.rules.text import search_form

# Numbers of names without a common divisor: each pair comes once before the first comes again.
FIRST = (
    "Aiko", "Åsa", "Bartek", "Chloé", "Dario", "Élodie", "Femke", "Grażyna", "Hugo", "Iñaki",
    "Jörg", "Kavya", "Łucja", "Máire", "Nadia", "Øystein", "Pia", "Quentin", "Renée", "Søren",
    "Tomáš", "Uma", "Vesna", "Wren", "Ximena", "Yusuf", "Zoë", "Björn", "Maëlle", "Rui", "Tariq",
)  # fmt: skip
LAST = (
    "Almqvist", "Bélanger", "Castaño", "Dąbrowski", "Eriksen", "Fjord", "Gómez", "Håkansson",
    "Ibarra", "Jovanović", "Kühn", "Lefèvre", "Müller", "Nováková", "O’Shea", "Peñalosa", "Quist",
    "Rossi", "Šimić", "Tørnes", "Ünal", "Vågen", "Wójcik", "Xavier", "Ylönen", "Žukauskas",
    "Brandt", "Côté", "Dupré", "Esteves", "Falk", "Grünwald", "Hoxha", "Ivanova", "Jansson",
    "Köhler", "Löfgren",
)  # fmt: skip
TRADES = ("Bakery", "Café", "Cycles", "Florist", "Joinery", "Optics", "Printworks", "Toys")
STATUSES = {4: "Lead", 9: "Inactive", 14: "Prospect", 19: "Inactive"}
COMPANY_EVERY = 6
PAPERS = ("Agreement", "First meeting", "Opening hours", "Questions and answers", "Yearly review")
PARAGRAPH = (
    "This is an invented document of an invented client. It is here so that there is something to"
    " look at: a name, a size, a day on which it was added, and somebody who added it.\n\n"
)


def clients(start: int) -> Iterator[ClientDetails]:
    """Clients without end, from number `start` on; each is the same whenever it is asked for."""
    number = start
    while True:
        yield _client(number)
        number += 1


def file(start: int, count: int, own_status: str | None = None) -> str:
    """A CSV file of `count` clients, some with another status than Client."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(["Name", "Email", "Phone", "Status"])
    for number in range(start, start + count):
        details = _client(number)
        rows.writerow([details.name, details.email, details.phone, _status(number, own_status)])
    return written.getvalue()


def document(number: int) -> tuple[str, bytes]:
    """The name and the bytes of a small text, the same whenever it is asked for."""
    paper = PAPERS[number % len(PAPERS)]
    content = f"{paper}\n\n" + PARAGRAPH * (12 + number * 7 % 90)
    return f"{paper} {number}.txt", content.encode()


def _client(number: int) -> ClientDetails:
    first, last = FIRST[number % len(FIRST)], LAST[number % len(LAST)]
    is_company = number % COMPANY_EVERY == 0
    name = f"{last} {TRADES[number % len(TRADES)]}" if is_company else f"{first} {last}"
    letters = "".join(filter(str.isalpha, search_form(last)))
    return check(
        {
            "name": name,
            "email": f"{search_form(first)}.{letters}@example.{('com', 'org', 'net')[number % 3]}",
            "phone": f"+1 555 01{number % 100:02}" if number % 3 else "",
        }
    )


def _status(number: int, own_status: str | None) -> str:
    if own_status and number % 12 == 5:
        return own_status
    return STATUSES.get(number % 20, "Client")

"""A made-up client list of 1,200 lines, as untidy as real ones are."""

import csv
import io
import random

FIRST = (  # noqa: SIM905
    "Anaïs Björn Chloé Dvora Émile Françoise Gül Håkon Inés Jürgen Kateřina Łukasz Márton Noémi"
    " Øystein Przemysław Quentin Renée Søren Thảo Ursula Véronique Władysław Xavier Yağmur Zoë"
    " Ада Βασιλική Mehmet Olivia Priya Sam 美咲 Nia"
).split()
LAST = (  # noqa: SIM905
    "Ångström Beaumont-Lefèvre Çelik Dąbrowska D'Angelo Fernández Großmann Hébert Ibáñez Jørgensen"
    " Kovács Lindqvist Müller Núñez O'Connor Peña Quispe Rodríguez Šimůnek Tóth Übelacker Vânătoru"
    " Weiß Yıldız Žižka Example Sample Test"
).split()
COMPANIES = (
    "Bäckerei Morgenrot", 'Café "Zur Linde"', "Garage Dupré, Fils & Cie", "Nordlys AS",
    "Atelier Été", "Lavandería El Niño", "Tischlerei Holz; Stein", "Cykelværkstedet",
)  # fmt: skip
STATUSES = ["Client"] * 13 + ["client", "Lead", "lead", "Prospect", "Inactive", "Suspended", ""]
NOTES = [""] * 8 + [
    'Said "call me after six"', "Prefers email, not phone", "Two sites:\nnorth and south",
    "Règle à 30 jours", "=not a formula", "Met at the spring fair; wants an offer",
]  # fmt: skip
HEADINGS = ["Name", "E-Mail", "Phone", "Status", "Notes"]
LINES = 1200
# One bad line of each kind, put in three times at different places.
BAD = (
    ",no-name@example.com,,Client,",
    "Bad Address,this is no address,,Client,",
    "Two Signs,two@@example.com,,Client,",
    "Odd Status,odd-status@example.com,,Platinum,",
    f"{'Far too long ' * 10}name,long@example.com,,Client,",
    "Phone In Words,words@example.com,ask at the desk,Client,",
    "Too Many,many@example.com,,Client,a note, with a comma nobody quoted,",
    '"Never Closed,open@example.com,,Client,',
    "Turned \u202eAround,turned@example.com,,Client,",
    f"Pile Z{chr(0x0301) * 9},pile@example.com,,Client,",
)
BAD_LINES = 3 * len(BAD)
DUPLICATES = 40
NEW = LINES - BAD_LINES - DUPLICATES


def example() -> str:
    """The whole file: 1,200 lines below the headings, of which 30 are bad and 40 said before."""
    chance = random.Random(20260301)
    clients = [_client(number, chance) for number in range(NEW)]
    places: list[list[str] | str] = list(clients)
    for again in chance.sample(clients, DUPLICATES):
        places.insert(chance.randrange(clients.index(again) + 1, len(places)), _said_again(again))
    for bad in BAD * 3:
        places.insert(chance.randrange(len(places)), bad)
    return as_csv([HEADINGS, *places])


def as_csv(rows: list[list[str] | str], delimiter: str = ",") -> str:
    """Rows as a spreadsheet writes them; a text instead of a row is put in as it is."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    for row in rows:
        if isinstance(row, str):
            buffer.write(f"{row}\r\n")
        else:
            writer.writerow(row)
    return buffer.getvalue()


def _client(number: int, chance: random.Random) -> list[str]:
    name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    if number % 7 == 0:
        name = f"{chance.choice(COMPANIES)} {number}"
    email = f"client-{number:04d}@example.com" if number % 11 else ""
    if not email:
        name = f"{name} {number}"
    phone = f"+1 (555) 01{number % 100:02d}-{number:04d}" if chance.random() < 0.6 else ""
    return [name, email, phone, chance.choice(STATUSES), chance.choice(NOTES)]


def _said_again(client: list[str]) -> list[str]:
    """The same client as another hand would write it."""
    name, email, *rest = client
    return [f"  {name.upper()} ", email.upper(), *rest]

"""Files of clients, in all the ways spreadsheets write them."""

import pytest

from portal.billing.rules import client_file
from portal.billing.rules.client_file import ClientFile, safe_cell
from portal.billing.rules.file_text import FileRefused, decode
from tests import client_files

NAMES = "Name;E-Mail\r\nJürgen Müller;j@example.com\r\nRenée Ñandú;r@example.com\r\n"


def names(file: ClientFile) -> list[str]:
    return [client.details.name for client in file.clients]


def problems(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.reason) for problem in client_file.read(text).problems]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (NAMES.encode(), "UTF-8"),
        (NAMES.encode("utf-8-sig"), "UTF-8"),
        (NAMES.encode("utf-16"), "UTF-16"),
        (NAMES.encode("utf-16-le"), "UTF-16"),
        (NAMES.encode("utf-16-be"), "UTF-16"),
        (b"\xfe\xff" + NAMES.encode("utf-16-be"), "UTF-16"),
        (NAMES.encode("cp1252"), "Windows-1252"),
    ],
)
def test_every_usual_encoding(data: bytes, encoding: str) -> None:
    file = client_file.read(*decode(data))
    assert file.encoding == encoding
    assert names(file) == ["Jürgen Müller", "Renée Ñandú"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\x03\x04rest of a workbook", "workbook"),
        (b"\xd0\xcf\x11\xe0old workbook", "workbook"),
        (b"Name\n\x81\x8d\n", "can't be read as Windows-1252"),
        (b"\xff\xfeN\x00a", "can't be read as UTF-16"),
        (b"Name\nA\x00B\nC" + b"x" * 50, "not a text file"),
        (b"x" * 1_500_001, "1.5 MB is the most"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        decode(data)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("Name,Email\nAda,a@example.com\n", "commas"),
        ("Name;Email\nAda;a@example.com\n", "semicolons"),
        ("Name\tEmail\nAda\ta@example.com\n", "tabs"),
        ("sep=;\nName;Email\nAda;a@example.com\n", "semicolons"),
        ('"Name, in full";Email\nAda;a@example.com\n', None),
        ("Name\nAda\n", "commas"),
    ],
)
def test_every_usual_separator(text: str, separator: str | None) -> None:
    if separator is None:
        text = text.replace('"Name, in full"', '"Full, name"')
        separator = "semicolons"
    file = client_file.read(text)
    assert (file.delimiter, names(file)) == (separator, ["Ada"])


@pytest.mark.parametrize(
    ("headings", "kinds"),
    [
        ("Name,Email,Phone,Status,Note", ["name", "email", "phone", "status", "note"]),
        ("CLIENT NAME,E-Mail Address,Telephone", ["name", "email", "phone"]),
        ("First name,Last name,Mobile phone", ["first", "last", "phone"]),
        ("E-mail,Company,Comments", ["name", "email", "note"]),
        (" name ,Fax,Fax 2", ["name"]),
    ],
)
def test_headings_are_found_under_the_names_people_use(headings: str, kinds: list[str]) -> None:
    file = client_file.read(
        f"{headings}\nAda\n" if "Company" not in headings else f"{headings}\n,Ada\n"
    )
    assert sorted(file.columns) == sorted(kinds)


def test_first_and_last_name_make_a_name() -> None:
    assert names(client_file.read("Surname,First Name\nLovelace,Ada\n,Cher\n")) == [
        "Ada Lovelace",
        "Cher",
    ]


def test_columns_that_are_not_taken_are_told() -> None:
    assert client_file.read("Name,Fax,Birthday\nAda,1,2\n").ignored == ("Fax", "Birthday")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("Name,Email\n", "no clients below"),
        ("Ada,ada@example.com\nBen,ben@example.com\n", "no column with names.*Ada"),
        ('"Name,Email\nAda,a@example.com\n', "first line names the columns, but"),
    ],
)
def test_files_that_hold_no_list_are_refused(text: str, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        client_file.read(text)


def test_too_many_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_file, "MOST_LINES", 3)
    with pytest.raises(FileRefused, match="more than 3 lines"):
        client_file.read("Name\nA\nB\nC\n")


def test_quotes_separators_and_line_breaks_within_cells() -> None:
    text = 'Name,Note\n"Müller, ""Gus""","two\nlines"\n5" pipes,plain\n'
    found = client_file.read(text).clients
    assert [(c.line, c.details.name, c.details.note) for c in found] == [
        (2, 'Müller, "Gus"', "two\nlines"),
        (4, '5" pipes', "plain"),
    ]


def test_a_quote_left_open_costs_its_own_line_only() -> None:
    text = 'Name,Email\n"Open,o@example.com\nAda,a@example.com\n"Ben",b@example.com\n'
    file = client_file.read(text)
    assert [problem.line for problem in file.problems] == [2]
    assert names(file) == ["Ada", "Ben"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",a@example.com,", "Name: Enter a name."),
        ("Ada,nonsense,", "Email: This is no email address"),
        ("Ada,,ask me", "Phone: Write a phone number"),
        ("A\u202eda,,", "invisible character in this \\(U\\+202E\\)"),
        ("A\x07da,,", "invisible character"),
        (f"{'x' * 121},,", "at most 120 characters; this has 121"),
        ("Ada,,,,extra", "5 cells and the first line 3"),
        ('"Ada" x,,', "quotes"),
        (f"Z{chr(0x301) * 9},,", "at most 4 accents"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_reason(line: str, why: str) -> None:
    found = problems(f"Name,Email,Phone\nFine,,\n{line}\nFine too,,\n")
    assert [number for number, _ in found] == [3]
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(found[0][1])


def test_empty_lines_are_no_clients_and_no_mistakes() -> None:
    file = client_file.read("Name,Email\n\nAda,\n,\n   \n")
    assert (names(file), file.problems) == (["Ada"], ())


def test_two_mistakes_on_a_line_are_both_told() -> None:
    ((_, reason),) = problems("Name,Email\n,bad\n")
    assert "Enter a name" in reason
    assert "no email address" in reason


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "＝", "＋", "－", "＠", "  ="])
def test_no_cell_is_taken_for_a_formula_and_the_mark_comes_off_again(sign: str) -> None:
    assert safe_cell(f"{sign}1+1") == f"'{sign}1+1"
    if sign.strip():
        text = f'Name\n"{safe_cell(sign + "SUM(A1)")}"\n'
        assert names(client_file.read(text))[0].strip() == f"{sign}SUM(A1)".strip()


@pytest.mark.parametrize("plain", ["Ada", "O'Neil", "1-2", "a=b", ""])
def test_plain_cells_stay_as_they_are(plain: str) -> None:
    assert safe_cell(plain) == plain


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_example_reads_the_same_in_every_encoding(encoding: str) -> None:
    text = client_files.example()
    file = client_file.read(*decode(text.encode(encoding)))
    assert len(file.clients) + len(file.problems) == client_files.LINES

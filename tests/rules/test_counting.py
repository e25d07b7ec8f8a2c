"""What counts: clients by their status, seats by role, storage by bytes; and how plans fit."""

import unicodedata

import pytest

from portal.billing.rules.counting import (
    BUILT_IN_STATUSES,
    NAME_KEY_LENGTH,
    Level,
    Metric,
    Shortfall,
    amount_of,
    count_reason,
    fit,
    is_counted,
    left,
    level,
    over_by,
    seat_reason,
    shadows_built_in,
    shortfalls,
    status_name_key,
    takes_seat,
)
from portal.billing.rules.roles import Role

GB = 10**9
STANDARD_5 = {Metric.SEATS: 5, Metric.CLIENTS: 300, Metric.STORAGE: 5 * GB}


@pytest.mark.parametrize(
    ("built_in_key", "counted"),
    [
        pytest.param("client", True, id="count.clients: Client"),
        pytest.param("lead", False, id="count.clients: Lead"),
        pytest.param("prospect", False, id="count.clients: Prospect"),
        pytest.param("inactive", False, id="count.clients: Inactive"),
        pytest.param("suspended", False, id="count.clients: Suspended"),
        pytest.param(None, True, id="count.clients: every custom status"),
    ],
)
def test_count_clients(built_in_key: str | None, counted: bool) -> None:
    assert is_counted(built_in_key) is counted


def test_count_clients_knows_five_built_in_statuses() -> None:
    assert [(s.key, s.name, s.counted) for s in BUILT_IN_STATUSES] == [
        ("client", "Client", True),
        ("lead", "Lead", False),
        ("prospect", "Prospect", False),
        ("inactive", "Inactive", False),
        ("suspended", "Suspended", False),
    ]


def test_count_clients_refuses_a_status_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="'round-3' is not a built-in status"):
        is_counted("round-3")


@pytest.mark.parametrize(
    ("name", "built_in_key", "deleted", "reason"),
    [
        ("Round 3", None, False, "counted: status Round 3"),
        ("Client", "client", False, "counted: status Client"),
        ("Suspended", "suspended", False, "not counted: suspended"),
        ("Lead", "lead", False, "not counted: lead"),
        ("Round 3", None, True, "not counted: deleted"),
        ("Suspended", "suspended", True, "not counted: deleted"),
    ],
)
def test_count_explained(name: str, built_in_key: str | None, deleted: bool, reason: str) -> None:
    assert count_reason(name, built_in_key=built_in_key, deleted=deleted) == reason


@pytest.mark.parametrize(
    ("role", "active", "takes", "reason"),
    [
        (Role.ADMIN, True, True, "counted: active Admin"),
        (Role.MEMBER, True, True, "counted: active Member"),
        (Role.BILLING, True, False, "not counted: billing contact"),
        (Role.ADMIN, False, False, "not counted: deactivated"),
        (Role.MEMBER, False, False, "not counted: deactivated"),
        (Role.BILLING, False, False, "not counted: deactivated"),
    ],
)
def test_count_seats(role: Role, active: bool, takes: bool, reason: str) -> None:
    assert takes_seat(role, active) is takes
    assert seat_reason(role, active) == reason


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("Client", id="itself"),
        pytest.param("cLIENT", id="case"),
        pytest.param("  C l i e n t ", id="spaces"),
        pytest.param("Cli\u00a0ent\u2003", id="Unicode spaces"),
        pytest.param("Cli\u200bent\u00ad", id="zero width and soft hyphen"),
        pytest.param("Cli\u3164ent", id="Hangul filler"),
        pytest.param("Cli\tent", id="tab"),
        pytest.param("Cliént", id="accent"),
        pytest.param("Clie\u0301\u0302nt\u20dd", id="combining marks, enclosing too"),
        pytest.param("Cli\ufe0fent", id="variation selector"),
        pytest.param("Ｃｌｉｅｎｔ", id="full width"),
        pytest.param("ⓒⓛⓘⓔⓝⓣ", id="circled"),
        pytest.param("𝐂𝓵𝕚𝖊𝗇𝚝", id="mathematical letters"),
        pytest.param("ᶜˡⁱᵉⁿᵗ", id="superscript"),
        pytest.param("Сlіеnt", id="Cyrillic letters in it"),
        pytest.param("СLIЕNТ", id="Cyrillic capitals"),
        pytest.param("Clιεηt", id="Greek letters in it"),
        pytest.param("CLΙΕΝΤ", id="Greek capitals"),
        pytest.param("ᏟᏞᎥᎬNᎢ", id="Cherokee"),
        pytest.param("ꓚꓡꓲꓰꓠꓔ", id="Lisu"),
        pytest.param("Clıent", id="dotless i"),
        pytest.param("CIient", id="capital I for l"),
        pytest.param("C1ient", id="1 for l"),
        pytest.param("Cl|ent", id="bar for i"),
        pytest.param("Cli\u0bcdent", id="a mark of another script"),
        pytest.param("ꓡеаԁ", id="Lead"),
        pytest.param("Рrоsресt", id="Prospect"),
        pytest.param("Pr0spect", id="0 for o"),
        pytest.param("lnactive", id="Inactive with a small l"),
        pytest.param("İnactive", id="Inactive with a dotted capital"),
        pytest.param("Inactiνe", id="Inactive with a Greek v"),
        pytest.param("ЅUЅРЕΝDЕD", id="Suspended, mixed scripts"),
    ],
)
def test_count_built_in_names_are_not_shadowed(name: str) -> None:
    assert shadows_built_in(name)


@pytest.mark.parametrize(
    "name",
    ["Round 3", "Clients", "Client A", "Leader", "Active", "Pros", "Клиент", "Πελάτης", "客户", ""],
)
def test_count_built_in_leaves_other_names_alone(name: str) -> None:
    assert not shadows_built_in(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Round 3", "ROUND  3"),
        ("Round 3", "Röund\u200b3"),
        ("Straße", "STRASSE"),
        ("Ǆur", "ǆur"),
        ("ﬁnal", "Final"),
        ("Café", "Cafe\u0301"),
        ("Вest", "Best"),
    ],
)
def test_status_names_a_person_would_read_as_one(one: str, other: str) -> None:
    assert status_name_key(one) == status_name_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Round 3", "Round 4"),
        ("Phase I", "Phase 1"),
        ("Phase l", "Phase 1"),
        ("Stage 0", "Stage O"),
        ("हि", "हा"),
        ("客户", "客人"),
    ],
)
def test_status_names_that_differ(one: str, other: str) -> None:
    assert status_name_key(one) != status_name_key(other)


@pytest.mark.parametrize(
    "accents",
    [
        "\u0300\u036f",
        "\u1ab0\u1aff",
        "\u1dc0\u1dff",
        "\u20d0\u20ff",
        "\ufe00\ufe0f",
        "\ufe20\ufe2f",
        "\U000e0100\U000e01ef",
    ],
    ids=ascii,
)
def test_accents_go_from_the_first_of_their_kind_to_the_last(accents: str) -> None:
    assert status_name_key(f"Round{accents} 3") == "round3"
    before, after = chr(ord(accents[0]) - 1), chr(ord(accents[1]) + 1)
    kept = [c for c in (before, after) if unicodedata.category(c)[0] not in "ZC"]
    assert all(status_name_key(f"Round{c} 3") != "round3" for c in kept)


@pytest.mark.parametrize("name", ["", "  ", "\u200b\u3164", "\u0301"])
def test_a_name_that_shows_nothing_has_no_key(name: str) -> None:
    assert status_name_key(name) == ""


def test_a_key_stays_short_where_one_character_stands_for_many() -> None:
    assert len(status_name_key("\ufdfa" * 60)) == NAME_KEY_LENGTH == 120


@pytest.mark.parametrize(
    ("used", "limit", "expected"),
    [
        pytest.param(0, 300, Level.OK, id="none used"),
        pytest.param(239, 300, Level.OK, id="a hair below 80 %"),
        pytest.param(240, 300, Level.NEAR, id="over.in-advance: 80 %"),
        pytest.param(299, 300, Level.NEAR, id="one left"),
        pytest.param(300, 300, Level.FULL, id="over.starts: equal to the limit is not over"),
        pytest.param(301, 300, Level.OVER, id="one over"),
        pytest.param(4, 5, Level.NEAR, id="4 of 5 is 80 %"),
        pytest.param(0, 0, Level.FULL, id="none of none"),
        pytest.param(1, 0, Level.OVER, id="one of none"),
        pytest.param(10**12, None, Level.OK, id="unlimited"),
    ],
)
def test_level(used: int, limit: int | None, expected: Level) -> None:
    assert level(used, limit) is expected


@pytest.mark.parametrize(
    ("used", "limit", "over", "remaining"),
    [
        (312, 300, 12, 0),
        (300, 300, 0, 0),
        (299, 300, 0, 1),
        (0, 300, 0, 300),
        (312, None, 0, None),
    ],
)
def test_what_is_over_and_what_is_left(
    used: int, limit: int | None, over: int, remaining: int | None
) -> None:
    assert over_by(used, limit) == over
    assert left(used, limit) == remaining


@pytest.mark.parametrize(
    ("shortfall", "sentence", "to_remove"),
    [
        pytest.param(
            Shortfall(Metric.CLIENTS, 312, 300),
            "312 of 300 clients: 12 too many",
            "12 clients",
            id="catalog.fits: the example",
        ),
        pytest.param(
            Shortfall(Metric.CLIENTS, 4801, 4800),
            "4,801 of 4,800 clients: 1 too many",
            "1 client",
            id="catalog.fits: one, and thousands",
        ),
        pytest.param(
            Shortfall(Metric.SEATS, 2, 1), "2 of 1 seat: 1 too many", "1 seat", id="one seat"
        ),
        pytest.param(
            Shortfall(Metric.STORAGE, 6_240_000_000, 5 * GB),
            "6.3 of 5 GB: 1.3 GB too much",
            "1.3 GB of documents",
            id="storage, what to remove rounded up",
        ),
        pytest.param(
            Shortfall(Metric.STORAGE, 5 * GB + 1, 5 * GB),
            "5.1 of 5 GB: 1 byte too much",
            "1 byte of documents",
            id="a byte: rounded up, so that it is not shown as just enough",
        ),
    ],
)
def test_catalog_fits_sentences(shortfall: Shortfall, sentence: str, to_remove: str) -> None:
    assert shortfall.sentence == sentence
    assert shortfall.to_remove == to_remove


def test_catalog_fits_names_every_metric_that_does_not() -> None:
    usage = {Metric.STORAGE: 5 * GB, Metric.CLIENTS: 340, Metric.SEATS: 8}
    assert shortfalls(usage, STANDARD_5) == (
        Shortfall(Metric.SEATS, 8, 5),
        Shortfall(Metric.CLIENTS, 340, 300),
    )
    assert not fit(usage, STANDARD_5).fits
    assert fit(usage, STANDARD_5).to_remove == "3 seats and 40 clients"


def test_catalog_fits_at_exactly_the_limits() -> None:
    assert fit(STANDARD_5, STANDARD_5).fits
    assert fit(STANDARD_5, STANDARD_5).to_remove == ""


def test_catalog_fits_anything_where_a_metric_is_unlimited() -> None:
    usage = {Metric.SEATS: 5, Metric.CLIENTS: 10**9, Metric.STORAGE: 0}
    assert fit(usage, {**STANDARD_5, Metric.CLIENTS: None}).fits


def test_what_was_not_counted_is_not_taken_for_nothing() -> None:
    with pytest.raises(KeyError):
        fit({Metric.SEATS: 1, Metric.CLIENTS: 1}, STANDARD_5)


@pytest.mark.parametrize(
    ("metric", "count", "text"),
    [
        (Metric.SEATS, 1, "1 seat"),
        (Metric.SEATS, 2, "2 seats"),
        (Metric.CLIENTS, 1200, "1,200 clients"),
        (Metric.STORAGE, 5 * GB, "5 GB"),
    ],
)
def test_amounts_of_a_metric(metric: Metric, count: int, text: str) -> None:
    assert amount_of(metric, count) == text

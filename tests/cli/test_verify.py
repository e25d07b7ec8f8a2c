"""`flask verify`: the answer for people, for programs, and as exit status."""

import json
from collections.abc import Callable

from click.testing import Result

from portal.billing import usage
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.transaction import transaction
from tests.cast import START, Cast

Run = Callable[..., Result]


def test_where_all_is_well_it_says_so(run: Run, cast: Cast) -> None:
    result = run("verify")

    assert result.exit_code == 0, result.output
    assert result.output.endswith("checks: everything is as it must be.\n")


def test_a_wrong_row_is_named_and_the_exit_status_says_it(run: Run, cast: Cast) -> None:
    _miscount(cast)

    result = run("verify")

    assert result.exit_code == 1
    assert f"seats of Acme ({cast.acme.public_id})" in result.output
    assert "\n  counts:\n" in result.output
    assert "found     7\n    expected  2\n" in result.output
    assert result.output.endswith("checks: 1 thing is wrong.\n")


def test_programs_get_the_same_as_json(run: Run, cast: Cast) -> None:
    assert json.loads(run("verify", "--json").output)["ok"] is True
    _miscount(cast)

    result = run("verify", "--json")

    answer = json.loads(result.output)
    assert (result.exit_code, answer["ok"]) == (1, False)
    assert "counts" in answer["checks"]
    (finding,) = answer["findings"]
    assert (finding["check"], finding["found"], finding["expected"]) == ("counts", "7", "2")


def _miscount(cast: Cast) -> None:
    with transaction() as session:
        usage.add(session, cast.acme.id, Metric.SEATS, 5, now=START)
    db.session.rollback()

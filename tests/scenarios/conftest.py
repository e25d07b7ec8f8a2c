"""Stories are about money and mail; at the end of each, everything that must hold holds.

PDFs have tests of their own: here a few bytes stand for them.
"""

from collections.abc import Iterator

import pytest
from flask import Flask

from portal.billing import verify
from portal.extensions import db
from portal.papers import making


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda invoice: making.Files(invoice.number.encode()))


@pytest.fixture(autouse=True)
def _everything_holds(app: Flask) -> Iterator[None]:
    yield
    db.session.rollback()
    assert verify.run(db.session()) == []

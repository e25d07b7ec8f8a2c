"""Stories are about money and mail; at the end of each, everything that must hold holds.

PDFs have tests of their own: here a few bytes stand for them.
"""

from collections.abc import Iterator

import pytest
from flask import Flask

from portal import invoice_pdf
from portal.billing import verify
from portal.extensions import db


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice_pdf, "render", lambda invoice: invoice.number.encode())


@pytest.fixture(autouse=True)
def _everything_holds(app: Flask) -> Iterator[None]:
    yield
    db.session.rollback()
    assert verify.run(db.session()) == []

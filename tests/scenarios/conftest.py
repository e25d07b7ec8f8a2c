"""Stories are about money and mail: PDFs have tests of their own, and are left out here."""

from collections.abc import Iterator

import pytest

from portal.extensions import db
from portal.jobs import outbox_items
from portal.models import Work


@pytest.fixture(autouse=True)
def _no_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outbox_items.HANDLERS, Work.INVOICE_PDF, lambda _invoice_id: None)

"""Why there is no electronic invoice of a document."""


class NoEInvoice(ValueError):
    """EN 16931 has no valid file for this document; `str()` says why and what the vendor can do."""

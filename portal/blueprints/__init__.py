"""One module per family of pages: who may, what was asked, what is shown."""

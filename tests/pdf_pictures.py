"""Pages of a PDF as pictures, by Poppler: another reader than what wrote them."""

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from PIL import Image

DPI = 75
# Drawn larger and made smaller: how thin rules and letters are fitted to pixels matters less.
LARGER = 3
needs_poppler = pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="needs Poppler")


def pages(pdf: bytes, *, by: tuple[str, ...] = ("pdftoppm",)) -> list[Image.Image]:
    """The first page first. `by` is one of Poppler's two ways of drawing, with its options."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*by, "-png", "-gray", "-r", str(DPI * LARGER), "-", f"{folder}/page"]
        subprocess.run(command, input=pdf, check=True)
        return [_drawn(path) for path in sorted(Path(folder).iterdir())]


def _drawn(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes())).convert("L").reduce(LARGER)

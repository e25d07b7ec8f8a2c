"""Pictures of pages, held to those that are kept; for documents and for pages in a browser.

Another version of Poppler, Pango or Chromium puts the edge of a letter elsewhere, by less than a
pixel, or smooths it in another way. So a pixel counts as different only where, a little blurred, it
is clearly darker or lighter than every pixel beside its place in the other picture. A line that
is missing, a word, a column elsewhere, another font or size are many such pixels at once.
"""

import os
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter, ImageStat

KEEP = "PORTAL_KEEP_LOOKS"
BLUR = 1.0
BESIDE = 3
# Of 255: what smoothing changes stays below 25, a word in small grey letters reaches 60.
CLEARLY = 30
MOST_PIXELS = 10
# A tint on all of a page is clear nowhere.
MOST_ON_AVERAGE = 0.5
MOST_IN_SIZE = 2
# 16 greys: a third of the bytes, and no pixel off by more than 8.
STEP = 17


def looks_as_kept(picture: Image.Image, kept: Path, folder: Path) -> None:
    """Fail where a picture isn't the kept one, with both and their difference in `folder`.

    With PORTAL_KEEP_LOOKS=1 it is kept instead.
    """
    picture = reduced(picture)
    if os.environ.get(KEEP) == "1":
        kept.parent.mkdir(exist_ok=True)
        picture.save(kept, optimize=True)
        return
    assert kept.exists(), f"there is no {kept}: {KEEP}=1 keeps one"
    before = Image.open(kept).convert("L")
    problem = difference(before, picture)
    if problem:
        shown = folder / f"{kept.stem}-difference.png"
        beside(before, picture).save(shown)
        picture.save(folder / kept.name)
        raise AssertionError(
            f"{kept.name} {problem}.\nKept, now and the difference: {shown}\n"
            f"Look at it; if that is how it should look, {KEEP}=1 keeps it"
        )


def difference(kept: Image.Image, picture: Image.Image) -> str:
    """In which way two pictures differ; "" where they don't."""
    if max(abs(kept.width - picture.width), abs(kept.height - picture.height)) > MOST_IN_SIZE:
        return f"is {picture.size} large, not {kept.size}"
    spots = differing(kept, picture)
    clearly = sum(spots.histogram()[CLEARLY:])
    if clearly > MOST_PIXELS:
        return f"differs clearly in {clearly} pixels, more than {MOST_PIXELS}"
    average = ImageStat.Stat(spots).mean[0]
    if average > MOST_ON_AVERAGE:
        return f"differs by {average:.2f} on average, more than {MOST_ON_AVERAGE}"
    return ""


def differing(kept: Image.Image, picture: Image.Image) -> Image.Image:
    """By how much each pixel differs from all that are beside its place in the other picture."""
    size = (0, 0, min(kept.width, picture.width), min(kept.height, picture.height))
    one, other = (
        each.convert("L").crop(size).filter(ImageFilter.GaussianBlur(BLUR))
        for each in (kept, picture)
    )
    return ImageChops.lighter(outside(one, other), outside(other, one))


def outside(one: Image.Image, other: Image.Image) -> Image.Image:
    """How much darker each is than the darkest beside its place, or lighter than the lightest."""
    darkest = other.filter(ImageFilter.MinFilter(BESIDE))
    lightest = other.filter(ImageFilter.MaxFilter(BESIDE))
    return ImageChops.lighter(ImageChops.subtract(one, lightest), ImageChops.subtract(darkest, one))


def reduced(picture: Image.Image) -> Image.Image:
    """In 16 greys."""
    return picture.convert("L").point(lambda grey: round(grey / STEP) * STEP)


def beside(kept: Image.Image, picture: Image.Image) -> Image.Image:
    """Both pictures and, dark on white, where they differ."""
    three = (kept, picture, ImageChops.invert(differing(kept, picture)))
    width, height = max(each.width for each in three), max(each.height for each in three)
    sheet = Image.new("L", (width * 3, height), "white")
    for place, each in enumerate(three):
        sheet.paste(each, (place * width, 0))
    return sheet

"""Folding names that a person would read as the same one."""

from __future__ import annotations

import unicodedata

from portal.billing.rules.text import normal

# Letters that Unicode's own compatibility forms leave apart from the Latin ones they look like.
# Capitals stand on their own: a Greek capital Ν looks like N, the small ν like v.
_LOOKS_LIKE = {
    "a": "АаΑαɑᴀаꓮᎪ",
    "b": "ВвΒβᏴꓐ",
    "c": "СсϹϲᴄⅽꓚᏟⲤⲥ",
    "d": "ԀԁᴅđĐɗꓓᎠ",
    "e": "ЕеЁёΕεєЄᴇꓰᎬɛ",
    "g": "ɡԌɢᏀꓖց",
    "h": "НнΗһҺᎻꓧ",
    "i": "ІіΙιɩıɪꓲӏ׀ᎥӀ",
    "j": "ЈјϳꓙᎫ",
    "k": "КкΚκᏦꓗ",
    "l": "ʟłŁꓡᏞⅼƖ",
    "m": "МмΜᎷꓟ",
    "n": "Νηпɴոꓠ",
    "o": "ОоΟοσøØᴏօꓳⲞⲟ",
    "p": "РрΡρᴘꓑᏢ",
    "r": "гᴦʀꓣᎡᏒ",
    "s": "ЅѕꜱꓢᏚʂ",
    "t": "ТтΤτᴛꓔᎢŧŦ",
    "u": "υᴜսꓴʋՍ",
    "v": "νѵѴᴠꓦᏙ",
    "w": "ԝԜѡωᴡꓪᎳ",
    "x": "ХхΧχꓫ",
    "y": "УуΥγүҮꓬ",
    "z": "ΖᴢꓜᏃ",
}
_TO_LATIN = {ord(other): latin for latin, others in _LOOKS_LIKE.items() for other in others}

# Letters to Unicode, blank to the eye.
_BLANK = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"))

# Alike in most fonts, yet "Phase I" and "Phase 1" may both be wanted: not for telling names apart.
_ALIKE_IN_PRINT = str.maketrans({"l": "i", "1": "i", "|": "i", "!": "i", "0": "o"})

_INVISIBLE = frozenset({"Me", "Cf", "Cc", "Zs", "Zl", "Zp"})

# Accents that go on any letter. The vowel signs of Indic scripts and the like tell words apart.
_ACCENTS = frozenset(
    code
    for first, last in (
        (0x0300, 0x036F),
        (0x1AB0, 0x1AFF),
        (0x1DC0, 0x1DFF),
        (0x20D0, 0x20FF),
        (0xFE00, 0xFE0F),
        (0xFE20, 0xFE2F),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)


def folded(name: str) -> str:
    """`name` without case, spaces, accents and invisible characters, look-alikes made Latin."""
    latin = name.translate(_TO_LATIN)
    plain = _bare(normal("NFKD", latin)).translate(_TO_LATIN).casefold()
    return _bare(normal("NFKD", plain)).translate(_TO_LATIN)


def skeleton(name: str) -> str:
    """`folded`, with marks of any script gone, I, l and 1 taken for one another, and O and 0."""
    unmarked = (c for c in folded(name) if not unicodedata.category(c).startswith("M"))
    return "".join(unmarked).translate(_ALIKE_IN_PRINT)


def _bare(decomposed: str) -> str:
    kept = (
        c
        for c in decomposed
        if unicodedata.category(c) not in _INVISIBLE and ord(c) not in _ACCENTS
    )
    return "".join(kept).translate(_BLANK)

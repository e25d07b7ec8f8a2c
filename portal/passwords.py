"""Passwords: what is kept of them, how they are checked, and which are refused.

Argon2id with 46 MiB of memory and two passes: about a tenth of a second. No more than four
hashes are worked out at once in a process, so that a crowd at the door can't exhaust its memory.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.language import gettext as _

SHORTEST = 12
LONGEST = 128
AT_ONCE = BoundedSemaphore(4)
COMMON = Path(__file__).parent / "data" / "common_passwords.txt"
PADDING = "".join(map(chr, range(0x20, 0x41))) + "[\\]^_`{|}~"
PRODUCT_WORDS = frozenset({"portal", "billing", "billingportal", "invoice", "invoices"})
SHORTEST_TELLING_WORD = 4
SHORTEST_UNIT = 5

hasher = PasswordHasher(time_cost=2, memory_cost=47104, parallelism=1)
# What is checked where there is nobody to check, so that the answer takes as long.
NOBODYS = (
    "$argon2id$v=19$m=47104,t=2,p=1"
    "$Um7YQbEE/rqHO+Yr89zExw$ZqoQo6iLrewHW0/yvOOXaLTYxrGMR6zNVTfIAvY5GEY"
)


def hash_of(password: str) -> str:
    """What is kept of a password. Takes about 0.1 s: never call it with rows locked."""
    with AT_ONCE:
        return hasher.hash(_normal(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one kept; with None, for nobody, it takes as long to say no.

    Takes about 0.1 s: never call it with rows locked.
    """
    with AT_ONCE:
        try:
            right = hasher.verify(password_hash or NOBODYS, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return right and password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with other parameters than today's and should be made anew."""
    return hasher.check_needs_rehash(password_hash)


def refusal(password: str, about: Iterable[str] = ()) -> str | None:
    """Why a new password isn't taken, as a sentence saying what to do; None where it is.

    `about` are words that guess the person: name, email, company.
    """
    length = len(_normal(password))
    if length < SHORTEST:
        return _(
            "Use at least %(least)s characters: a few unrelated words are easy to remember.",
            least=SHORTEST,
        )
    if length > LONGEST:
        return _("Use at most %(max)s characters.", max=LONGEST)
    cores = _cores(password)
    if not all(cores):
        return _("Digits and signs alone are guessed quickly: add a few words.")
    if cores & _common() or min(map(len, cores)) < SHORTEST_UNIT:
        return _("Passwords like this one are tried first. Choose something less common.")
    if cores & _words(about):
        return _("This is too close to your name, email or company. Choose something unrelated.")
    return None


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _cores(password: str) -> set[str]:
    """The word a password is built around: no spaces, no digits or signs at its ends, once."""
    whole = "".join(_normal(password).casefold().split())
    return {whole, _unit(whole), _unit(whole.strip(PADDING))}


def _unit(text: str) -> str:
    """The shortest part that repeated gives the text: "abc" of "abcabcabc"."""
    return text[: (text + text).find(text, 1)] if text else ""


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text(encoding="ascii").split()) | PRODUCT_WORDS


def _words(about: Iterable[str]) -> set[str]:
    parts: set[str] = set()
    for text in about:
        folded = text.casefold()
        parts |= {"".join(folded.split()), *folded.replace("@", " ").split()}
    return {part for part in parts if len(part) >= SHORTEST_TELLING_WORD}

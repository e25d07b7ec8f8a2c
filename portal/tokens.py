"""Secrets that are handed out, in links and cookies, and of which only a hash is kept."""

import hashlib
import secrets


def new() -> str:
    """256 random bits, fit for an address."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What is kept of a token: its sha256, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()

"""API keys: random, shown once, kept as a digest."""

import hashlib
import secrets

PREFIX = "tsk_"
_RANDOM_BYTES = 32
_HINT_LENGTH = len(PREFIX) + 8


def new_key() -> str:
    """A key that nobody can guess: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest(key: str) -> str:
    """What is stored of a key.

    A plain SHA-256 is enough because the key is random and long: there is nothing to guess, so nothing
    has to be slow. Looking up a digest tells no timing about the key.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def hint(key: str) -> str:
    """The first characters, by which a person tells keys apart."""
    return key[:_HINT_LENGTH]

"""The tokens that a login gives: JSON Web Tokens, signed with HMAC-SHA256."""

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import jwt

from tunesmith.server.kit.database import now
from tunesmith.server.kit.errors import UnauthorizedError
from tunesmith.server.kit.secrets import key_file

_ALGORITHM = "HS256"
_KEY_BYTES = 32
_REMEMBERED = 1024


@dataclass(frozen=True)
class Claims:
    """What a token says of its bearer. `key_id` is the API key that was logged in with."""

    user_id: UUID
    org_name: str
    key_id: UUID


class TokenSigner:
    """Signs tokens and checks them."""

    def __init__(self, key: bytes, lifetime: timedelta) -> None:
        self._key = key
        self._lifetime = lifetime
        # Clients send one token with each request, and a check of its signature takes 40 microseconds.
        self._genuine = lru_cache(_REMEMBERED)(self._check)

    def sign(self, claims: Claims) -> str:
        """A token that holds for the signer's lifetime."""
        moment = now()
        payload = {
            "user_id": str(claims.user_id),
            "org_name": claims.org_name,
            "key_id": str(claims.key_id),
            "iat": moment,
            "exp": moment + self._lifetime,
        }
        return jwt.encode(payload, self._key, algorithm=_ALGORITHM)

    def read(self, token: str) -> Claims:
        """What a genuine token says.

        Raises:
            UnauthorizedError: it is expired, altered, or signed by somebody else.
        """
        try:
            claims, ends = self._genuine(token)
        except (jwt.InvalidTokenError, ValueError):
            raise UnauthorizedError("The token is not valid here: log in again") from None
        if ends <= time.time():
            raise UnauthorizedError("The token has expired: log in again")
        return claims

    def _check(self, token: str) -> tuple[Claims, float]:
        """What the token says, and until when; that it has expired is found later, at each use."""
        required = ["exp", "user_id", "org_name", "key_id"]
        payload = jwt.decode(
            token, self._key, algorithms=[_ALGORITHM], options={"require": required, "verify_exp": False}
        )
        claims = Claims(UUID(payload["user_id"]), str(payload["org_name"]), UUID(payload["key_id"]))
        return claims, float(payload["exp"])


def signing_key(path: Path) -> bytes:
    """The server's signing key, made at the first start."""
    return key_file(path, lambda: secrets.token_bytes(_KEY_BYTES))

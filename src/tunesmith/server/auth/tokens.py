"""The tokens that a login gives: JSON Web Tokens, signed with HMAC-SHA256."""

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

import jwt

from tunesmith.server.kit.database import now
from tunesmith.server.kit.errors import ForbiddenError, UnauthorizedError
from tunesmith.server.kit.secrets import key_file
from tunesmith.server.kit.settings import Settings

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

    @classmethod
    def of(cls, settings: Settings) -> "TokenSigner":
        """The server's own, whose key is made at the first start."""
        key = key_file(settings.data_dir / "signing.key", lambda: secrets.token_bytes(_KEY_BYTES))
        return cls(key, timedelta(hours=settings.token_hours))

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

    def sign_job(self, job_id: UUID) -> str:
        """A token with which a job's worker reports, and nothing else can be done."""
        moment = now()
        payload = {"job_id": str(job_id), "iat": moment, "exp": moment + self._lifetime}
        return jwt.encode(payload, self._key, algorithm=_ALGORITHM)

    def read_job(self, token: str) -> UUID:
        """The job that a genuine token is of.

        Raises:
            UnauthorizedError: it is expired, altered, or signed by somebody else.
            ForbiddenError: it is the token of a login.
        """
        try:
            payload = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options={"require": ["exp"]})
            if "job_id" not in payload:
                raise ForbiddenError("Only the worker of a job reports for it, with the token of that job")
            return UUID(payload["job_id"])
        except jwt.ExpiredSignatureError:
            raise UnauthorizedError("The token of the job has expired") from None
        except (jwt.InvalidTokenError, ValueError):
            raise UnauthorizedError("The token is not that of a job of this server") from None

    def sign_content(self, content: dict[str, str], lifetime: timedelta) -> str:
        """A token that says something else than who has logged in, and opens nothing by itself."""
        moment = now()
        return jwt.encode(
            {**content, "iat": moment, "exp": moment + lifetime}, self._key, algorithm=_ALGORITHM
        )

    def read_content(self, token: str, names: tuple[str, ...]) -> dict[str, str]:
        """What such a token says under these names.

        Raises:
            UnauthorizedError: it is expired, altered, of another kind, or signed by somebody else.
        """
        required = ["exp", *names]
        try:
            payload = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options={"require": required})
        except jwt.InvalidTokenError:
            raise UnauthorizedError(
                "The link has expired, or is not of this server: ask for another"
            ) from None
        return {name: str(payload[name]) for name in names}

    def _check(self, token: str) -> tuple[Claims, float]:
        """What the token says, and until when; that it has expired is found later, at each use."""
        required = ["exp", "user_id", "org_name", "key_id"]
        payload = jwt.decode(
            token, self._key, algorithms=[_ALGORITHM], options={"require": required, "verify_exp": False}
        )
        claims = Claims(UUID(payload["user_id"]), str(payload["org_name"]), UUID(payload["key_id"]))
        return claims, float(payload["exp"])

"""Who makes a request."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Caller:
    """A logged-in user, within one organisation."""

    user_id: UUID
    org_id: UUID
    org_name: str
    user_name: str

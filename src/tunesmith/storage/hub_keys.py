"""Names places on a Hugging Face hub: OWNER/NAME[@REVISION][/FOLDER], and the addresses that people copy."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from tunesmith.storage.errors import InvalidKeyError

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}"
_KEY = re.compile(rf"({_NAME}/{_NAME})(?:@([^/@]{{1,300}}))?(?:/(.+))?")
_PAGE = re.compile(rf"/datasets/({_NAME}/{_NAME})(?:/tree/([^/]+)(?:/(.+))?)?/?")
_FILE = re.compile(rf"/datasets/{_NAME}/{_NAME}/resolve/.+")


@dataclass(frozen=True)
class HubPlace:
    """A place in a dataset of a hub.

    Attributes:
        dataset: OWNER/NAME.
        revision: a branch, tag or commit; None is the default branch.
        path: a file or folder in the dataset; "" is its root.
    """

    dataset: str
    revision: str | None = None
    path: str = ""

    @classmethod
    def parse(cls, key: str) -> "HubPlace":
        """From a key.

        Raises:
            InvalidKeyError: it is none; the message gives the rule.
        """
        found = _KEY.fullmatch(key)
        if not found:
            raise InvalidKeyError(
                f"{key!r} names no dataset of a hub; write OWNER/NAME, OWNER/NAME@REVISION or "
                "OWNER/NAME@REVISION/FOLDER."
            )
        return cls(found[1], unquote(found[2]) if found[2] else None, found[3] or "")

    @property
    def root(self) -> str:
        """The key of the dataset itself."""
        return f"{self.dataset}@{quote(self.revision, safe='')}" if self.revision else self.dataset

    @property
    def key(self) -> str:
        """The key of the place."""
        return f"{self.root}/{self.path}" if self.path else self.root


def hub_page(url: str, hub: str) -> HubPlace | None:
    """The dataset that an address of a hub shows; None for an address elsewhere, or of a single file.

    Raises:
        InvalidKeyError: it is on the hub, and shows no dataset.
    """
    address, home = urlsplit(url), urlsplit(hub)
    if (address.hostname, address.port) != (home.hostname, home.port):
        return None
    path = address.path.removeprefix(home.path.rstrip("/"))
    if _FILE.fullmatch(path):
        return None
    found = _PAGE.fullmatch(path)
    if not found:
        raise InvalidKeyError(
            f"{address.path!r} shows no dataset of {hub}; copy the address of a dataset's page, "
            f"{hub}/datasets/OWNER/NAME."
        )
    return HubPlace(found[1], unquote(found[2]) if found[2] else None, unquote(found[3] or "").strip("/"))

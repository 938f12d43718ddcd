"""How huggingface_hub is used here: never without a timeout, and its errors are sentences.

Importing this takes a third of a second.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # public all the same

from tunesmith.storage.errors import StorageError, StoreUnavailableError
from tunesmith.storage.patience import PATIENT

_REFUSED = {401, 403}


@contextmanager
def named(what: str) -> Iterator[None]:
    """Say in a sentence what a hub refuses. The token is in none of them.

    Args:
        what: what is asked for, e.g. "dataset acme/pets on https://huggingface.co".

    Raises:
        StorageError: with what is wrong, and the remedy.
        EntryNotFoundError: as it is; it depends on the file whether that is an error.
    """
    try:
        yield
    except GatedRepoError:
        raise StorageError(
            f"The {what} is gated: ask for access on its page, then give a workspace the token of an "
            "account that has it."
        ) from None
    except RevisionNotFoundError:
        raise StorageError(f"The {what} has no such revision; name a branch, tag or commit.") from None
    except RepositoryNotFoundError:
        raise StorageError(f"The {what} does not exist, or the token may not read it; check both.") from None
    except EntryNotFoundError:
        raise
    except HfHubHTTPError as error:
        raise _refusal(what, error.response.status_code) from None
    except (httpx2.HTTPError, httpx2.InvalidURL):
        raise StoreUnavailableError(f"The {what} does not answer; check that the hub is reachable.") from None
    except (HFValidationError, KeyError, TypeError, ValueError):
        raise StorageError(f"The {what} does not answer as a hub does; check its address.") from None


def _refusal(what: str, status: int) -> StorageError:
    if status in _REFUSED:
        return StorageError(
            f"The {what} refused permission (status {status}); check the token and what it may do."
        )
    return StorageError(f"The {what} answers with status {status}; try again later.")


def _bounded(request: httpx2.Request) -> None:
    """The library lists without any timeout, and a hub that hangs would hold a worker for ever."""
    timeout = request.extensions.get("timeout", {})
    if timeout.get("read") is None:
        request.extensions["timeout"] = httpx2.Timeout(PATIENT.read, connect=PATIENT.connect).as_dict()


def _client() -> httpx2.Client:
    return httpx2.Client(follow_redirects=True, event_hooks={"request": [_bounded]})


set_client_factory(_client)
# Its warnings show whole addresses, and a signed address is a key; bars belong to people who watch.
logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
disable_progress_bars()

"""Query strings as dataclasses."""

import inspect
from typing import Any

from fastapi import Depends


def from_query(shape: type[Any]) -> Any:
    """The dependency that fills a dataclass from the query string; its fields are the parameters.

    The class itself would do, in a thread of its own: the framework cannot know that it waits for nothing.
    """

    async def fill(**values: Any) -> Any:
        return shape(**values)

    setattr(fill, "__signature__", inspect.signature(shape))  # noqa: B010 - functions declare none
    return Depends(fill)

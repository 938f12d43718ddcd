"""Which route a request took, as a template: /api/v1/orgs/{org_name}/experiments/{experiment_id}."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Scope

NOWHERE = "nowhere"
"""The name of all paths that lead to no route: there is no end to them."""

_Key = tuple[Callable[..., Any] | None, frozenset[str]]


class RouteNames:
    """Finds the template of a request once it is routed.

    The router leaves the endpoint and the parameters in the scope, and not the template: routers that are
    included do not know their prefix.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def of(self, scope: Scope) -> str:
        """The template, or NOWHERE for a request that has not been routed."""
        if "endpoint" not in scope:
            return NOWHERE
        parameters = scope.get("path_params")
        if not parameters:
            path: str = scope["path"]
            return path
        return self._templates.get((scope["endpoint"], frozenset(parameters)), NOWHERE)

    @cached_property
    def _templates(self) -> dict[_Key, str]:
        contexts = iter_route_contexts(self._app.routes)
        return {
            (one.endpoint, frozenset(one.param_convertors)): str(one.path_format)
            for one in contexts
            if one.path_format is not None
        }

"""The one operation that stands for all others: which one a request names, and how it is asked.

The names are those of the published service.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.orgs.schemas import Kind, SuperReq

_ONE = "/{kind}/{handler_id}"
_JOB = f"{_ONE}/jobs/{{job_id}}"
_EXPERIMENTS_ONLY = (Kind.EXPERIMENTS,)


@dataclass(frozen=True)
class Target:
    """An operation below an organisation.

    Attributes:
        of_job: its path if the request is about a job.
        of_base: its path if the request is about base experiments.
        kinds: what it exists for.
    """

    method: str
    path: str
    of_job: str | None = None
    of_base: str | None = None
    kinds: tuple[Kind, ...] = tuple(Kind)

    def chosen(self, request: SuperReq) -> str:
        """The path that the request means, with the names of its parts."""
        if request.is_base_experiment and self.of_base:
            return self.of_base
        return self.of_job if request.is_job and self.of_job else self.path


TARGETS: Mapping[str, Target] = {
    "org_gpu_types": Target("GET", ":gpu_types"),
    "workspace_retrieve_datasets": Target("GET", f"{_ONE}:get_datasets", kinds=(Kind.WORKSPACES,)),
    "retrieve_datasets": Target("GET", f"{_ONE}:get_datasets", kinds=(Kind.WORKSPACES,)),
    "get_dataset_formats": Target("GET", "/{kind}:get_formats", kinds=(Kind.DATASETS,)),
    "list": Target("GET", "/{kind}", of_base="/experiments:base"),
    "retrieve": Target("GET", _ONE, of_job=_JOB),
    "create": Target("POST", "/{kind}"),
    "update": Target("PUT", _ONE),
    "partial_update": Target("PATCH", _ONE),
    "delete": Target("DELETE", _ONE),
    "bulk_delete": Target("DELETE", "/{kind}"),
    "specs_schema": Target(
        "GET",
        f"{_ONE}/specs/{{action}}/schema",
        of_job=f"{_JOB}/schema",
        of_base=f"{_ONE}/specs/{{action}}/schema:base",
    ),
    "job_run": Target("POST", f"{_ONE}/jobs"),
    "job_list": Target("GET", f"{_ONE}/jobs"),
    "job_retrieve": Target("GET", _JOB),
    "job_schema": Target("GET", f"{_JOB}/schema"),
    "job_logs": Target("GET", f"{_JOB}/logs"),
    "job_download": Target("GET", f"{_JOB}:download"),
    "job_retry": Target("POST", f"{_JOB}:retry"),
    "job_cancel": Target("POST", f"{_ONE}:cancel_all_jobs", of_job=f"{_JOB}:cancel"),
    "jobs_cancel": Target("POST", f"{_ONE}:cancel_all_jobs"),
    "bulk_cancel": Target("POST", "/{kind}:cancel_all_jobs"),
    "job_delete": Target("DELETE", _JOB),
    "job_pause": Target("POST", f"{_JOB}:pause", kinds=_EXPERIMENTS_ONLY),
    "job_resume": Target("POST", f"{_JOB}:resume", kinds=_EXPERIMENTS_ONLY),
    "automl_details": Target("GET", f"{_JOB}:automl_details", kinds=_EXPERIMENTS_ONLY),
    "get_epoch_numbers": Target("GET", f"{_JOB}:get_epoch_numbers", kinds=_EXPERIMENTS_ONLY),
    "model_publish": Target("POST", f"{_JOB}:publish_model", kinds=_EXPERIMENTS_ONLY),
    "remove_published_model": Target("DELETE", f"{_JOB}:remove_published_model", kinds=_EXPERIMENTS_ONLY),
    "status_update": Target("POST", f"{_JOB}:status_update"),
    "log_update": Target("POST", f"{_JOB}:log_update"),
}


class Forwarded(Response):
    """The reply of another operation of this application, asked for in this process.

    It goes straight to the routes: the request has its seat, its rate and its place in the journal already.
    """

    def __init__(self, router: ASGIApp, method: str, path: str, query: str, body: bytes) -> None:
        super().__init__()
        self._router = router
        self._request = {
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": query.encode(),
        }
        self._content = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, and pass the reply on as it comes."""
        headers = [one for one in scope["headers"] if one[0] not in {b"content-length", b"transfer-encoding"}]
        waiting = [self._content]

        async def content() -> Message:
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": False}
            return await receive()

        await self._router({**scope, **self._request, "headers": headers}, content, send)


def forwarded(router: ASGIApp, below: str, request: SuperReq) -> Forwarded:
    """The operation that a request names, as a reply. `below` is the address of the organisation.

    Raises:
        BadRequestError: there is no such operation, or a part of its address is missing.
    """
    target = TARGETS.get(request.api_endpoint)
    if target is None:
        raise BadRequestError(f"api_endpoint: must be one of {', '.join(TARGETS)}")
    template = target.chosen(request)
    if "{kind}" in template and request.kind not in target.kinds:
        kinds = " or ".join(target.kinds)
        raise BadRequestError(f"kind: {request.api_endpoint} is for {kinds}, not for {request.kind}")
    parts = {name: getattr(request, name) for name in ("kind", "handler_id", "job_id", "action")}
    for name, value in parts.items():
        if f"{{{name}}}" in template and value is None:
            raise BadRequestError(f"{name}: is missing; {request.api_endpoint} needs it")
    path = below + template.format_map(parts)
    if target.method == "GET":
        return Forwarded(router, "GET", path, _query(request.request_body), b"")
    return Forwarded(router, target.method, path, "", _content(request.request_body))


def _query(body: Any) -> str:
    if body is not None and not isinstance(body, dict):
        raise BadRequestError("request_body: must be an object of query parameters")
    return urlencode({name: value for name, value in (body or {}).items() if value is not None}, doseq=True)


def _content(body: Any) -> bytes:
    """Clients send the body as an object, or as JSON in a string."""
    if body is None:
        return b""
    return (body if isinstance(body, str) else json.dumps(body)).encode()

"""Query strings as dataclasses: the same parameters, without a thread."""

import inspect
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from tunesmith.server.app import create_app
from tunesmith.server.kit.queries import from_query
from tunesmith.server.kit.settings import Settings


@dataclass(frozen=True)
class _Wanted:
    size: Annotated[int, Query(ge=0, le=9)] = 3
    name: str | None = None

    def __post_init__(self) -> None:
        assert threading.current_thread().name != "AnyIO worker thread"


def test_a_dataclass_is_filled_from_the_query_string_on_the_event_loop() -> None:
    app = FastAPI()

    @app.get("/")
    def show(wanted: Annotated[_Wanted, from_query(_Wanted)]) -> list[object]:
        return [wanted.size, wanted.name, threading.current_thread().name]

    with TestClient(app) as client:
        assert client.get("/?size=7&name=a").json() == [7, "a", "AnyIO worker thread"]
        assert client.get("/").json()[:2] == [3, None]
        assert client.get("/?size=10").status_code == 422
        parameters = client.get("/openapi.json").json()["paths"]["/"]["get"]["parameters"]
        assert [one["name"] for one in parameters] == ["size", "name"]


def test_no_endpoint_takes_a_thread_to_fill_a_class(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    dependants = [one.dependant for one in iter_route_contexts(app.routes) if hasattr(one, "dependant")]
    calls = {call for one in dependants for call in _calls(one)}
    assert len(calls) > 10
    assert not [call for call in calls if inspect.isclass(call)]


def _calls(dependant: Dependant) -> set[object]:
    below = (_calls(one) for one in dependant.dependencies)
    return {dependant.call, *(call for found in below for call in found)}

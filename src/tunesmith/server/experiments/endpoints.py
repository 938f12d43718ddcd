"""Endpoints of experiments."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from tunesmith.server.experiments import base_listing, rules, service
from tunesmith.server.experiments.repository import ExperimentFilterDep
from tunesmith.server.experiments.schemas import ExperimentListRsp, ExperimentReq, ExperimentRsp, Tags
from tunesmith.server.jobs.schemas import ExperimentIds
from tunesmith.server.kit.bulk import BulkReply, bulk
from tunesmith.server.kit.dependencies import (
    CallerDep,
    HintDep,
    ReadSession,
    RelievingSession,
    SettingsDep,
    VaultDep,
    WriteSession,
)
from tunesmith.server.kit.ids import PathId
from tunesmith.server.kit.pagination import PageDep
from tunesmith.server.kit.wire import NothingRsp, QueryText

router = APIRouter(tags=["EXPERIMENT"])

_ONE = "/experiments/{experiment_id}"

ActionName = Annotated[str, Path(max_length=64)]


@router.get("/experiments:base", response_model_exclude_unset=True)
def list_base_experiments(
    _caller: CallerDep, session: ReadSession, wanted: ExperimentFilterDep, page: PageDep
) -> ExperimentListRsp:
    """List base experiments: published models that a training can start from."""
    return base_listing.list_base_experiments(session, wanted, page)


@router.get("/experiments", response_model_exclude_unset=True)
def list_experiments(
    caller: CallerDep, session: ReadSession, wanted: ExperimentFilterDep, page: PageDep
) -> ExperimentListRsp:
    """List experiments."""
    return service.list_experiments(session, caller, wanted, page)


@router.post("/experiments", response_model_exclude_unset=True)
def create_experiment(
    caller: CallerDep,
    request: ExperimentReq,
    session: WriteSession,
    vault: VaultDep,
    settings: SettingsDep,
    hint: HintDep,
) -> ExperimentRsp:
    """Begin an experiment with a network, and run jobs at once if experiment_actions names some."""
    return service.create_experiment(session, caller, request, vault, settings, hint)


@router.get("/experiments:get_tags")
def get_tags(caller: CallerDep, session: ReadSession) -> Tags:
    """List the tags of the experiments that are yours or shared with you, each once."""
    return service.get_tags(session, caller)


@router.get("/specs/{action}/schema")
def get_schema_of_network(
    _caller: CallerDep,
    action: ActionName,
    network: Annotated[QueryText, Query(description="A network_arch.")],
    format: Annotated[QueryText | None, Query(description="Takes part in nothing.")] = None,  # noqa: A002, ARG001
    train_datasets: Annotated[list[QueryText] | None, Query(description="Takes part in nothing.")] = None,  # noqa: ARG001
) -> dict[str, Any]:
    """Get the schema of the specs of an action of a network, before there is an experiment with it."""
    return rules.schema_of(network, action)


@router.delete("/experiments", response_model_exclude_none=True)
def delete_experiments(
    caller: CallerDep, request: ExperimentIds, session: RelievingSession, settings: SettingsDep, hint: HintDep
) -> BulkReply:
    """Forget several experiments and their jobs; each has an outcome of its own."""
    return bulk(
        request.experiment_ids, lambda one: service.delete_experiment(session, caller, one, settings, hint)
    )


@router.get(_ONE, response_model_exclude_unset=True)
def get_experiment(caller: CallerDep, experiment_id: PathId, session: ReadSession) -> ExperimentRsp:
    """Get an experiment."""
    return service.get_experiment(session, caller, experiment_id)


@router.put(_ONE, response_model_exclude_unset=True)
@router.patch(_ONE, response_model_exclude_unset=True)
def update_experiment(
    caller: CallerDep,
    experiment_id: PathId,
    request: ExperimentReq,
    session: WriteSession,
    vault: VaultDep,
    hint: HintDep,
) -> ExperimentRsp:
    """Change the fields that the body names."""
    return service.update_experiment(session, caller, experiment_id, request, vault, hint)


@router.delete(_ONE, response_model_exclude_unset=True)
def delete_experiment(
    caller: CallerDep, experiment_id: PathId, session: RelievingSession, settings: SettingsDep, hint: HintDep
) -> ExperimentRsp | NothingRsp:
    """Forget an experiment and its jobs. Results in the workspace stay."""
    gone = service.delete_experiment(session, caller, experiment_id, settings, hint)
    return gone or NothingRsp()


@router.get(f"{_ONE}/specs/{{action}}/schema:base")
@router.get(f"{_ONE}/specs/{{action}}/schema")
def get_schema(
    caller: CallerDep,
    experiment_id: PathId,
    action: ActionName,
    session: ReadSession,
) -> dict[str, Any]:
    """Get the schema of the specs of an action, with `default`: edit that and post it with a job."""
    return service.get_schema(session, caller, experiment_id, action)

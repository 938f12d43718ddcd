"""The rules of datasets."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.server.datasets import pulls, repository
from tunesmith.server.datasets.replies import reply_to
from tunesmith.server.datasets.rules import action_on, check_unchanged, check_use, required_layout
from tunesmith.server.datasets.schemas import DatasetListRsp, DatasetReq, DatasetRsp
from tunesmith.server.datasets.sources import names_source, set_source
from tunesmith.server.datasets.states import SETTLED
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.bases import check_base_experiments, entries_of
from tunesmith.server.jobs.removal import remove_jobs
from tunesmith.server.jobs.repository import Kind, Owner, all_of, subsets, unfinished
from tunesmith.server.jobs.states import Status
from tunesmith.server.kit.access import get_readable, get_writable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import after_commit
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.server.kit.leftovers import remove_folder_later
from tunesmith.server.kit.pagination import Page, fetch_page
from tunesmith.server.kit.private import sealed_with
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.models.pulls import ensure_pulled, with_pulls
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.servers import server_ids
from tunesmith.specs import action_schema

_PRIVATE = {"docker_env_vars", "client_id", "client_secret", "filters"}
_PLAIN = {"name", "description", "version", "logo", "shared", "client_url"}


def create_dataset(
    session: Session, caller: Caller, request: DatasetReq, vault: Vault, settings: Settings, hint: Hint
) -> DatasetRsp:
    """Register a dataset and have it pulled.

    Raises:
        BadRequestError: it could never be used; the message names the field and the rule.
        NotFoundError: the caller has no such workspace.
    """
    layout = required_layout(request)
    dataset = Dataset(
        org_id=caller.org_id,
        user_id=caller.user_id,
        type=layout.type,
        format=layout.format,
        use_for=check_use(layout.type, layout.format, request.use_for or ()),
        base_experiment=check_base_experiments(request.base_experiment, None),
        authorized_party_nca_id=request.authorized_party_nca_id or "",
        skip_validation=bool(request.skip_validation),
        check_all_images=bool(request.check_all_images),
        sealed_private=sealed_with(vault, None, request, _PRIVATE),
        **request.model_dump(include=_PLAIN),
    )
    set_source(session, caller, dataset, request, vault, settings)
    session.add(dataset)
    pulls.start_pull(session, dataset, settings)
    _pull_bases(session, caller, dataset, hint)
    session.flush()
    after_commit(session, hint.wake)
    return _shown(session, reply_to(dataset, {}))


def get_dataset(session: Session, caller: Caller, dataset_id: UUID) -> DatasetRsp:
    """One dataset, with what its validation found.

    Raises:
        NotFoundError: the caller may see none of that id.
    """
    dataset = get_readable(session, Dataset, dataset_id, caller)
    return _shown(session, reply_to(dataset, subsets(session, Kind.DATASET, [dataset.id]), whole=True))


def get_schema(session: Session, caller: Caller, dataset_id: UUID, action: str) -> dict[str, Any]:
    """The schema of the specs of an action on a dataset.

    Raises:
        NotFoundError: the caller may see none of that id, or there is no such action on it.
    """
    known = action_on(get_readable(session, Dataset, dataset_id, caller), action)
    return action_schema(known.spec, known.section)


def list_datasets(
    session: Session, caller: Caller, wanted: repository.DatasetFilter, page: Page
) -> DatasetListRsp:
    """The datasets that the caller may see."""
    found = fetch_page(
        session, repository.listed(caller, wanted), Dataset, page, repository.count(caller, wanted)
    )
    jobs = subsets(session, Kind.DATASET, [dataset.id for dataset in found.rows])
    datasets = with_pulls(session, [reply_to(dataset, jobs) for dataset in found.rows])
    if found.info is None:
        return DatasetListRsp(datasets=datasets)
    return DatasetListRsp(datasets=datasets, pagination_info=found.info)


def update_dataset(
    session: Session,
    caller: Caller,
    dataset_id: UUID,
    request: DatasetReq,
    vault: Vault,
    settings: Settings,
    hint: Hint,
) -> DatasetRsp:
    """Change what the request names; another source, or the same one named again, is pulled anew.

    Raises:
        BadRequestError: a field cannot be changed, or not now.
        NotFoundError: the caller owns no dataset of that id.
    """
    dataset = get_writable(session, Dataset, dataset_id, caller)
    check_unchanged(dataset, request)
    sent = request.model_fields_set
    for name in _PLAIN & sent:
        setattr(dataset, name, getattr(request, name))
    if "authorized_party_nca_id" in sent:
        dataset.authorized_party_nca_id = request.authorized_party_nca_id or ""
    if "use_for" in sent:
        dataset.use_for = check_use(dataset.type, dataset.format, request.use_for or ())
    if "base_experiment" in sent:
        dataset.base_experiment = check_base_experiments(request.base_experiment, None)
        _pull_bases(session, caller, dataset, hint)
    if "skip_validation" in sent:
        dataset.skip_validation = bool(request.skip_validation)
    if "check_all_images" in sent:
        dataset.check_all_images = bool(request.check_all_images)
    dataset.sealed_private = sealed_with(vault, dataset.sealed_private, request, _PRIVATE)
    if _wants_pull(dataset, request):
        set_source(session, caller, dataset, request, vault, settings)
        pulls.pull_again(session, dataset, settings)
        after_commit(session, hint.wake)
    session.flush()
    return _shown(session, reply_to(dataset, subsets(session, Kind.DATASET, [dataset.id]), whole=True))


def delete_dataset(
    session: Session, caller: Caller, dataset_id: UUID, settings: Settings, hint: Hint
) -> DatasetRsp | None:
    """Forget a dataset, its jobs and its pulled copies; None if it is not there (any more).

    Raises:
        BadRequestError: an experiment or a job uses it.
    """
    try:
        dataset = get_writable(session, Dataset, dataset_id, caller)
    except NotFoundError:
        return None
    _check_unused(session, dataset)
    gone = reply_to(dataset, {})
    remove_jobs(session, all_of(session, Owner(Kind.DATASET, dataset.id)), settings)
    session.delete(dataset)
    remove_folder_later(session, settings, pulls.copies_of(settings, dataset.id), server_ids(session))
    after_commit(session, hint.wake)
    return gone


def _shown(session: Session, reply: DatasetRsp) -> DatasetRsp:
    return with_pulls(session, [reply])[0]


def _pull_bases(session: Session, caller: Caller, dataset: Dataset, hint: Hint) -> None:
    if bases := entries_of(dataset.base_experiment):
        ensure_pulled(session, caller, [entry.id for entry in bases])
        after_commit(session, hint.wake)


def _wants_pull(dataset: Dataset, request: DatasetReq) -> bool:
    """Whether the request names a source. While a pull is on its way, naming its own changes nothing."""
    changed, named = names_source(dataset, request)
    return changed or (dataset.status in SETTLED and named)


def _check_unused(session: Session, dataset: Dataset) -> None:
    if experiment := repository.experiment_using(session, dataset):
        raise BadRequestError(
            f"Dataset in use by {experiment}: detach it from that experiment, or delete the experiment first"
        )
    busy = unfinished(session, Owner(Kind.DATASET, dataset.id), (Status.RUNNING,))
    in_use = busy.id if busy else next(iter(pulls.revisions_in_use(session, dataset.id)), None)
    if in_use:
        raise BadRequestError(f"Dataset in use by job {in_use}: cancel that job, or wait for its end")

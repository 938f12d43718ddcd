"""Base experiments as clients see them: read only, public, and listed like any other experiment."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.networks import get_network
from tunesmith.networks.catalogue import BaseModelEntry, catalogue
from tunesmith.server.experiments.base_schemas import (
    BackboneClass,
    BackboneType,
    BaseDomain,
    BaseExperimentMetadata,
    BaseLicense,
    BaseTask,
)
from tunesmith.server.experiments.repository import ExperimentFilter
from tunesmith.server.experiments.schemas import LOGO, ExperimentListRsp, ExperimentRsp, ExperimentType
from tunesmith.server.kit.pagination import Page, info_of, is_descending
from tunesmith.server.kit.wire import CheckpointChoice
from tunesmith.server.models.pulls import said_of
from tunesmith.server.models.tables import PulledModel
from tunesmith.specs.paths import with_values

_SINCE = datetime(2026, 11, 24, tzinfo=UTC)
"""When the catalogue began. Entries have no moment of their own."""


def list_base_experiments(session: Session, wanted: ExperimentFilter, page: Page) -> ExperimentListRsp:
    """The part of the catalogue that is asked for."""
    chosen = [base_experiment(entry) for entry in catalogue().values() if _suits(entry, wanted)]
    descending = is_descending(page, "name")
    if descending is not None:
        chosen.sort(key=lambda one: (one.name, one.version), reverse=descending)
    start = page.skip or 0
    shown = chosen[start:] if page.size is None else chosen[start : start + page.size]
    shown = _with_pulls(session, shown)
    info = info_of(len(chosen), page)
    if info is None:
        return ExperimentListRsp(experiments=shown)
    return ExperimentListRsp(experiments=shown, pagination_info=info)


def find_base_experiment(session: Session, identity: UUID) -> ExperimentRsp | None:
    """One of the catalogue."""
    entry = catalogue().get(identity)
    return _with_pulls(session, [base_experiment(entry)])[0] if entry else None


def base_experiment(entry: BaseModelEntry) -> ExperimentRsp:
    """An entry as an experiment. It has no workspace, no key and no status."""
    network = get_network(entry.arch)
    return ExperimentRsp.model_validate(
        {
            "id": entry.id,
            "created_on": _SINCE,
            "last_modified": _SINCE,
            "name": entry.name,
            "shared": False,
            "description": entry.description,
            "model_description": entry.description,
            "version": entry.version,
            "logo": LOGO,
            "ngc_path": entry.ngc_path,
            "workspace": None,
            "sha256_digest": None,
            "additional_id_info": None,
            "checkpoint_choose_method": CheckpointChoice.BEST_MODEL,
            "checkpoint_epoch_number": {},
            "network_arch": entry.arch,
            "base_experiment": [],
            "dataset_type": network.dataset_type,
            "dataset_formats": network.formats,
            "accepted_dataset_intents": network.intents,
            "train_datasets": [],
            "eval_dataset": None,
            "inference_dataset": None,
            "calibration_dataset": None,
            "read_only": True,
            "public": True,
            "actions": network.actions,
            "automl_settings": {},
            "metric": None,
            "type": ExperimentType.VISION,
            "realtime_infer": False,
            "realtime_infer_support": False,
            "realtime_infer_request_timeout": None,
            "model_params": None,
            "bundle_url": None,
            "experiment_actions": [],
            "tensorboard_enabled": False,
            "tags": [],
            "authorized_party_nca_id": "",
            "base_experiment_metadata": _metadata(entry, network.dataset_type),
        }
    )


def _with_pulls(session: Session, shown: Sequence[ExperimentRsp]) -> list[ExperimentRsp]:
    """With how far the weights are, of those that somebody asked for."""
    query = select(PulledModel).where(PulledModel.id.in_([one.id for one in shown]))
    said = {pulled.id: said_of(pulled) for pulled in session.scalars(query)}
    return [one.model_copy(update=said.get(one.id, {})) for one in shown]


def _metadata(entry: BaseModelEntry, task: str) -> BaseExperimentMetadata:
    return BaseExperimentMetadata(
        task=BaseTask(task) if task in set(BaseTask) else BaseTask.UNKNOWN,
        domain=BaseDomain.GENERAL,
        backbone_type=BackboneType(entry.backbone_type),
        backbone_class=BackboneClass(entry.backbone_class),
        num_parameters=_millions(entry.parameters),
        accuracy=None if entry.accuracy is None else f"{entry.accuracy:.1f}%",
        license=BaseLicense.UNKNOWN,
        license_name=entry.license,
        accuracy_source=entry.accuracy_source,
        input_size=list(entry.input_size),
        model_card_link=f"https://huggingface.co/{entry.source.repo}",
        is_backbone=True,
        is_trainable=True,
        spec_file_present=True,
        specs=with_values({}, entry.defaults),
    )


def _millions(count: int) -> str:
    millions = count / 1e6
    return f"{millions:.1f}M" if millions < 10 else f"{millions:.0f}M"


def _suits(entry: BaseModelEntry, wanted: ExperimentFilter) -> bool:
    facts = {"name": entry.name, "type": "vision", "network_arch": entry.arch, "status": ""}
    return (
        all(_matches(value, getattr(wanted, field)) for field, value in facts.items())
        and all(_holds((), one) for one in (wanted.tag, wanted.tags))
        and wanted.read_only is not False
        and wanted.shared is not True
        and _mentions(entry, wanted.search)
    )


def _matches(value: str, wanted: str | None) -> bool:
    if wanted is None:
        return True
    return value != wanted[1:] if wanted.startswith("!") else value == wanted


def _holds(values: Sequence[str], wanted: str | None) -> bool:
    if wanted is None:
        return True
    return wanted[1:] not in values if wanted.startswith("!") else wanted in values


def _mentions(entry: BaseModelEntry, text: str | None) -> bool:
    seen: tuple[Any, ...] = (entry.name, entry.description, entry.ngc_path, entry.id)
    return not text or any(text.casefold() in str(one).casefold() for one in seen)

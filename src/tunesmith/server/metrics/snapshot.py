"""What is true at the moment of a scrape: the database's counts, the slots, the build."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from tunesmith.server.health.build import this_build
from tunesmith.server.jobs.states import WAITING
from tunesmith.server.kit.database import now
from tunesmith.server.metrics import repository
from tunesmith.server.scheduling.slots import SlotUse
from tunesmith.workers.base import Slot


class Snapshot(Collector):
    """Everything that is looked up instead of counted along the way."""

    def __init__(self, session: Session, slots: Mapping[Slot, SlotUse], followers: int) -> None:
        self._session = session
        self._slots = slots
        self._followers = followers

    def collect(self) -> Iterator[Metric]:
        """The metrics, each looked up when it is asked for."""
        yield self._jobs()
        yield from self._queue()
        yield self._datasets()
        yield self._slot_uses()
        yield GaugeMetricFamily(
            "tunesmith_log_followers", "Readers that follow the log of a job here.", self._followers
        )
        yield InfoMetricFamily("tunesmith_build", "Which tunesmith this is.", value=this_build().model_dump())

    def _jobs(self) -> Metric:
        family = GaugeMetricFamily(
            "tunesmith_jobs", "Jobs that the server knows.", labels=("status", "action", "network")
        )
        for one in repository.count_jobs(self._session):
            family.add_metric((one.status, one.action, one.network or ""), one.jobs)
        return family

    def _queue(self) -> Iterator[Metric]:
        """What waits is in the database, and the same on all servers of it."""
        length = GaugeMetricFamily(
            "tunesmith_queue_length", "Jobs that wait to start.", labels=("slot", "status")
        )
        oldest = GaugeMetricFamily(
            "tunesmith_queue_oldest_seconds",
            "How long the first of the jobs that wait has waited.",
            labels=("slot",),
        )
        waiting = repository.waiting_jobs(self._session)
        jobs = {(one.slot, one.status): one.jobs for one in waiting}
        moment = now()
        for slot in Slot:
            for status in sorted(WAITING):
                length.add_metric((slot.value, status.value), jobs.get((slot.value, status.value), 0))
            waits = [(moment - one.since).total_seconds() for one in waiting if one.slot == slot]
            oldest.add_metric((slot.value,), max(waits, default=0.0))
        yield length
        yield oldest

    def _datasets(self) -> Metric:
        family = GaugeMetricFamily(
            "tunesmith_datasets", "Datasets that the server knows.", labels=("status",)
        )
        for status, datasets in repository.count_datasets(self._session).items():
            family.add_metric((status,), datasets)
        return family

    def _slot_uses(self) -> Metric:
        family = GaugeMetricFamily("tunesmith_slots", "What jobs run on here.", labels=("slot", "state"))
        for slot, use in self._slots.items():
            family.add_metric((slot.value, "used"), use.used)
            family.add_metric((slot.value, "free"), use.free)
        return family

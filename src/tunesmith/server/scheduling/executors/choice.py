"""Where the jobs of a server run, as its settings say."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.jobs.reports import report_url
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.installation import installation_id
from tunesmith.server.kit.settings import Settings
from tunesmith.server.opening import StartError
from tunesmith.server.scheduling.resources import Capacity, local_capacity
from tunesmith.workers.base import Executor, ExecutorError
from tunesmith.workers.local import COMPUTE_MODULES, LIGHT_MODULES, LocalExecutor
from tunesmith.workers.orders import Adoption

API = "/api/v1"


class Ground(NamedTuple):
    """What runs jobs, and what there is to run them on, asked for again and again."""

    executor: Executor
    capacity: Callable[[], Capacity]


def ground_of(
    settings: Settings,
    database: Database,
    on_change: Callable[[], None],
    compute_modules: tuple[str, ...] = COMPUTE_MODULES,
    light_modules: tuple[str, ...] = LIGHT_MODULES,
) -> Ground:
    """What the settings ask for.

    Args:
        settings: of the server.
        database: says what a job belongs to.
        on_change: called when there is more, or less, to run jobs on.
        compute_modules: what the processes for computing import.
        light_modules: what the process for moving data imports.

    """
    if settings.executor == "local":
        local = LocalExecutor(settings.run_dir, compute_modules, light_modules)
        return Ground(local, partial(local_capacity, settings))
    # Here, so that servers without a cluster import none of it.
    from tunesmith.server.scheduling.executors.ray import RayExecutor

    executor = RayExecutor(
        settings,
        installation_id(settings),
        partial(_adoption, settings, database),
        on_change,
        (compute_modules, light_modules),
    )
    return Ground(executor, executor.capacity)


def check_ground(settings: Settings) -> None:
    """Refuse settings with which no job could run.

    Raises:
        StartError: the message says what to do.
    """
    if settings.executor == "local":
        return
    if find_spec("ray") is None:
        raise StartError("TUNESMITH_EXECUTOR=ray needs Ray: pip install 'tunesmith[ray]'")
    there = urlsplit(f"//{settings.ray_address or ''}").hostname
    if there and not _is_loopback(there) and _is_loopback(urlsplit(settings.callback).hostname or ""):
        raise StartError(
            f"The nodes of the Ray cluster at {settings.ray_address} cannot reach this server at "
            f"{settings.callback}, which is an address of this machine alone. Set TUNESMITH_CALLBACK_URL to "
            "one that they reach, such as http://10.0.0.1:8000, and --host so that the server listens there."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _adoption(settings: Settings, database: Database, job_id: UUID) -> Adoption:
    """How a job's worker reports to this server.

    Raises:
        ExecutorError: nobody would hear it.
    """
    with database.read() as session:
        url = report_url(session, job_id, f"{settings.callback}{API}")
    if url is None:
        raise ExecutorError(f"What job {job_id} belongs to was deleted, so that it could not report")
    return Adoption(
        job_id=job_id,
        report_url=url,
        token=TokenSigner.of(settings).sign_job(job_id),
        lease_seconds=settings.lease_seconds,
    )

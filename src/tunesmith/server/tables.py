"""All tables, in one place: whoever imports this has the whole of the metadata."""

from tunesmith.server.auth.tables import ApiKey
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.tables import Job, JobHistory, JobLog
from tunesmith.server.kit.census import ListCount
from tunesmith.server.kit.database import Base
from tunesmith.server.kit.leftovers import Leftover
from tunesmith.server.metrics.tables import ReportedAction
from tunesmith.server.models.tables import PulledModel
from tunesmith.server.orgs.tables import Org, User
from tunesmith.server.scheduling.tables import Server
from tunesmith.server.workspaces.tables import Workspace

__all__ = [
    "ApiKey",
    "Base",
    "Dataset",
    "Experiment",
    "Job",
    "JobHistory",
    "JobLog",
    "Leftover",
    "ListCount",
    "Org",
    "PulledModel",
    "ReportedAction",
    "Server",
    "User",
    "Workspace",
]

"""The job folder: everything that the server and a worker share at run time."""

from tunesmith.protocol.causes import Cause
from tunesmith.protocol.events import (
    CheckpointSaved,
    Done,
    Event,
    Failed,
    Heartbeat,
    Interrupted,
    Metrics,
    Note,
    Progress,
    Started,
)
from tunesmith.protocol.folder import DISK_FULL, ENDINGS, EventTail, JobFolder, append_bytes
from tunesmith.protocol.launch import Launch
from tunesmith.protocol.lease import Lease
from tunesmith.protocol.reports import MOST_EVENTS_BYTES, MOST_LOG_BYTES, Gap, Receipt, Report
from tunesmith.protocol.request import (
    DatasetInput,
    Direction,
    JobRequest,
    MetricGoal,
    ModelInput,
    ParentInput,
    Resources,
    ResultsTarget,
)

__all__ = [
    "DISK_FULL",
    "ENDINGS",
    "MOST_EVENTS_BYTES",
    "MOST_LOG_BYTES",
    "Cause",
    "CheckpointSaved",
    "DatasetInput",
    "Direction",
    "Done",
    "Event",
    "EventTail",
    "Failed",
    "Gap",
    "Heartbeat",
    "Interrupted",
    "JobFolder",
    "JobRequest",
    "Launch",
    "Lease",
    "MetricGoal",
    "Metrics",
    "ModelInput",
    "Note",
    "ParentInput",
    "Progress",
    "Receipt",
    "Report",
    "Resources",
    "ResultsTarget",
    "Started",
    "append_bytes",
]

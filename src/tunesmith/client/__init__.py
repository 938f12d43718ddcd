"""Drive a tunesmith server from Python. It uses the public API alone."""

from tunesmith.client.client import Client
from tunesmith.client.errors import (
    APIError,
    BadRequestError,
    ConfigError,
    ConflictError,
    ConnectionFailedError,
    DatasetInvalidError,
    ForbiddenError,
    JobFailedError,
    NotFoundError,
    NotLoggedInError,
    Problem,
    RateLimitedError,
    ServerError,
    TunesmithError,
    UnauthorizedError,
    UnsafeArchiveError,
    WaitTimeoutError,
)
from tunesmith.client.models import Dataset, Experiment, Finding, Job, Login, Validation, Workspace
from tunesmith.client.progress import Progress
from tunesmith.client.transport import RetryPolicy

__all__ = [
    "APIError",
    "BadRequestError",
    "Client",
    "ConfigError",
    "ConflictError",
    "ConnectionFailedError",
    "Dataset",
    "DatasetInvalidError",
    "Experiment",
    "Finding",
    "ForbiddenError",
    "Job",
    "JobFailedError",
    "Login",
    "NotFoundError",
    "NotLoggedInError",
    "Problem",
    "Progress",
    "RateLimitedError",
    "RetryPolicy",
    "ServerError",
    "TunesmithError",
    "UnauthorizedError",
    "UnsafeArchiveError",
    "Validation",
    "WaitTimeoutError",
    "Workspace",
]

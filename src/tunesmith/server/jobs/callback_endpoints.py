"""Endpoints by which what runs in a job reports. They take the token of that job and no other."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from tunesmith.protocol import Receipt, Report
from tunesmith.server.jobs import callbacks
from tunesmith.server.jobs.arrivals import ARRIVALS
from tunesmith.server.jobs.dependencies import OwnerDep
from tunesmith.server.jobs.reports import take_report
from tunesmith.server.jobs.schemas import GapRsp, LogUpdate, NextToken, StatusUpdate
from tunesmith.server.kit.dependencies import (
    BearerDep,
    OrgName,
    ReadSession,
    SettingsDep,
    SignerDep,
    WriteSession,
)
from tunesmith.server.kit.errors import ForbiddenError, UnauthorizedError
from tunesmith.server.kit.ids import PathId
from tunesmith.server.kit.wire import ErrorRsp

router = APIRouter()


def _reporting(job_id: PathId, bearer: BearerDep, signer: SignerDep) -> UUID:
    if bearer is None:
        raise UnauthorizedError("Send the token of the job as Authorization: Bearer <token>")
    if signer.read_job(bearer.credentials) != job_id:
        raise ForbiddenError("The token is that of another job")
    return job_id


ReportingDep = Annotated[UUID, Depends(_reporting)]
"""The job that reports. Declare it first: whoever has not its token learns nothing else."""


@router.post("/jobs/{job_id}:status_update")
def update_status(
    job_id: ReportingDep,
    org_name: OrgName,
    owner: OwnerDep,
    request: StatusUpdate,
    session: WriteSession,
    signer: SignerDep,
) -> NextToken:
    """Report progress and metrics of a job that runs."""
    job = callbacks.running_job(session, org_name, owner, job_id)
    callbacks.report_status(job, request.status)
    return NextToken(token=signer.sign_job(job_id))


@router.post("/jobs/{job_id}:log_update")
def update_log(
    job_id: ReportingDep,
    org_name: OrgName,
    owner: OwnerDep,
    request: LogUpdate,
    session: WriteSession,
    signer: SignerDep,
) -> NextToken:
    """Add to the log of a job that runs."""
    job = callbacks.running_job(session, org_name, owner, job_id)
    callbacks.report_log(session, job, request.log_contents)
    return NextToken(token=signer.sign_job(job_id))


@router.post(
    "/jobs/{job_id}:report",
    responses={
        409: {"model": GapRsp | ErrorRsp, "description": "Not the last attempt, or a piece is missing"},
        421: {"model": ErrorRsp, "description": "Another server runs the job"},
    },
)
def report(
    job_id: ReportingDep,
    org_name: OrgName,
    owner: OwnerDep,
    request: Report,
    session: ReadSession,
    settings: SettingsDep,
    signer: SignerDep,
) -> Receipt:
    """Send what a worker wrote on a node of a cluster. The same piece twice counts once."""
    taken = take_report(session, org_name, owner, job_id, settings, request)
    ARRIVALS.tell(job_id)
    return Receipt(**taken.model_dump(), token=signer.sign_job(job_id))

"""The Lambda function behind a CloudFormation resource that deploys Cloud Run workers.

CloudFormation calls the function for each creation, change and deletion of the resource, and
waits for an answer at a URL that is good for that one call.
"""

import asyncio
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.auth.aws import Credentials as AwsCredentials

from helios.errors import DeploymentFailed, HeliosError
from helios_infra.cloud_run.changes import Change, Waiting
from helios_infra.cloud_run.clients import SCOPES, connect, sign_in
from helios_infra.cloud_run.failures import explained
from helios_infra.cloud_run.provisioning import CloudRunProvisioner
from helios_infra.cloud_run.resource import CloudRunResource
from helios_infra.cloud_run.validation import checked

#: Seconds that are left for the answer when the function's time is nearly up.
ANSWER_SECONDS = 20.0
#: Largest length of a reason, far below CloudFormation's limit.
_REASON = 2000
#: Id of a resource that never came to be, whose deletion has nothing to do.
NOTHING = "nothing"


class Context(Protocol):
    """The part of Lambda's context object that is used here."""

    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation is ended."""


@dataclass(slots=True)
class Outcome:
    """An answer to CloudFormation.

    Attributes:
        physical_id: The resource's id. Another one than before makes CloudFormation delete the
            former, and a resource whose creation failed is deleted by its id.
        data: Attributes that templates can refer to.
        reason: Why it failed; empty if it didn't.
    """

    physical_id: str
    data: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


def handler(event: dict[str, Any], context: Context) -> None:
    """Update Cloud Run as a CloudFormation resource requests, and answer it."""
    seconds = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    outcome = asyncio.run(_outcome(event, seconds=seconds))
    _answer(event, outcome, log=context.log_stream_name)


async def _outcome(event: Mapping[str, Any], *, seconds: float) -> Outcome:
    outcome = Outcome(event.get("PhysicalResourceId", NOTHING))
    try:
        async with asyncio.timeout(seconds):
            await _change(event, outcome)
    except TimeoutError:
        outcome.reason = "the function's time was up; update the stack to go on"
    except HeliosError as fault:
        outcome.reason = str(fault)
    # CloudFormation waits for an hour where nothing answers.
    except Exception as fault:
        outcome.reason = f"{type(fault).__name__}: {fault}"
    return outcome


async def _change(event: Mapping[str, Any], outcome: Outcome) -> None:
    deletes = event["RequestType"] == "Delete"
    if deletes and outcome.physical_id == NOTHING:
        return
    # CloudFormation turns numbers into text, so that all of it travels as one text.
    properties = json.loads(event["ResourceProperties"]["Resource"])
    wanted = checked(CloudRunResource, properties, what="Cloud Run workers")
    clients = connect(wanted.workers.project, await sign_in(_credentials(wanted)))
    try:
        provisioner = CloudRunProvisioner(wanted.workers, clients, on_step=_log)
        if deletes:
            bucket = wanted.workers.bucket
            await provisioner.destroy(with_bucket=wanted.delete_bucket, bucket=bucket)
        else:
            await _deploy(provisioner, wanted, outcome)
    finally:
        await clients.close()


async def _deploy(
    provisioner: CloudRunProvisioner, wanted: CloudRunResource, outcome: Outcome
) -> None:
    name = f"{wanted.workers.parent}/{wanted.workers.name}"
    if outcome.physical_id != name and not wanted.adopt:
        await _check_absence(provisioner, name)
    # From here on there may be something of ours, which goes if the stack is rolled back.
    outcome.physical_id = name
    deployment = await provisioner.deploy(wanted.workers, adopt=wanted.adopt)
    outcome.data = {
        "Url": deployment.url,
        "Job": deployment.job,
        "Artifacts": deployment.artifacts,
    }


async def _check_absence(provisioner: CloudRunProvisioner, name: str) -> None:
    """Refuse resources deployed by other means, which a roll-back would delete."""
    status = await provisioner.status()
    if status.service or status.job:
        raise DeploymentFailed(
            f"{name}: is deployed already, not by this stack",
            hint='Choose another name, or take it over with "adopt": true.',
        )


def _credentials(wanted: CloudRunResource) -> AwsCredentials:
    # Read by its kind: reading it as any kind would ask a further API for the project.
    with explained("workload identity federation"):
        credentials: AwsCredentials = AwsCredentials.from_info(
            wanted.federation.credentials_info(), scopes=SCOPES
        )
    return credentials


def _log(step: Change | Waiting) -> None:
    print(json.dumps({"step": type(step).__name__, **step.document()}), flush=True)


def _answer(event: Mapping[str, Any], outcome: Outcome, *, log: str) -> None:
    reason = f"{outcome.reason[:_REASON]} (log: {log})" if outcome.reason else ""
    answer = {
        "Status": "FAILED" if reason else "SUCCESS",
        "Reason": reason,
        "PhysicalResourceId": outcome.physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": dict(outcome.data),
    }
    print(json.dumps({"answer": answer["Status"], "reason": reason}), flush=True)
    # The URL is signed without a content type, so that none may be sent.
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own
        event["ResponseURL"],
        data=json.dumps(answer).encode(),
        method="PUT",
        headers={"Content-Type": ""},
    )
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS / 2):  # noqa: S310
        pass

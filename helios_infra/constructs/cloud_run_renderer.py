"""Workers on Google Cloud Run as one construct for any stack of the CDK."""

import json

import aws_cdk as cdk
from constructs import Construct

from helios_infra.cloud_run.resource import CloudRunResource
from helios_infra.constructs.cloud_run_provisioner import TIMEOUT, CloudRunProvisioner

_RESOURCE_TYPE = "Custom::CloudRunWorker"


class CloudRunRenderer(Construct):
    """Workers on Cloud Run, deployed by a function of this stack.

    `url`, `job` and `artifacts` are what clients take; `role_name` is whom the workload identity
    pool must let act as the deploying service account.

    Args:
        resource: Configuration of the workers, and the function's identity at Google.
        role_name: Name of the function's role, which Google's side must know before the first
            deployment.
        log_days: How long the function's log is kept.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        resource: CloudRunResource,
        role_name: str,
        log_days: int = 30,
    ) -> None:
        super().__init__(scope, id)
        provisioner = CloudRunProvisioner(
            self, "Provisioner", role_name=role_name, log_days=log_days
        )
        workers = cdk.CustomResource(
            self,
            "Workers",
            resource_type=_RESOURCE_TYPE,
            service_token=provisioner.function.function_arn,
            # Past the function's own limit nothing can answer any more.
            service_timeout=cdk.Duration.seconds(TIMEOUT + 60),
            properties={
                "Resource": json.dumps(
                    resource.model_dump(mode="json", by_alias=True), sort_keys=True
                ),
                # Another version of the code may deploy other settings.
                "Version": provisioner.function.current_version.version,
            },
        )
        self.url = workers.get_att_string("Url")
        self.job = workers.get_att_string("Job")
        self.artifacts = workers.get_att_string("Artifacts")
        self.role_name = provisioner.role.role_name

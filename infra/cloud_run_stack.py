"""The stack that deploys Cloud Run workers, for both clouds by one `cdk deploy`."""

import aws_cdk as cdk
from constructs import Construct

from helios_infra.cloud_run.resource import CloudRunResource
from helios_infra.configuration import Configuration
from helios_infra.constructs.cloud_run_renderer import CloudRunRenderer


class CloudRunWorker(cdk.Stack):
    """Workers on Cloud Run, deployed by a function of this stack.

    Args:
        resource: Configuration of the workers, and the function's identity at Google.
        log_days: How long the function's log is kept.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        resource: CloudRunResource,
        log_days: int = 30,
        environment: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope, id, description="Helios: workers on Google Cloud Run", env=environment
        )
        # By this id the names of resources don't contain it.
        renderer = CloudRunRenderer(
            self, "Default", resource=resource, role_name=f"{id}-provisioner", log_days=log_days
        )
        self._tell("ServiceUrl", renderer.url, "Where chunks are rendered.")
        self._tell("JobName", renderer.job, "The job of detached renders.")
        self._tell("ArtifactsUrl", renderer.artifacts, "Where artifacts are.")
        self._tell(
            "ProvisionerRole",
            renderer.role_name,
            "Whom the workload identity pool must let act as the deploying service account.",
        )

    def _tell(self, name: str, value: str, description: str) -> None:
        cdk.CfnOutput(self, name, value=value, description=description)


def add_cloud_run_stack(
    app: cdk.App, configuration: Configuration, *, account: str | None = None
) -> CloudRunWorker | None:
    """Add the stack to the app if Cloud Run is configured; in the first region of AWS.

    Args:
        account: The account; None is that of the AWS profile when the stack is deployed.
    """
    if configuration.cloud_run is None:
        return None
    name = f"{configuration.stack_name}-CloudRun"
    environment = None
    if configuration.regions:
        environment = cdk.Environment(account=account, region=configuration.regions[0])
    stack = CloudRunWorker(
        app,
        name,
        resource=configuration.cloud_run,
        log_days=configuration.log_days,
        environment=environment,
    )
    for tag, value in {**configuration.tags, "helios:stack": configuration.stack_name}.items():
        cdk.Tags.of(stack).add(tag, value)
    return stack
